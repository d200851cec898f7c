"""The embedded engine: SQLite through apsw, one writer thread, reads inline.

A read runs on the event loop's own connection: a hop to another thread would cost six times the
query at `limit=1`. A write goes to the one writer thread, which takes all that wait, runs each
in a savepoint of its own inside one `BEGIN IMMEDIATE`, and commits them together: one fsync
serves them all, and nothing is acknowledged before it.

WAL with `synchronous=FULL`: an acknowledged write survives power loss. apsw brings a SQLite that
is free of the WAL-reset corruption (fixed in 3.51.3, 3.50.7 and 3.44.6); others are refused.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import apsw

from plaudit import private_files
from plaudit.errors import StorageFull, StoreRefused, Unavailable
from plaudit.store.engine import disk_space, word_index
from plaudit.store.engine.disk_space import DiskSpace
from plaudit.store.engine.engine import Args, Row, Work
from plaudit.store.engine.steady_reads import Changed, SteadyReads

T = TypeVar("T")

PAGE_BYTES = 16 * 1024
BUSY_MS = 5_000
GROUP_MAX = 64
_NOW_SQL = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)"
_FIXED_VERSIONS = ((3, 51, 3), (3, 50, 7), (3, 44, 6))


class SqliteTransaction:
    """The statements of one transaction on one connection. The coroutines never suspend."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._execute = connection.execute
        self.epoch = _read_epoch(connection)

    skip_locked = ""
    for_update = ""
    word_index = word_index.SQLITE
    log_position = "0"

    async def now_ms(self) -> int:
        return cast("int", self._execute(_NOW_SQL).fetchall()[0][0])

    async def one(self, sql: str, args: Args) -> Row | None:
        return cast("Row | None", self._execute(sql, args).fetchone())

    async def all(self, sql: str, args: Args) -> list[Row]:
        return cast("list[Row]", self._execute(sql, args).fetchall())

    async def run(self, sql: str, args: Args) -> int:
        self._execute(sql, args)
        return self._connection.changes()

    async def many(self, sql: str, rows: Iterable[Args]) -> None:
        self._connection.executemany(sql, rows)

    async def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        self._connection.executemany(_insert_sql(table, tuple(columns)), rows)

    async def compute(self, byte_count: int, work: Callable[[], T]) -> T:
        return work()  # a write has a thread of its own


class SideReader:
    """A read-only connection of its own, used by one thread at a time; statements are `drive`n."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.tx = SqliteTransaction(connection)

    def data_version(self) -> int:
        """A number that is another one once anybody else has committed a change."""
        return cast("int", self._connection.pragma("data_version"))

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()


class SqliteDatabase:
    """A database file. Open it with `open_sqlite`."""

    def __init__(self, path: Path, *, mmap_bytes: int = 0) -> None:
        self._path = path
        self._space = DiskSpace()
        # Opened here, so that a failure is raised to the caller and not lost in the thread.
        self._writer_connection = _connect(path, apsw.SQLITE_OPEN_READWRITE)
        self.reader = _connect(path, apsw.SQLITE_OPEN_READONLY, mmap_bytes=mmap_bytes)
        self._file = path.stat()
        self.reading = SqliteTransaction(self.reader)
        self._steady = SteadyReads(self.reader, self.reading.epoch)
        self.depth = 0
        """Number of nested snapshots open on the reader."""
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_loop, name="sqlite-writer", daemon=True)
        self._writer.start()
        self._closed = False

    def read(self, *, snapshot: bool = True) -> _Read:
        """A read transaction on the loop's connection. Nested snapshots share the outermost."""
        return _Read(self, snapshot)

    def read_at_once(self, work: Work[T]) -> T:
        if self.depth:
            raise Unavailable("the store is being read")
        steady = self._steady
        try:
            try:
                steady.begin()
                result = drive(work(steady))
                steady.require_sure()
            except Changed:
                self.reader.execute("BEGIN")
                try:
                    steady.pin()
                    result = drive(work(steady))
                finally:
                    steady.unpin()
                    self.reader.execute("COMMIT")
        except apsw.Error as exc:
            raise _translated(exc) from exc
        return result

    async def write(self, work: Work[T]) -> T:
        """Queue `work` for the writer thread; return its result when its group is on disk."""
        if self._closed:
            raise Unavailable("the store is closing")
        job = _Job(work, asyncio.get_running_loop())
        self._jobs.put(job)
        return cast(T, await asyncio.shield(job.future))

    def open_side_reader(self) -> SideReader:
        """A connection for reading off the event loop; close it before the database."""
        return SideReader(_connect(self._path, apsw.SQLITE_OPEN_READONLY))

    def is_in_place(self) -> bool:
        """True if the file that is open is the one that stands at its path."""
        try:
            return os.path.samestat(self._path.stat(), self._file)
        except OSError:
            return False

    async def check(self) -> None:
        if not self.is_in_place():
            raise Unavailable("the store's file is gone", detail=str(self._path))
        async with self.read() as tx:
            await tx.one("SELECT epoch FROM store_epoch", {})
        self._space.require()
        disk_space.require_writable(self._path.parent)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            # The writer closes last: the last connection moves the log into the database file.
            self.reader.close()
            self._jobs.put(None)
            await asyncio.to_thread(self._writer.join)

    def _write_loop(self) -> None:
        connection = self._writer_connection
        while (job := self._jobs.get()) is not None:
            group, is_last = [job], False
            while len(group) < GROUP_MAX:
                try:
                    waiting = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if waiting is None:
                    is_last = True
                    break
                group.append(waiting)
            _commit_group(connection, group)
            for job in group:
                self._space.note(job.error)  # before its caller can ask whether there is space
                job.resolve()
            if is_last:
                break
        connection.close()


class _Read:
    """One read; a class, because a generator costs more than the statement inside it."""

    __slots__ = ("_database", "_snapshot")

    def __init__(self, database: SqliteDatabase, snapshot: bool) -> None:
        self._database = database
        self._snapshot = snapshot

    async def __aenter__(self) -> SqliteTransaction:
        database = self._database
        if self._snapshot:
            if database.depth == 0:
                _run(database.reader, "BEGIN")
            database.depth += 1
        return database.reading

    async def __aexit__(self, kind: Any, exc: BaseException | None, trace: Any) -> None:
        database = self._database
        if self._snapshot:
            database.depth -= 1
            if database.depth == 0:
                database.reader.execute("COMMIT")
        if isinstance(exc, apsw.Error):
            raise _translated(exc) from exc


class _Job:
    """One queued write, with the future that its caller awaits."""

    def __init__(self, work: Work[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.work = work
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def resolve(self) -> None:
        """Set the caller's future; does nothing if the caller's event loop is closed."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._resolve)

    def _resolve(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


def open_sqlite(path: Path, *, create: bool = False, mmap_bytes: int = 0) -> SqliteDatabase:
    """Open a database file, or create it; reads map up to `mmap_bytes` of it into memory.

    Raises StoreRefused for an unsafe SQLite version.
    """
    require_safe_version(apsw.sqlite_lib_version())
    if create:
        try:
            private_files.create(path)  # its log and index get the same mode from SQLite
        except OSError as exc:
            raise StoreRefused(f"cannot open {path}: {exc.strerror}") from exc
        _connect(path, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE).close()
    return SqliteDatabase(path, mmap_bytes=mmap_bytes)


def _is_ours(connection: apsw.Connection) -> bool:
    """True if the file is empty or Plaudit's; a file of another program must not be changed."""
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    return not names or "schema_migration" in names


def _switch_to_wal(connection: apsw.Connection) -> None:
    """Switch to WAL, with retries: SQLite does not wait for a process that does so at once."""
    for _ in range(BUSY_MS // 10):
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
            return
        except apsw.BusyError:
            time.sleep(0.01)
    raise StoreRefused("the store is locked by another process")


def _read_epoch(connection: apsw.Connection) -> int:
    """The store's epoch, which cannot change while the file is open: a restore needs it closed."""
    try:
        row = connection.execute("SELECT epoch FROM store_epoch WHERE id = 1").fetchone()
    except apsw.SQLError:  # no schema yet
        return 0
    except apsw.Error as exc:
        raise StoreRefused(f"the store is not a sound database: {exc}") from exc
    return int(row[0]) if row else 0


def require_safe_version(version: str) -> None:
    """Refuse a SQLite that can corrupt a WAL database (3.7.0 up to the fixed releases)."""
    parts = tuple(int(part) for part in version.split(".")[:3])
    if parts >= _FIXED_VERSIONS[0]:
        return
    if any(parts[:2] == fixed[:2] and parts >= fixed for fixed in _FIXED_VERSIONS):
        return
    raise StoreRefused(f"SQLite {version} can corrupt a WAL database; install apsw >= 3.51.3")


def _connect(path: Path, flags: int, *, mmap_bytes: int = 0) -> apsw.Connection:
    name = str(path)
    try:
        is_read_only = disk_space.is_read_only(path.parent)
        needed = os.R_OK if is_read_only else os.R_OK | os.W_OK
        if path.exists() and not os.access(path, needed, effective_ids=True):
            raise StoreRefused(f"cannot open {path}: Permission denied")
        if is_read_only and not _log_of(path).exists():
            # Without its log a file can be read as it is; SQLite would have to make one.
            name, flags = f"{path.absolute().as_uri()}?immutable=1", flags | apsw.SQLITE_OPEN_URI
        connection = apsw.Connection(name, flags=flags)
        connection.set_busy_timeout(BUSY_MS)
        # Else a plan depends on the values of its first run, and a statement with LIMIT :n is
        # compiled anew each time that it is run with another value.
        connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        if flags & apsw.SQLITE_OPEN_READWRITE and _is_ours(connection):
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
            _switch_to_wal(connection)
        connection.execute(
            "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-16384;"
            "PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;"
            f"PRAGMA mmap_size={mmap_bytes}"
        )
    except (apsw.Error, OSError) as exc:
        raise StoreRefused(f"cannot open {path}: {exc}") from exc
    return connection


def _log_of(path: Path) -> Path:
    """Path of the write-ahead log, which is there while the database is open and after a crash."""
    return path.with_name(f"{path.name}-wal")


def _commit_group(connection: apsw.Connection, group: list[_Job]) -> None:
    """Run each queued write in a savepoint, commit once, and leave result or error in each job."""
    transaction = SqliteTransaction(connection)
    try:
        _run(connection, "BEGIN IMMEDIATE")
        for job in group:
            _run_job(connection, transaction, job)
        connection.execute("COMMIT")
    except BaseException as exc:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        for job in group:
            job.error = _translated(exc)


def _run_job(connection: apsw.Connection, transaction: SqliteTransaction, job: _Job) -> None:
    connection.execute("SAVEPOINT job")
    try:
        job.result = drive(job.work(transaction))
    except BaseException as exc:
        if not connection.in_transaction:  # the engine rolled everything back, as on a full disk
            raise
        connection.execute("ROLLBACK TO job")
        job.error = _translated(exc)
    connection.execute("RELEASE job")


@lru_cache(maxsize=32)
def _insert_sql(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"


def drive(awaitable: Awaitable[T]) -> T:
    """Run a coroutine that never suspends to its end, without an event loop."""
    coroutine = cast("Coroutine[Any, Any, T]", awaitable)
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return cast(T, stop.value)
    coroutine.close()
    raise AssertionError("work in a SQLite transaction awaited something outside it")


def _run(connection: apsw.Connection, sql: str) -> None:
    try:
        connection.execute(sql)
    except apsw.Error as exc:
        raise _translated(exc) from exc


def _translated(exc: BaseException) -> BaseException:
    """Unavailable for a busy, full or unreadable database; any other exception unchanged."""
    match exc:
        case apsw.BusyError() | apsw.LockedError():
            return Unavailable("the store is busy", detail=str(exc))
        case apsw.CorruptError() | apsw.NotADBError():
            return Unavailable("the store cannot be read", detail=repr(exc))
        case apsw.FullError():
            return StorageFull(detail=repr(exc))
        case apsw.IOError() | apsw.ReadOnlyError() | apsw.CantOpenError():
            return Unavailable("the store cannot be written now", detail=repr(exc))
    return exc

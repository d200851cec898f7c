"""The production engine: PostgreSQL through asyncpg.

Connections are held, not borrowed from a pool that resets them, because a reset costs half a
`limit=1` page. Writes run at READ COMMITTED: the completion clock is one hot row, and stronger
levels would turn every wait on it into a retry (docs/adr/0013).

A write is run again as a whole when the database asks for it (40001, 40P01) and when the
connection is lost before COMMIT was sent. When it is lost during COMMIT the outcome is unknown;
then the transaction's own number is looked up on a new connection (`pg_xact_status`), so nothing
is done twice and nothing acknowledged is lost. A server that recovered from a crash, or a standby
that took over, may have given that number to another transaction; where that could be, the outcome
stays unknown and Unavailable is raised.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar, cast

import asyncpg

from plaudit.errors import Problem, Unavailable
from plaudit.store.engine import postgres_errors, postgres_session, word_index
from plaudit.store.engine.disk_space import DiskSpace
from plaudit.store.engine.engine import Args, Row, Work

T = TypeVar("T")

COMPUTED_AT_ONCE_BYTES_MAX = 64 * 1024
"""Of what a transaction computes; a thread takes more, which costs a tenth of a millisecond."""

CONNECTIONS_MAX = 10
CONNECT_SECONDS_MAX = 2.0
STATEMENT_SECONDS_MAX = 10.0
WAIT_SECONDS_MAX = 2.0
OUTCOME_SECONDS_MAX = 8.0
ATTEMPTS_MAX = 10
HISTORY_READS_MAX = 5
"""Reads of the store's history by a transaction behind a pooler before it gives up."""

_NAME = re.compile(r"(?<![:\w]):([a-z_]\w*)")
_NOW_SQL = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)"
_WRITING = "ISOLATION LEVEL READ COMMITTED"
_READING = "ISOLATION LEVEL READ COMMITTED READ ONLY"
_SNAPSHOT = "ISOLATION LEVEL REPEATABLE READ READ ONLY"
_XACT_SQL = f"SELECT pg_current_xact_id()::text, {postgres_session.INCARNATION}"
_OUTCOME_SQL = (
    f"SELECT pg_xact_status(:id::text::xid8), {postgres_session.INCARNATION} = :incarnation,"
    " to_regclass('pg_dist_node') IS NOT NULL"
)
_EMPTY_WRITE_SQL = "SELECT pg_logical_emit_message(true, 'plaudit', '')"


class PostgresTransaction:
    """The statements of one transaction on one connection."""

    def __init__(self, connection: Any, epoch: int, log_position: str = "0") -> None:
        self._connection = connection
        self.epoch = epoch
        self.log_position = log_position

    skip_locked = " FOR UPDATE SKIP LOCKED"
    for_update = " FOR UPDATE"
    word_index = word_index.POSTGRES

    async def now_ms(self) -> int:
        return int(await self._connection.fetchval(_NOW_SQL))

    async def one(self, sql: str, args: Args) -> Row | None:
        text, names = positional(sql)
        row = await self._connection.fetchrow(text, *[args[name] for name in names])
        return None if row is None else tuple(row)

    async def all(self, sql: str, args: Args) -> list[Row]:
        text, names = positional(sql)
        rows = await self._connection.fetch(text, *[args[name] for name in names])
        return [tuple(row) for row in rows]

    async def run(self, sql: str, args: Args) -> int:
        text, names = positional(sql)
        done = await self._connection.execute(text, *[args[name] for name in names])
        count = done.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def many(self, sql: str, rows: Iterable[Args]) -> None:
        text, names = positional(sql)
        values = [[row[name] for name in names] for row in rows]
        if values:  # asyncpg would leave the session in a state that no timeout of the server ends
            await self._connection.executemany(text, values)

    async def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        await self._connection.copy_records_to_table(table, records=rows, columns=columns)

    async def compute(self, byte_count: int, work: Callable[[], T]) -> T:
        is_short = byte_count <= COMPUTED_AT_ONCE_BYTES_MAX
        return work() if is_short else await asyncio.to_thread(work)


class PostgresDatabase:
    """A PostgreSQL database with up to CONNECTIONS_MAX connections, made as needed.

    Belongs to the event loop that first uses it.

    `patient` lets statements run as long as they take, for an operator's own commands and for
    jobs; `reads_whole_tables` leaves the planner to itself (planning.py).
    """

    def __init__(
        self,
        url: str,
        *,
        behind_pooler: bool = False,
        patient: bool = False,
        reads_whole_tables: bool = False,
        has_replica: bool = False,
    ) -> None:
        self._url = url
        self._log_position = postgres_session.LOG_POSITION if has_replica else "0"
        self.behind_pooler = behind_pooler
        self._statement_seconds = None if patient else STATEMENT_SECONDS_MAX
        self._settings = postgres_session.settings(
            self._statement_seconds, reads_whole_tables=reads_whole_tables
        )
        self._idle: list[Any] = []
        self._slots = asyncio.Semaphore(CONNECTIONS_MAX)
        self._is_closed = False
        self._history = postgres_session.UNKNOWN_HISTORY
        self._space = DiskSpace()

    def read(self, *, snapshot: bool = True) -> _Read:
        """A read transaction: REPEATABLE READ with `snapshot`, else READ COMMITTED."""
        return _Read(self, snapshot)

    def read_at_once(self, work: Work[T]) -> T:
        raise Unavailable("this database is waited for")

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction, retried up to ATTEMPTS_MAX times; return once it is durable.

        Raises Unavailable when the database stays busy or cannot be reached.
        """
        for attempt in range(ATTEMPTS_MAX):
            if attempt:
                await asyncio.sleep(random.uniform(0, min(0.01 * 2**attempt, 0.5)))
            done, result = await self._attempt(work, is_last=attempt == ATTEMPTS_MAX - 1)
            if done:
                return cast(T, result)
        raise AssertionError("the last attempt returns or raises")

    async def check(self) -> None:
        async with self.read(snapshot=False) as tx:
            await tx.one("SELECT 1", {})
        self._space.require()

    async def close(self) -> None:
        self._is_closed = True
        while self._idle:
            connection = self._idle.pop()
            try:
                await connection.close(timeout=1)
            except postgres_errors.LOST:
                connection.terminate()

    async def acquire(self) -> Any:
        """Take a connection for exclusive use; raises Unavailable after WAIT_SECONDS_MAX."""
        if self._is_closed:
            raise Unavailable("the store is closing")
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await self._slots.acquire()
        except TimeoutError as exc:
            raise Unavailable("the store is busy", detail="no free connection") from exc
        try:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    return connection
            return await self._connect()
        except BaseException as exc:
            self._slots.release()
            postgres_errors.fail(exc)

    def release(self, connection: Any, *, broken: bool = False) -> None:
        """Return a connection to the idle ones; a broken one is closed."""
        if broken or self._is_closed or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
        else:
            self._idle.append(connection)
        self._slots.release()

    async def _connect(self) -> Any:
        options: dict[str, Any] = {"command_timeout": self._statement_seconds}
        if self.behind_pooler:
            # Then statements have no name, and the next transaction prepares its own.
            options["statement_cache_size"] = 0
        else:
            options["server_settings"] = {"application_name": "plaudit", **self._settings}
        connection = await asyncpg.connect(self._url, timeout=CONNECT_SECONDS_MAX, **options)
        if not self.behind_pooler:
            try:
                await self._read_history(connection)
            except BaseException:
                connection.terminate()
                raise
        return connection

    async def begin(self, connection: Any, mode: str) -> PostgresTransaction:
        """Begin a transaction; raises Unavailable if the store's history keeps changing."""
        if not self.behind_pooler:
            await connection.execute(f"BEGIN {mode}")
            return self.without_begin(connection)
        seconds = None if self._statement_seconds is None else WAIT_SECONDS_MAX
        for _ in range(HISTORY_READS_MAX):
            history = self._history
            if not history.is_known:
                history = await self._read_history(connection)
            if await postgres_session.open_behind_pooler(
                connection, mode, self._settings, history, seconds
            ):
                return PostgresTransaction(connection, history.epoch, self._log_position)
            if self._history is history:  # else another transaction has read it by now
                self._history = postgres_session.UNKNOWN_HISTORY
        raise Unavailable("the store is changing hands")

    def without_begin(self, connection: Any) -> PostgresTransaction:
        """Statements that are a transaction each; not for a pooler, which may separate them."""
        return PostgresTransaction(connection, self._history.epoch, self._log_position)

    async def _read_history(self, connection: Any) -> postgres_session.History:
        self._history = await postgres_session.read_history(
            connection, PostgresTransaction(connection, 0)
        )
        return self._history

    async def _attempt(self, work: Work[T], *, is_last: bool) -> tuple[bool, T | None]:
        """One run of a write: whether it is done, and its result."""
        connection = await self.acquire()
        xact = None
        try:
            result = await work(await self.begin(connection, _WRITING))
            xact = await connection.fetchrow(_XACT_SQL)
            await connection.execute("COMMIT")
        except postgres_errors.AGAIN as exc:
            await self._roll_back(connection)
            if is_last:
                raise Unavailable("the store is busy", detail=str(exc)) from exc
            return False, None
        except postgres_errors.LOST as exc:
            self.release(connection, broken=True)
            is_overdue = isinstance(exc, postgres_errors.OVERDUE)
            seconds = WAIT_SECONDS_MAX if is_overdue else OUTCOME_SECONDS_MAX
            if xact is not None and await self._is_committed(tuple(xact), seconds):
                return True, result
            if is_last or is_overdue:
                postgres_errors.fail(exc)
            return False, None
        except BaseException as exc:
            await self._roll_back(connection)
            if postgres_errors.is_duplicate(exc):
                if is_last:
                    raise Unavailable("the store is busy", detail=str(exc)) from exc
                return False, None
            self._space.note(postgres_errors.translated(exc))
            postgres_errors.fail(exc)
        self.release(connection)
        return True, result

    async def _roll_back(self, connection: Any) -> None:
        is_broken = True
        try:
            await connection.execute("ROLLBACK", timeout=CONNECT_SECONDS_MAX)
            is_broken = False
        except postgres_errors.LOST:
            pass  # the server rolls back what has no connection
        finally:
            self.release(connection, broken=is_broken)

    async def _is_committed(self, xact: Row, seconds: float) -> bool:
        """True if a transaction whose COMMIT was not answered is committed; waits while it runs.

        Raises Unavailable where that cannot be known, or not in time. The server assigns again the
        numbers of transactions that had reached no disk, or not the standby: after a recovery a
        committed number may belong to another transaction, but an aborted one proves ours lost.
        """
        try:
            async with asyncio.timeout(seconds):
                for attempt in range(ATTEMPTS_MAX * 2):
                    await asyncio.sleep(min(0.02 * 2**attempt, 0.5))
                    try:
                        status, is_same_server, is_cluster = await self._outcome(xact)
                    except Unavailable:
                        continue
                    if status == "committed" and not is_same_server:
                        break
                    if status == "aborted" and is_cluster:
                        break  # the only worker that it touched may have committed before
                    if status != "in progress" or not is_same_server:
                        return bool(status == "committed")
        except TimeoutError:
            pass
        raise Unavailable("the store went away while saving; look whether the change is there")

    async def _outcome(self, xact: Row) -> Row:
        """Transaction status, if the same server gave the number, and if it is a cluster's."""
        args = {"id": xact[0], "incarnation": xact[1]}
        try:
            async with _Read(self, snapshot=False, must_commit=True) as tx:
                row = await tx.one(_OUTCOME_SQL, args)
                assert row is not None
                if row[0] == "committed":
                    # An empty commit waits, as the lost one did, for a synchronous standby to
                    # have everything up to it.
                    await tx.one(_EMPTY_WRITE_SQL, {})
        except asyncpg.InvalidParameterValueError:  # the number has not been assigned again yet
            return "aborted", False, False
        return row


class _Read:
    """One read on a held connection."""

    __slots__ = ("_connection", "_database", "_is_open", "_must_commit", "_snapshot")

    def __init__(
        self, database: PostgresDatabase, snapshot: bool, *, must_commit: bool = False
    ) -> None:
        self._database = database
        self._snapshot = snapshot
        self._is_open = snapshot or database.behind_pooler
        self._must_commit = must_commit

    async def __aenter__(self) -> PostgresTransaction:
        self._connection = await self._database.acquire()
        if not self._is_open:
            return self._database.without_begin(self._connection)
        try:
            mode = _SNAPSHOT if self._snapshot else _READING
            return await self._database.begin(self._connection, mode)
        except BaseException as exc:
            self._database.release(self._connection, broken=True)
            postgres_errors.fail(exc)

    async def __aexit__(self, kind: Any, exc: BaseException | None, trace: Any) -> None:
        is_broken = True
        try:
            if exc is None or isinstance(exc, Problem):
                if self._is_open:
                    await self._connection.execute("COMMIT")
                is_broken = False
        except postgres_errors.LOST as lost:
            if self._must_commit:
                exc = exc or lost
            # Otherwise everything was read; only the connection is gone.
        finally:
            self._database.release(self._connection, broken=is_broken)
        if exc is not None:
            postgres_errors.fail(exc)


@lru_cache(maxsize=512)
def positional(sql: str) -> tuple[str, tuple[str, ...]]:
    """Turn `:named` parameters into `$1`; return the text and the names in order."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}"

    return _NAME.sub(number, sql), tuple(names)

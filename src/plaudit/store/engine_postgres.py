"""The production engine: PostgreSQL through asyncpg.

Connections are held, not borrowed from a pool that resets them, because a reset costs half a
`limit=1` page. Writes run at READ COMMITTED: the completion clock is one hot row, and stronger
levels would turn every wait on it into a retry (reliability 2.2.3).

A write is run again as a whole when the database asks for it (40001, 40P01) and when the
connection is lost before COMMIT was sent. When it is lost during COMMIT the outcome is unknown;
then the transaction's own number is looked up on a new connection (`pg_xact_status`), so nothing
is done twice and nothing acknowledged is lost.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar, cast

import asyncpg

from plaudit import clock
from plaudit.errors import Problem, Unavailable
from plaudit.store import epochs
from plaudit.store.engine import Args, Row, Work

T = TypeVar("T")

CONNECTIONS_MAX = 10
CONNECT_SECONDS_MAX = 2.0
STATEMENT_SECONDS_MAX = 10.0
WAIT_SECONDS_MAX = 2.0
ATTEMPTS_MAX = 10
IDLE_IN_TRANSACTION_SECONDS_MAX = 10

_NAME = re.compile(r"(?<![:\w]):([a-z_]\w*)")
_AGAIN = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
_LOST = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.TooManyConnectionsError,
)


class PostgresTransaction:
    """Statements on one connection."""

    def __init__(self, connection: Any, epoch: int) -> None:
        self._connection = connection
        self.epoch = epoch

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
        await self._connection.executemany(text, [[row[name] for name in names] for row in rows])

    async def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        await self._connection.copy_records_to_table(table, records=rows, columns=columns)


class PostgresDatabase:
    """A database, connected to as needed. Belongs to the event loop that first uses it."""

    def __init__(self, url: str, *, behind_pooler: bool = False) -> None:
        self._url = url
        self._behind_pooler = behind_pooler
        self._idle: list[Any] = []
        self._places = asyncio.Semaphore(CONNECTIONS_MAX)
        self._is_closed = False
        self.epoch = 0

    def read(self, *, snapshot: bool = True) -> _Read:
        """A read; a snapshot is a REPEATABLE READ transaction."""
        return _Read(self, snapshot)

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a transaction, again if need be; return once it is durable."""
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

    async def close(self) -> None:
        self._is_closed = True
        while self._idle:
            connection = self._idle.pop()
            try:
                await connection.close(timeout=1)
            except _LOST:
                connection.terminate()

    async def acquire(self) -> Any:
        """A connection of one's own; raises Unavailable when none can be had in time."""
        if self._is_closed:
            raise Unavailable("the store is closing")
        try:
            await asyncio.wait_for(self._places.acquire(), WAIT_SECONDS_MAX)
        except TimeoutError as exc:
            raise Unavailable("the store is busy", detail="no free connection") from exc
        try:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed():
                    return connection
            return await self._connect()
        except BaseException as exc:
            self._places.release()
            raise _translated(exc) from exc

    def release(self, connection: Any, *, broken: bool = False) -> None:
        """Give a connection back; a broken one is dropped."""
        if broken or self._is_closed or connection.is_closed() or connection.is_in_transaction():
            connection.terminate()
        else:
            self._idle.append(connection)
        self._places.release()

    async def _connect(self) -> Any:
        options: dict[str, Any] = {"command_timeout": STATEMENT_SECONDS_MAX}
        if self._behind_pooler:
            options["statement_cache_size"] = 0
        else:
            options["server_settings"] = {
                "application_name": "plaudit",
                "statement_timeout": str(int(STATEMENT_SECONDS_MAX * 1000)),
                "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_SECONDS_MAX * 1000),
            }
        connection = await asyncio.wait_for(
            asyncpg.connect(self._url, **options), CONNECT_SECONDS_MAX
        )
        try:
            self.epoch = await _settle_epoch(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _attempt(self, work: Work[T], *, is_last: bool) -> tuple[bool, T | None]:
        """One run of a write: whether it is done, and its result."""
        connection = await self.acquire()
        transaction_id = None
        try:
            await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            result = await work(PostgresTransaction(connection, self.epoch))
            transaction_id = await connection.fetchval("SELECT pg_current_xact_id()::text")
            await connection.execute("COMMIT")
        except _AGAIN as exc:
            await self._roll_back(connection)
            if is_last:
                raise Unavailable("the store is busy", detail=str(exc)) from exc
            return False, None
        except _LOST as exc:
            self.release(connection, broken=True)
            if transaction_id is not None and await self._is_committed(transaction_id):
                return True, result
            if is_last:
                raise _translated(exc) from exc
            return False, None
        except BaseException:
            await self._roll_back(connection)
            raise
        self.release(connection)
        return True, result

    async def _roll_back(self, connection: Any) -> None:
        try:
            await connection.execute("ROLLBACK")
        except _LOST:
            self.release(connection, broken=True)
        else:
            self.release(connection)

    async def _is_committed(self, transaction_id: str) -> bool:
        """What became of a transaction whose COMMIT was not answered; waits while it runs."""
        for attempt in range(ATTEMPTS_MAX * 2):
            await asyncio.sleep(min(0.02 * 2**attempt, 0.5))
            try:
                async with self.read(snapshot=False) as tx:
                    row = await tx.one(
                        "SELECT pg_xact_status(CAST(CAST(:id AS text) AS xid8))",
                        {"id": transaction_id},
                    )
            except Unavailable:
                continue
            if row is not None and row[0] != "in progress":
                return bool(row[0] == "committed")
        raise Unavailable("the store went away while saving; look whether the change is there")


class _Read:
    """One read on a held connection."""

    __slots__ = ("_connection", "_database", "_snapshot")

    def __init__(self, database: PostgresDatabase, snapshot: bool) -> None:
        self._database = database
        self._snapshot = snapshot

    async def __aenter__(self) -> PostgresTransaction:
        self._connection = await self._database.acquire()
        if self._snapshot:
            try:
                await self._connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            except BaseException as exc:
                self._database.release(self._connection, broken=True)
                raise _translated(exc) from exc
        return PostgresTransaction(self._connection, self._database.epoch)

    async def __aexit__(self, kind: Any, exc: BaseException | None, trace: Any) -> None:
        broken = exc is not None and not isinstance(exc, Problem)
        if self._snapshot and not broken:
            try:
                await self._connection.execute("COMMIT")
            except _LOST:
                broken = True  # everything was read; only the connection is gone
        self._database.release(self._connection, broken=broken)
        if exc is not None and isinstance(exc, (*_LOST, asyncpg.PostgresError)):
            raise _translated(exc) from exc


async def _settle_epoch(connection: Any) -> int:
    """The store's epoch, after a new one has begun where the database changed its timeline.

    A standby that is promoted writes its log on a new timeline, which is how a process that
    connects anew sees that the history may have lost its end.
    """
    transaction = PostgresTransaction(connection, 0)
    try:
        epoch, was_timeline = await epochs.current(transaction)
    except asyncpg.UndefinedTableError:  # no schema yet
        return 0
    row = await transaction.one(
        "SELECT pg_is_in_recovery(), CASE WHEN pg_is_in_recovery() THEN '0'"
        " ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END",
        {},
    )
    assert row is not None
    is_standby, timeline = row[0], int(row[1], 16)
    if is_standby:
        raise Unavailable("the store is a standby that takes no writes")
    if timeline == was_timeline:
        return epoch
    async with connection.transaction():
        await epochs.begin(
            transaction, was_timeline=was_timeline, timeline=timeline, now=clock.now_ms()
        )
    return (await epochs.current(transaction))[0]


@lru_cache(maxsize=512)
def positional(sql: str) -> tuple[str, tuple[str, ...]]:
    """Turn `:named` parameters into `$1`; return the text and the names in order."""
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    return _NAME.sub(number, sql), tuple(names)


def _translated(exc: BaseException) -> BaseException:
    """A lost, refused or overdue connection is a 503 that may pass; the rest stays as it is."""
    if isinstance(exc, Problem):
        return exc
    if isinstance(exc, (*_LOST, asyncpg.QueryCanceledError, asyncpg.InsufficientResourcesError)):
        return Unavailable("the store cannot be reached now", detail=repr(exc))
    if isinstance(
        exc, (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)
    ):
        return Unavailable("the store cannot be reached now", detail=repr(exc))
    return exc

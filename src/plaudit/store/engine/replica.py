"""A hot standby that answers reads once it has all that its primary had (docs/adr/0050).

A request brings a `LogMark`: how far the primary's log was written when its key was looked up. The
standby's snapshot is taken after it has replayed that much, so it shows every change that anybody
had heard of by then. How far it has replayed is asked by one task for all requests, and not at all
while nothing is written. Where it is not there in time, or fails, `AskPrimary` is raised.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

import asyncpg
from msgspec import Struct

from plaudit.errors import Misconfigured, Problem, Unavailable
from plaudit.model.core import LogMark
from plaudit.store.engine import citus, postgres_session
from plaudit.store.engine.engine import AskPrimary, Database, ReplicaState, Row, Transaction
from plaudit.store.engine.postgres import PostgresTransaction
from plaudit.store.engine.replica_pool import ReplicaPool

LOOK_S = 0.25
"""Seconds between two looks at the replica while nobody waits for it."""
POLL_S = 0.002
"""Seconds between two looks while somebody does."""
RETRY_S = 1.0
"""Seconds between two attempts to reach a replica that is not there, or is none."""
LOOK_SECONDS_MAX = 1.0
"""Seconds that a look may take before the replica counts as gone."""
MARKS_MAX = 100

_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_IDENTITY_SQL = (
    "SELECT system_identifier, d.oid, CAST(to_regclass('store_epoch') AS oid)"
    " FROM pg_control_system(), pg_database AS d WHERE d.datname = current_database()"
)
"""Query for the cluster, the database and the table: equal for a physical replica of the same one.

The table alone would not do: a database that is made from a template has its numbers.
"""
_PROGRESS_SQL = (
    "SELECT pg_is_in_recovery(), epoch, COALESCE("
    "CAST(pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0') AS BIGINT), 0),"
    f" {postgres_session.INCARNATION} FROM store_epoch WHERE id = 1"
)
_FAILURES = (
    Problem,
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""Statements ended because replay removed rows or needed a lock (SQLSTATE 40001, 40P01)."""

_ENDINGS = (asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)
"""Connections ended by the server, or statements that took too long."""


class _Progress(Struct, frozen=True):
    """Position of one incarnation of the replica in the log, at least."""

    incarnation: str
    epoch: int
    position: int

    def has_reached(self, mark: LogMark) -> bool:
        return self.epoch == mark.epoch and self.position >= mark.position


class Replica:
    """The replica at a URL, watched by a task of the event loop that calls `start`.

    `lag_s_max` is how many seconds it may be behind `primary`: so long a read waits for it.
    `on_look` is called after each look at it, and when a read has changed its state.
    """

    def __init__(
        self, url: str, primary: Database, *, lag_s_max: float, on_look: Callable[[Replica], None]
    ) -> None:
        self.state = ReplicaState.starting
        self.detail: str | None = None
        """Failure that made the state, for the log; None if it was none."""
        self.lag_s = 0.0
        """Seconds since the primary wrote what the replica lacked when it was last looked at."""
        self.pool = ReplicaPool(url)
        self._primary = primary
        self._lag_s_max = lag_s_max
        self._on_look = on_look
        self._progress: _Progress | None = None
        self._connection: Any = None
        self._marks: deque[tuple[float, LogMark]] = deque()
        """Marks that were not reached yet, with the times at which the primary told them."""
        self._marked_at = 0.0
        self._waiting: dict[asyncio.Future[None], LogMark] = {}
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch the replica."""
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Disconnect; reads that wait are left to the primary."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._on_look = lambda _: None
        await self.pool.close()
        self._give_up(ReplicaState.gone)
        await asyncio.sleep(0)  # the connections end in the loop's next turn

    def at(self, mark: LogMark) -> ReadsAt:
        """Reads of a replica that has reached `mark`."""
        return ReadsAt(self, mark)

    async def wait_for(self, mark: LogMark) -> str:
        """Wait until the replica has reached a mark; return its incarnation.

        Raises AskPrimary after `lag_s_max`, and at once where it is not ready.
        """
        if self.state is not ReplicaState.ready:
            raise AskPrimary(self.state)
        if self._progress is None or not self._progress.has_reached(mark):
            reached = asyncio.get_running_loop().create_future()
            self._waiting[reached] = mark
            self._wanted.set()
            try:
                async with asyncio.timeout(self._lag_s_max):
                    await reached
            except TimeoutError:
                self._note_overdue(mark)
            finally:
                self._waiting.pop(reached, None)
        if self.state is not ReplicaState.ready:
            raise AskPrimary(self.state)
        if self._progress is None or not self._progress.has_reached(mark):
            raise AskPrimary(ReplicaState.behind)
        return self._progress.incarnation

    def _note_overdue(self, mark: LogMark) -> None:
        """Note that a mark was not reached in time; others do not wait until it is."""
        told_at = _loop_time() - self._lag_s_max
        if self.state is ReplicaState.ready:
            if not self._marks or told_at < self._marks[0][0]:
                self._marks.appendleft((told_at, mark))
            self.lag_s = _loop_time() - self._marks[0][0]
            self._set_state(ReplicaState.behind)

    def note_promoted(self) -> None:
        """Leave the replica alone from now on, since it has left recovery."""
        self._give_up(ReplicaState.promoted)

    def look_again(self) -> None:
        """Look at the replica now, because it failed a read."""
        self._wanted.set()

    async def check(self) -> None:
        """Look at the replica once; raises Misconfigured for a pooler, or for another database."""
        try:
            await self._look()
        except Misconfigured:
            raise
        except _FAILURES as exc:
            self._give_up(ReplicaState.gone, exc)
        if self.state is ReplicaState.foreign:
            raise Misconfigured(
                "--database-read names no replica of --database: it belongs to another cluster or "
                "database; name a hot standby that streams from the primary (made by pg_basebackup,"
                " not by logical replication or a dump), with the same database, or leave it out"
            )

    async def _watch(self) -> None:
        while True:
            self._wanted.clear()
            try:
                await self._look()
            except _FAILURES as exc:
                self._give_up(ReplicaState.gone, exc)
            if self.state in (ReplicaState.ready, ReplicaState.behind):
                await self._pause()
            else:
                await asyncio.sleep(RETRY_S)

    async def _pause(self) -> None:
        """Wait until it is time for another look, or somebody wants to know."""
        await asyncio.sleep(POLL_S)
        if not self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._wanted.wait()

    async def _look(self) -> None:
        """Ask how far the replica is, and judge it; raises what asking raises."""
        if self._connection is None or self._connection.is_closed():
            self._disconnect()
            self._connection = await self.pool.connect_alone()
            async with self._primary.read(snapshot=False) as tx:
                expected = await tx.one(_IDENTITY_SQL, {})
            if await self._ask(_IDENTITY_SQL) != expected:
                self._give_up(ReplicaState.foreign)
                return
        await self._mark()
        is_standby, epoch, position, incarnation = await self._ask(_PROGRESS_SQL)
        if not is_standby:
            self._give_up(ReplicaState.promoted)
            return
        self._progress = _Progress(incarnation, epoch, position)
        self._judge(self._progress)

    def _judge(self, progress: _Progress) -> None:
        """Let those go on who waited for this much, and compare the lag with the bound."""
        for reached, mark in self._waiting.items():
            if progress.has_reached(mark) and not reached.done():
                reached.set_result(None)
        while self._marks:
            mark = self._marks[0][1]
            if not progress.has_reached(mark) and mark.epoch >= progress.epoch:
                break
            self._marks.popleft()  # those of an earlier epoch concern nobody any more
        self.lag_s = _loop_time() - self._marks[0][0] if self._marks else 0.0
        self.detail = None
        is_near = self.lag_s <= self._lag_s_max
        self._set_state(ReplicaState.ready if is_near else ReplicaState.behind)

    async def _mark(self) -> None:
        """Note how far the primary is, if that was some time ago.

        Requests that wait do not wait for this too; they bring marks of their own.
        """
        is_early = self._marked_at + LOOK_S > _loop_time()
        if is_early or self._waiting or len(self._marks) >= MARKS_MAX:
            return
        try:
            async with self._primary.read(snapshot=False) as tx:
                row = await tx.one(f"SELECT {tx.log_position}", {})
        except Problem:
            return  # requests do not come so far without the primary
        assert row is not None
        self._marked_at = _loop_time()
        self._marks.append((self._marked_at, LogMark(tx.epoch, row[0])))

    async def _ask(self, sql: str) -> Row:
        async with asyncio.timeout(LOOK_SECONDS_MAX):
            row = await self._connection.fetchrow(sql)
        if row is None:
            raise Unavailable("the replica has no epoch")
        return tuple(row)

    def _give_up(self, state: ReplicaState, failure: BaseException | None = None) -> None:
        """Forget what is known of the replica, and end all connections, those in use too."""
        self.detail = None if failure is None else repr(failure)
        self._progress = None
        self._marks.clear()
        self._disconnect()
        self.pool.end_all()
        self._set_state(state)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    def _set_state(self, state: ReplicaState) -> None:
        if state is not ReplicaState.ready:
            for reached in self._waiting:
                if not reached.done():
                    reached.set_result(None)
        self.state = state
        self._on_look(self)


class ReadsAt:
    """Reads of a replica for a request that came at `mark`."""

    def __init__(self, replica: Replica, mark: LogMark) -> None:
        self._replica = replica
        self._mark = mark

    def read(self, *, snapshot: bool = True) -> _ReplicaRead:
        """A read transaction; raises AskPrimary on entry and on exit."""
        return _ReplicaRead(self._replica, self._mark, snapshot)


class _ReplicaRead:
    """One read on a held connection to the replica."""

    def __init__(self, replica: Replica, mark: LogMark, snapshot: bool) -> None:
        self._replica = replica
        self._mark = mark
        self._snapshot = snapshot

    async def __aenter__(self) -> Transaction:
        replica, pool = self._replica, self._replica.pool
        incarnation = await replica.wait_for(self._mark)
        try:
            connection = self._connection = await pool.acquire()
        except _FAILURES as exc:
            self._fail(exc)
        # A standby that was restarted may show less than before, until it has caught up.
        if pool.incarnations.get(connection) != incarnation:
            pool.release(connection, broken=True)
            replica.look_again()
            raise AskPrimary(ReplicaState.gone)
        if self._snapshot:
            is_begun = False
            try:
                await connection.execute(_SNAPSHOT)
                is_begun = True
            except _FAILURES as exc:
                self._fail(exc)
            finally:
                if not is_begun:
                    pool.release(connection, broken=True)
        return PostgresTransaction(connection, self._mark.epoch)

    async def __aexit__(self, kind: Any, exc: BaseException | None, trace: Any) -> None:
        connection, pool = self._connection, self._replica.pool
        failure = None if isinstance(exc, Problem) else exc
        is_standby = is_over = False
        try:
            if failure is None and self._snapshot:
                await connection.execute("COMMIT")
            # The server tells with every answer if it is still a standby. One that is not may
            # hold what its former primary does not.
            is_standby = connection.get_settings().in_hot_standby == "on"
            is_over = failure is None
        except _FAILURES as lost:
            failure = lost
        finally:
            pool.release(connection, broken=not (is_over and is_standby))
        if failure is not None:
            self._fail(failure)
        if not is_standby:
            self._replica.note_promoted()
            raise AskPrimary(ReplicaState.promoted)

    def _fail(self, exc: BaseException) -> NoReturn:
        """Raise AskPrimary for a failure of the replica, and anything else as it is."""
        if not isinstance(exc, _FAILURES):
            raise exc
        self._replica.look_again()
        if isinstance(exc, _CONFLICTS):
            raise AskPrimary("conflict") from exc
        is_gone = not isinstance(exc, asyncpg.PostgresError) or isinstance(exc, _ENDINGS)
        raise AskPrimary(ReplicaState.gone if is_gone else "failed") from exc


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


async def open_replica(
    url: str, primary: Database, *, lag_s_max: float, on_look: Callable[[Replica], None]
) -> Replica:
    """A replica that was looked at once; raises Misconfigured where it cannot be one of `primary`.

    One that is not there, or lags, is taken: the primary answers until it is.
    """
    async with primary.read(snapshot=False) as tx:
        if await citus.is_cluster(tx):
            raise Misconfigured(
                "--database is the coordinator of a Citus cluster, whose standbys answer no "
                "queries of distributed tables; leave --database-read out"
            )
    replica = Replica(url, primary, lag_s_max=lag_s_max, on_look=on_look)
    try:
        await replica.check()
    except Misconfigured:
        await replica.stop()
        raise
    return replica

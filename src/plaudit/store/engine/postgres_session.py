"""PostgreSQL sessions: their settings, and the history (epoch, timeline) of the database.

A direct connection is a session of its own: it gets its settings when it is made, and it ends with
its server. Behind a pooler in transaction mode every transaction may be on another connection, even
to another server, and session settings leak to the next client. There each transaction opens with
one simple query, which is one round trip: BEGIN, its settings as SET LOCAL, and a check that the
history is still the known one (docs/adr/0021).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import asyncpg
from msgspec import Struct

from plaudit import clock
from plaudit.errors import Unavailable
from plaudit.store.engine import epochs
from plaudit.store.engine.engine import Transaction
from plaudit.store.engine.planning import PLANNING

IDLE_IN_TRANSACTION_SECONDS_MAX = 5
"""Less than a statement may take, so that a waiter outlives an idle holder of the lock."""

INCARNATION = "concat_ws(' ', pg_postmaster_start_time(), pg_stat_get_bgwriter_stat_reset_time())"
"""SQL for a text that changes when the server recovers from a crash or a standby takes over.

Recovery resets the statistics, even where the postmaster survived the crash.
"""
LOG_POSITION = (
    "CAST(pg_wal_lsn_diff(CASE WHEN current_setting('synchronous_commit') = 'off'"
    " THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END, '0/0') AS BIGINT)"
)
"""SQL for how far the log of a primary holds commits that were acknowledged."""
_TIMELINE_SQL = (
    "CASE WHEN pg_is_in_recovery() THEN '0'"
    " ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END"
)
_IS_SAME = "SELECT 1"
"""Command tag of a query that returned one row; `execute` returns nothing else."""


class History(Struct, frozen=True):
    """The store's epoch and the timeline it belongs to; both 0 where there is no schema yet."""

    epoch: int
    timeline: int

    @property
    def is_known(self) -> bool:
        """False where there is no schema yet."""
        return self.epoch > 0


UNKNOWN_HISTORY = History(0, 0)


def settings(statement_seconds: float | None, *, reads_whole_tables: bool) -> dict[str, str]:
    """Session settings by name; `statement_seconds` None, for operators' commands, is no limit.

    The planner is kept to looking up by key, unless the session `reads_whole_tables`.
    """
    values = {
        "statement_timeout": str(int((statement_seconds or 0) * 1000)),
        "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_SECONDS_MAX * 1000),
    }
    return values if reads_whole_tables else values | PLANNING


async def open_behind_pooler(
    connection: Any, mode: str, local: Mapping[str, str], history: History, seconds: float | None
) -> bool:
    """Begin a transaction with settings `local`; False, with none open, if `history` has changed.

    Waits up to `seconds` for the pooler to have a free connection to the server.
    """
    parts = [f"BEGIN {mode}", *(f"SET LOCAL {name} = '{value}'" for name, value in local.items())]
    if history.is_known:
        parts.append(
            f"SELECT FROM store_epoch WHERE id = 1 AND epoch = {history.epoch}"
            f" AND timeline = {history.timeline} AND {_TIMELINE_SQL} = '{history.timeline:08X}'"
        )
    done = await connection.execute("; ".join(parts), timeout=seconds)
    if not history.is_known or done == _IS_SAME:
        return True
    await connection.execute("ROLLBACK")
    return False


async def read_history(connection: Any, transaction: Transaction) -> History:
    """Read the store's history, beginning a new epoch if the database has changed its timeline.

    A standby that is promoted writes its log on a new timeline, which is how one sees that the
    history may have lost its end. Raises Unavailable on a standby.
    """
    try:
        async with connection.transaction(isolation="read_committed"):
            return await _read_history(transaction)
    except asyncpg.UndefinedTableError:  # no schema yet
        return UNKNOWN_HISTORY


async def _read_history(transaction: Transaction) -> History:
    epoch, old_timeline = await epochs.current(transaction)
    row = await transaction.one(f"SELECT pg_is_in_recovery(), {_TIMELINE_SQL}", {})
    assert row is not None
    is_standby, timeline = row[0], int(row[1], 16)
    if is_standby:
        raise Unavailable("the store is a standby that takes no writes")
    if timeline != old_timeline:
        await epochs.begin(
            transaction, old_timeline=old_timeline, timeline=timeline, now=clock.now_ms()
        )
        epoch, timeline = await epochs.current(transaction)
    return History(epoch, timeline)

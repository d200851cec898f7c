"""Store epoch: the number of one unbroken history of the database.

After a restore, or when a standby takes over without the last commits, completion times and
sequence numbers could be assigned a second time. Then every project's clock is moved beyond
any time that can have been read, and the epoch grows, so that page tokens of the old history are
refused and their walks begin anew (docs/adr/0004).
"""

from __future__ import annotations

from plaudit.store.engine.engine import Transaction

CLOCK_MARGIN_MS = 60_000
"""Added to a project's clock that runs ahead of the time: more completions than can be lost."""
CLOCK_LEAD_MS = 6 * 60_000
"""More than a lost completion can lie ahead of the time: an import may by 5 minutes, and the clocks
of two hosts differ by less than one."""


async def current(tx: Transaction) -> tuple[int, int]:
    """Current (epoch, timeline of the database when the epoch began)."""
    row = await tx.one("SELECT epoch, timeline FROM store_epoch WHERE id = 1", {})
    assert row is not None
    return row[0], row[1]


async def begin(tx: Transaction, *, old_timeline: int, timeline: int, now: int) -> bool:
    """Begin a new epoch at `now` in milliseconds; False if the timeline is not `old_timeline`."""
    # The time makes it a number that no lost history has used, however many epochs that had.
    updated = await tx.run(
        "UPDATE store_epoch SET timeline = :timeline,"
        " epoch = CASE WHEN epoch < :now THEN :now ELSE epoch + 1 END"
        " WHERE id = 1 AND timeline = :old_timeline",
        {"timeline": timeline, "old_timeline": old_timeline, "now": now},
    )
    if updated:
        await tx.run(
            "UPDATE project_clock SET last_ms ="
            " CASE WHEN last_ms + :margin > :least THEN last_ms + :margin ELSE :least END",
            {"margin": CLOCK_MARGIN_MS, "least": now + CLOCK_LEAD_MS},
        )
    return bool(updated)


async def end_other_sessions(tx: Transaction) -> int:
    """End the sessions that Plaudit has with this PostgreSQL database; returns how many.

    A session keeps the epoch that it read when it began. The one of `tx` is spared.
    """
    row = await tx.one(
        "SELECT count(*) FROM pg_stat_activity, pg_terminate_backend(pid)"
        " WHERE datname = current_database() AND application_name = 'plaudit'"
        " AND pid <> pg_backend_pid()",
        {},
    )
    assert row is not None
    return int(row[0])

"""Statements that number the changes of a project's votes and tasks.

A change is 0 until it is numbered, in a transaction after its own. So whoever has seen number n
has seen every change up to n, whatever order transactions ended in, and people who submit at the
same moment do not wait for a counter.
"""

from __future__ import annotations

from plaudit.store.engine.engine import Transaction

_OF_VOTES = {"submission": "submission_id", "voted_threads": "seq"}
"""Tables that have changes of votes, each with the column that tells its rows apart."""

_OF_TASKS = {"task_change": "seq"}
_ALL = _OF_VOTES | _OF_TASKS


async def number_changes(tx: Transaction, project_key: int, *, limit: int) -> int:
    """Give the next number to up to `limit` changes of each kind; return how many got it."""
    row = await tx.one(
        "INSERT INTO vote_clock (project_key, last_no, unread_below) VALUES (:project_key, 1, 0)"
        " ON CONFLICT (project_key) DO UPDATE SET last_no = vote_clock.last_no + 1"
        " RETURNING last_no",
        {"project_key": project_key},
    )
    assert row is not None
    total = 0
    for table, column in _ALL.items():
        total += await tx.run(
            f"UPDATE {table} SET change_no = :change_no WHERE project_key = :project_key"
            f" AND {column} IN (SELECT {column} FROM {table} WHERE project_key = :project_key"
            f" AND change_no = 0 ORDER BY seq LIMIT :row_limit{tx.skip_locked})",
            {"project_key": project_key, "change_no": row[0], "row_limit": limit},
        )
    return total


async def has_unnumbered(tx: Transaction, project_key: int) -> bool:
    """True while a change of a project has no number."""
    for table in _ALL:
        row = await tx.one(
            f"SELECT 1 FROM {table} WHERE project_key = :project_key AND change_no = 0 LIMIT 1",
            {"project_key": project_key},
        )
        if row is not None:
            return True
    return False


async def last_change(tx: Transaction, project_key: int) -> int:
    """The greatest number that a change of a project's votes has; 0 without any."""
    row = await tx.one(
        "SELECT last_no FROM vote_clock WHERE project_key = :project_key",
        {"project_key": project_key},
    )
    return int(row[0]) if row else 0


async def list_changed_seqs(
    tx: Transaction, project_key: int, *, after: int, until: int, after_seq: int, limit: int
) -> list[int]:
    """Tasks whose votes changed with a number after `after` up to `until`, ascending.

    A task whose votes are gone is among them.
    """
    args = {
        "project_key": project_key,
        "after": after,
        "until": until,
        "after_seq": after_seq,
        "row_limit": limit,
    }
    seqs: set[int] = set()
    for table in _OF_VOTES:
        rows = await tx.all(
            f"SELECT DISTINCT seq FROM {table} WHERE project_key = :project_key"
            " AND change_no > :after AND change_no <= :until AND seq > :after_seq"
            " ORDER BY seq LIMIT :row_limit",
            args,
        )
        seqs.update(row[0] for row in rows)
    return sorted(seqs)[:limit]

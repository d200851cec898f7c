"""Statements that number the changes of a project's votes and tasks.

A change is 0 until it is numbered, in a transaction after its own. So whoever has seen number n
has seen every change up to n, whatever order transactions ended in, and people who submit at the
same moment do not wait for a counter.
"""

from __future__ import annotations

from plaudit.store.engine.engine import Transaction

_OF_VOTES = {"submission": "submission_id", "voted_threads": "seq"}
"""Tables that have changes of votes, each with the column that tells its rows apart."""

_COLUMNS = _OF_VOTES | {"task_change": "seq"}
TABLES = tuple(_COLUMNS)
"""Tables that have changes of votes or of tasks."""


async def number_changes(
    tx: Transaction, project_key: int, table: str, *, from_seq: int, limit: int
) -> list[int]:
    """Give the next number to up to `limit` changes in one of TABLES; return their tasks.

    They are those of the first tasks from `from_seq` on. Whoever has many numbered goes on from the
    last one: PostgreSQL keeps what an index had of a row until nobody can see it any more, and
    would pass by all that was numbered each time.
    """
    row = await tx.one(
        "INSERT INTO vote_clock (project_key, last_no, unread_below) VALUES (:project_key, 1, 0)"
        " ON CONFLICT (project_key) DO UPDATE SET last_no = vote_clock.last_no + 1"
        " RETURNING last_no",
        {"project_key": project_key},
    )
    assert row is not None
    column = _COLUMNS[table]
    rows = await tx.all(
        f"UPDATE {table} SET change_no = :change_no WHERE project_key = :project_key"
        f" AND {column} IN (SELECT {column} FROM {table} WHERE project_key = :project_key"
        " AND change_no = 0 AND seq >= :from_seq ORDER BY seq"
        f" LIMIT :row_limit{tx.skip_locked}) RETURNING seq",
        {
            "project_key": project_key,
            "change_no": row[0],
            "from_seq": from_seq,
            "row_limit": limit,
        },
    )
    return [int(one[0]) for one in rows]


async def has_unnumbered(tx: Transaction, project_key: int, table: str) -> bool:
    """True while a change of a project in one of TABLES has no number."""
    row = await tx.one(
        f"SELECT 1 FROM {table} WHERE project_key = :project_key AND change_no = 0 LIMIT 1",
        {"project_key": project_key},
    )
    return row is not None


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

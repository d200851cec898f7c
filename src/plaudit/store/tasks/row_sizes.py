"""Sizes of stored rows in bytes, so that readers of many rows can bound the memory they use.

Both engines know the length of a column without reading it.
"""

from __future__ import annotations

from plaudit.store.engine.engine import Transaction


async def list_task_sizes(
    tx: Transaction, project_key: int, *, after_seq: int, limit: int
) -> list[int]:
    """Bytes of each of up to `limit` tasks of a project after `after_seq`, in `seq` order."""
    rows = await tx.all(
        "SELECT t.seq, LENGTH(t.head) + COALESCE(LENGTH(b.body), 0)"
        " + COALESCE(LENGTH(b.patches), 0) + COALESCE(LENGTH(c.content), 0) FROM task AS t"
        " LEFT JOIN task_body AS b ON b.project_key = t.project_key AND b.seq = t.seq"
        " LEFT JOIN task_content AS c ON c.project_key = t.project_key AND c.seq = t.seq"
        " WHERE t.project_key = :project_key AND t.seq > :after_seq ORDER BY t.seq LIMIT"
        " :row_limit",
        {"project_key": project_key, "after_seq": after_seq, "row_limit": limit},
    )
    return [size for _, size in rows]


async def list_frozen_sizes(
    tx: Transaction, project_key: int, delivery_seq: int, *, after: int, until: int
) -> dict[int, int]:
    """Bytes of the delivered versions at positions after `after` up to `until`, by position."""
    rows = await tx.all(
        "SELECT d.position, LENGTH(f.head) + COALESCE(LENGTH(f.body), 0)"
        " + COALESCE(LENGTH(f.patches), 0)"
        " FROM delivered_task AS d CROSS JOIN frozen_task AS f"
        " WHERE d.project_key = :project_key AND d.delivery_seq = :delivery_seq"
        " AND d.position > :after AND d.position <= :until"
        " AND f.project_key = :project_key AND f.seq = d.seq AND f.digest = d.digest",
        {"project_key": project_key, "delivery_seq": delivery_seq, "after": after, "until": until},
    )
    return dict(rows)

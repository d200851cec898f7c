"""Statement for quotas: how many tasks of a project a person was given."""

from __future__ import annotations

from plaudit.model.labeling import control_key
from plaudit.store.engine.engine import Transaction


async def count_given(
    tx: Transaction, project_key: int, user_id: str, *, since_ms: int, most: int
) -> int:
    """Count the tasks, up to `most`, that a person holds or has submitted.

    Counted are those that they were given since `since_ms`, for the first time or again, control
    tasks among them. Tasks that were skipped, given back or ran out are not.
    """
    row = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM assignment WHERE project_key IN (:key, :control_key)"
        " AND user_id = :user_id AND status IN ('open', 'returned', 'submitted')"
        " AND leased_ms >= :since_ms LIMIT :most) AS given",
        {
            "key": project_key,
            "control_key": control_key(project_key),
            "user_id": user_id,
            "since_ms": since_ms,
            "most": most,
        },
    )
    return int(row[0]) if row else 0

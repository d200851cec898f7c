"""Statements for leases of one person that are given back, all in a project."""

from __future__ import annotations

from plaudit.model.labeling import control_key
from plaudit.store.engine.engine import Transaction


async def list_leased_seqs(tx: Transaction, project_key: int, user_id: str) -> list[int]:
    """List the seqs of a project's tasks of which a person has an open or returned lease."""
    rows = await tx.all(
        "SELECT seq FROM assignment WHERE project_key = :project_key AND user_id = :user_id"
        " AND status IN ('open', 'returned') ORDER BY seq",
        {"project_key": project_key, "user_id": user_id},
    )
    return [int(row[0]) for row in rows]


async def release_of_person(
    tx: Transaction, project_key: int, seq: int, user_id: str, now: int
) -> int:
    """Release a person's lease of a task if it is open or returned; return 1 or 0."""
    return await tx.run(
        "UPDATE assignment SET status = 'released', ended_ms = :now"
        " WHERE project_key = :project_key AND seq = :seq AND user_id = :user_id"
        " AND ended_ms IS NULL",
        {"project_key": project_key, "seq": seq, "user_id": user_id, "now": now},
    )


async def list_holders(tx: Transaction, project_key: int, *, limit: int) -> list[str]:
    """List the user ids of up to `limit` people who hold tasks of a project, of either kind."""
    rows = await tx.all(
        "SELECT DISTINCT user_id FROM assignment WHERE project_key IN (:key, :control_key)"
        " AND ended_ms IS NULL ORDER BY user_id LIMIT :row_limit",
        {
            "key": project_key,
            "control_key": control_key(project_key),
            "row_limit": limit,
        },
    )
    return [row[0] for row in rows]

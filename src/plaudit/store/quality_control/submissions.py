"""Statements for submissions that are compared with others, or taken back."""

from __future__ import annotations

from msgspec import Struct

from plaudit.store.engine.engine import Transaction


class UnreviewedSubmission(Struct, frozen=True):
    """A submission that counts, with its task and when that was completed, if it is."""

    submission_id: str
    seq: int
    completed_ms: int | None


async def list_unreviewed(
    tx: Transaction, project_key: int, user_id: str, *, until_ms: int, limit: int
) -> list[UnreviewedSubmission]:
    """Those of a person's last `limit` submissions up to `until_ms` that count and nobody reviewed.

    Newest first.
    """
    rows = await tx.all(
        "SELECT s.submission_id, s.seq, t.completed_ms FROM (SELECT submission_id, seq,"
        " submitted_ms, is_current, reviewed_ms FROM submission WHERE project_key = :project_key"
        " AND user_id = :user_id AND submitted_ms <= :until_ms"
        " ORDER BY submitted_ms DESC LIMIT :row_limit) AS s"
        " JOIN task AS t ON t.project_key = :project_key AND t.seq = s.seq"
        " WHERE s.is_current = 1 AND s.reviewed_ms IS NULL"
        " ORDER BY s.submitted_ms DESC, s.submission_id DESC",
        {
            "project_key": project_key,
            "user_id": user_id,
            "until_ms": until_ms,
            "row_limit": limit,
        },
    )
    return [UnreviewedSubmission(*row) for row in rows]


async def mark_compared(tx: Transaction, project_key: int, seq: int) -> list[str]:
    """Mark the leases under which a task was submitted as compared; ids of their people.

    Those that were marked before are left out.
    """
    rows = await tx.all(
        "UPDATE assignment SET is_compared = 1 WHERE project_key = :project_key AND seq = :seq"
        " AND status = 'submitted' AND is_compared = 0 RETURNING user_id",
        {"project_key": project_key, "seq": seq},
    )
    return sorted(row[0] for row in rows)

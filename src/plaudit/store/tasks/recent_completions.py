"""Completed tasks as people look for them: the last one first."""

from __future__ import annotations

from plaudit.model.core import TaskStatus
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks.tasks import HeadRefs

NOWHERE = HeadRefs(2**62, 2**62)
"""A place after every completion."""


async def list_latest(
    tx: Transaction, project_key: int, *, before: HeadRefs = NOWHERE, limit: int
) -> list[HeadRefs]:
    """The places of the last `limit` completions before a place, newest first."""
    rows = await tx.all(
        "SELECT completed_ms, seq FROM task WHERE project_key = :project_key AND status = :status"
        " AND completed_ms IS NOT NULL AND (completed_ms, seq) < (:before_ms, :before_seq)"
        " ORDER BY completed_ms DESC, seq DESC LIMIT :row_limit",
        {
            "project_key": project_key,
            "status": TaskStatus.completed.code,
            "before_ms": before.completed_ms,
            "before_seq": before.seq,
            "row_limit": limit,
        },
    )
    return [HeadRefs(completed_ms, seq) for completed_ms, seq in rows]

"""Completed tasks of a project, newest completion first."""

from __future__ import annotations

from plaudit.model.core import TaskStatus
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks.tasks import TaskCursor

LAST_CURSOR = TaskCursor(2**62, 2**62)
"""Cursor after every completion."""


async def list_latest_completions(
    tx: Transaction, project_key: int, *, before: TaskCursor = LAST_CURSOR, limit: int
) -> list[TaskCursor]:
    """Cursors of up to `limit` completed tasks before the cursor `before`, newest first."""
    rows = await tx.all(
        "SELECT completed_ms, seq FROM task WHERE project_key = :project_key AND status = :status"
        " AND completed_ms IS NOT NULL AND (completed_ms, seq) < (:before_ms, :before_seq)"
        " ORDER BY completed_ms DESC, seq DESC LIMIT :row_limit",
        {
            "project_key": project_key,
            "status": TaskStatus.completed.code,
            "before_ms": before.at_ms,
            "before_seq": before.seq,
            "row_limit": limit,
        },
    )
    return [TaskCursor(completed_ms, seq) for completed_ms, seq in rows]

"""Statements that read the tasks of a project, page by page, for statistics."""

from __future__ import annotations

from plaudit.model.core import StoredTask, TaskStatus
from plaudit.store.engine.engine import Transaction


async def list_judged_tasks(
    tx: Transaction, project_key: int, *, after_seq: int, limit: int
) -> list[StoredTask]:
    """Up to `limit` tasks of a project after a seq, ascending, without patches.

    The prepared conversation is there where the task has no threads.
    """
    rows = await tx.all(
        "SELECT t.project_key, t.seq, t.task_id, t.batch_id, t.status, t.created_ms,"
        " t.completed_ms, t.head, b.body, CASE WHEN b.body IS NULL THEN c.content END"
        " FROM task AS t"
        " LEFT JOIN task_body AS b ON b.project_key = t.project_key AND b.seq = t.seq"
        " LEFT JOIN task_content AS c ON c.project_key = t.project_key AND c.seq = t.seq"
        " WHERE t.project_key = :project_key AND t.seq > :after_seq"
        " ORDER BY t.seq LIMIT :row_limit",
        {"project_key": project_key, "after_seq": after_seq, "row_limit": limit},
    )
    return [
        StoredTask(
            project_key=row[0],
            seq=row[1],
            task_id=row[2],
            batch_id=row[3],
            status=TaskStatus.from_code(row[4]),
            created_ms=row[5],
            completed_ms=row[6],
            head=row[7],
            body=row[8],
            content=row[9],
        )
        for row in rows
    ]

"""Statements that read the tasks of a project, page by page, for statistics."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.core import StoredTask, TaskStatus
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

LAST_SEQ = 2**62

_SELECT = (
    "SELECT t.project_key, t.seq, t.task_id, t.batch_id, t.status, t.created_ms,"
    " t.completed_ms, t.head, b.body, CASE WHEN b.body IS NULL THEN c.content END"
    " FROM task AS t"
    " LEFT JOIN task_body AS b ON b.project_key = t.project_key AND b.seq = t.seq"
    " LEFT JOIN task_content AS c ON c.project_key = t.project_key AND c.seq = t.seq"
    " WHERE t.project_key = :project_key"
)


async def list_judged_tasks(
    tx: Transaction, project_key: int, *, after_seq: int, limit: int
) -> list[StoredTask]:
    """Up to `limit` tasks of a project after a seq, ascending, without patches.

    The prepared conversation is there where the task has no threads.
    """
    rows = await tx.all(
        f"{_SELECT} AND t.seq > :after_seq ORDER BY t.seq LIMIT :row_limit",
        {"project_key": project_key, "after_seq": after_seq, "row_limit": limit},
    )
    return _stored(rows)


async def list_judged_of(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> list[StoredTask]:
    """Some tasks of a project, one or more, ascending, as `list_judged_tasks` lists them."""
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        f"{_SELECT} AND t.seq IN {listed} ORDER BY t.seq", args | {"project_key": project_key}
    )
    return _stored(rows)


async def list_completed_seqs(
    tx: Transaction, project_key: int, *, after_ms: int, after_seq: int, limit: int
) -> list[tuple[int, int]]:
    """Completion time and seq of up to `limit` tasks that were completed after a place."""
    rows = await tx.all(
        "SELECT completed_ms, seq FROM task WHERE project_key = :project_key AND status = :status"
        " AND completed_ms IS NOT NULL AND (completed_ms, seq) > (:after_ms, :after_seq)"
        " ORDER BY completed_ms, seq LIMIT :row_limit",
        {
            "project_key": project_key,
            "status": TaskStatus.completed.code,
            "after_ms": after_ms,
            "after_seq": after_seq,
            "row_limit": limit,
        },
    )
    return [(row[0], row[1]) for row in rows]


async def list_changed_seqs(
    tx: Transaction, project_key: int, *, after: int, after_seq: int, limit: int
) -> list[int]:
    """Up to `limit` tasks that changed otherwise, with a number after one or none yet, ascending.

    See the comment on table `task_change`.
    """
    rows = await tx.all(
        "SELECT seq FROM task_change WHERE project_key = :project_key"
        " AND (change_no > :after OR change_no = 0) AND seq > :after_seq"
        " ORDER BY seq LIMIT :row_limit",
        {
            "project_key": project_key,
            "after": after,
            "after_seq": after_seq,
            "row_limit": limit,
        },
    )
    return [int(row[0]) for row in rows]


def _stored(rows: Sequence[Row]) -> list[StoredTask]:
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

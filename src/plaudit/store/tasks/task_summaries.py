"""Task summaries: the columns of a task without its texts."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.core import TaskStatus
from plaudit.model.labeling import WorkState
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks.tasks import TaskCursor, TaskFilter, TimeColumn, key_args, keys_sql

OPENING_BYTES = 32_768
"""Bytes of a task's conversation from which its excerpt is made."""

OPENED_BYTES_MAX = 512 * 1024
"""Longest conversation that has an excerpt: SQLite reads the whole value to cut it."""


class TaskSummary(Struct, frozen=True):
    """One task without its conversation; times in milliseconds, `completed_ms` None until then."""

    seq: int
    task_id: str
    batch_id: str | None
    status: TaskStatus
    created_ms: int
    completed_ms: int | None

    def at_ms(self, column: TimeColumn | None) -> int:
        """Time by which a listing has the task, 0 in the order of `seq`."""
        return 0 if column is None else getattr(self, column) or 0


async def list_summaries(
    tx: Transaction, where: TaskFilter, *, after: TaskCursor, bound: int, limit: int
) -> list[TaskSummary]:
    """Up to `limit` tasks; order, cursor `after` and `bound` are those of `task_pages.list_tasks`.

    By creation too: `bound` is then the greatest `seq` that belongs to the walk.
    """
    if where.status is TaskStatus.deleted:
        return []
    column = where.time_column
    keys = keys_sql(where.batch_id is not None, where.status is not None, column)
    rows = await tx.all(
        "SELECT t.seq, t.task_id, t.batch_id, t.status, t.created_ms, t.completed_ms"
        f" FROM ({keys}) AS k CROSS JOIN task AS t"
        " WHERE t.project_key = :project_key AND t.seq = k.seq",
        key_args(where, after, bound, limit),
    )
    summaries = [
        TaskSummary(seq, task_id, batch_id, TaskStatus.from_code(status), created_ms, completed_ms)
        for seq, task_id, batch_id, status, created_ms, completed_ms in rows
    ]
    # The join keeps the order of the keys on every engine we know, but none promises it.
    summaries.sort(key=lambda task: (task.at_ms(column), task.seq))
    return summaries


async def get_summaries(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> list[TaskSummary]:
    """Existing tasks of a project in the order of these distinct sequence numbers."""
    found = {one.seq: one for one in await list_present(tx, project_key, seqs)}
    return [found[seq] for seq in seqs]


async def list_present(tx: Transaction, project_key: int, seqs: Sequence[int]) -> list[TaskSummary]:
    """Those of these tasks that exist, in order of seq."""
    if not seqs:
        return []
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT t.seq, t.task_id, t.batch_id, t.status, t.created_ms, t.completed_ms FROM task AS t"
        f" WHERE t.project_key = :project_key AND t.seq IN {listed}",
        args | {"project_key": project_key},
    )
    return [
        TaskSummary(seq, task_id, batch_id, TaskStatus.from_code(status), *times)
        for seq, task_id, batch_id, status, *times in sorted(rows)
    ]


async def list_openings(tx: Transaction, project_key: int, seqs: Sequence[int]) -> dict[int, bytes]:
    """The first OPENING_BYTES of tasks' conversations by sequence number.

    That is the delivered one of a completed task, else the prepared one. Tasks that have none, or
    one over OPENED_BYTES_MAX, are left out, and so are those in quarantine.
    """
    # No task has 0: a page runs the same statements for nothing as for many. With seq IN (…) SQLite
    # would go through the whole project by another index.
    keys, args = value_lists.union_all("SELECT CAST(:seq AS BIGINT) AS seq", seq=seqs or (0,))
    rows = await tx.all(
        "SELECT t.seq, CASE"
        f" WHEN t.status <> :completed AND LENGTH(c.content) <= {OPENED_BYTES_MAX}"
        f" THEN substr(c.content, 1, {OPENING_BYTES})"
        f" WHEN t.status = :completed AND LENGTH(b.body) <= {OPENED_BYTES_MAX}"
        f" THEN substr(b.body, 1, {OPENING_BYTES}) END"
        f" FROM ({keys}) AS k CROSS JOIN task AS t"
        " LEFT JOIN task_body AS b ON b.project_key = t.project_key AND b.seq = t.seq"
        " LEFT JOIN task_content AS c ON c.project_key = t.project_key AND c.seq = t.seq"
        " LEFT JOIN task_work AS w ON w.project_key = t.project_key AND w.seq = t.seq"
        " WHERE t.project_key = :project_key AND t.seq = k.seq"
        " AND (w.state IS NULL OR w.state <> :quarantined)",
        args
        | {
            "project_key": project_key,
            "completed": TaskStatus.completed.code,
            "quarantined": WorkState.quarantined.value,
        },
    )
    return {seq: bytes(opening) for seq, opening in rows if opening is not None}

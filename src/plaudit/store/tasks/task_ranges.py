"""Ranges of a project's tasks by sequence number: planned to hold equally many each, and read.

A task's `seq` never changes, so it stays in its range whatever is done to it, corrections included;
its completion time does not (docs/adr/0035).
"""

from __future__ import annotations

from typing import Any, cast

from plaudit.model.core import PageRow, TaskStatus
from plaudit.store.common import pages
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks.task_pages import PATCHED_COLUMNS, list_tasks
from plaudit.store.tasks.tasks import FAR, TaskCursor, TaskFilter

SCANNED_MAX = 20_000
"""Sequence numbers that one statement looks through for tasks completed between two times."""


async def plan_ranges(
    tx: Transaction, where: TaskFilter, *, bound: int, count: int
) -> list[tuple[int, int]]:
    """Last `seq` and number of tasks of each of up to `count` ranges up to `bound`, in order.

    Their sizes differ by at most one; there are fewer if there are fewer tasks, none without any.
    Two statements read keys alone, each once; the transaction is a snapshot. A filter by creation
    is not taken.
    """
    if where.status is TaskStatus.deleted:
        return []
    conditions, args = _conditions(where)
    within = f"FROM task WHERE {conditions} AND seq <= :bound"
    args["bound"] = bound
    row = await tx.one(f"SELECT COUNT(*) {within}", args)
    assert row is not None
    total = row[0]
    if not total:
        return []
    ends = await tx.all(
        "SELECT k.seq, k.place FROM (SELECT seq, ROW_NUMBER() OVER (ORDER BY seq) AS place"
        f" {within}) AS k WHERE (k.place * :range_count) % :task_count < :range_count"
        " ORDER BY k.seq",
        args | {"range_count": min(count, total), "task_count": total},
    )
    before = [0, *(place for _, place in ends)]
    return [(seq, place - earlier) for (seq, place), earlier in zip(ends, before, strict=False)]


async def list_range(
    tx: Transaction, where: TaskFilter, *, after: int, until: int, limit: int
) -> tuple[list[PageRow], int]:
    """Tasks with `seq` after `after` up to `until` in its order, and up to which `seq` that is all.

    A page of at most `limit` tasks, bounded in bytes, with patches. Bounds of completion are looked
    at in each of at most SCANNED_MAX tasks, so a page may be short, or empty, before `until`.
    """
    if where.is_by_completion:
        until = min(until, after + SCANNED_MAX)
        rows, has_more = await _list_completed(tx, where, after, until, limit)
    else:
        rows, has_more = await list_tasks(
            tx, where, after=TaskCursor(0, after), bound=until, limit=limit, with_patches=True
        )
    return rows, rows[-1][0] if has_more else until


async def _list_completed(
    tx: Transaction, where: TaskFilter, after: int, until: int, limit: int
) -> tuple[list[PageRow], bool]:
    # Its order is that of `seq`: the index of completion, which it is kept from by the addition,
    # would be read from end to end for each page.
    conditions, args = _conditions(where, time="completed_ms + 0")
    keys = (
        f"SELECT seq FROM task WHERE {conditions} AND seq > :after_seq AND seq <= :bound"
        " ORDER BY seq LIMIT :row_limit"
    )
    rows, has_more = await pages.read_page(
        tx,
        PATCHED_COLUMNS,
        PATCHED_COLUMNS[3:],
        f"FROM ({keys}) AS k CROSS JOIN task AS t"
        " LEFT JOIN task_body AS b ON b.project_key = :project_key AND b.seq = t.seq"
        " WHERE t.project_key = :project_key AND t.seq = k.seq",
        args | {"after_seq": after, "bound": until},
        limit=limit,
        # The join keeps the order of the keys on every engine we know, but none promises it.
        order=lambda row: row[0],
    )
    return cast("list[PageRow]", rows), has_more


def _conditions(where: TaskFilter, time: str = "completed_ms") -> tuple[str, dict[str, Any]]:
    """Conditions of a filter on a task's columns, and their arguments."""
    conditions = "project_key = :project_key"
    found: dict[str, Any] = {"project_key": where.project_key}
    if where.batch_id is not None:
        conditions += " AND batch_id = :batch_id"
        found["batch_id"] = where.batch_id
    status = where.status
    if where.is_by_completion:
        conditions += f" AND {time} > :low AND {time} < :high"
        found["low"] = -FAR if where.completed_after is None else where.completed_after
        found["high"] = FAR if where.completed_before is None else where.completed_before
        status = status or TaskStatus.completed  # only completed tasks have a time of completion
    if status is not None:
        conditions += " AND status = :status"
        found["status"] = status.code
    return conditions, found

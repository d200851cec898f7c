"""Pages of tasks as they are stored, head and body (see tasks.py for their order).

A page's keys come from an index that covers them, so no planner is tempted to walk the primary key
for a rare status. That is three look-ups a task: its key, its row, its body. In `seq` order most
pages lie within a short stretch of the project; there the rows are read as one range, whatever
index the planner takes, and only what the stretch lacks is looked for by keys.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from plaudit.model.core import PageRow, TaskStatus
from plaudit.store.common import pages
from plaudit.store.engine.engine import Row, Transaction
from plaudit.store.tasks.tasks import TaskCursor, TaskFilter, key_args, keys_sql

PATCHED_COLUMNS = ("t.seq", "t.completed_ms", "t.batch_id", "t.head", "b.body", "b.patches")
_PAGE_COLUMNS = (*PATCHED_COLUMNS[:-1], "NULL")

STRETCH = 3
"""Rows in which a page is looked for as one range, for each row that it may have."""

_BODIES = "LEFT JOIN task_body AS b ON b.project_key = :project_key AND b.seq = t.seq"


async def list_tasks(
    tx: Transaction,
    where: TaskFilter,
    *,
    after: TaskCursor,
    bound: int,
    limit: int,
    with_patches: bool,
) -> tuple[list[PageRow], bool]:
    """A page of up to `limit` tasks after a cursor and up to an upper bound, and if more follow.

    It is bounded in bytes (`store/common/pages.py`); `patches` is None unless asked for. `bound` is
    the greatest `seq`, or in completion order the greatest `completed_ms`, belonging to the walk. A
    filter by creation is not taken.
    """
    if where.status is TaskStatus.deleted:
        return [], False
    shape = where.batch_id is not None, where.status is not None
    if where.is_by_completion or shape == (False, False):
        sql = page_sql(*shape, where.is_by_completion)
        return await _read_tasks(tx, sql, where, after, bound, limit, with_patches)
    until = after.seq + STRETCH * (limit + 1)
    if where.batch_id is not None and after.seq == 0:
        until = after.seq  # nobody knows where a batch begins
    rows: list[PageRow] = []
    if until > after.seq:
        rows, has_more = await _read_tasks(
            tx, stretch_sql(*shape), where, after, min(bound, until), limit, with_patches
        )
        if has_more or until >= bound:
            return rows, has_more
    more, has_more = await _read_tasks(
        tx,
        page_sql(*shape, by_completion=False),
        where,
        TaskCursor(after.at_ms, until),
        bound,
        max(1, limit - len(rows)),  # one more than fit tells that more follow
        with_patches,
    )
    rows += more
    fitting = pages.count_fitting([row[-1] for row in rows[:limit]], pages.PAGE_BYTES_MAX)
    return rows[:fitting], has_more or fitting < len(rows)


async def _read_tasks(
    tx: Transaction,
    sql: str,
    where: TaskFilter,
    after: TaskCursor,
    bound: int,
    limit: int,
    with_patches: bool,
) -> tuple[list[PageRow], bool]:
    rows, has_more = await pages.read_page(
        tx,
        PATCHED_COLUMNS if with_patches else _PAGE_COLUMNS,
        PATCHED_COLUMNS[3:] if with_patches else _PAGE_COLUMNS[3:-1],
        sql,
        key_args(where, after, bound, limit),
        limit=limit,
        # The join keeps the order of the keys on every engine we know, but none promises it.
        order=_by_completion if where.is_by_completion else _by_seq,
    )
    return cast("list[PageRow]", rows), has_more


@lru_cache(maxsize=32)
def page_sql(in_batch: bool, one_status: bool, by_completion: bool) -> str:
    """The statement for one shape of page, after its columns: by keys, or by the primary key.

    A planner without statistics would otherwise walk the primary key and filter, which is slow for
    rare statuses.
    """
    if not (in_batch or one_status or by_completion):
        # Every status is wanted and every stored task has one: the primary key serves as it is.
        return (
            f"FROM task AS t {_BODIES} WHERE t.project_key = :project_key"
            " AND t.seq > :after_seq AND t.seq <= :bound ORDER BY t.seq LIMIT :row_limit"
        )
    keys = keys_sql(in_batch, one_status, "completed_ms" if by_completion else None)
    return (
        f"FROM ({keys}) AS k CROSS JOIN task AS t {_BODIES}"
        " WHERE t.project_key = :project_key AND t.seq = k.seq"
    )


@lru_cache(maxsize=4)
def stretch_sql(in_batch: bool, one_status: bool) -> str:
    """The statement for a page in `seq` order within a stretch, after its columns."""
    conditions = " AND batch_id = :batch_id" if in_batch else ""
    conditions += " AND status = :status" if one_status else ""
    return (
        "FROM (SELECT seq, completed_ms, batch_id, head FROM task"
        f" WHERE project_key = :project_key{conditions} AND seq > :after_seq AND seq <= :bound"
        f" ORDER BY seq LIMIT :row_limit) AS t {_BODIES}"
    )


def _by_seq(row: Row) -> int:
    return int(row[0])


def _by_completion(row: Row) -> tuple[int, int]:
    return row[1], row[0]

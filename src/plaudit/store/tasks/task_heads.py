"""Task heads: pages of the small fields alone, and whole pages of the tasks that were chosen.

A filter by what a head holds reads every head, and the conversations of what it chose alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

from plaudit.model.core import PageRow, TaskStatus
from plaudit.store.common import pages
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction
from plaudit.store.tasks.tasks import TaskCursor, TaskFilter, key_args, keys_sql

HeadRow = tuple[int, int | None, bytes, int]
"""One task of a page of heads: seq, completed_ms, head, and the bytes of the head."""


async def list_heads(
    tx: Transaction, where: TaskFilter, *, after: TaskCursor, bound: int, limit: int
) -> tuple[list[HeadRow], bool]:
    """A page of up to `limit` heads, and if more follow; the arguments are those of `list_tasks`.

    It is bounded in bytes (`store/common/pages.py`).
    """
    if where.status is TaskStatus.deleted:
        return [], False
    rows, has_more = await pages.read_page(
        tx,
        ("t.seq", "t.completed_ms", "t.head"),
        ("t.head",),
        _heads_sql(where.batch_id is not None, where.status is not None, where.is_by_completion),
        key_args(where, after, bound, limit),
        limit=limit,
        # The join keeps the order of the keys on every engine we know, but none promises it.
        order=_by_completion if where.is_by_completion else _by_seq,
    )
    return cast("list[HeadRow]", rows), has_more


@lru_cache(maxsize=32)
def _heads_sql(in_batch: bool, one_status: bool, by_completion: bool) -> str:
    if not (in_batch or one_status or by_completion):
        return (
            "FROM task AS t WHERE t.project_key = :project_key"
            " AND t.seq > :after_seq AND t.seq <= :bound ORDER BY t.seq LIMIT :row_limit"
        )
    keys = keys_sql(in_batch, one_status, "completed_ms" if by_completion else None)
    return (
        f"FROM ({keys}) AS k CROSS JOIN task AS t"
        " WHERE t.project_key = :project_key AND t.seq = k.seq"
    )


async def list_tasks_at(
    tx: Transaction, where: TaskFilter, seqs: Sequence[int]
) -> tuple[list[PageRow], bool]:
    """The tasks at these distinct `seq` in the order of the filter's listing, with their patches.

    They are bounded in bytes: the leading ones alone, and True, where all would be too long.
    """
    if not seqs:
        return [], False
    listed, args = value_lists.in_list("seq", seqs)
    keys = "t.completed_ms, t.seq" if where.is_by_completion else "t.seq"
    rows, is_cut = await pages.read_page(
        tx,
        _COLUMNS,
        _COLUMNS[3:],
        "FROM task AS t LEFT JOIN task_body AS b ON b.project_key = :project_key AND b.seq = t.seq"
        f" WHERE t.project_key = :project_key AND t.seq IN {listed}"
        f" ORDER BY {keys} LIMIT :row_limit",
        args | {"project_key": where.project_key},
        limit=len(seqs),
    )
    return cast("list[PageRow]", rows), is_cut


_COLUMNS = ("t.seq", "t.completed_ms", "t.batch_id", "t.head", "b.body", "b.patches")


def _by_seq(row: Row) -> int:
    return int(row[0])


def _by_completion(row: Row) -> tuple[int, int]:
    return row[1], row[0]

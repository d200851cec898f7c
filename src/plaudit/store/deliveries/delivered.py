"""Delivered tasks: pages of frozen tasks, and of tasks with their latest delivery.

Positions in a delivery are dense, so a page of it is a range of them. Every function reads a number
of rows that depends on its range or limit alone.
"""

from __future__ import annotations

from typing import cast

from plaudit.model.core import PageRow, TaskStatus
from plaudit.model.deliveries import DeliveredRow, DeliveredVersion, VersionNow
from plaudit.store.common import pages
from plaudit.store.engine.engine import Row, Transaction
from plaudit.store.tasks.tasks import FAR, TaskCursor, TaskFilter, key_args, keys_sql

_RANGE = (
    "d.project_key = :project_key AND d.delivery_seq = :delivery_seq"
    " AND d.position > :after AND d.position <= :until"
)
_FROZEN = "f.project_key = :project_key AND f.seq = d.seq AND f.digest = d.digest"


async def list_frozen(
    tx: Transaction,
    project_key: int,
    delivery_seq: int,
    *,
    after: int,
    until: int,
    with_patches: bool,
) -> tuple[list[PageRow], bool]:
    """The tasks at the positions after `after` and up to `until`, as they were delivered.

    Fewer, and True, where they would be too long together (`store/common/pages.py`). The `seq` of a
    row is its position; `patches` is None unless asked for.
    """
    rows, is_cut = await pages.read_page(
        tx,
        _FROZEN_COLUMNS if with_patches else (*_FROZEN_COLUMNS[:-1], "NULL"),
        _FROZEN_COLUMNS[3:] if with_patches else _FROZEN_COLUMNS[3:-1],
        f"FROM delivered_task AS d CROSS JOIN frozen_task AS f WHERE {_RANGE} AND {_FROZEN}"
        " ORDER BY d.position LIMIT :row_limit",
        _range_args(project_key, delivery_seq, after, until),
        limit=max(until - after, 1),
    )
    return cast("list[PageRow]", rows), is_cut


_FROZEN_COLUMNS = (
    "d.position", "f.completed_ms", "f.batch_id", "f.head", "f.body", "f.patches",
)  # fmt: skip


async def list_versions(
    tx: Transaction, project_key: int, delivery_seq: int, *, after: int, until: int, other_seq: int
) -> list[DeliveredVersion]:
    """Digest of each task in a range of a delivery, and in delivery `other_seq`, None if absent."""
    rows = await tx.all(
        "SELECT d.position, d.task_id, d.digest, o.digest FROM delivered_task AS d"
        " LEFT JOIN delivered_task AS o ON o.project_key = :project_key AND o.seq = d.seq"
        f" AND o.delivery_seq = :other_seq WHERE {_RANGE} ORDER BY d.position",
        _range_args(project_key, delivery_seq, after, until) | {"other_seq": other_seq},
    )
    return [DeliveredVersion(*row) for row in rows]


async def list_versions_now(
    tx: Transaction, project_key: int, delivery_seq: int, *, after: int, until: int
) -> list[VersionNow]:
    """Current status of each task in a range of a delivery, and if head or threads have changed."""
    rows = await tx.all(
        "SELECT d.position, d.task_id, t.status, t.head = f.head,"
        " COALESCE(b.body = f.body, b.body IS NULL AND f.body IS NULL),"
        " COALESCE(b.patches = f.patches, b.patches IS NULL AND f.patches IS NULL)"
        " FROM delivered_task AS d CROSS JOIN frozen_task AS f CROSS JOIN task AS t"
        " LEFT JOIN task_body AS b ON b.project_key = :project_key AND b.seq = t.seq"
        f" WHERE {_RANGE} AND {_FROZEN} AND t.project_key = :project_key AND t.seq = d.seq"
        " ORDER BY d.position",
        _range_args(project_key, delivery_seq, after, until),
    )
    return [
        VersionNow(
            position,
            task_id,
            TaskStatus.from_code(status),
            has_same_head=bool(head),
            has_same_threads=bool(body) and bool(patches),
        )
        for position, task_id, status, head, body, patches in rows
    ]


async def list_rows_of_delivery(
    tx: Transaction,
    where: TaskFilter,
    delivery_seq: int,
    *,
    after: int,
    until: int,
    limit: int,
) -> tuple[list[DeliveredRow], bool]:
    """A page of up to `limit` tasks of a range of a delivery whose current state matches.

    It is bounded in bytes; True if more match. The `ordinal` of a row is its position.
    """
    conditions = _RANGE
    args = _range_args(where.project_key, delivery_seq, after, until)
    if where.status is not None:
        conditions += " AND t.status = :status"
        args["status"] = where.status.code
    if where.is_by_completion:
        conditions += " AND t.completed_ms > :low AND t.completed_ms < :high"
        args["low"] = -FAR if where.completed_after is None else where.completed_after
        args["high"] = FAR if where.completed_before is None else where.completed_before
    rows, has_more = await pages.read_page(
        tx,
        ("d.position", "t.completed_ms", "d.task_id", *_ROW_COLUMNS),
        _ROW_COLUMNS[-2:],
        "FROM delivered_task AS d"
        " CROSS JOIN task AS t CROSS JOIN frozen_task AS f CROSS JOIN delivery AS v"
        f" WHERE {conditions} AND t.project_key = :project_key AND t.seq = d.seq AND {_FROZEN}"
        " AND v.project_key = :project_key AND v.delivery_seq = d.delivery_seq"
        " ORDER BY d.position LIMIT :row_limit",
        args,
        limit=limit,
    )
    return [DeliveredRow(*row[:-1]) for row in rows], has_more


_ROW_COLUMNS = (
    "t.created_ms", "v.delivery_id", "v.delivered_ms", "v.schema_id", "f.body", "f.patches",
)  # fmt: skip


async def list_rows_of_project(
    tx: Transaction, where: TaskFilter, *, after: TaskCursor, bound: int, limit: int
) -> tuple[list[DeliveredRow], bool]:
    """A page of up to `limit` tasks of a project with their latest deliveries, and if more follow.

    Order, cursor and bound are those of `task_pages.list_tasks`. The latest delivery is found from
    the end of an index, which passes over deliveries that are still being made.
    """
    keys = _KEYS
    if where.status is not None or where.is_by_completion:
        keys = keys_sql(False, where.status is not None, where.time_column)
    rows, has_more = await pages.read_page(
        tx,
        ("n.seq", "t.completed_ms", "t.task_id", *_ROW_COLUMNS),
        _ROW_COLUMNS[-2:],
        f"FROM (SELECT k.seq AS seq, ({_LATEST}) AS delivery_seq"
        f" FROM ({keys}) AS k) AS n CROSS JOIN task AS t"
        " LEFT JOIN delivered_task AS d ON d.project_key = :project_key AND d.seq = n.seq"
        f" AND d.delivery_seq = n.delivery_seq LEFT JOIN frozen_task AS f ON {_FROZEN}"
        " LEFT JOIN delivery AS v ON v.project_key = :project_key AND v.delivery_seq ="
        " d.delivery_seq"
        " WHERE t.project_key = :project_key AND t.seq = n.seq",
        key_args(where, after, bound, limit),
        limit=limit,
        # The join keeps the order of the keys on every engine we know, but none promises it.
        order=_by_completion if where.is_by_completion else _by_ordinal,
    )
    return [DeliveredRow(*row[:-1]) for row in rows], has_more


_KEYS = (
    "SELECT seq FROM task WHERE project_key = :project_key AND seq > :after_seq AND seq <= :bound"
    " ORDER BY seq LIMIT :row_limit"
)
_LATEST = (
    "SELECT l.delivery_seq FROM delivered_task AS l CROSS JOIN delivery AS w"
    " WHERE l.project_key = :project_key AND l.seq = k.seq AND w.project_key = :project_key"
    " AND w.delivery_seq = l.delivery_seq AND w.delivered_ms IS NOT NULL"
    " ORDER BY l.delivery_seq DESC LIMIT 1"
)


def _by_ordinal(row: Row) -> int:
    return int(row[0])


def _by_completion(row: Row) -> tuple[int, int]:
    return row[1] or 0, row[0]


def _range_args(project_key: int, delivery_seq: int, after: int, until: int) -> dict[str, object]:
    return {
        "project_key": project_key,
        "delivery_seq": delivery_seq,
        "after": after,
        "until": until,
    }

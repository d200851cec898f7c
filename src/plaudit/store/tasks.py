"""Tasks: pages of stored JSON, and the changes of status.

Every page reads a number of rows that depends on its limit alone: each status is one range of an
index, and a page over all statuses merges the four ranges. Pages are in `seq` order, or by
`(completed_ms, seq)` where a bound on completion is given (design 3.4 and 3.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, cast

from msgspec import Struct

from plaudit.model import STORED_STATUSES, PageRow, StoredTask, TaskStatus
from plaudit.store.engine import Row, Transaction

_FAR = 2**62


class TaskFilter(Struct, frozen=True):
    """Which tasks of one project to list; completion bounds are exclusive, in milliseconds."""

    project_id: int
    batch_id: str | None = None
    status: TaskStatus | None = None
    completed_after: int | None = None
    completed_before: int | None = None

    @property
    def is_by_completion(self) -> bool:
        """Whether the page is ordered by completion time."""
        return self.completed_after is not None or self.completed_before is not None


class TaskPlace(Struct, frozen=True):
    """A place between two tasks of a listing; `completed_ms` is 0 in `seq` order."""

    completed_ms: int
    seq: int


async def list_tasks(
    tx: Transaction,
    where: TaskFilter,
    *,
    after: TaskPlace,
    bound: int,
    limit: int,
    with_patches: bool,
) -> list[PageRow]:
    """Up to `limit` tasks after a place and up to an upper bound, in the listing's order.

    `patches` is None unless asked for. `bound` is the greatest `seq`, or in completion order the
    greatest `completed_ms`, that belongs to the walk.
    """
    if where.status is TaskStatus.deleted:
        return []
    sql = _page_sql(
        where.batch_id is not None, where.status is not None, where.is_by_completion, with_patches
    )
    args: dict[str, Any] = {
        "project_id": where.project_id,
        "after_seq": after.seq,
        "bound": bound,
        "row_limit": limit,
    }
    if where.batch_id is not None:
        args["batch_id"] = where.batch_id
    if where.status is not None:
        args["status"] = where.status.code
    if where.is_by_completion:
        args["after_ms"] = after.completed_ms
        args["low"] = -_FAR if where.completed_after is None else where.completed_after
        args["high"] = _FAR if where.completed_before is None else where.completed_before
    rows = await tx.all(sql, args)
    if where.status is None:
        rows.sort(key=_by_completion if where.is_by_completion else _by_seq)
    return cast("list[PageRow]", rows)


@lru_cache(maxsize=32)
def _page_sql(in_batch: bool, one_status: bool, by_completion: bool, with_patches: bool) -> str:
    """The statement for one shape of page."""
    conditions = "project_id = :project_id"
    if in_batch:
        conditions += " AND batch_id = :batch_id"
    conditions += " AND status = {status}"
    if by_completion:
        conditions += (
            " AND completed_ms IS NOT NULL AND completed_ms > :low AND completed_ms < :high"
            " AND completed_ms <= :bound AND (completed_ms, seq) > (:after_ms, :after_seq)"
        )
        order = "ORDER BY completed_ms, seq LIMIT :row_limit"
    else:
        conditions += " AND seq > :after_seq AND seq <= :bound"
        order = "ORDER BY seq LIMIT :row_limit"
    statuses = [":status"] if one_status else [str(status.code) for status in STORED_STATUSES]
    ranges = [
        f"SELECT project_id, seq, completed_ms FROM task WHERE"
        f" {conditions.format(status=status)} {order}"
        for status in statuses
    ]
    keys = ranges[0]
    if len(ranges) > 1:
        union = " UNION ALL ".join(
            f"SELECT * FROM ({text}) AS r{n}" for n, text in enumerate(ranges)
        )
        keys = f"SELECT * FROM ({union}) AS u {order}"
    patches = "b.patches" if with_patches else "NULL"
    return (
        f"SELECT t.seq, t.completed_ms, t.batch_id, t.head, b.body, {patches} FROM ({keys}) AS k"
        " CROSS JOIN task AS t LEFT JOIN task_body AS b"
        " ON b.project_id = :project_id AND b.seq = t.seq"
        " WHERE t.project_id = :project_id AND t.seq = k.seq"
    )


async def find_task(tx: Transaction, org_id: str, task_id: str) -> StoredTask | None:
    """A task of this world with everything that is stored of it."""
    place = await tx.one(
        "SELECT project_id, seq FROM task_locator WHERE task_id = :task_id AND org_id = :org_id",
        {"task_id": task_id, "org_id": org_id},
    )
    return await get_task(tx, *place) if place else None


async def get_task(tx: Transaction, project_id: int, seq: int) -> StoredTask:
    """A task by its place, with everything that is stored of it."""
    row = await tx.one(
        "SELECT t.project_id, t.seq, t.task_id, t.batch_id, t.status, t.created_ms,"
        " t.completed_ms, t.head, b.body, b.patches, c.content, c.unique_id, c.callback_url"
        " FROM task AS t"
        " LEFT JOIN task_body AS b ON b.project_id = t.project_id AND b.seq = t.seq"
        " LEFT JOIN task_content AS c ON c.project_id = t.project_id AND c.seq = t.seq"
        " WHERE t.project_id = :project_id AND t.seq = :seq",
        {"project_id": project_id, "seq": seq},
    )
    assert row is not None
    return _stored(row)


async def list_whole_tasks(
    tx: Transaction, project_id: int, *, after_seq: int, limit: int
) -> list[StoredTask]:
    """Up to `limit` tasks of a project in `seq` order, with everything that is stored of them."""
    rows = await tx.all(
        "SELECT t.project_id, t.seq, t.task_id, t.batch_id, t.status, t.created_ms,"
        " t.completed_ms, t.head, b.body, b.patches, c.content, c.unique_id, c.callback_url"
        " FROM task AS t"
        " LEFT JOIN task_body AS b ON b.project_id = t.project_id AND b.seq = t.seq"
        " LEFT JOIN task_content AS c ON c.project_id = t.project_id AND c.seq = t.seq"
        " WHERE t.project_id = :project_id AND t.seq > :after_seq ORDER BY t.seq LIMIT :row_limit",
        {"project_id": project_id, "after_seq": after_seq, "row_limit": limit},
    )
    return [_stored(row) for row in rows]


async def locate_tasks(
    tx: Transaction, org_id: str, task_ids: Sequence[str]
) -> dict[str, tuple[int, int]]:
    """Where the named tasks of this world are: (project_id, seq) by id."""
    found: dict[str, tuple[int, int]] = {}
    for task_id in task_ids:
        row = await tx.one(
            "SELECT project_id, seq FROM task_locator"
            " WHERE task_id = :task_id AND org_id = :org_id",
            {"task_id": task_id, "org_id": org_id},
        )
        if row:
            found[task_id] = (row[0], row[1])
    return found


async def insert_tasks(tx: Transaction, org_id: str, tasks: Sequence[StoredTask]) -> None:
    """Add tasks whose ids are free and whose sequence numbers are reserved."""
    await tx.many(
        "INSERT INTO task (project_id, seq, task_id, batch_id, status, created_ms, completed_ms,"
        " head) VALUES (:project_id, :seq, :task_id, :batch_id, :status, :created_ms,"
        " :completed_ms, :head)",
        [
            {
                "project_id": task.project_id,
                "seq": task.seq,
                "task_id": task.task_id,
                "batch_id": task.batch_id,
                "status": task.status.code,
                "created_ms": task.created_ms,
                "completed_ms": task.completed_ms,
                "head": task.head,
            }
            for task in tasks
        ],
    )
    await tx.many(
        "INSERT INTO task_locator (task_id, org_id, project_id, seq)"
        " VALUES (:task_id, :org_id, :project_id, :seq)",
        [
            {
                "task_id": task.task_id,
                "org_id": org_id,
                "project_id": task.project_id,
                "seq": task.seq,
            }
            for task in tasks
        ],
    )
    for task in tasks:
        await _insert_parts(tx, task)


async def _insert_parts(tx: Transaction, task: StoredTask) -> None:
    if task.body is not None:
        await insert_body(tx, task.project_id, task.seq, task.body, task.patches)
    if task.content is not None or task.unique_id is not None or task.callback_url is not None:
        await tx.run(
            "INSERT INTO task_content (project_id, seq, content, unique_id, callback_url)"
            " VALUES (:project_id, :seq, :content, :unique_id, :callback_url)",
            {
                "project_id": task.project_id,
                "seq": task.seq,
                "content": task.content,
                "unique_id": task.unique_id,
                "callback_url": task.callback_url,
            },
        )


async def insert_body(
    tx: Transaction, project_id: int, seq: int, body: bytes, patches: bytes | None
) -> None:
    """Add a task's rendered threads."""
    await tx.run(
        "INSERT INTO task_body (project_id, seq, body, patches)"
        " VALUES (:project_id, :seq, :body, :patches)",
        {"project_id": project_id, "seq": seq, "body": body, "patches": patches},
    )


async def delete_body(tx: Transaction, project_id: int, seq: int) -> None:
    """Remove a task's rendered threads."""
    await tx.run(
        "DELETE FROM task_body WHERE project_id = :project_id AND seq = :seq",
        {"project_id": project_id, "seq": seq},
    )


async def set_content(tx: Transaction, project_id: int, seq: int, content: bytes) -> None:
    """Keep a task's prepared conversation, unless it has one: content never changes."""
    await tx.run(
        "INSERT INTO task_content (project_id, seq, content) VALUES (:project_id, :seq, :content)"
        " ON CONFLICT (project_id, seq) DO UPDATE SET content = :content"
        " WHERE task_content.content IS NULL",
        {"project_id": project_id, "seq": seq, "content": content},
    )


async def claim_unique_id(tx: Transaction, org_id: str, unique_id: str, task_id: str) -> str:
    """Claim a unique_id for a task; return the id of the task that holds it."""
    key = {"unique_id": unique_id, "org_id": org_id}
    await tx.run(
        "INSERT INTO unique_claim (unique_id, org_id, task_id)"
        " VALUES (:unique_id, :org_id, :task_id) ON CONFLICT DO NOTHING",
        key | {"task_id": task_id},
    )
    row = await tx.one(
        "SELECT task_id FROM unique_claim WHERE unique_id = :unique_id AND org_id = :org_id", key
    )
    assert row is not None
    return str(row[0])


async def change_status(
    tx: Transaction,
    task: StoredTask,
    *,
    expected: TaskStatus,
    status: TaskStatus,
    completed_ms: int | None,
    head: bytes,
) -> bool:
    """Move a task from the expected status to another; False if it had moved already."""
    return bool(
        await tx.run(
            "UPDATE task SET status = :status, completed_ms = :completed_ms, head = :head"
            " WHERE project_id = :project_id AND seq = :seq AND status = :expected",
            {
                "project_id": task.project_id,
                "seq": task.seq,
                "expected": expected.code,
                "status": status.code,
                "completed_ms": completed_ms,
                "head": head,
            },
        )
    )


async def insert_annotation_places(
    tx: Transaction, org_id: str, places: Iterable[tuple[int, int, int]]
) -> None:
    """Index foreign annotation ids: (hash of the id, project_id, seq)."""
    await tx.many(
        "INSERT INTO annotation_locator (id_hash, org_id, project_id, seq)"
        " VALUES (:id_hash, :org_id, :project_id, :seq) ON CONFLICT DO NOTHING",
        [
            {"id_hash": id_hash, "org_id": org_id, "project_id": project_id, "seq": seq}
            for id_hash, project_id, seq in places
        ],
    )


async def list_annotation_places(
    tx: Transaction, org_id: str, id_hash: int
) -> list[tuple[int, int]]:
    """Up to 100 tasks that may hold an annotation with this hashed id: (project_id, seq)."""
    rows = await tx.all(
        "SELECT project_id, seq FROM annotation_locator"
        " WHERE id_hash = :id_hash AND org_id = :org_id ORDER BY project_id, seq LIMIT 100",
        {"id_hash": id_hash, "org_id": org_id},
    )
    return [(row[0], row[1]) for row in rows]


def _by_seq(row: Row) -> int:
    return int(row[0])


def _by_completion(row: Row) -> tuple[int, int]:
    return row[1], row[0]


def _stored(row: Row) -> StoredTask:
    project_id, seq, task_id, batch_id, status, *rest = row
    return StoredTask(project_id, seq, task_id, batch_id, TaskStatus.from_code(status), *rest)

"""Tasks: filters and keys of pages, and the changes of status.

Every page reads a number of rows that depends on its limit alone: each status is one range of an
index, and a page over all statuses merges the four ranges. Pages are in `seq` order, or by
`(completed_ms, seq)` where a bound on completion is given, else by `(created_ms, seq)` where one on
creation is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from plaudit.model.core import STORED_STATUSES, StoredTask, TaskStatus
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction
from plaudit.store.tasks import unread_tasks

FAR = 2**62
"""Greater than every time and sequence number."""

TimeColumn = Literal["completed_ms", "created_ms"]
"""Column of the times by which a listing is ordered."""

_WHOLE = (
    "SELECT t.project_key, t.seq, t.task_id, t.batch_id, t.status, t.created_ms,"
    " t.completed_ms, t.head, b.body, b.patches, c.content, c.unique_id, c.callback_url"
    " FROM task AS t"
    " LEFT JOIN task_body AS b ON b.project_key = t.project_key AND b.seq = t.seq"
    " LEFT JOIN task_content AS c ON c.project_key = t.project_key AND c.seq = t.seq"
)


class TaskCursor(Struct, frozen=True):
    """Position in a listing, after the task with these keys; `seq` order ignores `at_ms`."""

    at_ms: int
    seq: int


class TaskFilter(Struct, frozen=True):
    """Filter of a listing of one project's tasks; bounds are exclusive, in milliseconds.

    Bounds of creation beside those of completion are up to the caller: no index has both.
    """

    project_key: int
    batch_id: str | None = None
    status: TaskStatus | None = None
    completed_after: int | None = None
    completed_before: int | None = None
    created_after: int | None = None
    created_before: int | None = None

    @property
    def is_by_completion(self) -> bool:
        """True if pages are ordered by completion time."""
        return self.completed_after is not None or self.completed_before is not None

    @property
    def time_column(self) -> TimeColumn | None:
        """The times that pages are ordered by, None in the order of `seq`."""
        if self.is_by_completion:
            return "completed_ms"
        is_by_creation = self.created_after is not None or self.created_before is not None
        return "created_ms" if is_by_creation else None

    @property
    def start(self) -> TaskCursor:
        """Cursor before the first task of the listing."""
        after = self.completed_after if self.is_by_completion else self.created_after
        return TaskCursor(-FAR, 0) if after is None else TaskCursor(after, FAR)


def keys_sql(in_batch: bool, one_status: bool, time_column: TimeColumn | None) -> str:
    """Select a page's keys: one range of an index for each status, merged.

    Takes the parameters of `key_args`; the columns are `seq`, or the time column and `seq`.
    """
    scope = "project_key = :project_key" + (" AND batch_id = :batch_id" if in_batch else "")
    if time_column is not None:
        columns = f"{time_column}, seq"
        key_range = f"({columns}) > (:after_ms, :after_seq) AND {time_column} <= :bound"
        if time_column == "completed_ms":
            key_range = f"completed_ms IS NOT NULL AND {key_range}"
        else:
            key_range += " AND seq <= :last_seq"
    else:
        columns = "seq"
        key_range = "seq > :after_seq AND seq <= :bound"
    statuses = [":status"]
    if not one_status:
        # Only completed tasks have a time of completion.
        is_by_completion = time_column == "completed_ms"
        wanted = (TaskStatus.completed,) if is_by_completion else STORED_STATUSES
        statuses = [str(status.code) for status in wanted]
    ranges = [
        f"SELECT {columns} FROM task WHERE {scope} AND status = {status} AND {key_range}"
        for status in statuses
    ]
    return value_lists.merge(ranges, columns)


def key_args(where: TaskFilter, after: TaskCursor, bound: int, limit: int) -> dict[str, Any]:
    """Arguments of `keys_sql` for a page of this filter; `bound` is that of `list_tasks`."""
    args: dict[str, Any] = {
        "project_key": where.project_key,
        "after_seq": after.seq,
        "bound": bound,
        "row_limit": limit,
    }
    if where.batch_id is not None:
        args["batch_id"] = where.batch_id
    if where.status is not None:
        args["status"] = where.status.code
    if where.time_column is not None:
        args["after_ms"] = after.at_ms
    if where.time_column == "completed_ms" and where.completed_before is not None:
        args["bound"] = min(bound, where.completed_before - 1)
    if where.time_column == "created_ms":
        args["last_seq"] = bound
        args["bound"] = FAR if where.created_before is None else where.created_before - 1
    return args


async def find_task(tx: Transaction, environment_id: str, task_id: str) -> StoredTask | None:
    """A task of this environment by its id, whole; None if there is none.

    None too for an id whose row is lost, though by then another task may stand in its place: a
    promoted standby of one machine of a cluster can lack commits that the others have.
    """
    locator = await tx.one(
        "SELECT project_key, seq FROM task_locator WHERE task_id = :task_id AND environment_id ="
        " :environment_id",
        {"task_id": task_id, "environment_id": environment_id},
    )
    stored = None if locator is None else await find_task_at(tx, *locator)
    return stored if stored is not None and stored.task_id == task_id else None


async def find_task_at(tx: Transaction, project_key: int, seq: int) -> StoredTask | None:
    """A task by a key from another table, whole; None if its row is lost."""
    row = await tx.one(
        f"{_WHOLE} WHERE t.project_key = :project_key AND t.seq = :seq",
        {"project_key": project_key, "seq": seq},
    )
    return None if row is None else _stored(row)


async def get_task(tx: Transaction, project_key: int, seq: int) -> StoredTask:
    """An existing task by its key, whole: with body, patches and content."""
    stored = await find_task_at(tx, project_key, seq)
    assert stored is not None
    return stored


async def get_tasks(tx: Transaction, project_key: int, seqs: Sequence[int]) -> list[StoredTask]:
    """Existing tasks of a project, whole, in the order of these distinct sequence numbers."""
    if not seqs:
        return []
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        f"{_WHOLE} WHERE t.project_key = :project_key AND t.seq IN {listed}",
        args | {"project_key": project_key},
    )
    found = {task.seq: task for task in map(_stored, rows)}
    return [found[seq] for seq in seqs]


async def list_whole_tasks(
    tx: Transaction, project_key: int, *, after_seq: int, limit: int
) -> list[StoredTask]:
    """Up to `limit` whole tasks of a project after `after_seq`, in `seq` order."""
    rows = await tx.all(
        f"{_WHOLE} WHERE t.project_key = :project_key AND t.seq > :after_seq"
        " ORDER BY t.seq LIMIT :row_limit",
        {"project_key": project_key, "after_seq": after_seq, "row_limit": limit},
    )
    return [_stored(row) for row in rows]


async def insert_tasks(tx: Transaction, environment_id: str, tasks: Sequence[StoredTask]) -> None:
    """Add tasks whose ids are free and whose sequence numbers are reserved."""
    await insert_unlisted(tx, tasks)
    await tx.add(
        "task_locator",
        ("task_id", "environment_id", "project_key", "seq"),
        [(task.task_id, environment_id, task.project_key, task.seq) for task in tasks],
    )


async def insert_unlisted(tx: Transaction, tasks: Sequence[StoredTask]) -> None:
    """Add tasks that nobody finds by their ids."""
    await tx.add(
        "task",
        _COLUMNS,
        [
            (
                task.project_key,
                task.seq,
                task.task_id,
                task.batch_id,
                task.status.code,
                task.created_ms,
                task.completed_ms,
                task.head,
            )
            for task in tasks
        ],
    )
    bodies = [
        (task.project_key, task.seq, task.body, task.patches)
        for task in tasks
        if task.body is not None
    ]
    if bodies:
        await tx.add("task_body", ("project_key", "seq", "body", "patches"), bodies)
    contents = [
        (task.project_key, task.seq, task.content, task.unique_id, task.callback_url)
        for task in tasks
        if (task.content, task.unique_id, task.callback_url) != (None, None, None)
    ]
    if contents:
        columns = ("project_key", "seq", "content", "unique_id", "callback_url")
        await tx.add("task_content", columns, contents)


_COLUMNS = (
    "project_key", "seq", "task_id", "batch_id", "status", "created_ms", "completed_ms", "head",
)  # fmt: skip


async def insert_body(
    tx: Transaction, project_key: int, seq: int, body: bytes, patches: bytes | None
) -> None:
    """Add a task's rendered threads."""
    await tx.run(
        "INSERT INTO task_body (project_key, seq, body, patches)"
        " VALUES (:project_key, :seq, :body, :patches)",
        {"project_key": project_key, "seq": seq, "body": body, "patches": patches},
    )
    await unread_tasks.mark_unread(tx, project_key, seq)


async def delete_body(tx: Transaction, project_key: int, seq: int) -> None:
    """Remove a task's rendered threads."""
    await tx.run(
        "DELETE FROM task_body WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )
    await unread_tasks.forget_words(tx, project_key, seq)


async def set_content(tx: Transaction, project_key: int, seq: int, content: bytes) -> None:
    """Store a task's prepared conversation; does nothing if it has one: content never changes."""
    await tx.run(
        "INSERT INTO task_content (project_key, seq, content) VALUES (:project_key, :seq, :content)"
        " ON CONFLICT (project_key, seq) DO UPDATE SET content = :content"
        " WHERE task_content.content IS NULL",
        {"project_key": project_key, "seq": seq, "content": content},
    )
    await unread_tasks.mark_unread(tx, project_key, seq)


async def change_status(
    tx: Transaction,
    task: StoredTask,
    *,
    expected: TaskStatus,
    status: TaskStatus,
    completed_ms: int | None,
    head: bytes,
) -> bool:
    """Move a task from the expected status to another; False if it is no longer in that status.

    Also False if its stored head differs from that of `task`, from which `head` was made.
    """
    return bool(
        await tx.run(
            "UPDATE task SET status = :status, completed_ms = :completed_ms, head = :head"
            " WHERE project_key = :project_key AND seq = :seq AND status = :expected"
            " AND head = :old_head",
            {
                "project_key": task.project_key,
                "seq": task.seq,
                "expected": expected.code,
                "old_head": task.head,
                "status": status.code,
                "completed_ms": completed_ms,
                "head": head,
            },
        )
    )


async def replace_head(tx: Transaction, task: StoredTask, head: bytes) -> bool:
    """Write a task's head; False if the stored one no longer equals that of `task`."""
    return bool(
        await tx.run(
            "UPDATE task SET head = :head"
            " WHERE project_key = :project_key AND seq = :seq AND head = :old_head",
            {"project_key": task.project_key, "seq": task.seq, "head": head, "old_head": task.head},
        )
    )


async def list_pending_of_batch(
    tx: Transaction, project_key: int, batch_id: str, *, limit: int
) -> list[StoredTask]:
    """Up to `limit` pending tasks of a batch, without their content."""
    rows = await tx.all(
        "SELECT t.project_key, t.seq, t.task_id, t.batch_id, t.status, t.created_ms,"
        " t.completed_ms, t.head, NULL, NULL, NULL, c.unique_id, c.callback_url FROM task AS t"
        " LEFT JOIN task_content AS c ON c.project_key = t.project_key AND c.seq = t.seq"
        " WHERE t.project_key = :project_key AND t.batch_id = :batch_id AND t.status = :status"
        " ORDER BY t.seq LIMIT :row_limit",
        {
            "project_key": project_key,
            "batch_id": batch_id,
            "status": TaskStatus.pending.code,
            "row_limit": limit,
        },
    )
    return [_stored(row) for row in rows]


async def cancel_tasks(tx: Transaction, heads: Sequence[tuple[StoredTask, bytes]]) -> None:
    """Cancel pending tasks, each with its new head; the caller has locked their batch's counts."""
    await tx.many(
        "UPDATE task SET status = :status, head = :head"
        " WHERE project_key = :project_key AND seq = :seq AND status = :expected",
        [
            {
                "project_key": task.project_key,
                "seq": task.seq,
                "status": TaskStatus.canceled.code,
                "expected": TaskStatus.pending.code,
                "head": head,
            }
            for task, head in heads
        ],
    )


def _stored(row: Row) -> StoredTask:
    project_key, seq, task_id, batch_id, status, *rest = row
    return StoredTask(project_key, seq, task_id, batch_id, TaskStatus.from_code(status), *rest)

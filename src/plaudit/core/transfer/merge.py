"""Put incoming tasks beside the stored ones: new, the same, further on, or in conflict.

The same content again is no change (ids and times that the server made are taken from the stored
task). A pending task that has come further, and new metadata, are updates. A task that differs
in any other way is a conflict, unless replacing was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.core.tasks import work_queue
from plaudit.core.tasks.annotation_lookup import hash_annotation_id
from plaudit.errors import Conflict, Problem
from plaudit.model.core import BatchRow, ProjectRow, StoredTask, TaskStatus
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches, projects, tasks, unique_ids
from plaudit.wire.v2 import render, size_limits
from plaudit.wire.v2.parse import ReadTask
from plaudit.wire.v2.render import Rendered

ImportResult = str | Problem
"""What became of a task: "added", "updated", "unchanged", or why it was refused."""

_encode = msgspec.json.Encoder().encode


class IncomingTask(Struct, frozen=True):
    """A validated task on its way in.

    `rendered` is None for a completed task without a time: its time is taken from the project's
    clock, inside the transaction.
    """

    read: ReadTask
    project: ProjectRow
    batch_id: str | None
    created_ms: int
    rendered: Rendered | None
    content: bytes | None

    @property
    def needs_completion_time(self) -> bool:
        return self.read.task.status is TaskStatus.completed and self.read.completed_ms is None


def prepare(read: ReadTask, project: ProjectRow, batch: BatchRow | None, now: int) -> IncomingTask:
    """Render a task as far as that can be done before it has a place in the store.

    Raises InvalidContent for one that is too long to be kept.
    """
    created_ms = now if read.created_ms is None else read.created_ms
    incoming = IncomingTask(
        read=read,
        project=project,
        batch_id=None if batch is None else batch.batch_id,
        created_ms=created_ms,
        rendered=None,
        content=None if read.task.content is None else _encode(read.task.content),
    )
    if incoming.content is not None:
        size_limits.check_conversation(len(incoming.content), "/content")
    rendered = render.render(read.task, created_ms, read.completed_ms)
    if incoming.needs_completion_time:
        return incoming
    return msgspec.structs.replace(incoming, rendered=rendered)


async def merge(
    tx: Transaction, environment_id: str, incoming: Sequence[IncomingTask], *, replace: bool
) -> list[ImportResult]:
    """Store a chunk of tasks, no id twice; return what became of each."""
    places = await tasks.locate_tasks(
        tx, environment_id, [one.read.task.task_id for one in incoming]
    )
    outcomes: list[ImportResult] = []
    fresh: dict[int, list[IncomingTask]] = {}
    for one in incoming:
        place = places.get(one.read.task.task_id)
        if place is not None:
            outcomes.append(await _merge_stored(tx, environment_id, one, place, replace=replace))
            continue
        refusal = await _reserve_unique_id(tx, environment_id, one)
        outcomes.append(refusal or "added")
        if refusal is None:
            fresh.setdefault(one.project.project_key, []).append(one)
    # In a fixed order, so that two imports never wait for each other's clocks crosswise.
    for project_key in sorted(fresh):
        await _insert(tx, environment_id, project_key, fresh[project_key])
    return outcomes


async def _reserve_unique_id(
    tx: Transaction, environment_id: str, one: IncomingTask
) -> Conflict | None:
    unique_id, task_id = one.read.task.unique_id, one.read.task.task_id
    if unique_id is None:
        return None
    holder = await unique_ids.reserve_unique_id(tx, environment_id, unique_id, task_id)
    if holder == task_id:
        return None
    return Conflict(f"unique_id {unique_id!r} belongs to task {holder!r}")


async def _insert(
    tx: Transaction, environment_id: str, project_key: int, incoming: Sequence[IncomingTask]
) -> None:
    seq = await projects.reserve_seqs(tx, project_key, len(incoming))
    given = [one.read.completed_ms for one in incoming if one.read.completed_ms is not None]
    if given:
        await projects.advance_clock(tx, project_key, max(given))
    tick = 0
    if any(one.needs_completion_time for one in incoming):
        tick = await projects.next_completion_time(tx, project_key, clock.now_ms())
    rows, annotation_places = [], []
    progress: dict[str, dict[TaskStatus, int]] = {}
    for number, one in enumerate(incoming, seq):
        rows.append(_row(one, number, tick if one.needs_completion_time else one.read.completed_ms))
        annotation_places += [
            (hash_annotation_id(one_id), project_key, number)
            for one_id in one.read.foreign_annotation_ids
        ]
        if one.batch_id is not None:
            counts = progress.setdefault(one.batch_id, {})
            counts[one.read.task.status] = counts.get(one.read.task.status, 0) + 1
    await tasks.insert_tasks(tx, environment_id, rows)
    if annotation_places:
        await tasks.insert_annotation_locators(tx, environment_id, annotation_places)
    for batch_id in sorted(progress):
        await batches.add_progress(tx, project_key, batch_id, progress[batch_id])
    await work_queue.open_work(tx, incoming[0].project, rows)


def _row(one: IncomingTask, seq: int, completed_ms: int | None) -> StoredTask:
    task = one.read.task
    rendered = one.rendered or render.render(task, one.created_ms, completed_ms)
    return StoredTask(
        one.project.project_key, seq, task.task_id, one.batch_id, task.status, one.created_ms,
        completed_ms, rendered.head, rendered.body, rendered.patches, one.content,
        task.unique_id, task.callback_url,
    )  # fmt: skip


async def _merge_stored(
    tx: Transaction,
    environment_id: str,
    one: IncomingTask,
    place: tuple[int, int],
    *,
    replace: bool,
) -> ImportResult:
    stored = await tasks.get_task(tx, *place)
    verdict = _compare(stored, one, replace=replace)
    if verdict != "updated":
        return verdict
    completed_ms = one.read.completed_ms
    if one.needs_completion_time:
        is_same_work = stored.status is TaskStatus.completed and _has_same_threads(stored, one)
        if is_same_work:
            completed_ms = stored.completed_ms
        else:
            completed_ms = await projects.next_completion_time(
                tx, stored.project_key, clock.now_ms()
            )
    elif completed_ms is not None:
        await projects.advance_clock(tx, stored.project_key, completed_ms)
    wanted = _merged_row(stored, one, completed_ms)
    moved = await tasks.change_status(
        tx,
        stored,
        expected=stored.status,
        status=wanted.status,
        completed_ms=completed_ms,
        head=wanted.head,
    )
    if not moved:  # on PostgreSQL another transaction was quicker; what it left is judged anew
        return await _merge_stored(tx, environment_id, one, place, replace=replace)
    if wanted.status is not stored.status:
        await work_queue.end_work(tx, stored.project_key, stored.seq)
    if (wanted.body, wanted.patches) != (stored.body, stored.patches):
        await tasks.delete_body(tx, stored.project_key, stored.seq)
        if wanted.body is not None:
            await tasks.insert_body(tx, stored.project_key, stored.seq, wanted.body, wanted.patches)
        await tasks.insert_annotation_locators(
            tx,
            environment_id,
            [
                (hash_annotation_id(a), stored.project_key, stored.seq)
                for a in one.read.foreign_annotation_ids
            ],
        )
    if stored.batch_id is not None and wanted.status is not stored.status:
        change = {stored.status: -1, wanted.status: 1}
        counts = await batches.add_progress(tx, stored.project_key, stored.batch_id, change)
        if counts[TaskStatus.pending] == 0:
            await batches.complete_batch(tx, stored.project_key, stored.batch_id, clock.now_ms())
    return "updated"


def _compare(stored: StoredTask, one: IncomingTask, *, replace: bool) -> ImportResult:
    """What an incoming task means for the stored one of the same id."""
    task_id = repr(stored.task_id)
    if stored.project_key != one.project.project_key:
        return Conflict(f"task {task_id} is stored in another project")
    if stored.batch_id != one.batch_id:
        return Conflict(f"task {task_id} is stored in batch {stored.batch_id!r}")
    for name in ("content", "unique_id", "callback_url"):
        value = one.content if name == "content" else getattr(one.read.task, name)
        if value is not None and value != getattr(stored, name):
            return Conflict(f"task {task_id} is stored with another {name}")
    status = one.read.task.status
    if status is TaskStatus.pending and stored.status is not TaskStatus.pending:
        return "unchanged"  # an older copy of a task that has come further
    completed_ms = one.read.completed_ms
    wanted = _merged_row(stored, one, stored.completed_ms if completed_ms is None else completed_ms)
    if wanted == stored:
        return "unchanged"
    if replace or (stored.status is TaskStatus.pending and status is not TaskStatus.pending):
        return "updated"
    if status is not stored.status:
        return Conflict(f"task {task_id} is stored as {stored.status}; see --replace")
    if not _has_same_threads(stored, one):
        return Conflict(f"task {task_id} is stored with other threads; see --replace")
    was, now = render.read_head(stored.head), render.read_head(wanted.head)
    now.metadata = was.metadata
    if now != was:
        return Conflict(f"task {task_id} is stored with other times or errors; see --replace")
    return "updated"


def _has_same_threads(stored: StoredTask, one: IncomingTask) -> bool:
    wanted = _merged_row(stored, one, stored.completed_ms)
    return (wanted.body, wanted.patches) == (stored.body, stored.patches)


def _merged_row(stored: StoredTask, one: IncomingTask, completed_ms: int | None) -> StoredTask:
    """The row the incoming task would make in the stored one's place."""
    created_ms = stored.created_ms if one.read.created_ms is None else one.read.created_ms
    task = one.read.task
    if task.metadata is None and stored.status is task.status:
        task = msgspec.structs.replace(task, metadata=render.read_head(stored.head).metadata)
    rendered = render.render(task, created_ms, completed_ms)
    return msgspec.structs.replace(
        stored,
        status=task.status,
        created_ms=created_ms,
        completed_ms=completed_ms,
        head=rendered.head,
        body=rendered.body,
        patches=rendered.patches,
    )

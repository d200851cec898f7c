"""Merge imported tasks into the stored ones: added, updated, unchanged, or a conflict.

Equal content is no change (ids and times minted by the server are taken from the stored task). A
later status of a pending task, and new metadata, are updates. Any other difference is a conflict,
unless the import replaces.

A chunk takes its locks in the order of every other writer: unique_ids, the counts of batches, rows
of the work queue, and then project by project the clock and tasks. Each kind is sorted, so that
two transactions wait for one another and never deadlock. A batch that is completed or cancelled
takes no new pending task: nobody would do it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import chain

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.core.tasks import thread_votes, work_queue
from plaudit.core.tasks.lifecycle import CLOSED
from plaudit.core.transfer.prepared_tasks import IncomingTask
from plaudit.errors import Conflict, InvalidContent, Problem
from plaudit.model.core import BatchStatus, StoredTask, TaskStatus
from plaudit.store.engine.engine import RunAgain, Transaction
from plaudit.store.tasks import (
    annotation_locators,
    batches,
    projects,
    task_changes,
    task_locators,
    tasks,
    unique_ids,
)
from plaudit.store.tasks import work_queue as work_queue_store
from plaudit.wire.v2 import render

ImportResult = str | Problem
"""Result of one task: "added", "updated", "unchanged", or the Problem that rejected it."""

LOST = "the store has lost this task, and its id stays taken; the check of the store tells of it"


async def merge(
    tx: Transaction,
    environment_id: str,
    incoming: Sequence[IncomingTask],
    *,
    replace: bool,
    locked_whole: Collection[int] = (),
) -> list[ImportResult]:
    """Store a chunk of tasks with distinct ids; return a result for each, in order.

    All batches of the projects `locked_whole` are locked, not those of the chunk alone.
    """
    locators = await task_locators.locate_tasks(
        tx, environment_id, [task.prepared.task_id for task in incoming]
    )
    results: dict[str, ImportResult] = {}
    changed: list[_ChangedTask] = []
    unknown = []
    for task in incoming:
        if task.prepared.task_id not in locators:
            unknown.append(task)
            continue
        locator = locators[task.prepared.task_id]
        if locator is None:
            results[task.prepared.task_id] = Conflict(LOST)
            continue
        stored = await tasks.get_task(tx, *locator)
        result = _compare(stored, task, replace=replace)
        results[task.prepared.task_id] = result
        if result == "updated":
            changed.append(_ChangedTask(locator, stored.batch_id, _is_queued(stored), task))
    refused = await _refuse_of_closed_batches(tx, environment_id, unknown)
    unknown = [task for task in unknown if task.prepared.task_id not in refused]
    results |= refused | await _reserve_unique_ids(tx, environment_id, unknown)
    fresh: dict[int, list[IncomingTask]] = {}
    for task in unknown:
        if results.setdefault(task.prepared.task_id, "added") == "added":
            fresh.setdefault(task.project.project_key, []).append(task)
    changed.sort(key=lambda one: one.locator)
    for project_key in sorted(locked_whole):
        await batches.lock_progress_of_project(tx, project_key)
    await _lock(tx, changed, fresh)
    if await _refuse_of_closed_batches(tx, environment_id, list(chain(*fresh.values()))):
        raise RunAgain("a batch was closed before it was locked")
    ended: set[tuple[int, str]] = set()
    for project_key in sorted({one.locator[0] for one in changed} | fresh.keys()):
        for one in changed:
            if one.locator[0] == project_key:
                results[one.incoming.prepared.task_id] = await _merge_stored(
                    tx, environment_id, one.incoming, one.locator, ended, replace=replace
                )
        if project_key in fresh:
            await _insert(tx, environment_id, project_key, fresh[project_key])
    # Last, because a batch whose last stored task ends here may have got new ones.
    for project_key, batch_id in sorted(ended):
        await _complete_batch_if_done(tx, environment_id, project_key, batch_id)
    return [results[task.prepared.task_id] for task in incoming]


class _ChangedTask(Struct, frozen=True):
    """A stored task that the chunk changes, as it was before its batch was locked."""

    locator: tuple[int, int]
    batch_id: str | None
    is_queued: bool
    incoming: IncomingTask


def _is_queued(stored: StoredTask) -> bool:
    return stored.status is TaskStatus.pending and work_queue.is_workable(stored)


async def _refuse_of_closed_batches(
    tx: Transaction, environment_id: str, incoming: Sequence[IncomingTask]
) -> dict[str, ImportResult]:
    """Problems by task_id of the new pending tasks whose batches are closed, as of this statement.

    A batch that is closed once stays so.
    """
    pending = [task for task in incoming if task.prepared.status is TaskStatus.pending]
    batch_ids = sorted({task.batch_id for task in pending if task.batch_id is not None})
    found = await batches.find_batches(tx, environment_id, batch_ids)
    refused: dict[str, ImportResult] = {}
    for task in pending:
        batch = found.get(task.batch_id or "")
        if batch is None or (batch.status is BatchStatus.completed and task.is_restored_batch):
            continue
        try:
            check_open(batch.batch_id, batch.status, task.prepared.status)
        except InvalidContent as problem:
            refused[task.prepared.task_id] = problem
    return refused


def check_open(batch_id: str, batch_status: BatchStatus | None, task_status: TaskStatus) -> None:
    """Raise InvalidContent for a pending task of a closed batch, in which nobody would do it."""
    if task_status is TaskStatus.pending and batch_status in CLOSED:
        raise InvalidContent(
            f"batch {batch_id!r} is {batch_status}; it takes no more tasks", pointer="/batch"
        )


async def _reserve_unique_ids(
    tx: Transaction, environment_id: str, incoming: Sequence[IncomingTask]
) -> dict[str, ImportResult]:
    """Reserve the unique_ids of new tasks; return a Conflict by task_id where one is taken."""
    wanted: dict[str, str] = {}
    for task in incoming:
        if task.prepared.unique_id is not None:
            wanted.setdefault(task.prepared.unique_id, task.prepared.task_id)
    if not wanted:
        return {}
    await unique_ids.reserve_unique_ids(tx, environment_id, wanted)
    owners = await unique_ids.list_reserved(tx, environment_id, list(wanted))
    refused: dict[str, ImportResult] = {}
    for task in incoming:
        unique_id, task_id = task.prepared.unique_id, task.prepared.task_id
        if unique_id is not None and owners[unique_id] != task_id:
            refused[task_id] = Conflict(
                f"unique_id {unique_id!r} belongs to task {owners[unique_id]!r}"
            )
    return refused


async def _lock(
    tx: Transaction, changed: Sequence[_ChangedTask], fresh: Mapping[int, Sequence[IncomingTask]]
) -> None:
    """Count the new tasks in their batches, which locks these; lock all that is changed."""
    counts: dict[tuple[int, str], Counter[TaskStatus]] = {
        (one.locator[0], one.batch_id): Counter() for one in changed if one.batch_id is not None
    }
    for project_key, incoming in fresh.items():
        for task in incoming:
            if task.batch_id is not None:
                key = project_key, task.batch_id
                if key not in counts:
                    counts[key] = Counter()
                counts[key][task.prepared.status] += 1
    for project_key, batch_id in sorted(counts):
        await batches.add_progress(tx, project_key, batch_id, counts[project_key, batch_id])
    for one in changed:
        if one.is_queued:
            await work_queue_store.lock_work(tx, *one.locator)


async def _insert(
    tx: Transaction, environment_id: str, project_key: int, incoming: Sequence[IncomingTask]
) -> None:
    first_seq = await projects.reserve_seqs(tx, project_key, len(incoming))
    completion_times = [
        task.prepared.completed_ms for task in incoming if task.prepared.completed_ms is not None
    ]
    if completion_times:
        await projects.advance_clock(tx, project_key, max(completion_times))
    next_ms = 0
    if any(task.prepared.needs_completion_time for task in incoming):
        next_ms = await projects.next_completion_time(tx, project_key, clock.now_ms())
    rows = [_row(task, task_seq, next_ms) for task_seq, task in enumerate(incoming, first_seq)]
    locators = [
        (id_hash, project_key, task_seq)
        for task_seq, task in enumerate(incoming, first_seq)
        for id_hash in task.prepared.locators
    ]
    await tasks.insert_tasks(tx, environment_id, rows)
    if locators:
        await annotation_locators.insert_annotation_locators(tx, environment_id, locators)
    await work_queue.open_work(tx, incoming[0].project, rows)
    cast_by_seq = {seq: task.prepared.votes for seq, task in enumerate(incoming, first_seq)}
    await thread_votes.insert_thread_votes(tx, project_key, cast_by_seq)


def _row(incoming: IncomingTask, seq: int, next_ms: int) -> StoredTask:
    """Row of a new task; `next_ms` is the completion time for those that have none."""
    task = incoming.prepared
    completed_ms, head = task.completed_ms, task.head
    if task.needs_completion_time:
        completed_ms = next_ms
        head = task.head_at(task.created_ms, next_ms)
    return StoredTask(
        incoming.project.project_key, seq, task.task_id, incoming.batch_id, task.status,
        task.created_ms, completed_ms, head, task.body, task.patches, task.content,
        task.unique_id, task.callback_url,
    )  # fmt: skip


async def _merge_stored(
    tx: Transaction,
    environment_id: str,
    incoming: IncomingTask,
    locator: tuple[int, int],
    ended: set[tuple[int, str]],
    *,
    replace: bool,
) -> ImportResult:
    """Merge a task into the stored one; its batch is added to `ended` if the task ends there."""
    stored = await tasks.get_task(tx, *locator)  # read again, now that its batch is locked
    result = _compare(stored, incoming, replace=replace)
    if result != "updated":
        return result
    completed_ms = incoming.prepared.completed_ms
    if incoming.prepared.needs_completion_time:
        is_same_work = stored.status is TaskStatus.completed and _has_same_threads(stored, incoming)
        if is_same_work:
            completed_ms = stored.completed_ms
        else:
            completed_ms = await projects.next_completion_time(
                tx, stored.project_key, clock.now_ms()
            )
    elif completed_ms is not None:
        await projects.advance_clock(tx, stored.project_key, completed_ms)
    wanted = _merged_row(stored, incoming, completed_ms)
    moved = await tasks.change_status(
        tx,
        stored,
        expected=stored.status,
        status=wanted.status,
        completed_ms=completed_ms,
        head=wanted.head,
    )
    if not moved:  # another transaction changed it first (PostgreSQL); compare with what it left
        return await _merge_stored(tx, environment_id, incoming, locator, ended, replace=replace)
    await task_changes.mark_task(tx, stored.project_key, stored.seq)
    if wanted.status is not stored.status:
        await work_queue.end_work(tx, stored.project_key, stored.seq)
    if (wanted.body, wanted.patches) != (stored.body, stored.patches):
        await tasks.delete_body(tx, stored.project_key, stored.seq)
        if wanted.body is not None:
            await tasks.insert_body(tx, stored.project_key, stored.seq, wanted.body, wanted.patches)
        await annotation_locators.insert_annotation_locators(
            tx,
            environment_id,
            [(id_hash, stored.project_key, stored.seq) for id_hash in incoming.prepared.locators],
        )
        await thread_votes.replace_thread_votes(
            tx, stored.project_key, stored.seq, incoming.prepared.votes
        )
    if stored.batch_id is not None and wanted.status is not stored.status:
        change = {stored.status: -1, wanted.status: 1}
        await batches.add_progress(tx, stored.project_key, stored.batch_id, change)
        ended.add((stored.project_key, stored.batch_id))
    return "updated"


async def _complete_batch_if_done(
    tx: Transaction, environment_id: str, project_key: int, batch_id: str
) -> None:
    counts = await batches.add_progress(tx, project_key, batch_id, {})
    if counts[TaskStatus.pending] == 0:
        await batches.complete_batch(tx, environment_id, batch_id, clock.now_ms())


def _compare(stored: StoredTask, incoming: IncomingTask, *, replace: bool) -> ImportResult:
    """Result of merging a task into the stored one of its id; writes nothing."""
    task_id = repr(stored.task_id)
    if stored.project_key != incoming.project.project_key:
        return Conflict(f"task {task_id} is stored in another project")
    if stored.batch_id != incoming.batch_id:
        return Conflict(f"task {task_id} is stored in batch {stored.batch_id!r}")
    for name in ("content", "unique_id", "callback_url"):
        value = getattr(incoming.prepared, name)
        if value is not None and value != getattr(stored, name):
            return Conflict(f"task {task_id} is stored with another {name}")
    status = incoming.prepared.status
    if status is TaskStatus.pending and stored.status is not TaskStatus.pending:
        return "unchanged"  # an older copy of a task that has come further
    completed_ms = incoming.prepared.completed_ms
    wanted = _merged_row(
        stored, incoming, stored.completed_ms if completed_ms is None else completed_ms
    )
    if wanted == stored:
        return "unchanged"
    if replace or (stored.status is TaskStatus.pending and status is not TaskStatus.pending):
        return "updated"
    if status is not stored.status:
        return Conflict(f"task {task_id} is stored as {stored.status}; see --replace")
    if not _has_same_threads(stored, incoming):
        return Conflict(f"task {task_id} is stored with other threads; see --replace")
    old_fields, new_fields = render.read_head(stored.head), render.read_head(wanted.head)
    new_fields.metadata = old_fields.metadata
    if new_fields != old_fields:
        return Conflict(f"task {task_id} is stored with other times or errors; see --replace")
    return "updated"


def _has_same_threads(stored: StoredTask, incoming: IncomingTask) -> bool:
    task = incoming.prepared
    return (task.body, task.patches) == (stored.body, stored.patches)


def _merged_row(stored: StoredTask, incoming: IncomingTask, completed_ms: int | None) -> StoredTask:
    """The stored row with status, times and threads of the incoming task."""
    task = incoming.prepared
    created_ms = stored.created_ms if task.given_ms is None else task.given_ms
    metadata = None
    if stored.status is task.status:
        metadata = render.read_head(stored.head).metadata
    return msgspec.structs.replace(
        stored,
        status=task.status,
        created_ms=created_ms,
        completed_ms=completed_ms,
        head=task.head_at(created_ms, completed_ms, metadata),
        body=task.body,
        patches=task.patches,
    )

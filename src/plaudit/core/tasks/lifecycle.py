"""Task lifecycle: create, complete, correct, cancel, fail and reopen tasks.

Each change of status is a conditional update, in one transaction with the batch's counts and the
event of it. Completing takes its time from the project's clock
inside that transaction, so `completed_after = greatest completed_at received` never misses a task.

Every change of a batch's tasks locks the batch's counts first, then the task's row in the work
queue, then the project's clock. So a change of status, a submission, the cancellation of the batch
and its completion by the last task wait for one another and never deadlock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from plaudit import clock, ids
from plaudit.core.common import json_merge_patch
from plaudit.core.common.json_size import json_size
from plaudit.core.tasks import thread_votes, work_queue
from plaudit.core.tasks.annotation_lookup import hash_annotation_id, threads_of
from plaudit.core.webhooks import events
from plaudit.errors import Conflict, IllegalMove, InvalidContent, NotFound, Unavailable
from plaudit.model.core import BatchRow, BatchStatus, Opts, ProjectRow, StoredTask, TaskStatus
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import submissions
from plaudit.store.tasks import (
    annotation_locators,
    batches,
    projects,
    task_changes,
    task_locators,
    tasks,
    unique_ids,
)
from plaudit.wire.v2 import parse, render, size_limits
from plaudit.wire.v2.render import HeadFields
from plaudit.wire.v2.task import ErrorDetail, SensitiveContentReport, Thread

ATTEMPTS_MAX = 100
CLOSED = (BatchStatus.completed, BatchStatus.cancelled)
"""Batches in these statuses take no more tasks."""

_encode = msgspec.json.Encoder().encode


async def create_task(
    tx: Transaction,
    project: ProjectRow,
    *,
    batch: BatchRow | None = None,
    task_id: str | None = None,
    metadata: dict[str, Any] | None = None,
    content: list[Thread] | None = None,
    unique_id: str | None = None,
    callback_url: str | None = None,
) -> StoredTask:
    """Add a pending task, with `content` as its prepared conversation; return it.

    Raises InvalidContent for metadata or content that is too long, IllegalMove for a closed batch,
    and Conflict, naming the other task, if the `unique_id` or the `task_id` is taken.
    """
    size_limits.check_metadata(metadata)
    content_json = None if content is None else _encode(content)
    size_limits.check_conversation(len(content_json or b""), "/template_variables")
    has_own_id = task_id is not None
    task_id = task_id or ids.mint("task")
    if has_own_id and await task_locators.is_id_taken(tx, project.environment_id, task_id):
        raise Conflict(f"there is a task {task_id!r} already")
    if unique_id is not None:
        holder = await unique_ids.reserve_unique_id(tx, project.environment_id, unique_id, task_id)
        if holder != task_id:
            raise Conflict(f"unique_id {unique_id!r} belongs to task {holder!r}")
    if batch is not None:
        # Counting locks the batch's progress, so its status, read after, cannot change any more.
        await batches.add_progress(tx, project.project_key, batch.batch_id, {TaskStatus.pending: 1})
        current = await batches.find_batch(tx, project.environment_id, batch.batch_id)
        assert current is not None
        if current.status in CLOSED:
            raise IllegalMove(f"the batch is {current.status}; it takes no more tasks")
    now = clock.now_ms()
    fields = HeadFields(
        task_id=task_id,
        status=TaskStatus.pending,
        created_at=clock.format_ms(now),
        metadata=metadata,
    )
    task = StoredTask(
        project_key=project.project_key,
        seq=await projects.reserve_seqs(tx, project.project_key, 1),
        task_id=task_id,
        batch_id=None if batch is None else batch.batch_id,
        status=TaskStatus.pending,
        created_ms=now,
        completed_ms=None,
        head=render.render_head(fields, has_body=False),
        content=content_json,
        unique_id=unique_id,
        callback_url=callback_url,
    )
    await tasks.insert_tasks(tx, project.environment_id, [task])
    await work_queue.open_work(tx, project, [task])
    await events.announce_tasks(tx, project.environment_id, [task])
    return task


async def complete_task(
    tx: Transaction,
    environment_id: str,
    task: StoredTask,
    threads: Any,
    *,
    by_submissions: bool = False,
) -> int:
    """Complete a pending task with its delivered threads; return its completion time.

    `threads` is decoded JSON in the shape of v2. Annotators can return to their answers only if
    the task was completed `by_submissions` alone. Raises InvalidContent, or Conflict if the task is
    no longer pending.
    """
    byte_count = json_size(threads)
    parsed = await _parse_threads(tx, task, threads, byte_count)
    await _count_move(tx, task, TaskStatus.pending, TaskStatus.completed)
    completed_ms = await projects.next_completion_time(tx, task.project_key, clock.now_ms())
    rendered = await tx.compute(
        byte_count, lambda: render.render(parsed.task, task.created_ms, completed_ms)
    )
    assert rendered.body is not None

    done = await _move(tx, task, TaskStatus.completed, completed_ms, _completed_head(completed_ms))
    done = msgspec.structs.replace(done, body=rendered.body, patches=rendered.patches)
    await tasks.insert_body(tx, task.project_key, task.seq, rendered.body, rendered.patches)
    await annotation_locators.insert_annotation_locators(
        tx,
        environment_id,
        [
            (hash_annotation_id(annotation_id), task.project_key, task.seq)
            for annotation_id in parsed.foreign_annotation_ids
        ],
    )
    if not by_submissions:
        cast = await tx.compute(
            byte_count, lambda: thread_votes.thread_votes(parsed.task.threads or [])
        )
        await thread_votes.replace_thread_votes(tx, task.project_key, task.seq, cast)
    await _end_task(tx, environment_id, done, by_submissions=by_submissions)
    return completed_ms


async def complete_reported(
    tx: Transaction, environment_id: str, task: StoredTask, reports: list[SensitiveContentReport]
) -> int:
    """Complete a pending task with reports of sensitive content instead of threads.

    Returns its completion time; raises Conflict if the task is no longer pending.
    """
    await _count_move(tx, task, TaskStatus.pending, TaskStatus.completed)
    completed_ms = await projects.next_completion_time(tx, task.project_key, clock.now_ms())

    def head(fields: HeadFields) -> bytes:
        fields.completed_at = clock.format_ms(completed_ms)
        fields.sensitive_content_reports = reports
        return _plain_head(fields)

    await _end_task(
        tx, environment_id, await _move(tx, task, TaskStatus.completed, completed_ms, head)
    )
    return completed_ms


async def correct_task(tx: Transaction, environment_id: str, task: StoredTask, threads: Any) -> int:
    """Replace a completed task's threads; return its new completion time in milliseconds.

    Its event is emitted again, and incremental reads return it again; frozen deliveries keep their
    version (docs/adr/0025). Raises InvalidContent, or Conflict if the task is not completed
    any more or was corrected by another request since `task` was read.
    """
    byte_count = json_size(threads)
    parsed = await _parse_threads(tx, task, threads, byte_count)
    if task.batch_id is not None:
        await batches.add_progress(tx, task.project_key, task.batch_id, {})  # the lock
    completed_ms = await projects.next_completion_time(tx, task.project_key, clock.now_ms())
    rendered = await tx.compute(
        byte_count, lambda: render.render(parsed.task, task.created_ms, completed_ms)
    )
    assert rendered.body is not None

    done = await _move(
        tx,
        task,
        TaskStatus.completed,
        completed_ms,
        _completed_head(completed_ms),
        expected=TaskStatus.completed,
        expected_ms=task.completed_ms,
    )
    await tasks.delete_body(tx, task.project_key, task.seq)
    await tasks.insert_body(tx, task.project_key, task.seq, rendered.body, rendered.patches)
    await annotation_locators.insert_annotation_locators(
        tx,
        environment_id,
        [
            (hash_annotation_id(annotation_id), task.project_key, task.seq)
            for annotation_id in parsed.foreign_annotation_ids
        ],
    )
    done = msgspec.structs.replace(done, body=rendered.body, patches=rendered.patches)
    await events.announce_tasks(tx, environment_id, [done])
    return completed_ms


async def cancel_task(tx: Transaction, environment_id: str, task: StoredTask) -> None:
    """Cancel a pending task; raises Conflict if it is no longer pending."""
    await _count_move(tx, task, TaskStatus.pending, TaskStatus.canceled)
    await _end_task(
        tx, environment_id, await _move(tx, task, TaskStatus.canceled, None, _plain_head)
    )


async def fail_task(
    tx: Transaction, environment_id: str, task: StoredTask, errors: list[ErrorDetail]
) -> None:
    """Move a pending task to status error, with reasons; raises Conflict if it is not pending."""

    def head(fields: HeadFields) -> bytes:
        fields.errors = errors
        return _plain_head(fields)

    await _count_move(tx, task, TaskStatus.pending, TaskStatus.error)
    await _end_task(tx, environment_id, await _move(tx, task, TaskStatus.error, None, head))


async def reopen_task(
    tx: Transaction, environment_id: str, task: StoredTask, *, keeps_submissions: bool = False
) -> None:
    """Make a completed task pending again; its threads without answers become its content.

    Everybody answers anew, unless `keeps_submissions`. Raises Conflict if it is no longer
    completed, or its batch is cancelled, so that nobody could do it.
    """
    await _count_move(tx, task, TaskStatus.completed, TaskStatus.pending)
    if task.batch_id is not None:  # locked by counting, so its status cannot change any more
        batch = await batches.find_batch(tx, environment_id, task.batch_id)
        assert batch is not None
        if batch.status is BatchStatus.cancelled:
            raise Conflict("the batch of this task is cancelled; its tasks are not reopened")

    def head(fields: HeadFields) -> bytes:
        fields.completed_at = None
        fields.sensitive_content_reports = None
        return _plain_head(fields)

    await _move(tx, task, TaskStatus.pending, None, head, expected=TaskStatus.completed)
    await task_changes.mark_task(tx, task.project_key, task.seq)
    task = completed = await tasks.get_task(tx, task.project_key, task.seq)
    if task.body is not None and task.content is None:
        content = await tx.compute(len(task.body), lambda: _encode(content_from_threads(completed)))
        await tasks.set_content(tx, task.project_key, task.seq, content)
        task = await tasks.get_task(tx, task.project_key, task.seq)
    await tasks.delete_body(tx, task.project_key, task.seq)
    project = await projects.find_project_by_key(tx, environment_id, task.project_key)
    assert project is not None
    if keeps_submissions:
        count = await submissions.count_current(tx, task.project_key, task.seq)
        await work_queue.open_work(tx, project, [task], submitted_count=count)
    else:
        await work_queue.restart_work(tx, project, task)


async def set_metadata(
    tx: Transaction, environment_id: str, task_id: str, metadata: dict[str, Any], *, merge: bool
) -> StoredTask:
    """Replace a task's metadata, or with `merge` patch it (RFC 7396); return the task.

    Raises NotFound, InvalidContent if the result is too long, or Unavailable.
    """
    for _ in range(ATTEMPTS_MAX):
        task = await tasks.find_task(tx, environment_id, task_id)
        if task is None:
            raise NotFound("there is no such task")
        if task.batch_id is not None:  # waits for a batch that is just being cancelled
            await batches.add_progress(tx, task.project_key, task.batch_id, {})
            task = await tasks.get_task(tx, task.project_key, task.seq)
        fields = render.read_head(task.head)
        fields.metadata = (
            json_merge_patch.merge(fields.metadata or {}, metadata) if merge else metadata
        )
        size_limits.check_metadata(fields.metadata)
        head = render.render_head(fields, has_body=task.body is not None)
        if await tasks.replace_head(tx, task, head):
            await task_changes.mark_task(tx, task.project_key, task.seq)
            return msgspec.structs.replace(task, head=head)
    raise Unavailable("the task changes too often; try again")


async def _count_move(
    tx: Transaction, task: StoredTask, expected: TaskStatus, status: TaskStatus
) -> None:
    """Count a change of status in the batch, before the change itself: counting takes the lock.

    The task's row in the work queue is locked too.
    """
    if task.batch_id is not None:
        change = {expected: -1, status: 1}
        await batches.add_progress(tx, task.project_key, task.batch_id, change)
    if expected is TaskStatus.pending:
        await work_queue.lock_work(tx, task)


async def _parse_threads(
    tx: Transaction, task: StoredTask, threads: Any, byte_count: int
) -> parse.ReadTask:
    """Read threads with which a task is completed; raises InvalidContent, also if there is none."""
    whole = {"task_id": task.task_id, "status": "completed", "threads": threads}
    parsed = await tx.compute(byte_count, lambda: parse.read_task(whole))
    if not parsed.task.threads:
        raise InvalidContent("a completed task has at least one thread", pointer="/threads")
    return parsed


async def _move(
    tx: Transaction,
    task: StoredTask,
    status: TaskStatus,
    completed_ms: int | None,
    head: Callable[[HeadFields], bytes],
    *,
    expected: TaskStatus = TaskStatus.pending,
    expected_ms: int | None = None,
) -> StoredTask:
    """Change a task's status and return the task; `head` renders the new head from the old fields.

    The update is conditional on the old head, so a concurrent change of metadata is kept. Raises
    Conflict if the status is not `expected`, or the completion time not `expected_ms` if given.
    """
    for _ in range(ATTEMPTS_MAX):
        fields = render.read_head(task.head)
        fields.status = status
        new_head = head(fields)
        if await tasks.change_status(
            tx, task, expected=expected, status=status, completed_ms=completed_ms, head=new_head
        ):
            return msgspec.structs.replace(
                task, status=status, completed_ms=completed_ms, head=new_head
            )
        task = await tasks.get_task(tx, task.project_key, task.seq)
        if task.status is not expected:
            raise Conflict(f"the task is no longer {expected}; it is {task.status}")
        if expected_ms is not None and task.completed_ms != expected_ms:
            raise Conflict("the task was corrected at this moment; look at it again")
    raise Unavailable("the task changes too often; try again")


async def _end_task(
    tx: Transaction, environment_id: str, task: StoredTask, *, by_submissions: bool = False
) -> None:
    """End the work on a task, emit its event, and complete its batch if it was the last."""
    await work_queue.end_work(tx, task.project_key, task.seq, by_submissions=by_submissions)
    await events.announce_tasks(tx, environment_id, [task])
    if task.batch_id is not None:
        await complete_batch_if_done(tx, environment_id, task.project_key, task.batch_id)


async def complete_batch_if_done(
    tx: Transaction, environment_id: str, project_key: int, batch_id: str
) -> bool:
    """Complete a batch in progress that has tasks but none pending; False if that is not so."""
    counts = await batches.add_progress(tx, project_key, batch_id, {})
    if counts[TaskStatus.pending] or not any(counts.values()):
        return False
    if not await batches.complete_batch(tx, environment_id, batch_id, clock.now_ms()):
        return False
    batch = await batches.find_batch(tx, environment_id, batch_id)
    assert batch is not None
    await events.announce_batch(tx, environment_id, batch)
    return True


def _completed_head(completed_ms: int) -> Callable[[HeadFields], bytes]:
    def head(fields: HeadFields) -> bytes:
        fields.completed_at = clock.format_ms(completed_ms)
        return render.render_head(fields, has_body=True)

    return head


def _plain_head(fields: HeadFields) -> bytes:
    return render.render_head(fields, has_body=False)


def content_from_threads(task: StoredTask) -> list[Thread]:
    """Conversation of a completed task: its threads without annotations and evaluations."""
    threads = threads_of(task, int(Opts.attachment_details | Opts.model_parameters))
    for _, listed in parse.annotation_lists(threads, {}):
        listed.clear()
    for thread in threads:
        for turn in thread.turns:
            for message in turn.messages:
                message.rubric_evaluations = None
    return threads

"""A task's life: created, completed, canceled, in error, reopened.

Each move is a conditional update judged by its row count, together with the batch's counts, in
one transaction. Completing takes its time from the project's clock inside that transaction, so
`completed_after = greatest completed_at received` never misses a task.
"""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit import clock, ids
from plaudit.core.annotations import id_hash, threads_of
from plaudit.errors import Conflict, InvalidContent
from plaudit.model import Batch, BatchStatus, Opts, Project, StoredTask, TaskStatus
from plaudit.store import batches, projects, tasks
from plaudit.store.engine import Transaction
from plaudit.wire import reading, rendering
from plaudit.wire.rendering import HeadFields
from plaudit.wire.task import ErrorDetail

_encode = msgspec.json.Encoder().encode


async def create_task(
    tx: Transaction,
    project: Project,
    *,
    batch: Batch | None = None,
    task_id: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> StoredTask:
    """Add a pending task; raises Conflict for a batch that takes no more."""
    task_id = task_id or ids.mint("task")
    now = clock.now_ms()
    head = rendering.render_head(
        HeadFields(
            task_id=task_id,
            status=TaskStatus.pending,
            created_at=clock.format_ms(now),
            metadata=metadata,
        ),
        has_body=False,
    )
    task = StoredTask(
        project_id=project.project_id,
        seq=await projects.take_seqs(tx, project.project_id, 1),
        task_id=task_id,
        batch_id=None if batch is None else batch.batch_id,
        status=TaskStatus.pending,
        created_ms=now,
        completed_ms=None,
        head=head,
    )
    await tasks.insert_tasks(tx, project.org_id, [task])
    if batch is not None:
        # Counting locks the batch's progress, so its status, read after, cannot change any more.
        await batches.add_progress(tx, project.project_id, batch.batch_id, {TaskStatus.pending: 1})
        now_stored = await batches.find_batch(tx, project.org_id, batch.batch_id)
        assert now_stored is not None
        if now_stored.status in (BatchStatus.completed, BatchStatus.cancelled):
            raise Conflict(f"the batch is {now_stored.status}; it takes no more tasks")
    return task


async def complete_task(tx: Transaction, org_id: str, task: StoredTask, threads: Any) -> int:
    """Complete a pending task with its delivered threads; return its completion time.

    `threads` is decoded JSON in the wire's shape. Raises InvalidContent, or Conflict if the task
    is no longer pending.
    """
    read = reading.read_task({"task_id": task.task_id, "status": "completed", "threads": threads})
    if not read.task.threads:
        raise InvalidContent("a completed task has at least one thread", pointer="/threads")
    completed_ms = await projects.tick(tx, task.project_id, clock.now_ms())
    fields = rendering.read_head(task.head)
    read.task.metadata = fields.metadata
    rendered = rendering.render(read.task, task.created_ms, completed_ms)
    await _move(tx, task, TaskStatus.completed, completed_ms, rendered.head)
    assert rendered.body is not None
    await tasks.insert_body(tx, task.project_id, task.seq, rendered.body, rendered.patches)
    await tasks.insert_annotation_places(
        tx,
        org_id,
        [(id_hash(one), task.project_id, task.seq) for one in read.foreign_annotation_ids],
    )
    return completed_ms


async def cancel_task(tx: Transaction, task: StoredTask) -> None:
    """Cancel a pending task; raises Conflict if it is no longer pending."""
    await _move(tx, task, TaskStatus.canceled, None, _head(task, TaskStatus.canceled))


async def fail_task(tx: Transaction, task: StoredTask, errors: list[ErrorDetail]) -> None:
    """Put a pending task in status error, saying why; raises Conflict if it is not pending."""
    await _move(tx, task, TaskStatus.error, None, _head(task, TaskStatus.error, errors))


async def reopen_task(tx: Transaction, task: StoredTask) -> None:
    """Make a completed task pending again. Its threads go; what they asked stays as content."""
    if task.body is not None and task.content is None:
        await tasks.set_content(tx, task.project_id, task.seq, _content_of(task))
    await _move(
        tx, task, TaskStatus.pending, None, _head(task, TaskStatus.pending),
        expected=TaskStatus.completed,
    )  # fmt: skip
    await tasks.delete_body(tx, task.project_id, task.seq)


async def _move(
    tx: Transaction,
    task: StoredTask,
    status: TaskStatus,
    completed_ms: int | None,
    head: bytes,
    *,
    expected: TaskStatus = TaskStatus.pending,
) -> None:
    if not await tasks.change_status(
        tx, task, expected=expected, status=status, completed_ms=completed_ms, head=head
    ):
        raise Conflict(f"the task is no longer {expected}")
    if task.batch_id is not None:
        counts = await batches.add_progress(
            tx, task.project_id, task.batch_id, {expected: -1, status: 1}
        )
        if counts[TaskStatus.pending] == 0:
            await batches.complete_batch(tx, task.project_id, task.batch_id, clock.now_ms())


def _head(task: StoredTask, status: TaskStatus, errors: list[ErrorDetail] | None = None) -> bytes:
    fields = rendering.read_head(task.head)
    return rendering.render_head(
        HeadFields(
            task_id=fields.task_id,
            status=status,
            created_at=fields.created_at,
            metadata=fields.metadata,
            errors=errors,
        ),
        has_body=False,
    )


def _content_of(task: StoredTask) -> bytes:
    """What a completed task asked: its threads without anybody's answers."""
    threads = threads_of(task, int(Opts.attachment_details | Opts.model_parameters))
    for _, listed in reading.annotation_lists(threads, {}):
        listed.clear()
    for thread in threads:
        for turn in thread.turns:
            for message in turn.messages:
                message.rubric_evaluations = None
    return _encode(threads)

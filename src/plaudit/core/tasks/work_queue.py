"""Work queue: the pending tasks that annotators can work on, kept in step with tasks and batches.

A task with content enters it when it is created or reopened, and leaves it when it ends; both in
the transaction of that change. Tasks of staging, paused and cancelled batches are on hold.
"""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.core.staffing import pools
from plaudit.core.tasks.overlap import needed_at_first
from plaudit.errors import NotFound
from plaudit.model.core import BatchRow, BatchStatus, ProjectRow, StoredTask, TaskStatus
from plaudit.model.labeling import QueuedTask, WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases, review_order, skips, submissions
from plaudit.store.tasks import batches, projects, work_queue
from plaudit.wire.v2.resources import project_detail

ON_HOLD = (BatchStatus.staging, BatchStatus.paused, BatchStatus.cancelled)
"""Not `completed`: a pending task of a completed batch was reopened to be done again."""
PRIORITY_MAX = 1_000_000

_EMPTY = (None, b"", b"[]")


def is_workable(task: StoredTask) -> bool:
    """True for a task that has content to work on; it is in the queue while it is pending."""
    return task.content not in _EMPTY


async def lock_work(tx: Transaction, task: StoredTask) -> None:
    """Lock a pending task's row in the queue, if it has one, before the project's clock is locked.

    A submission locks the row first and the clock when it completes the task.
    """
    if is_workable(task):
        await work_queue.lock_work(tx, task.project_key, task.seq)


async def open_work(
    tx: Transaction,
    project: ProjectRow,
    tasks: Sequence[StoredTask],
    *,
    submitted_count: int = 0,
    is_back: bool = False,
) -> None:
    """Put those of a project's tasks that are pending and have content into the queue.

    The caller has locked their batches, so that none is paused at this moment. Each task gets as
    many slots as the project's overlap asks for at first; one reopened with its submissions
    (`submitted_count`) gets just these, none of them free. What new tasks ask of people stands in
    their metadata; one that is back asks what it asked. Raises InvalidContent for metadata that
    asks it wrongly.
    """
    is_new = not submitted_count and not is_back
    workable = [task for task in tasks if task.status is TaskStatus.pending and is_workable(task)]
    if not workable:
        return
    # Read again: an upload takes minutes, and the project may have changed since it began.
    current = await projects.find_project_by_key(tx, project.environment_id, project.project_key)
    needed = submitted_count or needed_at_first(project_detail(current or project))
    batch_rows: dict[str | None, BatchRow | None] = {None: None}
    for batch_id in dict.fromkeys(task.batch_id for task in workable if task.batch_id):
        batch_rows[batch_id] = await batches.find_batch(tx, project.environment_id, batch_id)
    asked = await pools.pools_of_tasks(tx, project.project_key, workable, is_new=is_new)
    rows = []
    for task, pool in zip(workable, asked, strict=True):
        batch = batch_rows[task.batch_id]
        rows.append(
            QueuedTask(
                project_key=task.project_key,
                seq=task.seq,
                batch_id=task.batch_id,
                rank=0 if batch is None else -batch.priority,
                since_ms=task.created_ms if batch is None else batch.created_ms,
                needed=needed,
                submitted_count=submitted_count,
                open_count=0,
                state=WorkState.open,
                is_on_hold=batch is not None and batch.status in ON_HOLD,
                reason=None,
                pool=pool,
            )
        )
    await work_queue.insert_work(tx, rows)
    if submitted_count:
        await skips.mark_skipped(tx, project.project_key, workable[0].seq)


async def end_work(
    tx: Transaction, project_key: int, seq: int, *, by_submissions: bool = False
) -> None:
    """Remove a task that ends from the queue, and close all its leases.

    Unless it is completed by its submissions (`by_submissions`), they are marked as reviewed, so
    that nobody can undo one.
    """
    if await work_queue.delete_work(tx, project_key, seq):
        await review_order.delete_rows(tx, project_key, seq)
        now = await tx.now_ms()
        await leases.close_all(tx, project_key, seq, now)
        if not by_submissions:
            await submissions.mark_reviewed(tx, project_key, seq, now)


async def end_work_of_batch(tx: Transaction, batch: BatchRow) -> None:
    """Remove all tasks of a cancelled batch from the queue, and close all their leases."""
    # Queue rows before leases: the lock order of core/labeling/leases.py.
    await work_queue.lock_work_of_batch(tx, batch.project_key, batch.batch_id)
    now = await tx.now_ms()
    await leases.close_of_batch(tx, batch.project_key, batch.batch_id, now)
    await review_order.delete_rows_of_batch(tx, batch.project_key, batch.batch_id)
    await work_queue.delete_work_of_batch(tx, batch.project_key, batch.batch_id)


async def apply_batch_status(tx: Transaction, batch: BatchRow) -> None:
    """Set or clear the hold on a batch's tasks as its status says; the caller has it locked."""
    await work_queue.hold_batch(
        tx, batch.project_key, batch.batch_id, is_on_hold=batch.status in ON_HOLD
    )


async def restart_work(tx: Transaction, project: ProjectRow, task: StoredTask) -> None:
    """Queue a reopened task again for everybody; its submissions are no longer current."""
    await submissions.retract_all(tx, task.project_key, task.seq)
    await leases.release_submitted(tx, task.project_key, task.seq)
    await leases.release_closed(tx, task.project_key, task.seq)
    await open_work(tx, project, [task], is_back=True)
    await skips.mark_skipped(tx, task.project_key, task.seq)


async def prioritize(tx: Transaction, batch: BatchRow, priority: int) -> int:
    """Set a batch's priority, and return it; tasks of greater priority are leased first.

    It is cut to ±PRIORITY_MAX; batches have 0 unless it is set. Raises NotFound.
    """
    priority = max(-PRIORITY_MAX, min(PRIORITY_MAX, priority))
    if await batches.find_batch(tx, batch.environment_id, batch.batch_id) is None:
        raise NotFound("there is no such batch")
    await batches.add_progress(tx, batch.project_key, batch.batch_id, {})  # the lock
    await batches.set_priority(tx, batch, priority)
    await work_queue.rank_batch(tx, batch.project_key, batch.batch_id, -priority)
    return priority

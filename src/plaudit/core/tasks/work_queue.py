"""The queue: which pending tasks people can work on, kept in step with what becomes of the tasks.

A task with content enters it when it is created or reopened, and leaves it when it ends; both in
the transaction of that change. Batches that are staging, paused or cancelled hold theirs back.
"""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.errors import NotFound
from plaudit.model.core import BatchRow, BatchStatus, ProjectRow, StoredTask, TaskStatus
from plaudit.model.labeling import Work, WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases, submissions
from plaudit.store.tasks import batches, projects, work_queue
from plaudit.wire.v2.resources import project_detail

HOLDING_BACK = (BatchStatus.staging, BatchStatus.paused, BatchStatus.cancelled)
"""A completed batch is not among them: what is pending in it was reopened to be done again."""
PRIORITY_MAX = 1_000_000

_NOTHING = (None, b"", b"[]")


async def open_work(
    tx: Transaction, project: ProjectRow, tasks: Sequence[StoredTask], *, submitted_count: int = 0
) -> None:
    """Put those of a project's tasks that are pending and have content into the queue.

    The caller has locked their batches, so that none is paused at this moment. A task that is
    reopened with its submissions needs as many as it has.
    """
    wanted = [
        one for one in tasks if one.status is TaskStatus.pending and one.content not in _NOTHING
    ]
    if not wanted:
        return
    # As it is now: an upload takes minutes, and the project may have changed since it began.
    current = await projects.find_project_by_key(tx, project.environment_id, project.project_key)
    needed = submitted_count or project_detail(current or project).overlap or 1
    found: dict[str | None, BatchRow | None] = {None: None}
    for one in wanted:
        if one.batch_id is not None and one.batch_id not in found:
            found[one.batch_id] = await batches.find_batch(tx, project.environment_id, one.batch_id)
    rows = []
    for one in wanted:
        batch = found[one.batch_id]
        rows.append(
            Work(
                project_key=one.project_key,
                seq=one.seq,
                batch_id=one.batch_id,
                rank=0 if batch is None else -batch.priority,
                since_ms=one.created_ms if batch is None else batch.created_ms,
                needed=needed,
                submitted_count=submitted_count,
                open_count=0,
                state=WorkState.open,
                is_on_hold=batch is not None and batch.status in HOLDING_BACK,
                reason=None,
            )
        )
    await work_queue.insert_work(tx, rows)


async def end_work(
    tx: Transaction, project_key: int, seq: int, *, by_submissions: bool = False
) -> None:
    """Take a task that ends out of the queue, and from everybody who holds it.

    Unless it is their submissions that end it, somebody else has decided, and nobody takes a
    submission back any more.
    """
    if await work_queue.delete_work(tx, project_key, seq):
        now = await tx.now_ms()
        await leases.close_all(tx, project_key, seq, now)
        if not by_submissions:
            await submissions.mark_reviewed(tx, project_key, seq, now)


async def end_work_of_batch(tx: Transaction, batch: BatchRow) -> None:
    """The same for all tasks of a batch that is cancelled."""
    # First the places, then the leases, in the order in which everybody else locks.
    await work_queue.lock_work_of_batch(tx, batch.project_key, batch.batch_id)
    now = await tx.now_ms()
    await leases.close_of_batch(tx, batch.project_key, batch.batch_id, now)
    await work_queue.delete_work_of_batch(tx, batch.project_key, batch.batch_id)


async def follow_batch(tx: Transaction, batch: BatchRow) -> None:
    """Give out a batch's work or hold it back, as its status now is; the caller has it locked."""
    await work_queue.hold_batch(
        tx, batch.project_key, batch.batch_id, is_on_hold=batch.status in HOLDING_BACK
    )


async def begin_again(tx: Transaction, project: ProjectRow, task: StoredTask) -> None:
    """Let a task that was reopened be done anew by everybody; what was answered counts no more."""
    await submissions.retract_all(tx, task.project_key, task.seq)
    await leases.release_submitted(tx, task.project_key, task.seq)
    await leases.release_closed(tx, task.project_key, task.seq)
    await open_work(tx, project, [task])


async def prioritize(tx: Transaction, batch: BatchRow, priority: int) -> int:
    """Give a batch's tasks out earlier (greater) or later; 0 unless set. Raises NotFound.

    Priorities are minus a million to a million; what lies beyond counts as the bound. Returns
    the one that is set.
    """
    priority = max(-PRIORITY_MAX, min(PRIORITY_MAX, priority))
    if await batches.find_batch(tx, batch.environment_id, batch.batch_id) is None:
        raise NotFound("there is no such batch")
    await batches.add_progress(tx, batch.project_key, batch.batch_id, {})  # the lock
    await batches.set_priority(tx, batch, priority)
    await work_queue.rank_batch(tx, batch.project_key, batch.batch_id, -priority)
    return priority

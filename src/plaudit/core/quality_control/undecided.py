"""Tasks that nobody but a worker decides: complete, in review, or open still.

A change of overlap, of review or of the form marks such tasks in its own transaction, so that
nobody is given one that has enough submissions (core/tasks/projects.py); with an adaptive overlap
so does whoever takes a submission back. A worker then decides on them, a few in each transaction.
One that somebody has a lease of waits for their submission, or for the end of the lease, whatever
ends it. Lock order is that of submissions.py.
"""

from __future__ import annotations

from plaudit.core.labeling.adjudication.review_order import write_order
from plaudit.core.labeling.adjudication.task_outcome import complete_or_review
from plaudit.core.quality_control import overlap
from plaudit.core.tasks.overlap import adaptive_overlap
from plaudit.errors import InvalidContent
from plaudit.model.labeling import QueuedTask, WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches, projects, tasks, work_queue

DECIDED_AT_ONCE_MAX = 20
"""Tasks in one transaction, which holds their batches' locks until it ends."""


async def decide(tx: Transaction, project_key: int, *, limit: int = DECIDED_AT_ONCE_MAX) -> int:
    """Decide up to `limit` marked tasks of a project by its settings of now.

    A task with too few submissions stays open. Returns the number of tasks that were marked.
    """
    listed = await work_queue.list_undecided(tx, project_key, limit=limit)
    for batch_id in sorted({queued.batch_id for queued in listed if queued.batch_id}):
        await batches.add_progress(tx, project_key, batch_id, {})  # the lock
    for queued in listed:
        locked = await work_queue.lock_undecided(tx, project_key, queued.seq)
        if locked is not None:
            await _decide(tx, locked)
    return len(listed)


async def _decide(tx: Transaction, queued: QueuedTask) -> None:
    """Decide one task, whose queue row is locked."""
    # Read under the lock: settings that are changed after it mark the task again.
    project = await projects.get_project(tx, queued.project_key)
    is_open = queued.state is WorkState.open
    is_adaptive = is_open and adaptive_overlap(project) is not None
    if is_open and not is_adaptive and queued.submitted_count < queued.needed:
        return
    task = await tasks.get_task(tx, queued.project_key, queued.seq)
    try:
        if is_adaptive:
            await overlap.settle(tx, project, task, queued)
        else:
            await complete_or_review(tx, project, task, queued.state)
    except InvalidContent as exc:
        # Nobody is there to be told, and the other tasks must not wait for this one.
        await work_queue.change_state(
            tx,
            queued.project_key,
            queued.seq,
            expected=queued.state,
            state=WorkState.in_review,
            reason=exc.message,
        )
        await write_order(tx, project, task)

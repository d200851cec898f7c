"""Taking back a submission: it counts no longer, and its task is to be done again.

Others are given the task first, then its author with the answers as a draft. Lock order is that of
leases.py.
"""

from __future__ import annotations

from plaudit.core.labeling.adjudication.review_order import leave_review
from plaudit.core.labeling.submissions import find_final_state
from plaudit.core.labeling.task_notes import insert_note
from plaudit.core.tasks import lifecycle
from plaudit.errors import Conflict
from plaudit.model.core import BatchStatus, ProjectRow, StoredTask, TaskStatus
from plaudit.model.labeling import SubmissionRow, WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases, submissions
from plaudit.store.tasks import batches, tasks, work_queue

NOTE = "take_back"
"""Kind of the note on the task."""


async def take_back(
    tx: Transaction, project: ProjectRow, submission_id: str, author_id: str
) -> StoredTask | None:
    """Take a submission back, and note it on the task with its author; return the task.

    None, and nothing is changed, if it does not count any more, was reviewed or delivered, or its
    task is canceled or quarantined. Raises Conflict if the task changes at this moment.
    """
    key = project.project_key
    submission = await submissions.find_submission(tx, key, submission_id)
    if submission is None:
        return None
    await leases.lock_annotator(tx, key, submission.user_id)
    task = await tasks.get_task(tx, key, submission.seq)
    if task.batch_id is not None:
        await batches.add_progress(tx, key, task.batch_id, {})  # the lock
        batch = await batches.find_batch(tx, project.environment_id, task.batch_id)
        if batch is not None and batch.status is BatchStatus.cancelled:
            return None
        task = await tasks.get_task(tx, key, submission.seq)
    submission = await submissions.find_submission(tx, key, submission_id)
    if submission is None or not await _is_open(tx, submission, task):
        return None
    if task.status is TaskStatus.completed:
        await lifecycle.reopen_task(tx, project.environment_id, task, keeps_submissions=True)
    queued = await work_queue.lock_work(tx, key, task.seq)
    if queued is None or queued.state is WorkState.quarantined:
        return None
    if not await submissions.retract(tx, submission):
        raise Conflict("the submission changes at this moment")
    await leave_review(tx, project, task.seq)
    await leases.release_submitted(tx, key, task.seq, submission.user_id)
    await work_queue.release_slots(tx, key, task.seq)
    detail = {"user_id": submission.user_id}
    await insert_note(tx, key, task.seq, author_id, NOTE, detail)
    return task


async def _is_open(tx: Transaction, submission: SubmissionRow, task: StoredTask) -> bool:
    if not submission.is_current or await find_final_state(tx, submission, task) is not None:
        return False
    return task.status in (TaskStatus.pending, TaskStatus.completed)

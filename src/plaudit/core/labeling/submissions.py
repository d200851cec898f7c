"""Submissions: an annotator's answers to a task, and the completion of the task by the last one.

A submission never changes. One that is reopened stays, is no longer current, and is superseded by
the next; if none comes because the lease runs out, the slot is free for others. With the last
submission that it needs a task completes in the same transaction, or waits for a reviewer: where
the project says so, or where the answers leave a question open. A completion that is undone is
followed by another one, and both are announced as events. Lock order is that of leases.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import ids
from plaudit.core.labeling import leases
from plaudit.core.labeling.adjudication.extra_reviews import use_extra_review
from plaudit.core.labeling.adjudication.review_order import leave_review
from plaudit.core.labeling.adjudication.task_outcome import complete_or_review, content_of
from plaudit.core.labeling.answers import check
from plaudit.core.labeling.counting.submission_votes import submission_votes
from plaudit.core.labeling.questions import Display
from plaudit.core.tasks import lifecycle
from plaudit.core.tasks.form_version import form_with_version
from plaudit.core.tasks.overlap import adaptive_overlap
from plaudit.errors import Conflict, IdempotencyMismatch, InvalidContent
from plaudit.model.core import ProjectRow, StoredTask, TaskStatus
from plaudit.model.labeling import (
    Lease,
    LeaseRef,
    LeaseStatus,
    QueuedTask,
    SubmissionRow,
    WorkState,
)
from plaudit.store.deliveries import frozen_tasks
from plaudit.store.engine.engine import RunAgain, Transaction
from plaudit.store.labeling import leases as leases_store
from plaudit.store.labeling import submissions
from plaudit.store.labeling import votes as votes_store
from plaudit.store.tasks import batches, projects, tasks, work_queue
from plaudit.store.tasks.task_summaries import TaskSummary

UNDO_MS = 10_000
REOPENABLE = 20

_encode = msgspec.json.Encoder().encode
_decode_display = msgspec.json.Decoder(Display).decode


class Receipt(Struct, frozen=True):
    """Answer to a submit; `is_repeated` if the submission had been received before."""

    submission_id: str
    assignment_id: str
    submitted_ms: int
    outcome: str
    """`waiting` for other people's submissions, `in_review` or `completed`."""
    undo_until_ms: int
    is_repeated: bool = False


async def submit(
    tx: Transaction,
    project: ProjectRow,
    lease_ref: LeaseRef,
    answers: Any,
    *,
    client_key: str,
    active_ms: int,
) -> Receipt:
    """Store a person's answers to a task once, end their lease, and count the submission.

    `answers` is decoded JSON in the shape of answers.py. `client_key` is an idempotency key of 1 to
    255 characters that the page makes for each press of the button: the same key and answers again
    get the first receipt, whatever has become of the lease since. With an adaptive overlap the
    outcome is `waiting`, and the task marked as undecided: core/quality_control/submitting.py goes
    on from there.

    Raises AnswersRejected (nothing is stored, lease and draft stay), LeaseLost (the draft stays),
    IdempotencyMismatch if the key was used with other answers, InvalidContent for a bad key.
    """
    if not ids.is_usable(client_key):
        raise InvalidContent("a key has 1 to 255 characters", pointer="/client_key")
    given_json = _encode(answers)
    lease = await leases.get_lease(tx, project, lease_ref.user_id, lease_ref.assignment_id)
    receipt = await _find_receipt(tx, lease, client_key, given_json)
    if receipt is not None:
        return receipt
    if not leases.has_lease(lease, lease_ref, await tx.now_ms()):
        raise await leases.lease_lost(tx, project, lease_ref)
    task = await tasks.get_task(tx, lease.project_key, lease.seq)
    form, version = form_with_version(project.detail)
    content, display = content_of(task), _decode_display(lease.display)
    checked = check(form, content, display, answers)
    ended = await _end_lease(tx, lease_ref, task, lease, given_json, active_ms)
    if ended is None:
        receipt = await _find_receipt(tx, lease, client_key, given_json)
        if receipt is not None:
            return receipt
        raise await leases.lease_lost(tx, project, lease_ref)
    submission = await _store_submission(
        tx, ended, client_key, given_json, _encode(checked), version
    )
    await votes_store.insert_votes(tx, submission_votes(submission, content, display, checked))
    await use_extra_review(tx, project, submission)
    # Read under the lock: settings that are changed after it find this submission.
    current = await projects.find_project_by_key(tx, project.environment_id, lease.project_key)
    project = current or project
    is_adaptive = adaptive_overlap(project) is not None
    counted = await work_queue.record_submission(
        tx, lease.project_key, lease.seq, is_adaptive=is_adaptive
    )
    outcome = "waiting"
    # Of a task that needs fewer since, everybody who has a lease may still submit.
    is_last = counted.submitted_count >= counted.needed and not counted.open_count
    if is_last and not is_adaptive:
        outcome = await complete_or_review(tx, project, task)
    return _receipt(submission, outcome)


async def undo(tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str) -> Lease:
    """Reopen a person's own submission of the last UNDO_MS; return its lease.

    The answers become the lease's draft. Raises Conflict if it is too late, delivered, reviewed or
    not submitted; NotFound; LimitReached.
    """
    submission = await _get_reopenable(tx, project, user_id, assignment_id)
    if submission.submitted_ms + UNDO_MS < await tx.now_ms():
        raise Conflict("it is too late to undo this; look among your last tasks")
    # The next task, leased in the meantime, must not prevent an undo.
    return await _reopen(tx, project, submission, limit_max=leases.OPEN_LEASES_MAX + 1)


async def reopen(tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str) -> Lease:
    """Reopen one of a person's last REOPENABLE submissions in the project; return its lease.

    The answers become the lease's draft. Raises Conflict if it is delivered, reviewed, older or not
    submitted; NotFound; LimitReached.
    """
    submission = await _get_reopenable(tx, project, user_id, assignment_id)
    return await _reopen(tx, project, submission, limit_max=leases.OPEN_LEASES_MAX)


async def count_done(tx: Transaction, project: ProjectRow, user_id: str) -> int:
    """Count the tasks of a project that a person has submitted."""
    return await leases_store.count_leases(
        tx, project.project_key, user_id, LeaseStatus.submitted, 0
    )


async def list_recent(tx: Transaction, project: ProjectRow, user_id: str) -> list[SubmissionRow]:
    """List a person's last REOPENABLE current submissions in a project, newest first."""
    return await submissions.list_recent(tx, project.project_key, user_id, limit=REOPENABLE)


async def find_final_state(
    tx: Transaction, submission: SubmissionRow, task: StoredTask
) -> str | None:
    """Return `reviewed` or `delivered` for a submission that cannot be reopened, else None."""
    [final_state] = await list_final_states(tx, [submission], [task])
    return final_state


async def list_final_states(
    tx: Transaction, listed: Sequence[SubmissionRow], of_tasks: Sequence[StoredTask | TaskSummary]
) -> list[str | None]:
    """Return the final state of each submission of one project, given with its task."""
    delivered: dict[int, int] = {}
    if listed:
        delivered = await frozen_tasks.list_last_delivery_seqs(
            tx, listed[0].project_key, [submission.seq for submission in listed]
        )
    states: list[str | None] = []
    for submission, task in zip(listed, of_tasks, strict=True):
        # A delivery holds the version of a task that was there when it began (docs/adr/0016).
        completed_ms, delivery_seq = task.completed_ms, delivered.get(task.seq)
        if submission.reviewed_ms is not None:
            states.append("reviewed")
        elif completed_ms is not None and delivery_seq is not None and delivery_seq > completed_ms:
            states.append("delivered")
        else:
            states.append(None)
    return states


async def _end_lease(
    tx: Transaction,
    lease_ref: LeaseRef,
    task: StoredTask,
    lease: Lease,
    given_json: bytes,
    active_ms: int,
) -> Lease | None:
    """End a lease as submitted, with the task's queue row locked; None if the lease is lost.

    Raises RunAgain where another submission of this moment has made this one the last.
    """
    # Completing counts in the batch, whose lock comes before those of its tasks.
    counts_in_batch = task.batch_id is not None and await _is_last(tx, lease)
    if task.batch_id is not None and counts_in_batch:
        await batches.add_progress(tx, lease.project_key, task.batch_id, {})
    queued = await work_queue.lock_work(tx, lease.project_key, lease.seq)
    if queued is None:
        return None
    if task.batch_id is not None and not counts_in_batch and _needs_one_more(queued):
        raise RunAgain("the batch has to be locked first")
    return await leases_store.end_submitted(
        tx,
        lease.project_key,
        lease_ref,
        now=await tx.now_ms(),
        active_ms=active_ms,
        draft=given_json,
    )


async def _is_last(tx: Transaction, lease: Lease) -> bool:
    """True if the task needs just one more submission, read without a lock."""
    queued = await work_queue.find_work(tx, lease.project_key, lease.seq)
    return queued is not None and _needs_one_more(queued)


def _needs_one_more(queued: QueuedTask) -> bool:
    return queued.submitted_count + 1 >= queued.needed


async def _store_submission(
    tx: Transaction,
    lease: Lease,
    client_key: str,
    given_json: bytes,
    answers: bytes,
    form_version: str,
) -> SubmissionRow:
    """Insert a submission under an ended lease; it supersedes the lease's last one."""
    last = None
    if lease.lease_version > 1:  # a first lease has no earlier submission
        last = await submissions.find_last(tx, lease.project_key, lease.assignment_id)
    assert lease.ended_ms is not None
    submission = SubmissionRow(
        project_key=lease.project_key,
        submission_id=ids.mint("submission"),
        assignment_id=lease.assignment_id,
        seq=lease.seq,
        user_id=lease.user_id,
        revision=1 if last is None else last.revision + 1,
        supersedes=None if last is None else last.submission_id,
        client_key=client_key,
        given_hash=_hash(given_json),
        answers=answers,
        display=lease.display,
        submitted_ms=lease.ended_ms,
        active_ms=lease.active_ms,
        is_current=True,
        reviewed_ms=None,
        form_version=form_version,
    )
    await submissions.insert_submission(tx, submission)
    return submission


async def _find_receipt(
    tx: Transaction, lease: Lease, client_key: str, given_json: bytes
) -> Receipt | None:
    """Receipt of the submission with this key, if there is one; raises IdempotencyMismatch."""
    submission = await submissions.find_by_key(
        tx, lease.project_key, lease.assignment_id, client_key
    )
    if submission is None:
        return None
    if submission.given_hash != _hash(given_json):
        raise IdempotencyMismatch("other answers were submitted under this key")
    task = await tasks.get_task(tx, lease.project_key, lease.seq)
    queued = await work_queue.find_work(tx, lease.project_key, lease.seq)
    if task.status is TaskStatus.completed:
        outcome = "completed"
    else:
        is_in_review = queued is not None and queued.state is WorkState.in_review
        outcome = "in_review" if is_in_review else "waiting"
    return _receipt(submission, outcome, is_repeated=True)


async def _get_reopenable(
    tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str
) -> SubmissionRow:
    """A person's submission that is recent enough to reopen; raises NotFound, Conflict."""
    lease = await leases.get_lease(tx, project, user_id, assignment_id)
    if lease.status is not LeaseStatus.submitted:
        raise Conflict(f"this task is not submitted; it is {lease.status}")
    recent = await list_recent(tx, project, user_id)
    for submission in recent:
        if submission.assignment_id == assignment_id:
            return submission
    raise Conflict(f"only your last {REOPENABLE} tasks can be opened again")


async def _reopen(
    tx: Transaction, project: ProjectRow, submission: SubmissionRow, *, limit_max: int
) -> Lease:
    """Retract a submission and open its lease with a new version, its answers as the draft."""
    await leases.lock_annotator(tx, project, submission.user_id)
    await leases.require_room(
        tx, project, submission.user_id, await tx.now_ms(), limit_max=limit_max
    )
    task = await tasks.get_task(tx, submission.project_key, submission.seq)
    if task.status is TaskStatus.completed:
        await lifecycle.reopen_task(tx, project.environment_id, task, keeps_submissions=True)
    if (final_state := await find_final_state(tx, submission, task)) is not None:
        raise Conflict(f"this task has been {final_state}")
    queued = await work_queue.lock_work(tx, submission.project_key, submission.seq)
    if queued is None or queued.state is WorkState.quarantined:
        raise Conflict("this task was taken off the queue")
    lease = await leases.get_lease(tx, project, submission.user_id, submission.assignment_id)
    if not await submissions.retract(tx, submission):
        raise Conflict("this task has been reviewed")
    await leave_review(tx, project, submission.seq)
    now = await tx.now_ms()
    renewed = await leases_store.renew(
        tx, lease, now=now, expires_ms=now + leases.lease_ms(project)
    )
    if renewed is None:
        raise Conflict("this task changes at this moment; try again")
    return renewed


def _receipt(submission: SubmissionRow, outcome: str, *, is_repeated: bool = False) -> Receipt:
    return Receipt(
        submission_id=submission.submission_id,
        assignment_id=submission.assignment_id,
        submitted_ms=submission.submitted_ms,
        outcome=outcome,
        undo_until_ms=submission.submitted_ms + UNDO_MS,
        is_repeated=is_repeated,
    )


def _hash(given_json: bytes) -> bytes:
    return hashlib.blake2b(given_json, digest_size=16).digest()

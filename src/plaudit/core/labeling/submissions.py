"""From what a person filled in to a delivered task: submissions, and when the task is done.

Contract for whoever builds pages on it, in a write transaction of the caller:

    submit(tx, project, held, answers, client_key=…, active_ms=…)
        Receipt(submission_id, assignment_id, submitted_ms, outcome, undo_until_ms, is_repeated);
        `outcome` is "waiting" (for other people), "in_review" or "completed". `answers` is decoded
        JSON, see answers.py. `client_key` is made by the page for each press of the button (1
        to 255 characters); the same key and answers again get the first receipt, whatever has
        become of the lease since.
        AnswersRejected(faults): nothing is stored, the lease and its draft stay;
        LeaseLost: ran out, ended or claimed anew, the draft stays;
        IdempotencyMismatch: the key was used with other answers; InvalidContent: no such key.
    undo(tx, project, user_id, assignment_id)
        Lease: one's own submission of the last 10 s is open again, its answers as the draft.
        Conflict: too late, delivered, reviewed or not submitted; NotFound; LimitReached.
    reopen(tx, project, user_id, assignment_id)
        The same for one's own last 20 submissions of the project, until delivered or reviewed.
    count_done(tx, project, user_id)
        How many tasks of the project this person has submitted.
    list_recent(tx, project, user_id)
        The last 20 Submissions of this person that count, newest first.

Submissions are never changed. One that is opened again stays and counts no more; the next one
supersedes it. If none comes because the lease runs out, the place is free for others.

When the last submission that a task needs arrives, the task completes in the same transaction, or
waits for a reviewer: where the project says so, or where the answers leave a question open. A task
that was completed by a submission which is undone is pending again, and completes again later; who
listens for events hears of both completions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import ids
from plaudit.core.labeling import leases
from plaudit.core.labeling.answers import Answer, check
from plaudit.core.labeling.consensus import ConsolidatedTask, consolidate
from plaudit.core.labeling.questions import Display
from plaudit.core.labeling.votes import DecodedSubmission
from plaudit.core.tasks import lifecycle
from plaudit.core.tasks.forms import form_of
from plaudit.errors import Conflict, IdempotencyMismatch, InvalidContent
from plaudit.model.core import ProjectRow, Review, StoredTask, TaskStatus
from plaudit.model.labeling import Hold, Lease, LeaseStatus, SubmissionRow, WorkState
from plaudit.store.deliveries import frozen_tasks
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases as leases_store
from plaudit.store.labeling import submissions
from plaudit.store.tasks import batches, tasks, work_queue
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import Thread

UNDO_MS = 10_000
REOPENABLE = 20
REVIEW_PERCENT = 20

_encode = msgspec.json.Encoder().encode
_decode_content = msgspec.json.Decoder(list[Thread]).decode
_decode_display = msgspec.json.Decoder(Display).decode
_decode_answers = msgspec.json.Decoder(list[Answer]).decode


class Receipt(Struct, frozen=True):
    """What became of a submission; `is_repeated` if it had been received before."""

    submission_id: str
    assignment_id: str
    submitted_ms: int
    outcome: str
    undo_until_ms: int
    is_repeated: bool = False


async def submit(
    tx: Transaction,
    project: ProjectRow,
    held: Hold,
    answers: Any,
    *,
    client_key: str,
    active_ms: int,
) -> Receipt:
    """Take somebody's answers to a task, once; see the contract above for what it raises."""
    if not ids.is_usable(client_key):
        raise InvalidContent("a key has 1 to 255 characters", pointer="/client_key")
    given = _encode(answers)
    lease = await leases.get_lease(tx, project, held.user_id, held.assignment_id)
    known = await _repeated(tx, lease, client_key, given)
    if known is not None:
        return known
    if not leases.is_on_hold(lease, held, await tx.now_ms()):
        raise await leases.lost(tx, project, held)
    task = await tasks.get_task(tx, lease.project_key, lease.seq)
    form = form_of(project_detail(project))
    checked = check(form, content_of(task), _decode_display(lease.display), answers)
    done = await _end(tx, held, task, lease, given, active_ms)
    if done is None:
        known = await _repeated(tx, lease, client_key, given)
        if known is not None:
            return known
        raise await leases.lost(tx, project, held)
    one = await _keep(tx, done, client_key, given, _encode(checked))
    counted = await work_queue.count_submission(tx, lease.project_key, lease.seq)
    outcome = "waiting"
    if counted.submitted_count >= counted.needed:
        outcome = await _finish(tx, project, task)
    return _receipt(one, outcome)


async def undo(tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str) -> Lease:
    """Take back one's own submission of the last 10 s; raises Conflict, NotFound, LimitReached."""
    one = await _reopenable(tx, project, user_id, assignment_id)
    if one.submitted_ms + UNDO_MS < await tx.now_ms():
        raise Conflict("it is too late to undo this; look among your last tasks")
    # What was fetched in the meantime, to go on with, is no reason not to undo.
    return await _reopen(tx, project, one, limit_max=leases.OPEN_LEASES_MAX + 1)


async def reopen(tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str) -> Lease:
    """Work again on what one submitted; raises Conflict, NotFound, LimitReached."""
    one = await _reopenable(tx, project, user_id, assignment_id)
    return await _reopen(tx, project, one, limit_max=leases.OPEN_LEASES_MAX)


async def count_done(tx: Transaction, project: ProjectRow, user_id: str) -> int:
    """How many tasks of a project somebody has submitted."""
    return await leases_store.count_recent(
        tx, project.project_key, user_id, LeaseStatus.submitted, 0
    )


async def list_recent(tx: Transaction, project: ProjectRow, user_id: str) -> list[SubmissionRow]:
    """Somebody's last submissions that count, newest first; at most twenty."""
    return await submissions.list_recent(tx, project.project_key, user_id, limit=REOPENABLE)


async def why_final(tx: Transaction, one: SubmissionRow, task: StoredTask) -> str | None:
    """What has become of a submission, so that it cannot be opened again; None if it can."""
    if one.reviewed_ms is not None:
        return "reviewed"
    completed_ms = task.completed_ms
    is_delivered = completed_ms is not None and await frozen_tasks.is_delivered_since(
        tx, one.project_key, one.seq, completed_ms
    )
    return "delivered" if is_delivered else None


async def consolidated(
    tx: Transaction, project: ProjectRow, task: StoredTask, fixes: Sequence[Answer] = ()
) -> ConsolidatedTask:
    """The threads that a task's submissions come to, and what they leave open."""
    judged = [
        DecodedSubmission(one.user_id, one.submitted_ms, _decode_answers(one.answers))
        for one in await submissions.list_current(tx, task.project_key, task.seq)
    ]
    return consolidate(form_of(project_detail(project)), content_of(task), judged, fixes)


def content_of(task: StoredTask) -> list[Thread]:
    """The conversation that people work on."""
    return _decode_content(task.content or b"[]")


def review_reason(project: ProjectRow, task_id: str) -> str | None:
    """Why a project's task is looked at before it is delivered; None if it is not.

    Which tasks are in a sample follows from their ids, so that nobody can try again.
    """
    detail = project_detail(project)
    if detail.review is Review.all:
        return "all"
    digest = hashlib.blake2b(task_id.encode(), digest_size=8).digest()
    percent = REVIEW_PERCENT if detail.review_percent is None else detail.review_percent
    is_drawn = int.from_bytes(digest, "big") % 100 < percent
    return "sample" if detail.review is Review.sample and is_drawn else None


async def _end(
    tx: Transaction, held: Hold, task: StoredTask, lease: Lease, given: bytes, active_ms: int
) -> Lease | None:
    """End a lease with its work done, and the task's place locked; None if it was lost."""
    if task.batch_id is not None and await _is_last(tx, lease):
        # Completing counts in the batch; its lock comes before those of its tasks. If somebody
        # submits at this moment, this may be the last one unforeseen. Then the locks are taken in
        # another order, and should that ever tie two transactions up, one of them is run again.
        await batches.add_progress(tx, lease.project_key, task.batch_id, {})
    if await work_queue.lock_work(tx, lease.project_key, lease.seq) is None:
        return None
    return await leases_store.end_submitted(
        tx, lease.project_key, held, now=await tx.now_ms(), active_ms=active_ms, draft=given
    )


async def _is_last(tx: Transaction, lease: Lease) -> bool:
    """Whether one submission more is all that a task needs, as far as one can see."""
    found = await work_queue.find_work(tx, lease.project_key, lease.seq)
    return found is not None and found.submitted_count + 1 >= found.needed


async def _keep(
    tx: Transaction, lease: Lease, client_key: str, given: bytes, answers: bytes
) -> SubmissionRow:
    """Store a submission for good."""
    last = None
    if lease.lease_version > 1:  # else it is the first time that this person has the task
        last = await submissions.find_last(tx, lease.project_key, lease.assignment_id)
    assert lease.ended_ms is not None
    one = SubmissionRow(
        project_key=lease.project_key,
        submission_id=ids.mint("submission"),
        assignment_id=lease.assignment_id,
        seq=lease.seq,
        user_id=lease.user_id,
        revision=1 if last is None else last.revision + 1,
        supersedes=None if last is None else last.submission_id,
        client_key=client_key,
        given_hash=_hash(given),
        answers=answers,
        display=lease.display,
        submitted_ms=lease.ended_ms,
        active_ms=lease.active_ms,
        is_current=True,
        reviewed_ms=None,
    )
    await submissions.insert_submission(tx, one)
    return one


async def _finish(tx: Transaction, project: ProjectRow, task: StoredTask) -> str:
    """Complete a task that has all submissions it needs, or leave it to a reviewer."""
    found = await consolidated(tx, project, task)
    reason = "open questions" if found.unresolved else review_reason(project, task.task_id)
    if reason is None:
        threads = msgspec.to_builtins(found.threads)
        await lifecycle.complete_task(
            tx, project.environment_id, task, threads, by_submissions=True
        )
        return "completed"
    await work_queue.change_state(
        tx,
        task.project_key,
        task.seq,
        expected=WorkState.open,
        state=WorkState.in_review,
        reason=reason,
    )
    return "in_review"


async def _repeated(tx: Transaction, lease: Lease, client_key: str, given: bytes) -> Receipt | None:
    """The receipt of what was submitted under this key; raises IdempotencyMismatch."""
    one = await submissions.find_by_key(tx, lease.project_key, lease.assignment_id, client_key)
    if one is None:
        return None
    if one.given_hash != _hash(given):
        raise IdempotencyMismatch("other answers were submitted under this key")
    task = await tasks.get_task(tx, lease.project_key, lease.seq)
    found = await work_queue.find_work(tx, lease.project_key, lease.seq)
    if task.status is TaskStatus.completed:
        outcome = "completed"
    else:
        is_in_review = found is not None and found.state is WorkState.in_review
        outcome = "in_review" if is_in_review else "waiting"
    return _receipt(one, outcome, is_repeated=True)


async def _reopenable(
    tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str
) -> SubmissionRow:
    """The submission that somebody may work on again; raises NotFound, Conflict."""
    lease = await leases.get_lease(tx, project, user_id, assignment_id)
    if lease.status is not LeaseStatus.submitted:
        raise Conflict(f"this task is not submitted; it is {lease.status}")
    recent = await list_recent(tx, project, user_id)
    found = next((one for one in recent if one.assignment_id == assignment_id), None)
    if found is None:
        raise Conflict(f"only your last {REOPENABLE} tasks can be opened again")
    return found


async def _reopen(
    tx: Transaction, project: ProjectRow, one: SubmissionRow, *, limit_max: int
) -> Lease:
    """Open a submission again, its answers as the draft."""
    await leases.enter(tx, project, one.user_id)
    await leases.require_room(tx, project, one.user_id, await tx.now_ms(), limit_max=limit_max)
    task = await tasks.get_task(tx, one.project_key, one.seq)
    if task.status is TaskStatus.completed:
        await lifecycle.reopen_task(tx, project.environment_id, task, keeps_submissions=True)
    if (word := await why_final(tx, one, task)) is not None:
        raise Conflict(f"this task has been {word}")
    found = await work_queue.lock_work(tx, one.project_key, one.seq)
    if found is None or found.state is WorkState.quarantined:
        raise Conflict("this task was taken off the queue")
    lease = await leases.get_lease(tx, project, one.user_id, one.assignment_id)
    if not await submissions.retract(tx, one):
        raise Conflict("this task has been reviewed")
    await work_queue.count_retraction(tx, one.project_key, one.seq)
    now = await tx.now_ms()
    renewed = await leases_store.renew(
        tx, lease, now=now, expires_ms=now + leases.lease_ms(project)
    )
    if renewed is None:
        raise Conflict("this task changes at this moment; try again")
    return renewed


def _receipt(one: SubmissionRow, outcome: str, *, is_repeated: bool = False) -> Receipt:
    return Receipt(
        submission_id=one.submission_id,
        assignment_id=one.assignment_id,
        submitted_ms=one.submitted_ms,
        outcome=outcome,
        undo_until_ms=one.submitted_ms + UNDO_MS,
        is_repeated=is_repeated,
    )


def _hash(given: bytes) -> bytes:
    return hashlib.blake2b(given, digest_size=16).digest()

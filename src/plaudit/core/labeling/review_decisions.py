"""Decisions of reviewers and managers: accept, correct or send back a task, or judge a report.

A task in review is accepted (completed) or sent back; a completed one can be corrected; a
quarantined one is completed as reported, or put back into the queue. Submissions stay as they are.
Each decision is kept as a note on the task: who, when, the fixes, and the answers before them. Lock
order is that of leases.py. Tasks that wait are listed by review_queue.py.

`revision` is ReviewState's, as the reviewer saw it: if anything has changed since, the decision
raises Conflict and changes nothing. None decides on the task as it is. Who answered a task in
review leaves the decision to somebody else, unless the project has `self_review`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit.core.common import membership
from plaudit.core.common.blank_text import is_blank
from plaudit.core.common.json_size import json_size
from plaudit.core.labeling import consensus
from plaudit.core.labeling.adjudication.acceptance_samples import (
    correct_in_samples,
    judge_in_samples,
)
from plaudit.core.labeling.adjudication.disagreement_reasons import (
    GivenReason,
    check_reasons,
    reasons_detail,
    store_reasons,
)
from plaudit.core.labeling.adjudication.review_order import leave_review, may_correct, may_decide
from plaudit.core.labeling.adjudication.task_outcome import consolidate_task
from plaudit.core.labeling.answers import (
    Answer,
    asked_now_fault,
    check,
    missing_answer_fault,
    unasked_fault,
)
from plaudit.core.labeling.question_results import ReviewState, review_state, unasked_results
from plaudit.core.labeling.questions import own_order, place_of
from plaudit.core.labeling.task_notes import insert_note
from plaudit.core.labeling.votes import DecodedSubmission, answer_address
from plaudit.core.tasks import lifecycle
from plaudit.errors import AnswersRejected, Conflict, Forbidden, InvalidContent, NotFound
from plaudit.model.core import ProjectRow, StoredTask
from plaudit.model.labeling import Fault, LeaseStatus, SubmissionRow, WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases, submissions
from plaudit.store.labeling import notes as notes_store
from plaudit.store.tasks import batches, tasks, work_queue
from plaudit.wire.v2.task import SensitiveContentReport

RETURNED_MS = 3 * 24 * 3600 * 1000
REPORTS_MAX = 100
COMMENT_CHARS_MAX = 10_000

OWN = (
    "you answered this task yourself, so somebody else decides on it;"
    " a manager can change that in the settings of the project"
)
STALE = "the task has changed since you opened it; look at it again"

_decode = msgspec.json.Decoder(dict[str, Any]).decode


async def accept(
    tx: Transaction,
    project: ProjectRow,
    task: StoredTask,
    user_id: str,
    *,
    fixes: Any = (),
    reasons: Sequence[GivenReason] = (),
    revision: str | None = None,
    kind: str = "accept",
) -> None:
    """Complete a task in review with the annotators' answers and the reviewer's `fixes`.

    `fixes` is decoded JSON in the shape of answers.py, with responses in their own order; each
    replaces the answer to its question, and every open question needs one. `reasons` say why people
    disagreed. Raises AnswersRejected, InvalidContent for a reason of what nobody disagreed on;
    Conflict if the task is not in review or has another revision; Forbidden to who answered it.
    `kind` is that of its note.
    """
    await _lock(tx, task, WorkState.in_review)
    task = await tasks.get_task(tx, task.project_key, task.seq)  # it may have come back since
    state = await _review_state(tx, project, task, revision)
    _require_other(project, state.submissions, user_id)
    checked = _checked_fixes(state, fixes)
    check_reasons(state, reasons)
    _require_answers(state, checked)
    consolidated = await consolidate_task(tx, project, task, checked)
    assert not consolidated.unresolved, "every question that is open has an answer"
    await submissions.mark_reviewed(tx, task.project_key, task.seq, await tx.now_ms())
    detail = _fixes_detail(state, checked) | reasons_detail(reasons)
    await insert_note(tx, task.project_key, task.seq, user_id, kind, detail)
    await store_reasons(tx, task.project_key, task.seq, reasons)
    if kind == "accept":  # what is accepted unseen is neither right nor wrong
        await judge_in_samples(tx, task, user_id, is_right=not checked, revision=state.revision)
    threads = msgspec.to_builtins(consolidated.threads)
    await lifecycle.complete_task(tx, project.environment_id, task, threads)


async def correct(
    tx: Transaction,
    project: ProjectRow,
    task: StoredTask,
    user_id: str,
    *,
    fixes: Any,
    reasons: Sequence[GivenReason] = (),
    revision: str | None = None,
) -> int:
    """Replace answers of a completed task by `fixes`; return its new completion time in ms.

    The rest of its threads stays. It is announced as completed again, and its submissions can no
    longer be undone. Raises AnswersRejected if there is no fix or a bad one; Conflict if the task
    is not completed with threads or has another revision; Forbidden to who answered it, where tasks
    are reviewed.
    """
    if task.batch_id is not None:
        await batches.add_progress(tx, task.project_key, task.batch_id, {})  # the lock
    task = await tasks.get_task(tx, task.project_key, task.seq)
    state = await _review_state(tx, project, task, revision)
    if state.threads is None:
        raise Conflict("only a completed task with threads can be corrected")
    if not may_correct(project, {one.user_id for one in state.submissions}, user_id):
        raise Forbidden(OWN)
    byte_count = len(task.body or b"") + json_size(fixes)
    detail, threads = await tx.compute(byte_count, lambda: _corrected(state, fixes, reasons))
    detail |= reasons_detail(reasons)
    completed_ms = await lifecycle.correct_task(tx, project.environment_id, task, threads)
    await submissions.mark_reviewed(tx, task.project_key, task.seq, await tx.now_ms())
    await store_reasons(tx, task.project_key, task.seq, reasons)
    times = {"was_completed_ms": task.completed_ms, "completed_ms": completed_ms}
    await insert_note(tx, task.project_key, task.seq, user_id, "correct", detail | times)
    await correct_in_samples(tx, task, user_id)
    return completed_ms


async def send_back(
    tx: Transaction,
    project: ProjectRow,
    task: StoredTask,
    reviewer_id: str,
    user_id: str,
    *,
    comment: str,
    revision: str | None = None,
) -> None:
    """Return a submission to its author, who has RETURNED_MS to submit again.

    It no longer counts. Raises NotFound if `user_id` has not submitted the task; InvalidContent
    unless `comment` has 1 to COMMENT_CHARS_MAX characters; Conflict if the author was removed, the
    task is not in review or has another revision; Forbidden to a reviewer who answered it.
    """
    if is_blank(comment) or len(comment.strip()) > COMMENT_CHARS_MAX:
        raise InvalidContent(
            f"say what is to be done better, in 1 to {COMMENT_CHARS_MAX} characters",
            pointer="/comment",
        )
    await _lock(tx, task, WorkState.in_review)
    task = await tasks.get_task(tx, task.project_key, task.seq)
    state = await _review_state(tx, project, task, revision)
    current = await submissions.list_current(tx, project.project_key, task.seq)
    _require_other(project, current, reviewer_id)
    submission = next((row for row in current if row.user_id == user_id), None)
    lease = await leases.find_lease_of(tx, project.project_key, task.seq, user_id)
    if submission is None or lease is None or lease.status is not LeaseStatus.submitted:
        raise NotFound("this person has not submitted the task")
    if await membership.is_removed(tx, project.environment_id, user_id):
        raise Conflict("this person was removed and cannot do it again; fix the answers instead")
    await submissions.retract(tx, submission)
    await leave_review(tx, project, task.seq)
    now = await tx.now_ms()
    if not await leases.return_lease(tx, lease, now=now, expires_ms=now + RETURNED_MS):
        raise Conflict("this task changes at this moment; try again")
    await insert_note(
        tx,
        task.project_key,
        task.seq,
        reviewer_id,
        "send_back",
        {"user_id": user_id, "comment": comment},
    )
    await judge_in_samples(tx, task, reviewer_id, is_right=False, revision=state.revision)


async def dismiss_report(
    tx: Transaction, project: ProjectRow, task: StoredTask, user_id: str
) -> None:
    """Put a quarantined task back into the queue; raises Conflict if it is not quarantined."""
    await _lock(tx, task, WorkState.quarantined)
    await work_queue.change_state(
        tx,
        project.project_key,
        task.seq,
        expected=WorkState.quarantined,
        state=WorkState.open,
        reason=None,
    )
    await leases.release_closed(tx, project.project_key, task.seq)
    await insert_note(tx, task.project_key, task.seq, user_id, "dismiss_report", {})


async def confirm_report(
    tx: Transaction, project: ProjectRow, task: StoredTask, user_id: str
) -> None:
    """Complete a quarantined task with its reports and without threads.

    Raises Conflict if it is not quarantined.
    """
    await _lock(tx, task, WorkState.quarantined)
    notes = await notes_store.list_notes(tx, project.project_key, task.seq, limit=REPORTS_MAX)
    details = [_decode(note.detail) for note in reversed(notes) if note.kind == "report"]
    reports = [
        SensitiveContentReport(type=detail["reason"], message=detail.get("note"))
        for detail in details
    ]
    await insert_note(tx, task.project_key, task.seq, user_id, "confirm_report", {})
    await lifecycle.complete_reported(tx, project.environment_id, task, reports)


async def _review_state(
    tx: Transaction, project: ProjectRow, task: StoredTask, revision: str | None
) -> ReviewState:
    """Load a task's review state; raises Conflict if the reviewer saw another revision."""
    state = await review_state(tx, project, task)
    if revision is not None and revision != state.revision:
        raise Conflict(STALE)
    return state


def _require_other(
    project: ProjectRow, current: Sequence[SubmissionRow | DecodedSubmission], user_id: str
) -> None:
    """Raise Forbidden if a user is among those who answered a task; its queue row is locked."""
    if not may_decide(project, {row.user_id for row in current}, user_id):
        raise Forbidden(OWN)


def _corrected(
    state: ReviewState, fixes: Any, reasons: Sequence[GivenReason]
) -> tuple[dict[str, Any], Any]:
    """The detail of a correction's note, and the state's threads with these fixes, as JSON.

    Raises AnswersRejected if there is no fix or a bad one, and InvalidContent for a bad reason.
    """
    checked = _checked_fixes(state, fixes)
    if not checked:
        raise AnswersRejected([Fault(pointer="", message="change at least one answer")])
    check_reasons(state, reasons)
    _require_answers(state, checked)
    assert state.threads is not None
    consensus.correct(state.form, state.content, state.threads, state.submissions, checked)
    return _fixes_detail(state, checked), msgspec.to_builtins(state.threads)


def _checked_fixes(state: ReviewState, fixes: Any) -> list[Answer]:
    """Check a reviewer's answers and return them as stored; raises AnswersRejected."""
    answers = list(fixes) if isinstance(fixes, (list, tuple)) else fixes
    display = own_order(state.content)
    checked = check(state.form, state.content, display, answers, partly=True)
    questions = {result.address: result.question for result in state.results}
    faults = [
        missing_answer_fault(questions[answer_address(fix)], display)
        for fix in checked
        if not fix.satisfies(questions[answer_address(fix)].field)
    ]
    fixed = {answer_address(fix): fix for fix in checked}
    left_out = unasked_results(state.form, state.results, fixed)
    for fix in checked:
        question = questions[answer_address(fix)]
        if place_of(question) in left_out:
            faults.append(unasked_fault(question, display))
    if faults:
        raise AnswersRejected(faults)
    return checked


def _require_answers(state: ReviewState, fixes: Sequence[Answer]) -> None:
    """Raise AnswersRejected for open questions that are asked with these fixes, and not fixed."""
    fixed = {answer_address(fix): fix for fix in fixes}
    opened = [one for one in state.results if one.is_open and one.address not in fixed]
    if not opened:
        return
    left_out = unasked_results(state.form, state.results, fixed)
    display = own_order(state.content)
    faults = [
        missing_answer_fault(one.question, display)
        if one.is_asked or one.answers
        else asked_now_fault(one.question, display)
        for one in opened
        if place_of(one.question) not in left_out
    ]
    if faults:
        raise AnswersRejected(faults)


def _fixes_detail(state: ReviewState, fixes: Sequence[Answer]) -> dict[str, Any]:
    """A note's detail: the fixes, and the answers before them (None where there was none)."""
    before = {result.address: result.answer for result in state.results}
    return {
        "fixes": msgspec.to_builtins(fixes),
        "before": msgspec.to_builtins([before[answer_address(fix)] for fix in fixes]),
    }


async def _lock(tx: Transaction, task: StoredTask, state: WorkState) -> None:
    """Lock a task's batch and queue row; raises Conflict unless the task is in this state."""
    if task.batch_id is not None:
        await batches.add_progress(tx, task.project_key, task.batch_id, {})
    queued = await work_queue.lock_work(tx, task.project_key, task.seq)
    if queued is None or queued.state is not state:
        raise Conflict(
            "the task is not in review any more"
            if state is WorkState.in_review
            else "the task is not quarantined any more"
        )

"""What a reviewer or manager decides about work that waits for them, or was delivered.

    accept(tx, project, task, user_id, fixes=…, revision=…)
        Completes a task in review with what people answered, and the reviewer's own answers in the
        place of some. `fixes` is decoded JSON in the shape of answers.py, positions counting
        responses in their own order. Every open question needs a fix.
        AnswersRejected; Conflict: the task is not in review
    correct(tx, project, task, user_id, fixes=…, revision=…)
        Delivers a completed task anew, with these answers in the place of what was delivered; all
        else in its threads stays. It gets a new time of completion and is announced again, and
        nobody can undo their submission any more. AnswersRejected; Conflict: it is not completed
    send_back(tx, project, task, reviewer_id, user_id, comment=…, revision=…)
        One person's submission counts no more; the task waits for them, for three days.
        Conflict; NotFound: they have not submitted it; InvalidContent: no comment
    dismiss_report(tx, project, task, user_id)   a quarantined task is back in the queue; Conflict
    confirm_report(tx, project, task, user_id)   a quarantined task completes as reported, and
                                                 without threads (contract 7.1); Conflict

`revision` is that of question_results.py, as the reviewer saw it: if anything has changed since,
the decision is a Conflict and nothing happens. Without it, what is there counts.

What people answered stays as it is. A decision is kept as a note on the task: who, when, the fixes,
and what stood in their place before. What waits and what was decided is listed by review_queue.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit import ids
from plaudit.core.common import membership
from plaudit.core.labeling import consensus
from plaudit.core.labeling.answers import Answer, check, missing
from plaudit.core.labeling.consensus import address_of
from plaudit.core.labeling.question_results import ReviewState, standing_of
from plaudit.core.labeling.questions import unshuffled
from plaudit.core.labeling.submissions import consolidated
from plaudit.core.tasks import lifecycle
from plaudit.errors import AnswersRejected, Conflict, InvalidContent, NotFound
from plaudit.model.core import ProjectRow, StoredTask
from plaudit.model.labeling import Fault, LeaseStatus, TaskNote, WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases, submissions
from plaudit.store.tasks import batches, tasks, work_queue
from plaudit.wire.v2.task import SensitiveContentReport

RETURNED_MS = 3 * 24 * 3600 * 1000
REPORTS_MAX = 100
COMMENT_CHARS_MAX = 10_000

STALE = "the task has changed since you opened it; look at it again"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


async def accept(
    tx: Transaction,
    project: ProjectRow,
    task: StoredTask,
    user_id: str,
    *,
    fixes: Any = (),
    revision: str | None = None,
) -> None:
    """Deliver a task in review; raises AnswersRejected, Conflict."""
    await _lock(tx, task, WorkState.in_review)
    standing = await _standing(tx, project, task, revision)
    checked = _checked(standing, fixes)
    found = await consolidated(tx, project, task, checked)
    if found.unresolved:
        display = unshuffled(standing.content)
        raise AnswersRejected([missing(one, display) for one in found.unresolved])
    await submissions.mark_reviewed(tx, task.project_key, task.seq, await tx.now_ms())
    await _note(tx, task, user_id, "accept", _fixed(standing, checked))
    threads = msgspec.to_builtins(found.threads)
    await lifecycle.complete_task(tx, project.environment_id, task, threads)


async def correct(
    tx: Transaction,
    project: ProjectRow,
    task: StoredTask,
    user_id: str,
    *,
    fixes: Any,
    revision: str | None = None,
) -> int:
    """Deliver a completed task anew; its new completion time. Raises AnswersRejected, Conflict."""
    if task.batch_id is not None:
        await batches.add_progress(tx, task.project_key, task.batch_id, {})  # the lock
    task = await tasks.get_task(tx, task.project_key, task.seq)
    standing = await _standing(tx, project, task, revision)
    if standing.threads is None:
        raise Conflict("only a completed task with threads can be corrected")
    checked = _checked(standing, fixes)
    if not checked:
        raise AnswersRejected([Fault(pointer="", message="change at least one answer")])
    noted = _fixed(standing, checked)
    consensus.correct(standing.form, standing.content, standing.threads, standing.judged, checked)
    threads = msgspec.to_builtins(standing.threads)
    completed_ms = await lifecycle.correct_task(tx, project.environment_id, task, threads)
    await submissions.mark_reviewed(tx, task.project_key, task.seq, await tx.now_ms())
    times = {"was_completed_ms": task.completed_ms, "completed_ms": completed_ms}
    await _note(tx, task, user_id, "correct", noted | times)
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
    """Let somebody do a task in review again; raises Conflict, NotFound, InvalidContent."""
    if not 0 < len(comment.strip()) <= COMMENT_CHARS_MAX:
        raise InvalidContent(
            f"say what is to be done better, in 1 to {COMMENT_CHARS_MAX} characters",
            pointer="/comment",
        )
    await _lock(tx, task, WorkState.in_review)
    await _standing(tx, project, task, revision)
    current = await submissions.list_current(tx, project.project_key, task.seq)
    one = next((one for one in current if one.user_id == user_id), None)
    lease = await leases.find_lease_of(tx, project.project_key, task.seq, user_id)
    if one is None or lease is None or lease.status is not LeaseStatus.submitted:
        raise NotFound("this person has not submitted the task")
    if await membership.is_removed(tx, project.environment_id, user_id):
        raise Conflict("this person was removed and cannot do it again; fix the answers instead")
    await submissions.retract(tx, one)
    await work_queue.count_retraction(tx, project.project_key, task.seq)
    now = await tx.now_ms()
    if not await leases.return_lease(tx, lease, now=now, expires_ms=now + RETURNED_MS):
        raise Conflict("this task changes at this moment; try again")
    await _note(tx, task, reviewer_id, "send_back", {"user_id": user_id, "comment": comment})


async def dismiss_report(
    tx: Transaction, project: ProjectRow, task: StoredTask, user_id: str
) -> None:
    """Put a quarantined task back into the queue; raises Conflict."""
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
    await _note(tx, task, user_id, "dismiss_report", {})


async def confirm_report(
    tx: Transaction, project: ProjectRow, task: StoredTask, user_id: str
) -> None:
    """Complete a quarantined task with what was reported of it; raises Conflict."""
    await _lock(tx, task, WorkState.quarantined)
    notes = await leases.list_notes(tx, project.project_key, task.seq, limit=REPORTS_MAX)
    said = [_decode(one.detail) for one in reversed(notes) if one.kind == "report"]
    reports = [SensitiveContentReport(type=one["reason"], message=one.get("note")) for one in said]
    await _note(tx, task, user_id, "confirm_report", {})
    await lifecycle.complete_reported(tx, project.environment_id, task, reports)


async def _standing(
    tx: Transaction, project: ProjectRow, task: StoredTask, revision: str | None
) -> ReviewState:
    """The task as it is, if that is how the reviewer saw it; raises Conflict."""
    standing = await standing_of(tx, project, task)
    if revision is not None and revision != standing.revision:
        raise Conflict(STALE)
    return standing


def _checked(standing: ReviewState, fixes: Any) -> list[Answer]:
    """A reviewer's answers as they are stored; raises AnswersRejected."""
    given = list(fixes) if isinstance(fixes, (list, tuple)) else fixes
    display = unshuffled(standing.content)
    checked = check(standing.form, standing.content, display, given, partly=True)
    asked = {one.address: one.question for one in standing.outcomes}
    bare = [missing(asked[address_of(one)], display) for one in checked if one.is_empty]
    if bare:
        raise AnswersRejected(bare)
    return checked


def _fixed(standing: ReviewState, fixes: Sequence[Answer]) -> dict[str, Any]:
    """What a note says of fixes: each, and what stood there before; None where nothing did."""
    before = {one.address: one.answer for one in standing.outcomes}
    return {
        "fixes": msgspec.to_builtins(fixes),
        "before": msgspec.to_builtins([before[address_of(one)] for one in fixes]),
    }


async def _lock(tx: Transaction, task: StoredTask, state: WorkState) -> None:
    """Keep everybody else from a task that waits; raises Conflict if it does not."""
    if task.batch_id is not None:
        await batches.add_progress(tx, task.project_key, task.batch_id, {})
    found = await work_queue.lock_work(tx, task.project_key, task.seq)
    if found is None or found.state is not state:
        word = "in review" if state is WorkState.in_review else "quarantined"
        raise Conflict(f"the task is not {word} any more")


async def _note(
    tx: Transaction, task: StoredTask, user_id: str, kind: str, detail: dict[str, Any]
) -> None:
    note = TaskNote(
        project_key=task.project_key,
        note_id=ids.mint("note"),
        seq=task.seq,
        user_id=user_id,
        kind=kind,
        detail=_encode(detail),
        created_ms=await tx.now_ms(),
    )
    await leases.insert_note(tx, note)

"""What a reviewer or manager decides about work that waits for them.

    list_in_review(tx, project, after_seq=…, limit=…), list_parked(…)   Work, in the order of tasks
    open_questions(tx, project, task)     the questions on which people disagree too much
    accept(tx, project, task, user_id, fixes=…)
        Completes a task in review with what people answered, and the reviewer's own answers in the
        place of some. `fixes` is decoded JSON in the shape of core/answers.py, positions counting
        responses in their own order. Every open question needs a fix.
        AnswersRejected; Conflict: the task is not in review
    send_back(tx, project, task, reviewer_id, user_id, comment=…)
        One person's submission counts no more; the task waits for them, for three days.
        Conflict; NotFound: they have not submitted it
    dismiss_report(tx, project, task, user_id)   a parked task is back in the queue; Conflict
    confirm_report(tx, project, task, user_id)   a parked task completes with what was reported, and
                                                 without threads (contract 7.1); Conflict

What people answered stays as it is; a fix is kept beside it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit import ids
from plaudit.core import lifecycle
from plaudit.core.answers import check, missing
from plaudit.core.forms import form_of
from plaudit.core.questions import Question, unshuffled
from plaudit.core.submission import consolidated, content_of
from plaudit.errors import AnswersRejected, Conflict, NotFound
from plaudit.model import Project, StoredTask
from plaudit.model_work import LeaseStatus, TaskNote, Work, WorkState
from plaudit.store import assignments, batches, submissions, work
from plaudit.store.engine import Transaction
from plaudit.wire.resources import project_detail
from plaudit.wire.task import SensitiveContentReport

RETURNED_MS = 3 * 24 * 3600 * 1000
REPORTS_MAX = 100

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


async def list_in_review(
    tx: Transaction, project: Project, *, after_seq: int = 0, limit: int = 100
) -> list[Work]:
    """Tasks that wait for a reviewer."""
    return await work.list_waiting(
        tx, project.project_id, WorkState.in_review, after_seq=after_seq, limit=limit
    )


async def list_parked(
    tx: Transaction, project: Project, *, after_seq: int = 0, limit: int = 100
) -> list[Work]:
    """Tasks whose content was reported."""
    return await work.list_waiting(
        tx, project.project_id, WorkState.parked, after_seq=after_seq, limit=limit
    )


async def open_questions(tx: Transaction, project: Project, task: StoredTask) -> list[Question]:
    """The questions that people's answers leave open."""
    return (await consolidated(tx, project, task)).unresolved


async def accept(
    tx: Transaction, project: Project, task: StoredTask, user_id: str, *, fixes: Any = ()
) -> None:
    """Deliver a task in review; raises AnswersRejected, Conflict."""
    await _lock(tx, task, WorkState.in_review)
    form, content = form_of(project_detail(project)), content_of(task)
    display = unshuffled(content)
    checked = check(form, content, display, list(fixes), partly=True)
    found = await consolidated(tx, project, task, checked)
    if found.unresolved:
        raise AnswersRejected([missing(one, display) for one in found.unresolved])
    await submissions.mark_reviewed(tx, task.project_id, task.seq, await tx.now_ms())
    await _note(tx, task, user_id, "accept", {"fixes": msgspec.to_builtins(checked)})
    threads = msgspec.to_builtins(found.threads)
    await lifecycle.complete_task(tx, project.org_id, task, threads)


async def send_back(
    tx: Transaction,
    project: Project,
    task: StoredTask,
    reviewer_id: str,
    user_id: str,
    *,
    comment: str,
) -> None:
    """Let somebody do a task in review again; raises Conflict, NotFound."""
    await _lock(tx, task, WorkState.in_review)
    current = await submissions.list_current(tx, project.project_id, task.seq)
    one = next((one for one in current if one.user_id == user_id), None)
    lease = await assignments.find_lease_of(tx, project.project_id, task.seq, user_id)
    if one is None or lease is None or lease.status is not LeaseStatus.submitted:
        raise NotFound("this person has not submitted the task")
    await submissions.retract(tx, one)
    await work.count_retraction(tx, project.project_id, task.seq)
    now = await tx.now_ms()
    if not await assignments.return_lease(tx, lease, now=now, expires_ms=now + RETURNED_MS):
        raise Conflict("this task changes at this moment; try again")
    await _note(tx, task, reviewer_id, "send_back", {"user_id": user_id, "comment": comment})


async def dismiss_report(tx: Transaction, project: Project, task: StoredTask, user_id: str) -> None:
    """Put a parked task back into the queue; raises Conflict."""
    await _lock(tx, task, WorkState.parked)
    await work.change_state(
        tx,
        project.project_id,
        task.seq,
        expected=WorkState.parked,
        state=WorkState.open,
        reason=None,
    )
    await assignments.release_closed(tx, project.project_id, task.seq)
    await _note(tx, task, user_id, "dismiss_report", {})


async def confirm_report(tx: Transaction, project: Project, task: StoredTask, user_id: str) -> None:
    """Complete a parked task with what was reported of it; raises Conflict."""
    await _lock(tx, task, WorkState.parked)
    notes = await assignments.list_notes(tx, project.project_id, task.seq, limit=REPORTS_MAX)
    said = [_decode(one.detail) for one in reversed(notes) if one.kind == "report"]
    reports = [SensitiveContentReport(type=one["reason"], message=one.get("note")) for one in said]
    await _note(tx, task, user_id, "confirm_report", {})
    await lifecycle.complete_reported(tx, project.org_id, task, reports)


async def _lock(tx: Transaction, task: StoredTask, state: WorkState) -> None:
    """Keep everybody else from a task that waits; raises Conflict if it does not."""
    if task.batch_id is not None:
        await batches.add_progress(tx, task.project_id, task.batch_id, {})
    found = await work.lock_work(tx, task.project_id, task.seq)
    if found is None or found.state is not state:
        word = "in review" if state is WorkState.in_review else "parked"
        raise Conflict(f"the task is not {word} any more")


async def _note(
    tx: Transaction, task: StoredTask, user_id: str, kind: str, detail: dict[str, Any]
) -> None:
    note = TaskNote(
        project_id=task.project_id,
        note_id=ids.mint("note"),
        seq=task.seq,
        user_id=user_id,
        kind=kind,
        detail=_encode(detail),
        created_ms=await tx.now_ms(),
    )
    await assignments.insert_note(tx, note)

"""Calls of the annotation page's scripts: drafts, submissions, undo, skips, flags and reports.

Each call is one transaction. The next task is claimed in another one after a submission, so that
nothing which is wrong with the queue can take a submission back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from plaudit.api.http import problems
from plaudit.api.http.bodies import ANSWERS_BODY, NOTE_BODY, SMALL_BODY
from plaudit.api.http.operation import JSON, Response
from plaudit.api.http.parameters import NoQuery
from plaudit.core.labeling import leases, submissions, task_notes
from plaudit.core.quality_control import (
    assigning,
    gold_feedback,
    own_work,
    standing,
    submitting,
)
from plaudit.core.quality_control.control_tasks import on_either_side
from plaudit.errors import (
    AnswersRejected,
    DraftConflict,
    InvalidContent,
    LeaseLost,
    LimitReached,
    NotFound,
    Paused,
    Unqualified,
)
from plaudit.model.core import PersonRole, ProjectRow
from plaudit.model.labeling import Fault, Lease, LeaseRef
from plaudit.store.engine.engine import Transaction
from plaudit.workspace.annotate.annotation_pages import get_project, task_path
from plaudit.workspace.http.page import Page, PageRequest
from plaudit.workspace.language.note_words import SKIP_REASONS
from plaudit.workspace.language.problem_texts import recognized, text_of

T = TypeVar("T")

CLIENT_KEY_CHARS_MAX = 100

_encode = msgspec.json.Encoder().encode


class DraftSent(Struct, forbid_unknown_fields=True, kw_only=True):
    """A draft: the answers so far, and the revision they are."""

    lease_version: int
    revision: int
    answers: list[Any]
    active_ms: int


class HeartbeatSent(Struct, forbid_unknown_fields=True, kw_only=True):
    """Active time so far, sent while the page is open and used."""

    lease_version: int
    active_ms: int


class SubmissionSent(Struct, forbid_unknown_fields=True, kw_only=True):
    """A submission. `goes_on` leases the next task as well."""

    lease_version: int
    answers: list[Any]
    client_key: str
    active_ms: int
    goes_on: bool = False


class ReasonSent(Struct, forbid_unknown_fields=True, kw_only=True):
    """The reason for a skip, a flag or a report."""

    lease_version: int
    reason: str
    note: str | None = None
    goes_on: bool = False


class HoldSent(Struct, forbid_unknown_fields=True, kw_only=True):
    """The version of the lease that a call is about."""

    lease_version: int


class NothingSent(Struct, forbid_unknown_fields=True):
    """An empty body."""


class DraftSaved(Struct, omit_defaults=True, kw_only=True):
    """A draft is kept, or a lease renewed."""

    expires_ms: int
    revision: int | None = None
    saved_ms: int | None = None


class Submitted(Struct, kw_only=True):
    """Receipt of a submission. `next` is the path of the next task; None if there is none.

    What became of the task is not among it: that would tell gold from other tasks.
    """

    submission_id: str
    submitted_ms: int
    undo_until_ms: int
    next: str | None


class NextTask(Struct, kw_only=True):
    """Receipt of a call; `next` is the path to go to."""

    next: str | None


class _Rejected(Struct, omit_defaults=True, kw_only=True):
    """A refusal with what the page needs to show it."""

    error: str
    code: str
    faults: list[Fault] = []
    revision: int | None = None


async def save_draft(request: PageRequest[NoQuery], submitted: DraftSent) -> DraftSaved | Response:
    """POST …/draft: save the answers so far."""

    async def work(tx: Transaction, project: ProjectRow) -> leases.SavedDraft:
        return await leases.save_draft(
            tx,
            project,
            _hold(request, submitted.lease_version),
            revision=submitted.revision,
            answers=submitted.answers,
            active_ms=submitted.active_ms,
        )

    try:
        saved = await _run_on_lease(request, work)
    except DraftConflict as problem:
        return refusal(problem)
    return DraftSaved(expires_ms=saved.expires_ms, revision=saved.revision, saved_ms=saved.saved_ms)


async def send_heartbeat(request: PageRequest[NoQuery], submitted: HeartbeatSent) -> DraftSaved:
    """POST …/heartbeat: renew the lease."""

    async def work(tx: Transaction, project: ProjectRow) -> int:
        held = _hold(request, submitted.lease_version)
        return await leases.heartbeat(tx, project, held, active_ms=submitted.active_ms)

    return DraftSaved(expires_ms=await _run_on_lease(request, work))


async def submit(request: PageRequest[NoQuery], submitted: SubmissionSent) -> Submitted | Response:
    """POST …/submit: submit the answers, and lease the next task."""
    if not 0 < len(submitted.client_key) <= CLIENT_KEY_CHARS_MAX:
        raise InvalidContent(f"1 to {CLIENT_KEY_CHARS_MAX} characters", pointer="/client_key")

    async def work(tx: Transaction, project: ProjectRow) -> submissions.Receipt:
        return await submitting.submit(
            tx,
            project,
            _hold(request, submitted.lease_version),
            submitted.answers,
            client_key=submitted.client_key,
            active_ms=submitted.active_ms,
        )

    try:
        receipt = await _run(request, work)
    except AnswersRejected as problem:
        return refusal(problem)
    following = await _feedback(request)
    if following is None and submitted.goes_on:
        following = await _next(request)
    return Submitted(
        submission_id=receipt.submission_id,
        submitted_ms=receipt.submitted_ms,
        undo_until_ms=receipt.undo_until_ms,
        next=following,
    )


async def _feedback(request: PageRequest[NoQuery]) -> str | None:
    """Path of the feedback on what was submitted, if the person is shown any at once."""
    async with request.db.read(snapshot=False) as tx:
        project = await get_project(tx, request)
        assignment_id = request.path["assignment_id"]
        try:
            await gold_feedback.get_feedback(tx, project, request.user.user_id, assignment_id)
        except NotFound:
            return None
    return f"{task_path(project.project_id, assignment_id)}/feedback"


async def undo(request: PageRequest[NoQuery], submitted: NothingSent) -> NextTask:
    """POST …/undo: open the last submission again."""

    async def work(tx: Transaction, project: ProjectRow) -> Lease:
        return await own_work.undo(tx, project, request.user.user_id, request.path["assignment_id"])

    lease = await _run(request, work)
    return NextTask(next=task_path(request.path["project_id"], lease.assignment_id))


async def skip(request: PageRequest[NoQuery], submitted: ReasonSent) -> NextTask:
    """POST …/skip: release the task for good, with a reason."""
    if submitted.reason not in SKIP_REASONS:
        raise InvalidContent(f"one of {', '.join(SKIP_REASONS)}", pointer="/reason")

    async def work(tx: Transaction, project: ProjectRow) -> None:
        held = _hold(request, submitted.lease_version)
        await submitting.skip(tx, project, held, reason=submitted.reason, note=submitted.note)

    await _run(request, work)
    return await _onward(request, goes_on=submitted.goes_on)


async def flag(request: PageRequest[NoQuery], submitted: ReasonSent) -> NextTask:
    """POST …/flag: tell a manager, and keep the task."""

    async def work(tx: Transaction, project: ProjectRow) -> None:
        held = _hold(request, submitted.lease_version)
        await task_notes.flag(tx, project, held, reason=submitted.reason, note=submitted.note)

    await _run_on_lease(request, work)
    return NextTask(next=None)


async def report(request: PageRequest[NoQuery], submitted: ReasonSent) -> NextTask:
    """POST …/report: quarantine the task for its content."""

    async def work(tx: Transaction, project: ProjectRow) -> None:
        held = _hold(request, submitted.lease_version)
        await task_notes.report_sensitive(
            tx, project, held, kind=submitted.reason, message=submitted.note
        )

    await _run_on_lease(request, work)
    return await _onward(request, goes_on=submitted.goes_on)


async def release(request: PageRequest[NoQuery], submitted: HoldSent) -> NextTask:
    """POST …/release: give the lease up; the draft is kept."""

    async def work(tx: Transaction, project: ProjectRow) -> None:
        await leases.release(tx, project, _hold(request, submitted.lease_version))

    await _run_on_lease(request, work)
    return await _onward(request, goes_on=False)


def _hold(request: PageRequest[Any], lease_version: int) -> LeaseRef:
    return LeaseRef(request.user.user_id, request.path["assignment_id"], lease_version)


async def _run(
    request: PageRequest[Any], work: Callable[[Transaction, ProjectRow], Awaitable[T]]
) -> T:
    async def whole(tx: Transaction) -> T:
        return await work(tx, await get_project(tx, request))

    try:
        return await request.db.write(whole)
    except LeaseLost:
        async with request.db.read(snapshot=False) as tx:
            await standing.explain_loss(tx, await get_project(tx, request), request.user.user_id)
        raise


async def _run_on_lease(
    request: PageRequest[Any], work: Callable[[Transaction, ProjectRow], Awaitable[T]]
) -> T:
    """Do something with the lease of the path, of an ordinary or a control task."""
    return await _run(request, lambda tx, project: on_either_side(tx, project, work))


async def _next(request: PageRequest[Any]) -> str | None:
    """Lease the next task; its path, None if there is none or the person has too many."""

    async def work(tx: Transaction, project: ProjectRow) -> Lease | None:
        held = await own_work.list_open_leases(tx, project, request.user.user_id)
        # What somebody left open comes before anything new.
        return held[0] if held else await assigning.lease_next(tx, project, request.user.user_id)

    try:
        lease = await _run(request, work)
    except (LimitReached, Paused, Unqualified):
        return None
    return None if lease is None else task_path(request.path["project_id"], lease.assignment_id)


async def _onward(request: PageRequest[Any], *, goes_on: bool) -> NextTask:
    following = await _next(request) if goes_on else None
    return NextTask(next=following or f"/work/{request.path['project_id']}")


def refusal(problem: AnswersRejected | DraftConflict) -> Response:
    """A problem as a page's script gets it, in the page's language."""
    body = _Rejected(error=text_of(problem), code=problem.code)
    if isinstance(problem, DraftConflict):
        body.revision = problem.revision
    else:
        body.faults = [
            msgspec.structs.replace(fault, message=recognized(fault.message))
            for fault in problem.faults
        ]
    return Response(_encode(body), problems.STATUSES[type(problem)], JSON, [(b"vary", b"Cookie")])


PAGES = tuple(
    Page(
        page_id=page_id,
        path=f"/work/{{project_id}}/tasks/{{assignment_id}}/{verb}",
        method="POST",
        role=PersonRole.annotator,
        handler=handler,
        body=body,
        body_limit=limit,
        opens_transactions=True,
    )
    for page_id, verb, handler, body, limit in (
        ("save_draft", "draft", save_draft, DraftSent, ANSWERS_BODY),
        ("send_heartbeat", "heartbeat", send_heartbeat, HeartbeatSent, SMALL_BODY),
        ("submit_answers", "submit", submit, SubmissionSent, ANSWERS_BODY),
        ("undo_submission", "undo", undo, NothingSent, SMALL_BODY),
        ("skip_task", "skip", skip, ReasonSent, NOTE_BODY),
        ("flag_task", "flag", flag, ReasonSent, NOTE_BODY),
        ("report_task", "report", report, ReasonSent, NOTE_BODY),
        ("release_task", "release", release, HoldSent, SMALL_BODY),
    )
)

"""The annotators' pages: a project's queue, one task, and a person's own recent submissions.

A task is taken with a POST and shown with a GET, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.core.accounts import study_links
from plaudit.core.labeling import leases, review_queue
from plaudit.core.managing import talks
from plaudit.core.quality_control import (
    assigning,
    gold_feedback,
    own_work,
    pauses,
    qualification,
    standing,
)
from plaudit.core.quality_control.control_tasks import on_either_side
from plaudit.core.staffing import quotas, seats
from plaudit.core.tasks.forms import form_of
from plaudit.errors import Conflict, LeaseLost, LimitReached, NotFound, Paused, Unqualified
from plaudit.model.core import PersonRole, ProjectRow, StoredTask
from plaudit.model.labeling import Lease, LeaseStatus
from plaudit.model.managing import Talk, TalkSide
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches, projects, tasks
from plaudit.texts import N_
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import Thread
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate import annotation_view, lease_words, next_tasks
from plaudit.workspace.annotate.files import Files, read_conversation
from plaudit.workspace.annotate.portions import Plan, Portion, TurnsQuery, hash_layout
from plaudit.workspace.annotate.task_shown import TaskShown
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.note_words import SKIP_REASONS
from plaudit.workspace.language.problem_texts import text_of
from plaudit.workspace.render.text_batch import RenderedText, TextBatch

COUNTED_MAX = 1000
UNREAD_MAX = 20
"""Tasks with something to read that the queue lists."""

_decode_content = msgspec.json.Decoder(list[Thread]).decode
_decode_display = msgspec.json.Decoder(dict[str, list[int]]).decode


class AppealForm(Struct):
    """Form of an answer to one's own pause."""

    text: str


class OpenTask(Struct):
    """A lease with its task, project and files, of one snapshot."""

    project: ProjectRow
    lease: Lease
    task: StoredTask
    batch_name: str | None
    content: list[Thread]
    files: Files
    returned: review_queue.ReturnedTask | None = None
    """A reviewer's return of the task, None if it was submitted since."""
    talk: Talk | None = None
    """Messages with managers about the task, None where nobody has written."""


class RecentSubmission(Struct, frozen=True):
    """One of somebody's own submissions, as their page lists it."""

    assignment_id: str
    submitted_ms: int
    active_s: int
    excerpt: str
    final: str | None
    """The reason why it cannot be opened again; None if it can."""


def task_path(project_id: str, assignment_id: str) -> str:
    """Path of the annotation page of a lease."""
    return f"/work/{project_id}/tasks/{assignment_id}"


async def get_project(tx: Transaction, request: PageRequest[Any]) -> ProjectRow:
    """The project of the path, if it is in the person's environment; raises NotFound."""
    project = await projects.find_project(
        tx, request.user.environment_id, request.path["project_id"]
    )
    if project is None:
        raise NotFound("there is no such project")
    return project


async def show_queue(request: PageRequest[NoQuery]) -> Any:
    """GET /work/{project_id}: the person's open tasks, and a button for the next one."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        user_id = request.user.user_id
        held = await own_work.list_open_leases(tx, project, user_id)
        free_count = await assigning.count_waiting(tx, project, user_id, limit_max=COUNTED_MAX)
        returned = await review_queue.list_returned(tx, project, user_id)
        shown = [*held, *(one.lease for one in returned)]
        prompts = await own_work.list_excerpts(tx, project, shown)
        unread = await talks.list_unread(tx, [project.project_key], user_id, limit=UNREAD_MAX)
        prompts |= await talks.list_excerpts_of(tx, project, unread)
        pause = await standing.find_pause(tx, project, user_id)
        view = await qualification.find_view(tx, project, user_id)
        seat = await seats.find_seat(tx, project, user_id)
        use = await quotas.find_use(tx, project, user_id, seat.quota, await tx.now_ms())
        study = await study_links.find_progress(
            tx, project, request.user, waiting=free_count, held=len(shown)
        )
    detail = project_detail(project)
    guidelines = await request.render(detail.guidelines or "")
    return {
        "project": project,
        "pause": pause,
        "qualification": view,
        "why": None if pause is None else pauses.why(pause),
        "appeal_max": pauses.TEXT_CHARS_MAX,
        "use": use,
        "study": study,
        "held": held,
        "returned": returned,
        "excerpts": prompts,
        "unread": unread,
        "free_count": free_count,
        "counted_max": COUNTED_MAX,
        "held_max": leases.OPEN_LEASES_MAX,
        "guidelines": guidelines if detail.guidelines else None,
    }


async def claim_task(request: PageRequest[NoQuery], submitted: NoFields) -> Redirect:
    """POST /work/{project_id}: lease the next task, and redirect to it."""

    async def work(tx: Transaction) -> Lease | None:
        project = await get_project(tx, request)
        return await assigning.lease_next(tx, project, request.user.user_id)

    project_id = request.path["project_id"]
    try:
        lease = await request.db.write(work)
    except Paused:
        return Redirect(to=f"/work/{project_id}")
    except (LimitReached, Unqualified) as problem:
        return Redirect(to=f"/work/{project_id}", flash=sentence(text_of(problem)))
    if lease is None:
        return Redirect(to=f"/work/{project_id}")
    return Redirect(to=task_path(project_id, lease.assignment_id))


async def appeal(
    request: PageRequest[NoQuery], submitted: AppealForm, context: WriteContext
) -> Redirect:
    """POST /work/{project_id}/appeal: answer one's own pause, once; raises Conflict."""
    project = await get_project(context.tx, request)
    pause_id = await pauses.appeal(context.tx, project, request.user.user_id, text=submitted.text)
    await context.note("pause", pause_id, project_key=project.project_key)
    return Redirect(to=f"/work/{project.project_id}", flash=N_("A manager reads your answer."))


async def open_lease(request: PageRequest[Any]) -> OpenTask:
    """Load a person's own lease with its task; raises NotFound."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        lease = await on_either_side(
            tx,
            project,
            lambda tx, side: leases.get_lease(
                tx, side, request.user.user_id, request.path["assignment_id"]
            ),
        )
        task = await tasks.get_task(tx, lease.project_key, lease.seq)
        batch, batch_id = None, await own_work.find_batch_id(tx, project, lease, task.batch_id)
        if batch_id is not None:
            batch = await batches.find_batch(tx, project.environment_id, batch_id)
        side = own_work.side_of(project, lease)
        returned = await review_queue.find_returned_task(tx, side, lease)
        talk = await talks.find_talk(tx, project, lease.assignment_id)
    content, files = await read_conversation(
        request, lambda: _decode_content(task.content or b"[]")
    )
    batch_name = None if batch is None else batch.name
    return OpenTask(project, lease, task, batch_name, content, files, returned, talk)


async def show_task(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /work/{project_id}/tasks/{assignment_id}: the annotation page, with its first turns."""
    opened = await open_lease(request)
    project, lease = opened.project, opened.lease
    detail = project_detail(project)

    def layout(texts: TextBatch) -> tuple[TaskShown, RenderedText]:
        shown = _draw(opened, texts, Plan.first_portion)
        return shown, texts.add(detail.guidelines or "")

    shown, guidelines = await request.build(layout)
    async with request.db.read(snapshot=False) as tx:
        user_id = request.user.user_id
        done_count = await own_work.count_done(tx, project, user_id)
        waiting_count = await assigning.count_waiting(tx, project, user_id, limit_max=COUNTED_MAX)
    now_ms = clock.now_ms()
    is_open = lease.status is LeaseStatus.open and lease.expires_ms > now_ms
    if is_open:
        next_tasks.begin(request, project)
    return {
        "project": project,
        "batch_name": opened.batch_name,
        "lease": lease,
        "is_open": is_open,
        "ending": None if is_open else lease_words.ending(lease),
        "returned": opened.returned,
        "talk": opened.talk,
        "has_news": opened.talk is not None and opened.talk.is_unread(TalkSide.person),
        "can_resume": lease.status
        in (LeaseStatus.open, LeaseStatus.expired, LeaseStatus.released, LeaseStatus.returned),
        "path": task_path(project.project_id, lease.assignment_id),
        "shown": shown,
        "done_count": done_count,
        "waiting_count": waiting_count,
        "counted_max": COUNTED_MAX,
        "skip_reasons": SKIP_REASONS,
        "guidelines": guidelines if detail.guidelines else None,
        "state": annotation_view.as_json(
            _state(opened, shown, now_ms, detail.guidelines or "", is_open=is_open)
        ),
    }


async def show_turns(request: PageRequest[TurnsQuery]) -> dict[str, Any]:
    """GET …/turns: a further portion of the annotation page; raises Conflict if that is old."""
    opened = await open_lease(request)
    shown = await request.build(
        lambda texts: _draw(opened, texts, lambda plan: plan.portion(request.query))
    )
    return {
        "project": opened.project,
        "path": task_path(opened.project.project_id, opened.lease.assignment_id),
        "shown": shown,
        "texts": annotation_view.as_json(shown.texts),
    }


def _draw(opened: OpenTask, texts: TextBatch, choose: Callable[[Plan], Portion]) -> TaskShown:
    """Lay out a portion of a task as the person who holds it sees it."""
    detail = project_detail(opened.project)
    form, display = form_of(detail), opened.lease.display
    return annotation_view.build(
        form,
        opened.content,
        _decode_display(display),
        texts=texts,
        is_blind=detail.blind is not False,
        files=opened.files,
        choose=choose,
        layout=hash_layout(form, display),
    )


async def resume_task(request: PageRequest[NoQuery], submitted: NoFields) -> Redirect:
    """POST …/resume: lease a task again that expired or was released, with its draft."""
    return await _back_to(request, own_work.resume)


async def reopen_task(request: PageRequest[NoQuery], submitted: NoFields) -> Redirect:
    """POST …/reopen: open a submission of one's own again, while that is allowed."""
    return await _back_to(request, own_work.reopen)


async def _back_to(request: PageRequest[NoQuery], open_again: Any) -> Redirect:
    project_id, assignment_id = request.path["project_id"], request.path["assignment_id"]

    async def work(tx: Transaction) -> Lease:
        project = await get_project(tx, request)
        lease: Lease = await open_again(tx, project, request.user.user_id, assignment_id)
        return lease

    try:
        await request.db.write(work)
    except Paused:
        return Redirect(to=f"/work/{project_id}")
    except (LeaseLost, LimitReached, Conflict, Unqualified) as problem:
        return Redirect(to=f"/work/{project_id}/mine", flash=sentence(text_of(problem)))
    return Redirect(to=task_path(project_id, assignment_id))


async def show_mine(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /work/{project_id}/mine: the person's own last submissions."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        held = await own_work.list_open_leases(tx, project, request.user.user_id)
        listed = await own_work.list_recent(tx, project, request.user.user_id)
        answered = await gold_feedback.list_answered(tx, project, request.user.user_id)
    recent = [
        RecentSubmission(
            one.submission.assignment_id,
            one.submission.submitted_ms,
            one.submission.active_ms // 1000,
            one.excerpt,
            one.final_state,
        )
        for one in listed
    ]
    return {"project": project, "held": held, "done": recent, "answered": answered}


def sentence(message: str) -> str:
    """A problem's message, in the page's language, with a capital and a full stop."""
    return message[:1].upper() + message[1:].removesuffix(".") + "."


def _state(
    opened: OpenTask, shown: TaskShown, now_ms: int, guidelines: str, *, is_open: bool
) -> dict[str, Any]:
    """Initial state of the page's scripts; field by field, so that nothing else gets out."""
    lease = opened.lease
    return {
        "project": opened.project.project_id,
        "assignment": lease.assignment_id,
        "status": lease.status.value,
        "is_open": is_open,
        "lease_version": lease.lease_version,
        "revision": lease.draft_revision,
        "draft": None if lease.draft is None else msgspec.Raw(lease.draft),
        "draft_ms": lease.draft_ms,
        "now_ms": now_ms,
        "expires_ms": lease.expires_ms,
        "lease_ms": leases.lease_ms(opened.project),
        "active_ms": lease.active_ms,
        "texts": shown.texts,
        "questions": shown.questions,
        "guidelines": annotation_view.fingerprint(guidelines),
    }


_QUEUE = "/work/{project_id}"
_TASK = "/work/{project_id}/tasks/{assignment_id}"

PAGES = (
    Page(
        page_id="show_queue",
        path=_QUEUE,
        role=PersonRole.annotator,
        handler=show_queue,
        template="annotate/queue.html",
    ),
    Page(
        page_id="claim_task",
        path=_QUEUE,
        method="POST",
        role=PersonRole.annotator,
        handler=claim_task,
        form=NoFields,
        opens_transactions=True,
    ),
    Page(
        page_id="appeal_pause",
        path=f"{_QUEUE}/appeal",
        method="POST",
        role=PersonRole.annotator,
        handler=appeal,
        form=AppealForm,
        form_page="show_queue",
    ),
    Page(
        page_id="show_my_work",
        path=f"{_QUEUE}/mine",
        role=PersonRole.annotator,
        handler=show_mine,
        template="annotate/recent.html",
    ),
    Page(
        page_id="show_task",
        path=_TASK,
        role=PersonRole.annotator,
        handler=show_task,
        template="annotate/task.html",
        is_large=True,
        is_compressed=True,
    ),
    Page(
        page_id="show_turns",
        path=f"{_TASK}/turns",
        role=PersonRole.annotator,
        handler=show_turns,
        query=TurnsQuery,
        template="annotate/turns.html",
        is_large=True,
        is_compressed=True,
    ),
    *(
        Page(
            page_id=page_id,
            path=f"{_TASK}/{verb}",
            method="POST",
            role=PersonRole.annotator,
            handler=handler,
            form=NoFields,
            opens_transactions=True,
        )
        for page_id, verb, handler in (
            ("resume_task", "resume", resume_task),
            ("reopen_task", "reopen", reopen_task),
        )
    ),
)

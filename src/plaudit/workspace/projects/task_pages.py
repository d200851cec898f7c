"""Managers' pages of one task: details, cancel, error and reopen."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.api.http.bodies import NOTE_BODY
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.core.common.blank_text import is_blank
from plaudit.core.labeling import review_queue, task_work
from plaudit.core.labeling.adjudication.task_outcome import content_of
from plaudit.core.labeling.task_work import TaskWork
from plaudit.core.managing import talks
from plaudit.core.tasks import excerpts, lifecycle, listing
from plaudit.core.tasks.annotation_lookup import threads_of
from plaudit.errors import InvalidContent, NotFound
from plaudit.model.core import (
    ALL_OPTS,
    PersonRole,
    ProjectRow,
    StoredTask,
)
from plaudit.model.labeling import WorkState
from plaudit.model.managing import TalkSide
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import flags
from plaudit.store.tasks import batches, tasks
from plaudit.wire.v2 import render as wire_rendering
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import ErrorDetail, Thread
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.annotate.files import Files, read_conversation
from plaudit.workspace.annotate.portions import Plan, TurnsQuery
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.speech import say
from plaudit.workspace.projects import delivered_view
from plaudit.workspace.projects.delivered_view import PortionDelivered
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.render.text_batch import TextBatch

TASKS = f"{PROJECT}/tasks"
TASK = f"{TASKS}/{{task_id}}"
PAGE_MAX = 50
MESSAGE_CHARS_MAX = 10_000
JSON_BYTES_MAX = 64 * 1024
"""Bytes of a task's JSON that its page shows."""

EVERYTHING = frozenset({"project", "batch"})

_decode_detail = msgspec.json.Decoder(dict[str, Any]).decode


class ErrorForm(Struct):
    """Form of the reason why a task is in error."""

    message: str


async def show_task(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/tasks/{task_id}: threads, JSON and history of work."""
    async with request.db.read() as tx:
        project, task = await get_task(tx, request)
        parts = await listing.task_parts(tx, project, task, expand=EVERYTHING, opts=int(ALL_OPTS))
        work = await task_work.get_task_work(tx, task, request.user.organization_id)
        flagged_ms = await flags.find_flagged_ms(tx, task.project_key, task.seq)
        skipped = await task_work.list_skipped_among(tx, project, [task.seq])
        shown_talks = await talks.list_on_task(tx, project, work.leases)
        written_by = {one.user_id for shown in shown_talks for one in shown.messages}
        talk_names = await review_queue.display_names(tx, request.user.organization_id, written_by)
        batch = None
        if task.batch_id is not None:
            batch = await batches.find_batch(tx, project.environment_id, task.batch_id)
    raw_bytes = sum(map(len, parts))
    threads, files = await _read_threads(request, task)

    def layout(texts: TextBatch) -> tuple[PortionDelivered, str | None]:
        pretty = None
        if raw_bytes <= JSON_BYTES_MAX:
            pretty = msgspec.json.format(b"".join(parts), indent=2).decode()
        return delivered_view.build(threads, files, texts, Plan.first_portion), pretty

    shown, pretty = await request.build(layout)
    return {
        "project": project,
        "task": task,
        "excerpt": _excerpt(threads, work),
        "head": wire_rendering.read_head(task.head),
        "batch": batch,
        "shown": shown,
        "path": links.fill_path(TASK, project_id=project.project_id, task_id=task.task_id),
        "raw": pretty,
        "raw_bytes": raw_bytes,
        "work": work,
        "judges": project_detail(project).judges,
        "notes": [(note, _decode_detail(note.detail)) for note in work.notes],
        "talks": shown_talks,
        "talk_side": TalkSide.staff,
        "talk_names": talk_names,
        "text_max": talks.TEXT_CHARS_MAX,
        "flagged_ms": flagged_ms,
        "is_skipped": bool(skipped),
        "now_ms": clock.now_ms(),
    }


async def show_managed_turns(request: PageRequest[TurnsQuery]) -> dict[str, Any]:
    """GET …/turns: a further portion of a task's threads."""
    async with request.db.read() as tx:
        project, task = await get_task(tx, request)
    threads, files = await _read_threads(request, task)
    shown = await request.build(
        lambda texts: delivered_view.build(
            threads, files, texts, lambda plan: plan.portion(request.query)
        )
    )
    return {
        "project": project,
        "task": task,
        "excerpt": excerpts.excerpt(threads),
        "shown": shown,
        "path": links.fill_path(TASK, project_id=project.project_id, task_id=task.task_id),
    }


def _excerpt(threads: list[Thread], work: TaskWork) -> str:
    """Beginning of a task's prompt; "" without one, and of a task whose content was reported."""
    is_reported = work.queued is not None and work.queued.state is WorkState.quarantined
    return "" if is_reported else excerpts.excerpt(threads)


async def _read_threads(request: PageRequest[Any], task: StoredTask) -> tuple[list[Thread], Files]:
    return await read_conversation(
        request,
        lambda: content_of(task) if task.body is None else threads_of(task, int(ALL_OPTS)),
    )


async def cancel_task(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/cancel: cancel a task."""
    _, task = await get_task(context.tx, request)
    await lifecycle.cancel_task(context.tx, context.environment_id, task)
    return await _record_move(request, context, task, say("The task is canceled."))


async def fail_task(
    request: PageRequest[NoQuery], submitted: ErrorForm, context: WriteContext
) -> Redirect:
    """POST …/error: put a task into error with a reason; raises InvalidContent."""
    text = submitted.message.strip()
    if is_blank(text) or len(text) > MESSAGE_CHARS_MAX:
        raise InvalidContent(f"say why, in 1 to {MESSAGE_CHARS_MAX} characters", pointer="/message")
    _, task = await get_task(context.tx, request)
    await lifecycle.fail_task(context.tx, context.environment_id, task, [ErrorDetail(message=text)])
    return await _record_move(request, context, task, say("The task is in error."))


async def reopen_task(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/reopen: make a completed task pending again."""
    _, task = await get_task(context.tx, request)
    await lifecycle.reopen_task(context.tx, context.environment_id, task)
    return await _record_move(request, context, task, say("The task is pending again."))


async def get_task(tx: Transaction, request: PageRequest[Any]) -> tuple[ProjectRow, StoredTask]:
    """Project and task of the path; raises NotFound."""
    project = await get_project(tx, request)
    task = await tasks.find_task(tx, project.environment_id, request.path["task_id"])
    if task is None or task.project_key != project.project_key:
        raise NotFound("there is no such task")
    return project, task


async def _record_move(
    request: PageRequest[Any], context: WriteContext, task: StoredTask, flash: str
) -> Redirect:
    await context.note(
        "task", task.task_id, project_key=task.project_key, detail={"from": task.status}
    )
    return Redirect(to=links.fill_path(TASK, **request.path), flash=flash)


PAGES = (
    Page(
        page_id="show_managed_task",
        path=TASK,
        role=PersonRole.manager,
        handler=show_task,
        template="projects/task.html",
        is_large=True,
        is_compressed=True,
    ),
    Page(
        page_id="show_managed_turns",
        path=f"{TASK}/turns",
        role=PersonRole.manager,
        handler=show_managed_turns,
        query=TurnsQuery,
        template="projects/turns.html",
        is_large=True,
        is_compressed=True,
    ),
    *(
        Page(
            page_id=page_id,
            method="POST",
            path=f"{TASK}/{verb}",
            role=PersonRole.manager,
            handler=handler,
            form=form,
            body_limit=NOTE_BODY,
            form_page="show_managed_task",
        )
        for page_id, verb, handler, form in (
            ("cancel_task_on_page", "cancel", cancel_task, NoFields),
            ("fail_task_on_page", "error", fail_task, ErrorForm),
            ("reopen_task_on_page", "reopen", reopen_task, NoFields),
        )
    ),
)

"""Managers' pages of tasks: search, details, cancel, error and reopen."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.api.http.bodies import NOTE_BODY
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.core.common import names
from plaudit.core.common.blank_text import is_blank
from plaudit.core.labeling import task_work
from plaudit.core.labeling.submissions import content_of
from plaudit.core.tasks import excerpts, lifecycle, listing
from plaudit.core.tasks.annotation_lookup import threads_of
from plaudit.core.tasks.listing import TaskQuery
from plaudit.core.tasks.resolve import ScopeNames
from plaudit.errors import InvalidContent, NotFound
from plaudit.model.core import (
    ALL_OPTS,
    STORED_STATUSES,
    BatchRow,
    PersonRole,
    ProjectRow,
    StoredTask,
    TaskStatus,
)
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import flags
from plaudit.store.tasks import batches, tasks
from plaudit.store.tasks.task_summaries import TaskSummary
from plaudit.texts import N_
from plaudit.wire.v2 import render as wire_rendering
from plaudit.wire.v2.parse import moment
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import ErrorDetail, Thread
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.annotate.files import Files, read_conversation
from plaudit.workspace.annotate.portions import Plan, TurnsQuery
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.http.views import FormError
from plaudit.workspace.language.speech import say
from plaudit.workspace.projects import delivered_view
from plaudit.workspace.projects.delivered_view import PortionDelivered
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.render.text_batch import TextBatch

TASKS = f"{PROJECT}/tasks"
TASK = f"{TASKS}/{{task_id}}"
PAGE_MAX = 50
BATCHES_MAX = 200
MESSAGE_CHARS_MAX = 10_000
JSON_BYTES_MAX = 64 * 1024
"""Bytes of a task's JSON that its page shows."""

EVERYTHING = frozenset({"project", "batch"})

_BOUNDS = ("completed_after", "completed_before", "created_after", "created_before")
_decode_detail = msgspec.json.Decoder(dict[str, Any]).decode


class TasksQuery(Struct, frozen=True):
    """Query of GET …/tasks. All are texts, so that an error is shown beside its field."""

    q: Annotated[str | None, Text(description="A task's id or unique_id.")] = None
    status: Annotated[str | None, Text(description="Only tasks in this status.")] = None
    batch: Annotated[str | None, Text(description="Only tasks of this batch: its name or id.")] = (
        None
    )
    completed_after: Annotated[str | None, Text(description="An ISO 8601 date-time.")] = None
    completed_before: Annotated[str | None, Text(description="An ISO 8601 date-time.")] = None
    created_after: Annotated[str | None, Text(description="An ISO 8601 date-time.")] = None
    created_before: Annotated[str | None, Text(description="An ISO 8601 date-time.")] = None
    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class ErrorForm(Struct):
    """Form of the reason why a task is in error."""

    message: str


async def show_tasks(request: PageRequest[TasksQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/tasks: one page of filtered tasks."""
    query = request.query
    filters = {name: value for name in query.__struct_fields__ if (value := getattr(query, name))}
    token = filters.pop("next_token", None)
    rows: list[TaskSummary] = []
    following, form_error = None, None
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        try:
            if query.q is not None:
                task = await task_work.find_in_project(tx, project, query.q.strip())
                rows = [] if task is None else [_row(task)]
            else:
                rows, following = await _list_page(tx, request, project, token)
        except InvalidContent as problem:
            form_error = FormError.from_problem(problem)
        batch_names = await _batch_names(tx, project, rows)
        prompts = await excerpts.list_excerpts(tx, project.project_key, [row.seq for row in rows])
        listed = await batches.list_batch_names(
            tx, project.environment_id, project.project_key, limit=BATCHES_MAX
        )
    return {
        "project": project,
        "rows": rows,
        "batch_names": batch_names,
        "excerpts": prompts,
        "batches": listed,
        "statuses": list(STORED_STATUSES),
        "filters": filters,
        "is_filtered": bool(filters),
        "is_scanned": all(
            {f"{time}_after", f"{time}_before"} & filters.keys()
            for time in ("created", "completed")
        ),
        "scanned_max": listing.SCANNED_MAX,
        "following": None
        if following is None
        else f"?{urlencode(filters | {'next_token': following})}",
    } | ({} if form_error is None else {"problem": form_error})


async def _list_page(
    tx: Transaction, request: PageRequest[TasksQuery], project: ProjectRow, token: str | None
) -> tuple[list[TaskSummary], str | None]:
    """Page of filtered rows, and the next page's token; raises InvalidContent at a field."""
    query = request.query
    times = {name: moment(getattr(query, name), f"/{name}") for name in _BOUNDS}
    status = None
    if query.status is not None:
        if query.status not in set(STORED_STATUSES):
            raise InvalidContent("there is no such status", pointer="/status")
        status = TaskStatus(query.status)
    batch = None if query.batch is None else await _find_batch(tx, project, query.batch)
    return await listing.task_summaries_page(
        tx,
        request.secret,
        project.environment_id,
        TaskQuery(
            scope=ScopeNames(
                project_id=project.project_id, batch_id=None if batch is None else batch.batch_id
            ),
            status=status,
            completed_after=times["completed_after"],
            completed_before=times["completed_before"],
            created_after=times["created_after"],
            created_before=times["created_before"],
            limit=PAGE_MAX,
            next_token=token,
            opts=0,
        ),
    )


async def _find_batch(tx: Transaction, project: ProjectRow, name_or_id: str) -> BatchRow:
    batch = await batches.find_batch(tx, project.environment_id, name_or_id)
    if batch is None or batch.project_key != project.project_key:
        by_name = await batches.list_batches_by_name(
            tx, project.environment_id, names.normalize_name(name_or_id), project.project_key
        )
        batch = next(iter(by_name), None)
    if batch is None:
        raise InvalidContent("the project has no batch of this name or id", pointer="/batch")
    return batch


async def _batch_names(
    tx: Transaction, project: ProjectRow, rows: list[TaskSummary]
) -> dict[str | None, str]:
    batch_ids = sorted({row.batch_id for row in rows if row.batch_id is not None})
    found = await batches.find_batch_names(tx, project.environment_id, batch_ids)
    return dict(found.items())


async def show_task(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/tasks/{task_id}: threads, JSON and history of work."""
    async with request.db.read() as tx:
        project, task = await get_task(tx, request)
        parts = await listing.task_parts(tx, project, task, expand=EVERYTHING, opts=int(ALL_OPTS))
        work = await task_work.get_task_work(tx, task, request.user.organization_id)
        flagged_ms = await flags.find_flagged_ms(tx, task.project_key, task.seq)
        skipped = await task_work.list_skipped_among(tx, project, [task.seq])
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
        "head": wire_rendering.read_head(task.head),
        "batch": batch,
        "shown": shown,
        "path": links.fill_path(TASK, project_id=project.project_id, task_id=task.task_id),
        "raw": pretty,
        "raw_bytes": raw_bytes,
        "work": work,
        "judges": project_detail(project).judges,
        "notes": [(note, _decode_detail(note.detail)) for note in work.notes],
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
    path = links.fill_path(TASK, project_id=project.project_id, task_id=task.task_id)
    return {"project": project, "task": task, "shown": shown, "path": path}


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


def _row(task: StoredTask) -> TaskSummary:
    return TaskSummary(
        task.seq, task.task_id, task.batch_id, task.status, task.created_ms, task.completed_ms
    )


PAGES = (
    Page(
        page_id="show_tasks",
        path=TASKS,
        role=PersonRole.manager,
        handler=show_tasks,
        query=TasksQuery,
        template="projects/tasks.html",
        tab=N_("Tasks"),
        tab_order=30,
    ),
    Page(
        page_id="show_managed_task",
        path=TASK,
        role=PersonRole.manager,
        handler=show_task,
        template="projects/task.html",
        is_large=True,
    ),
    Page(
        page_id="show_managed_turns",
        path=f"{TASK}/turns",
        role=PersonRole.manager,
        handler=show_managed_turns,
        query=TurnsQuery,
        template="projects/turns.html",
        is_large=True,
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

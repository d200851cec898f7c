"""A project's tasks as managers see them: found, looked at from all sides, ended or reopened."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.core.common import names
from plaudit.core.labeling import task_work
from plaudit.core.labeling.submissions import content_of
from plaudit.core.tasks import lifecycle, listing
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
from plaudit.store.tasks import batches, tasks
from plaudit.store.tasks.task_summaries import TaskSummary
from plaudit.wire.v2 import render as wire_rendering
from plaudit.wire.v2.parse import moment
from plaudit.wire.v2.task import ErrorDetail
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.annotate.files import find_files
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.http.views import FormError
from plaudit.workspace.projects import delivered_view
from plaudit.workspace.projects.project_pages import PROJECT

TASKS = f"{PROJECT}/tasks"
TASK = f"{TASKS}/{{task_id}}"
PAGE_MAX = 50
BATCHES_MAX = 200
MESSAGE_CHARS_MAX = 10_000
EVERYTHING = frozenset({"project", "batch"})

_BOUNDS = ("completed_after", "completed_before", "created_after", "created_before")
_decode_detail = msgspec.json.Decoder(dict[str, Any]).decode


class TasksQuery(Struct, frozen=True):
    """Query of the page of tasks. All are texts, so that a wrong one is told beside its field."""

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
    """Why a task cannot be done."""

    message: str


async def show_tasks(visit: PageRequest[TasksQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/tasks: those that the filters leave, in order of creation."""
    query = visit.query
    given = {name: value for name in query.__struct_fields__ if (value := getattr(query, name))}
    token = given.pop("next_token", None)
    rows: list[TaskSummary] = []
    following, trouble = None, None
    async with visit.db.read() as tx:
        project = await get_project(tx, visit)
        try:
            if query.q is not None:
                found = await task_work.find_in_project(tx, project, query.q.strip())
                rows = [] if found is None else [_row(found)]
            else:
                rows, following = await _page(tx, visit, project, token)
        except InvalidContent as problem:
            trouble = FormError.of(problem)
        known = await _batch_names(tx, project, rows)
        listed = await batches.list_batches(
            tx,
            project.environment_id,
            batches.BatchFilter(project_key=project.project_key),
            after=None,
            limit=BATCHES_MAX,
        )
    return {
        "project": project,
        "rows": rows,
        "batch_names": known,
        "batches": listed,
        "statuses": list(STORED_STATUSES),
        "filters": given,
        "is_filtered": bool(given),
        "is_scanned": bool({"created_after", "created_before"} & given.keys()),
        "scanned_max": listing.SCANNED_MAX,
        "following": None
        if following is None
        else f"?{urlencode(given | {'next_token': following})}",
    } | ({} if trouble is None else {"problem": trouble})


async def _page(
    tx: Transaction, visit: PageRequest[TasksQuery], project: ProjectRow, token: str | None
) -> tuple[list[TaskSummary], str | None]:
    """The rows that the filters leave; raises InvalidContent with the field as pointer."""
    query = visit.query
    times = {name: moment(getattr(query, name), f"/{name}") for name in _BOUNDS}
    status = None
    if query.status is not None:
        if query.status not in set(STORED_STATUSES):
            raise InvalidContent("there is no such status", pointer="/status")
        status = TaskStatus(query.status)
    batch = None if query.batch is None else await _batch_called(tx, project, query.batch)
    return await listing.task_summaries_page(
        tx,
        visit.secret,
        project.environment_id,
        TaskQuery(
            scope=ScopeNames(
                project_id=project.project_id, batch_id=None if batch is None else batch.batch_id
            ),
            status=status,
            completed_after=times["completed_after"],
            completed_before=times["completed_before"],
            limit=PAGE_MAX,
            next_token=token,
            opts=0,
        ),
        created_after=times["created_after"],
        created_before=times["created_before"],
    )


async def _batch_called(tx: Transaction, project: ProjectRow, word: str) -> BatchRow:
    found = await batches.find_batch(tx, project.environment_id, word)
    if found is None or found.project_key != project.project_key:
        by_name = await batches.list_batches_by_name(
            tx, project.environment_id, names.normalize_name(word), project.project_key
        )
        found = next(iter(by_name), None)
    if found is None:
        raise InvalidContent("the project has no batch of this name or id", pointer="/batch")
    return found


async def _batch_names(
    tx: Transaction, project: ProjectRow, rows: list[TaskSummary]
) -> dict[str | None, str]:
    found: dict[str | None, str] = {}
    for batch_id in {one.batch_id for one in rows if one.batch_id is not None}:
        batch = await batches.find_batch(tx, project.environment_id, batch_id)
        found[batch_id] = batch_id if batch is None else batch.name
    return found


async def show_task(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/tasks/{task_id}: what is in it, as JSON, and the work on it."""
    async with visit.db.read() as tx:
        project, task = await _named(tx, visit)
        raw = await listing.find_task_json(
            tx, project.environment_id, task.task_id, expand=EVERYTHING, opts=int(ALL_OPTS)
        )
        work = await task_work.get_task_work(tx, task, visit.user.organization_id)
        batch = None
        if task.batch_id is not None:
            batch = await batches.find_batch(tx, project.environment_id, task.batch_id)
        threads = content_of(task) if task.body is None else threads_of(task, int(ALL_OPTS))
        files = await find_files(tx, project.environment_id, threads)
    assert raw is not None

    return {
        "project": project,
        "task": task,
        "head": wire_rendering.read_head(task.head),
        "batch": batch,
        "threads": await asyncio.to_thread(delivered_view.build, threads, files),
        "raw": msgspec.json.format(raw, indent=2).decode(),
        "work": work,
        "notes": [(one, _decode_detail(one.detail)) for one in work.notes],
        "now_ms": clock.now_ms(),
    }


async def cancel_task(
    visit: PageRequest[NoQuery], sent: NoFields, change: WriteContext
) -> Redirect:
    """POST …/cancel: nobody is to work on the task any more."""
    _, task = await _named(change.tx, visit)
    await lifecycle.cancel_task(change.tx, change.environment_id, task)
    return await _moved(visit, change, task, "The task is canceled.")


async def fail_task(visit: PageRequest[NoQuery], sent: ErrorForm, change: WriteContext) -> Redirect:
    """POST …/error: the task cannot be done, and why."""
    text = sent.message.strip()
    if not 0 < len(text) <= MESSAGE_CHARS_MAX:
        raise InvalidContent(f"say why, in 1 to {MESSAGE_CHARS_MAX} characters", pointer="/message")
    _, task = await _named(change.tx, visit)
    await lifecycle.fail_task(change.tx, change.environment_id, task, [ErrorDetail(message=text)])
    return await _moved(visit, change, task, "The task is in error.")


async def reopen_task(
    visit: PageRequest[NoQuery], sent: NoFields, change: WriteContext
) -> Redirect:
    """POST …/reopen: a completed task is to be done again."""
    _, task = await _named(change.tx, visit)
    await lifecycle.reopen_task(change.tx, change.environment_id, task)
    return await _moved(visit, change, task, "The task is pending again.")


async def _named(tx: Transaction, visit: PageRequest[Any]) -> tuple[ProjectRow, StoredTask]:
    """The project and the task of the path; raises NotFound."""
    project = await get_project(tx, visit)
    task = await tasks.find_task(tx, project.environment_id, visit.path["task_id"])
    if task is None or task.project_key != project.project_key:
        raise NotFound("there is no such task")
    return project, task


async def _moved(
    visit: PageRequest[Any], change: WriteContext, task: StoredTask, said: str
) -> Redirect:
    await change.note(
        "task", task.task_id, project_key=task.project_key, detail={"from": task.status}
    )
    return Redirect(to=links.filled(TASK, **visit.path), said=said)


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
        tab="Tasks",
        tab_place=30,
    ),
    Page(
        page_id="show_managed_task",
        path=TASK,
        role=PersonRole.manager,
        handler=show_task,
        template="projects/task.html",
    ),
    *(
        Page(
            page_id=page_id,
            method="POST",
            path=f"{TASK}/{verb}",
            role=PersonRole.manager,
            handler=handler,
            form=form,
            again="show_managed_task",
        )
        for page_id, verb, handler, form in (
            ("cancel_task_on_page", "cancel", cancel_task, NoFields),
            ("fail_task_on_page", "error", fail_task, ErrorForm),
            ("reopen_task_on_page", "reopen", reopen_task, NoFields),
        )
    ),
)

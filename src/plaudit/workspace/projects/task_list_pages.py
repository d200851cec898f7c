"""Managers' list of tasks: search, filters, orders, columns, and saved views."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

from msgspec import Struct

from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import Text, TextList
from plaudit.core.common import names
from plaudit.core.labeling import review_queue, task_work
from plaudit.core.managing import details, saved_views, task_list
from plaudit.core.managing.actions import CHANGED_AT_ONCE_MAX, conditions_of
from plaudit.core.tasks import listing, work_queue
from plaudit.core.tasks.listing import TaskQuery
from plaudit.core.tasks.resolve import ScopeNames
from plaudit.errors import InvalidContent, NotFound
from plaudit.model.core import (
    STORED_STATUSES,
    BatchRow,
    PersonRole,
    ProjectRow,
    StoredTask,
    TaskStatus,
)
from plaudit.model.managing import TaskConditions, TaskOrder
from plaudit.store.accounts import users
from plaudit.store.engine.engine import Transaction
from plaudit.store.managing import saved_views as views_store
from plaudit.store.tasks import batches
from plaudit.store.tasks.task_summaries import TaskSummary
from plaudit.texts import N_
from plaudit.wire.v2.parse import moment
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.http.views import FormError
from plaudit.workspace.language.speech import say
from plaudit.workspace.language.words import word
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.projects.task_pages import TASKS

PAGE_MAX = CHANGED_AT_ONCE_MAX
"""Tasks of a page, so that all of them can be chosen and changed at once."""

BATCHES_MAX = 200
ORDERS = {
    TaskOrder.arrival: N_("First come, first"),
    TaskOrder.newest: N_("Newest first"),
    TaskOrder.completed: N_("Completed last, first"),
    TaskOrder.disagreement: N_("Most disputed first (in review)"),
    TaskOrder.flags: N_("Most flags first (flagged)"),
}
COLUMNS = {
    "status": N_("Status"),
    "batch": N_("Batch"),
    "people": N_("People"),
    "work": N_("Answers"),
    "disagreement": N_("Disagreement"),
    "flags": N_("Flags"),
    "priority": N_("Priority"),
    "created": N_("Created"),
    "completed": N_("Completed on"),
}
DEFAULT_COLUMNS = ("status", "batch", "people", "disagreement", "flags", "created", "completed")

_BOUNDS = ("completed_after", "completed_before", "created_after", "created_before")


class TasksQuery(Struct, frozen=True):
    """Query of GET …/tasks. All are texts, so that an error is shown beside its field."""

    q: Annotated[
        str | None, Text(description="A task's id or unique_id, or words that it says.")
    ] = None
    status: Annotated[str | None, Text(description="Only tasks in this status.")] = None
    batch: Annotated[str | None, Text(description="Only tasks of this batch: its name or id.")] = (
        None
    )
    person: Annotated[
        str | None, Text(description="Only tasks that somebody was given: an e-mail or an id.")
    ] = None
    only: Annotated[str | None, Text(description="`flagged` or `in_review`.")] = None
    order: Annotated[str | None, Text(description="The order of the tasks.")] = None
    columns: Annotated[tuple[str, ...], TextList(description="The columns that are shown.")] = ()
    completed_after: Annotated[str | None, Text(description="An ISO 8601 date-time.")] = None
    completed_before: Annotated[str | None, Text(description="An ISO 8601 date-time.")] = None
    created_after: Annotated[str | None, Text(description="An ISO 8601 date-time.")] = None
    created_before: Annotated[str | None, Text(description="An ISO 8601 date-time.")] = None
    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class ViewForm(Struct):
    """Form of a saved view: its name, and the query of its list."""

    name: str
    listing: str = ""


class _Listed(Struct):
    """Tasks of a page, the next token, and what the list says of itself."""

    rows: list[TaskSummary] = []
    following: str | None = None
    unread_count: int = 0
    is_cut: bool = False
    count: int | None = None


async def show_tasks(request: PageRequest[TasksQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/tasks: one page of a list of tasks."""
    query = request.query
    filters = filters_of(query)
    chosen = [name for name in COLUMNS if name in query.columns]
    listed, form_error = _Listed(), None
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        try:
            listed = await _list_page(tx, request, project)
        except InvalidContent as problem:
            form_error = FormError.from_problem(problem)
        found = await details.list_details(tx, project.project_key, listed.rows)
        batch_names = await _batch_names(tx, project, listed.rows)
        user_ids = {user_id for one in found.values() for user_id, _ in one.people}
        user_ids.add(request.user.user_id)  # a page runs the same statements for nobody
        people = await review_queue.display_names(tx, request.user.organization_id, user_ids)
        known = await batches.list_batch_names(
            tx, project.environment_id, project.project_key, limit=BATCHES_MAX
        )
        views = await views_store.list_views(tx, project.project_key, limit=saved_views.VIEWS_MAX)
    kept = [(name, value) for name, value in filters.items()]
    kept += [("columns", name) for name in chosen]
    following = listed.following
    return {
        "project": project,
        "rows": listed.rows,
        "details": found,
        "people": people,
        "batch_names": batch_names,
        "batches": known,
        "status_options": [(one.value, word(one.value)) for one in STORED_STATUSES],
        "order_options": [(order.value, say(title)) for order, title in ORDERS.items()],
        "columns": COLUMNS,
        "shown": chosen or DEFAULT_COLUMNS,
        "views": views,
        "filters": filters,
        "is_filtered": bool(filters),
        "has_more": bool(filters.keys() - {"q", "order"}),
        "query": urlencode(kept),
        "listed": listed,
        "counted_max": task_list.COUNTED_MAX,
        "gathered_max": task_list.GATHERED_MAX,
        "priority_max": work_queue.PRIORITY_MAX,
        "name_max": saved_views.NAME_CHARS_MAX,
        "is_scanned": all(
            {f"{time}_after", f"{time}_before"} & filters.keys()
            for time in ("created", "completed")
        ),
        "scanned_max": listing.SCANNED_MAX,
        "following": None
        if following is None
        else f"?{urlencode([*kept, ('next_token', following)])}",
    } | ({} if form_error is None else {"problem": form_error})


def filters_of(query: TasksQuery) -> dict[str, str]:
    """Conditions and order of a query, without columns and the place."""
    names_of = [one for one in query.__struct_fields__ if one not in ("columns", "next_token")]
    return {name: value for name in names_of if (value := getattr(query, name))}


async def _list_page(
    tx: Transaction, request: PageRequest[TasksQuery], project: ProjectRow
) -> _Listed:
    """Page of a list; raises InvalidContent at a field."""
    query = request.query
    task = await find_named(tx, project, query)
    if task is not None:
        row = TaskSummary(
            *(task.seq, task.task_id, task.batch_id),
            *(task.status, task.created_ms, task.completed_ms),
        )
        return _Listed([row], count=1)
    organization_id = request.user.organization_id
    conditions, order = await read_conditions(tx, organization_id, project, query)
    has_bounds = any(getattr(query, name) for name in _BOUNDS)
    is_plain = not (query.q or query.person or query.only) and order is TaskOrder.arrival
    if is_plain and has_bounds:
        rows, following = await _page_by_times(tx, request, project, conditions)
        return _Listed(rows, following)
    page, following = await task_list.token_page(
        tx, request.secret, project, conditions, order, token=query.next_token, limit=PAGE_MAX
    )
    met = conditions_of(conditions, order)
    count = await task_list.count_list(tx, project.project_key, met) if page.rows else 0
    return _Listed(page.rows, following, page.unread_count, page.is_cut, count)


async def find_named(tx: Transaction, project: ProjectRow, query: TasksQuery) -> StoredTask | None:
    """Find the one task of a list whose query has its id or unique_id in the place of words."""
    if query.q is None:
        return None
    return await task_work.find_in_project(tx, project, query.q.strip())


async def read_conditions(
    tx: Transaction, organization_id: str, project: ProjectRow, query: TasksQuery
) -> tuple[TaskConditions, TaskOrder]:
    """Conditions and order of a query; raises InvalidContent at a field."""
    times = {name: moment(getattr(query, name), f"/{name}") for name in _BOUNDS}
    if query.status is not None and query.status not in set(STORED_STATUSES):
        raise InvalidContent(N_("there is no such status"), pointer="/status")
    if query.only not in (None, "flagged", "in_review"):
        raise InvalidContent(N_("there is no such choice"), pointer="/only")
    if query.order is not None and query.order not in set(TaskOrder):
        raise InvalidContent(N_("there is no such order"), pointer="/order")
    batch = None if query.batch is None else await _find_batch(tx, project, query.batch)
    user_id = None
    if query.person is not None:
        user_id = await find_person(tx, organization_id, query.person.strip(), "/person")
    conditions = TaskConditions(
        text=query.q,
        status=None if query.status is None else TaskStatus(query.status),
        batch_id=None if batch is None else batch.batch_id,
        user_id=user_id,
        is_flagged=query.only == "flagged",
        is_in_review=query.only == "in_review",
        **times,
    )
    return conditions, TaskOrder.arrival if query.order is None else TaskOrder(query.order)


async def _page_by_times(
    tx: Transaction,
    request: PageRequest[TasksQuery],
    project: ProjectRow,
    conditions: TaskConditions,
) -> tuple[list[TaskSummary], str | None]:
    """Page in the order of times, which indexes have; raises InvalidContent at a field."""
    return await listing.task_summaries_page(
        tx,
        request.secret,
        project.environment_id,
        TaskQuery(
            scope=ScopeNames(project_id=project.project_id, batch_id=conditions.batch_id),
            status=conditions.status,
            completed_after=conditions.completed_after,
            completed_before=conditions.completed_before,
            created_after=conditions.created_after,
            created_before=conditions.created_before,
            limit=PAGE_MAX,
            next_token=request.query.next_token,
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
        raise InvalidContent(N_("the project has no batch of this name or id"), pointer="/batch")
    return batch


async def find_person(tx: Transaction, organization_id: str, email_or_id: str, pointer: str) -> str:
    """User id of somebody by their e-mail address or id; raises InvalidContent."""
    person = await users.find_person(tx, organization_id, email_or_id)
    if person is None:
        person = await users.find_person_by_email(tx, organization_id, email_or_id.lower())
    if person is None:
        raise InvalidContent(N_("there is nobody with this e-mail address"), pointer=pointer)
    return person.user_id


async def _batch_names(
    tx: Transaction, project: ProjectRow, rows: list[TaskSummary]
) -> dict[str | None, str]:
    batch_ids = sorted({row.batch_id for row in rows if row.batch_id is not None})
    found = await batches.find_batch_names(tx, project.environment_id, batch_ids)
    return dict(found.items())


async def save_view(
    request: PageRequest[Any], submitted: ViewForm, context: WriteContext
) -> Redirect:
    """POST …/views: save a list under a name; raises InvalidContent or Conflict."""
    project = await get_project(context.tx, request)
    view = await saved_views.save_view(
        context.tx, project, request.user.user_id, name=submitted.name, query=submitted.listing
    )
    await context.note("view", view.view_id, project_key=project.project_key)
    return Redirect(
        to=f"{_tasks_path(project)}?{view.query}",
        flash=say("The list is saved as %(name)s.", name=view.name),
    )


async def delete_view(
    request: PageRequest[Any], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/views/{view_id}/delete: delete a saved list; raises NotFound."""
    project = await get_project(context.tx, request)
    view_id = request.path["view_id"]
    if not await views_store.delete_view(context.tx, project.project_key, view_id):
        raise NotFound(N_("there is no such saved list"))
    await context.note("view", view_id, project_key=project.project_key)
    return Redirect(to=_tasks_path(project), flash=say("The saved list is deleted."))


def _tasks_path(project: ProjectRow) -> str:
    return links.fill_path(TASKS, project_id=project.project_id)


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
        page_id="save_view",
        method="POST",
        path=f"{PROJECT}/views",
        role=PersonRole.manager,
        handler=save_view,
        form=ViewForm,
        form_page="show_tasks",
    ),
    Page(
        page_id="delete_view",
        method="POST",
        path=f"{PROJECT}/views/{{view_id}}/delete",
        role=PersonRole.manager,
        handler=delete_view,
        form=NoFields,
        form_page="show_tasks",
    ),
)

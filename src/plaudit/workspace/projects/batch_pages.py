"""Pages of a project's batches: list with progress, create, change status and priority."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import Enum, NoQuery, Text
from plaudit.core.tasks import batches, work_queue
from plaudit.core.tasks.listing import BatchQuery, batch_rows_page
from plaudit.core.tasks.resolve import ScopeNames
from plaudit.errors import NotFound
from plaudit.model.core import BatchRow, BatchStatus, PersonRole, TaskStatus
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches as batches_store
from plaudit.texts import N_
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.speech import say
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.render import charts

BATCHES = f"{PROJECT}/batches"
BATCH = f"{BATCHES}/{{batch_id}}"
PAGE_MAX = 50

_DONE = {
    "finalize": N_("Batch %(name)s is being worked on."),
    "pause": N_("Batch %(name)s is paused."),
    "resume": N_("Batch %(name)s goes on."),
    "cancel": N_("Batch %(name)s is cancelled."),
}


class BatchesQuery(Struct, frozen=True):
    """Query of GET /projects/{project_id}/batches."""

    status: Annotated[
        BatchStatus | None, Enum(description="Only batches in this status.", words=BatchStatus)
    ] = None
    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class NewBatch(Struct, kw_only=True):
    """Form of a new batch. `is_staging` holds its tasks back until it is finalized."""

    name: str
    is_staging: bool = False


class PriorityForm(Struct):
    """Form of a batch's priority; tasks of greater ones are leased first."""

    priority: int


class BatchRowView(Struct, frozen=True):
    """Batch with its number of tasks per status, and the actions that its status allows."""

    batch: BatchRow
    counts: dict[str, int]
    total: int
    parts: list[charts.BarSegment]
    actions: list[str]


async def show_batches(request: PageRequest[BatchesQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/batches: one page of batches, oldest first."""
    query = request.query
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        batch_rows, token = await batch_rows_page(
            tx,
            request.secret,
            project.environment_id,
            BatchQuery(
                scope=ScopeNames(project_id=project.project_id),
                status=query.status,
                limit=PAGE_MAX,
                next_token=query.next_token,
            ),
        )
        progress = await batches_store.list_progress(
            tx, project.project_key, [batch.batch_id for batch in batch_rows]
        )
    return {
        "project": project,
        "batches": [_batch_view(batch, progress[batch.batch_id]) for batch in batch_rows],
        "statuses": list(BatchStatus),
        "status": query.status,
        "next_token": token,
        "priority_max": work_queue.PRIORITY_MAX,
        "about": request.path.get("batch_id"),
    }


async def create_batch(
    request: PageRequest[NoQuery], submitted: NewBatch, context: WriteContext
) -> Redirect:
    """POST /projects/{project_id}/batches: create a batch; raises Conflict for a taken name."""
    project = await get_project(context.tx, request)
    batch = await batches.open_batch(
        context.tx,
        project,
        name=submitted.name,
        is_staging=submitted.is_staging,
        metadata={},
        callback=None,
    )
    await context.note("batch", batch.batch_id, project_key=project.project_key)
    return _redirect_to_list(request, say("Batch %(name)s is there.", name=batch.name))


async def _move(request: PageRequest[NoQuery], context: WriteContext, action: str) -> Redirect:
    before = await _get_batch(context.tx, request)
    batch = await batches.apply_action(context.tx, before, action)
    await context.note(
        "batch",
        batch.batch_id,
        project_key=batch.project_key,
        detail={"from": before.status, "to": batch.status},
    )
    return _redirect_to_list(request, say(_DONE[action], name=batch.name))


async def finalize_batch(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/finalize: start a staging batch."""
    return await _move(request, context, "finalize")


async def pause_batch(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/pause: stop leasing out the batch's tasks."""
    return await _move(request, context, "pause")


async def resume_batch(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/resume: lease out a paused batch's tasks again."""
    return await _move(request, context, "resume")


async def cancel_batch(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/cancel: cancel the batch and its pending tasks."""
    return await _move(request, context, "cancel")


async def prioritize_batch(
    request: PageRequest[NoQuery], submitted: PriorityForm, context: WriteContext
) -> Redirect:
    """POST …/priority: change the order in which the batch's tasks are leased."""
    batch = await _get_batch(context.tx, request)
    priority = await work_queue.prioritize(context.tx, batch, submitted.priority)
    await context.note(
        "batch",
        batch.batch_id,
        project_key=batch.project_key,
        detail={"priority": {"from": batch.priority, "to": priority}},
    )
    return _redirect_to_list(
        request, say("The priority of batch %(name)s is changed.", name=batch.name)
    )


async def _get_batch(tx: Transaction, request: PageRequest[Any]) -> BatchRow:
    """Batch of the path within the project of the path; raises NotFound."""
    project = await get_project(tx, request)
    batch = await batches_store.find_batch(tx, project.environment_id, request.path["batch_id"])
    if batch is None or batch.project_key != project.project_key:
        raise NotFound("there is no such batch")
    return batch


def _batch_view(batch: BatchRow, progress: dict[TaskStatus, int]) -> BatchRowView:
    counts = {status.value: progress[status] for status in sorted(progress, key=_order)}
    actions = [name for name, (starts, _) in batches.TRANSITIONS.items() if batch.status in starts]
    return BatchRowView(batch, counts, sum(counts.values()), charts.shares(counts), actions)


def _order(status: str) -> int:
    return ("completed", "error", "canceled", "pending").index(status)


def _redirect_to_list(request: PageRequest[Any], flash: str) -> Redirect:
    return Redirect(to=links.fill_path(BATCHES, project_id=request.path["project_id"]), flash=flash)


PAGES = (
    Page(
        page_id="show_batches",
        path=BATCHES,
        role=PersonRole.manager,
        handler=show_batches,
        query=BatchesQuery,
        template="projects/batches.html",
        tab=N_("Batches"),
        tab_order=20,
    ),
    Page(
        page_id="create_batch_on_page",
        method="POST",
        path=BATCHES,
        role=PersonRole.manager,
        handler=create_batch,
        form=NewBatch,
        form_page="show_batches",
    ),
    Page(
        page_id="prioritize_batch",
        method="POST",
        path=f"{BATCH}/priority",
        role=PersonRole.manager,
        handler=prioritize_batch,
        form=PriorityForm,
        form_page="show_batches",
    ),
    *(
        Page(
            page_id=f"{verb}_batch_on_page",
            method="POST",
            path=f"{BATCH}/{verb}",
            role=PersonRole.manager,
            handler=handler,
            is_long=verb == "cancel",
            form=NoFields,
            form_page="show_batches",
        )
        for verb, handler in (
            ("finalize", finalize_batch),
            ("pause", pause_batch),
            ("resume", resume_batch),
            ("cancel", cancel_batch),
        )
    ),
)

"""A project's batches: how far each is, new ones, and what is done to a whole batch."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import Enum, NoQuery, Text
from plaudit.core.tasks import batches, work_queue
from plaudit.core.tasks.listing import BatchQuery, batch_rows_page
from plaudit.core.tasks.resolve import ScopeNames
from plaudit.errors import NotFound
from plaudit.model.core import BatchRow, BatchStatus, PersonRole
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches as batches_store
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.render import charts

BATCHES = f"{PROJECT}/batches"
BATCH = f"{BATCHES}/{{batch_id}}"
PAGE_MAX = 50

_DONE = {
    "finalize": "is being worked on",
    "pause": "is paused",
    "resume": "goes on",
    "cancel": "is cancelled",
}


class BatchesQuery(Struct, frozen=True):
    """Query of the page of batches."""

    status: Annotated[
        BatchStatus | None, Enum(description="Only batches in this status.", words=BatchStatus)
    ] = None
    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class NewBatch(Struct, kw_only=True):
    """A new batch. `is_staging` holds its tasks back until it is finalized."""

    name: str
    is_staging: bool = False


class PriorityForm(Struct):
    """How early a batch's tasks are given out; greater is earlier."""

    priority: int


class BatchRowView(Struct, frozen=True):
    """A batch with its counts, and what may be done to it."""

    batch: BatchRow
    counts: dict[str, int]
    total: int
    parts: list[charts.Share]
    actions: list[str]


async def show_batches(visit: PageRequest[BatchesQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/batches: one page of them, oldest first."""
    query = visit.query
    async with visit.db.read() as tx:
        project = await get_project(tx, visit)
        found, token = await batch_rows_page(
            tx,
            visit.secret,
            project.environment_id,
            BatchQuery(
                scope=ScopeNames(project_id=project.project_id),
                status=query.status,
                limit=PAGE_MAX,
                next_token=query.next_token,
            ),
        )
        shown = [await _shown(tx, one) for one in found]
    return {
        "project": project,
        "batches": shown,
        "statuses": list(BatchStatus),
        "status": query.status,
        "next_token": token,
        "priority_max": work_queue.PRIORITY_MAX,
        "about": visit.path.get("batch_id"),
    }


async def create_batch(
    visit: PageRequest[NoQuery], sent: NewBatch, change: WriteContext
) -> Redirect:
    """POST /projects/{project_id}/batches: one batch, its name new in the organization."""
    project = await get_project(change.tx, visit)
    batch = await batches.open_batch(
        change.tx,
        project,
        name=sent.name,
        is_staging=sent.is_staging,
        metadata={},
        callback=None,
    )
    await change.note("batch", batch.batch_id, project_key=project.project_key)
    return _back(visit, f"Batch {batch.name} is there.")


async def _move(visit: PageRequest[NoQuery], change: WriteContext, action: str) -> Redirect:
    before = await _named(change.tx, visit)
    batch = await batches.apply_action(change.tx, before, action)
    await change.note(
        "batch",
        batch.batch_id,
        project_key=batch.project_key,
        detail={"from": before.status, "to": batch.status},
    )
    return _back(visit, f"Batch {batch.name} {_DONE[action]}.")


async def finalize_batch(
    visit: PageRequest[NoQuery], sent: NoFields, change: WriteContext
) -> Redirect:
    """POST …/finalize: a staging batch goes to work."""
    return await _move(visit, change, "finalize")


async def pause_batch(
    visit: PageRequest[NoQuery], sent: NoFields, change: WriteContext
) -> Redirect:
    """POST …/pause: nobody is given its tasks until it is resumed."""
    return await _move(visit, change, "pause")


async def resume_batch(
    visit: PageRequest[NoQuery], sent: NoFields, change: WriteContext
) -> Redirect:
    """POST …/resume: a paused batch goes on."""
    return await _move(visit, change, "resume")


async def cancel_batch(
    visit: PageRequest[NoQuery], sent: NoFields, change: WriteContext
) -> Redirect:
    """POST …/cancel: the batch ends, and its pending tasks with it."""
    return await _move(visit, change, "cancel")


async def prioritize_batch(
    visit: PageRequest[NoQuery], sent: PriorityForm, change: WriteContext
) -> Redirect:
    """POST …/priority: its tasks are given out earlier, or later."""
    batch = await _named(change.tx, visit)
    priority = await work_queue.prioritize(change.tx, batch, sent.priority)
    await change.note(
        "batch",
        batch.batch_id,
        project_key=batch.project_key,
        detail={"priority": {"from": batch.priority, "to": priority}},
    )
    return _back(visit, f"The priority of batch {batch.name} is changed.")


async def _named(tx: Transaction, visit: PageRequest[Any]) -> BatchRow:
    """The batch of the path, if the project of the path has it; raises NotFound."""
    project = await get_project(tx, visit)
    batch = await batches_store.find_batch(tx, project.environment_id, visit.path["batch_id"])
    if batch is None or batch.project_key != project.project_key:
        raise NotFound("there is no such batch")
    return batch


async def _shown(tx: Transaction, batch: BatchRow) -> BatchRowView:
    progress = await batches_store.find_progress(tx, batch.project_key, batch.batch_id)
    counts = {status.value: progress[status] for status in sorted(progress, key=_order)}
    actions = [name for name, (starts, _) in batches.TRANSITIONS.items() if batch.status in starts]
    return BatchRowView(batch, counts, sum(counts.values()), charts.shares(counts), actions)


def _order(status: str) -> int:
    return ("completed", "error", "canceled", "pending").index(status)


def _back(visit: PageRequest[Any], said: str) -> Redirect:
    return Redirect(to=links.filled(BATCHES, project_id=visit.path["project_id"]), said=said)


PAGES = (
    Page(
        page_id="show_batches",
        path=BATCHES,
        role=PersonRole.manager,
        handler=show_batches,
        query=BatchesQuery,
        template="projects/batches.html",
        tab="Batches",
        tab_place=20,
    ),
    Page(
        page_id="create_batch_on_page",
        method="POST",
        path=BATCHES,
        role=PersonRole.manager,
        handler=create_batch,
        form=NewBatch,
        again="show_batches",
    ),
    Page(
        page_id="prioritize_batch",
        method="POST",
        path=f"{BATCH}/priority",
        role=PersonRole.manager,
        handler=prioritize_batch,
        form=PriorityForm,
        again="show_batches",
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
            again="show_batches",
        )
        for verb, handler in (
            ("finalize", finalize_batch),
            ("pause", pause_batch),
            ("resume", resume_batch),
            ("cancel", cancel_batch),
        )
    ),
)

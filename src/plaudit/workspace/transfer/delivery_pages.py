"""Deliveries: made from completed tasks by a job, looked at, and compared."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

from msgspec import Struct

from plaudit.api.http.parameters import NoQuery, Text
from plaudit.api.http.streams import Stream, content_disposition
from plaudit.api.manage.deliveries import DiffDeliveries, ListChanges
from plaudit.core.common import names
from plaudit.core.deliveries import (
    builder,
    reports,
    task_selection,
)
from plaudit.core.deliveries.reports import ReportQuery
from plaudit.core.tasks.resolve import ScopeNames, find_batch
from plaudit.model.core import BatchRow, PersonRole, ProjectRow
from plaudit.store.deliveries import delivered, deliveries
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.tasks import batches, projects
from plaudit.store.tasks.batches import BatchFilter
from plaudit.store.transfer.jobs import JobKind, JobState
from plaudit.wire.v2 import deliveries as wire
from plaudit.wire.v2.parse import moment
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http.job_runner import JobRun
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.transfer import job_pages
from plaudit.workspace.transfer.job_pages import ShownJob

DELIVERIES = "/deliveries"
SHOWN_MAX = 200
OTHERS_MAX = 50
BATCHES_MAX = 1000
ROWS_MAX = 100
MANIFEST_ROWS = 1000
UNBOUNDED = 2**62


class RowsQuery(Struct, frozen=True):
    """Query of GET /deliveries/{delivery_id}."""

    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class DeliveryForm(Struct, kw_only=True):
    """What a delivery is called and what it is to hold."""

    name: str
    batch_id: str | None = None
    completed_after: str | None = None
    completed_before: str | None = None
    response_schema_id: str | None = None
    undelivered: bool = False


class _Wanted(Struct, frozen=True, kw_only=True):
    """A form, checked."""

    name: str
    batch: BatchRow | None
    after: int | None
    before: int | None
    schema_id: str | None
    is_undelivered: bool


async def show_deliveries(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /deliveries: the projects, whose deliveries are one click away."""
    async with visit.db.read() as tx:
        found = await projects.list_projects(tx, visit.user.environment_id)
    shown = [(one, _of_project(one)) for one in reversed(found[-SHOWN_MAX:])]
    return {"projects": shown, "has_more": len(found) > SHOWN_MAX}


async def show_project_deliveries(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /deliveries/projects/{project_id}: its deliveries, and the form for another one."""
    async with visit.db.read() as tx:
        project = await get_project(tx, visit)
        found = await deliveries.list_deliveries(tx, project.project_key)
        where = BatchFilter(project_key=project.project_key)
        batches_here = await batches.list_batches(
            tx, visit.user.environment_id, where, after=None, limit=BATCHES_MAX
        )
        jobs = await job_pages.latest(visit, tx, JobKind.delivery)
    return {
        "project": project,
        "path": _of_project(project),
        "deliveries": [
            (wire.record(one, project.project_id), _of(one.delivery_id))
            for one in reversed(found[-SHOWN_MAX:])
        ],
        "has_more": len(found) > SHOWN_MAX,
        "batches": batches_here,
        "running": next((one for one in jobs if one.state is JobState.running), None),
        "jobs": [one for one in jobs if one.about["project_id"] == project.project_id],
    }


async def make_delivery(visit: PageRequest[NoQuery], form: DeliveryForm) -> Redirect:
    """POST /deliveries/projects/{project_id}: begin to make one."""
    async with visit.db.read() as tx:
        project = await get_project(tx, visit)
        wanted = await _checked(tx, project, form)
    asked = {
        "project_id": project.project_id,
        "name": wanted.name,
        "batch": None if wanted.batch is None else wanted.batch.name,
        "completed_after": form.completed_after,
        "completed_before": form.completed_before,
        "undelivered": wanted.is_undelivered,
    }
    run = await job_pages.begin(visit, JobKind.delivery, "make_delivery", asked, "selecting")
    visit.desk.jobs.go(run, _make(visit, run, project, wanted))
    return Redirect(to=_of_project(project))


async def ask_delivery(visit: PageRequest[NoQuery]) -> ShownJob:
    """GET /deliveries/jobs/{job_id}/progress: how far it is."""
    async with visit.db.read() as tx:
        return await job_pages.one(visit, tx, JobKind.delivery)


async def show_delivery(visit: PageRequest[RowsQuery]) -> dict[str, Any]:
    """GET /deliveries/{delivery_id}: one delivery and a page of what is in it."""
    asked = _asked(visit, ROWS_MAX, visit.query.next_token)
    async with visit.db.read() as tx:
        page = await reports.manifest(tx, visit.secret, visit.user.environment_id, asked)
        context = await _around(tx, visit)
    return context | {"page": page}


async def show_delivery_diff(visit: PageRequest[DiffDeliveries]) -> dict[str, Any]:
    """GET /deliveries/{delivery_id}/diff: what another delivery has more, less, and otherwise."""
    query = visit.query
    asked = _asked(visit, query.limit, query.next_token, other_id=query.other)
    async with visit.db.read() as tx:
        page = await reports.diff(tx, visit.secret, visit.user.environment_id, asked)
        context = await _around(tx, visit)
        other = await reports.get_delivery(tx, visit.user.environment_id, query.other or "")
    return context | {"page": page, "other": other, "other_path": _of(other.delivery_id)}


async def show_delivery_changes(visit: PageRequest[ListChanges]) -> dict[str, Any]:
    """GET /deliveries/{delivery_id}/changes: the delivered tasks that have changed since."""
    asked = _asked(visit, visit.query.limit, visit.query.next_token)
    async with visit.db.read() as tx:
        page = await reports.changes(tx, visit.secret, visit.user.environment_id, asked)
        context = await _around(tx, visit)
    return context | {"page": page}


async def download_manifest(visit: PageRequest[NoQuery]) -> Stream:
    """GET /deliveries/{delivery_id}/manifest.txt: the lines that the manifest's hash is of."""
    async with visit.db.read() as tx:
        found = await reports.get_delivery(tx, visit.user.environment_id, visit.path["delivery_id"])

    async def lines() -> AsyncIterator[bytes]:
        for after in range(0, found.task_count, MANIFEST_ROWS):
            async with visit.db.read() as tx:
                rows = await delivered.list_versions(
                    tx,
                    found.project_key,
                    found.delivery_seq,
                    after=after,
                    until=after + MANIFEST_ROWS,
                    other_seq=found.delivery_seq,
                )
            yield b"".join(wire.manifest_line(one.task_id, one.digest) for one in rows)

    headers = [
        (b"content-disposition", content_disposition("attachment", f"{found.name}.sha256.txt")),
        (b"content-security-policy", b"default-src 'none'; sandbox"),
        (b"vary", b"Cookie"),
    ]
    return Stream(lines(), None, "text/plain; charset=utf-8", headers)


async def _checked(tx: Transaction, project: ProjectRow, form: DeliveryForm) -> _Wanted:
    """What a form says; raises InvalidContent at the field, Conflict, NotFound."""
    names.check_name(form.name)
    after = moment(form.completed_after, "/completed_after")
    before = moment(form.completed_before, "/completed_before")
    if await builder.has_delivery(tx, project, form.name):
        raise await builder.name_conflict(tx, project, form.name)
    words = ScopeNames(batch_id=form.batch_id)
    return _Wanted(
        name=form.name,
        batch=await find_batch(tx, project.environment_id, words, project),
        after=after,
        before=before,
        schema_id=form.response_schema_id,
        is_undelivered=form.undelivered,
    )


async def _make(visit: PageRequest[Any], run: JobRun, project: ProjectRow, wanted: _Wanted) -> None:
    tracker, actor = run.tracker, visit.actor

    async def work(db: Database) -> None:
        bounds: dict[str, Any] = {
            "batch": wanted.batch,
            "completed_after": wanted.after,
            "completed_before": wanted.before,
        }
        if wanted.is_undelivered:
            selection = await task_selection.select_undelivered(db, project, **bounds)
        else:
            selection = await task_selection.select_tasks(db, project, **bounds, most=UNBOUNDED)
        tracker.tell(phase="freezing", total=len(selection.seqs))
        made = await builder.deliver(
            db,
            project,
            wanted.name,
            selection,
            actor,
            "create_delivery",
            schema_id=wanted.schema_id,
            on_progress=lambda count: tracker.tell(done=tracker.progress.done + count),
        )
        tracker.note(done=made.task_count, total=made.task_count, result=made.delivery_id)

    await run.beside(work)
    visit.desk.services.wake()


async def _around(tx: Transaction, visit: PageRequest[Any]) -> dict[str, Any]:
    """What the pages of one delivery share: the delivery, its project, the others to compare."""
    found = await reports.get_delivery(tx, visit.user.environment_id, visit.path["delivery_id"])
    project = await projects.find_project_by_key(tx, found.environment_id, found.project_key)
    assert project is not None
    others = await deliveries.list_deliveries(tx, found.project_key)
    return {
        "delivery": wire.record(found, project.project_id),
        "project": project,
        "project_path": _of_project(project),
        "path": _of(found.delivery_id),
        "others": [
            one for one in reversed(others[-OTHERS_MAX:]) if one.delivery_id != found.delivery_id
        ],
    }


def _asked(
    visit: PageRequest[Any], limit: int, next_token: str | None, *, other_id: str | None = None
) -> ReportQuery:
    return ReportQuery(
        delivery_id=visit.path["delivery_id"],
        other_id=other_id,
        limit=limit,
        next_token=next_token,
    )


def _of_project(project: ProjectRow) -> str:
    return f"{DELIVERIES}/projects/{quote(project.project_id, safe='')}"


def _of(delivery_id: str) -> str:
    return f"{DELIVERIES}/{quote(delivery_id, safe='')}"


def _page(page_id: str, path: str, handler: Any, **fields: Any) -> Page:
    return Page(
        page_id=page_id,
        path=f"{DELIVERIES}{path}",
        role=PersonRole.manager,
        handler=handler,
        **fields,
    )


_PROJECT = "/projects/{project_id}"
PAGES = (
    _page(
        "show_deliveries",
        "",
        show_deliveries,
        template="transfer/deliveries.html",
        nav="Deliveries",
        nav_place=45,
    ),
    _page(
        "show_project_deliveries",
        _PROJECT,
        show_project_deliveries,
        template="transfer/project_deliveries.html",
        tab="Deliveries",
        tab_place=50,
    ),
    _page(
        "make_delivery",
        _PROJECT,
        make_delivery,
        method="POST",
        form=DeliveryForm,
        opens_own=True,
        again="show_project_deliveries",
    ),
    _page("ask_delivery", "/jobs/{job_id}/progress", ask_delivery),
    _page(
        "show_delivery",
        "/{delivery_id}",
        show_delivery,
        query=RowsQuery,
        template="transfer/delivery.html",
    ),
    _page(
        "show_delivery_diff",
        "/{delivery_id}/diff",
        show_delivery_diff,
        query=DiffDeliveries,
        template="transfer/delivery_diff.html",
    ),
    _page(
        "show_delivery_changes",
        "/{delivery_id}/changes",
        show_delivery_changes,
        query=ListChanges,
        template="transfer/delivery_changes.html",
    ),
    _page(
        "download_manifest",
        "/{delivery_id}/manifest.txt",
        download_manifest,
        is_long=True,
    ),
)

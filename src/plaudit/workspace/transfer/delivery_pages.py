"""Delivery pages: create deliveries by a job, show and compare them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from msgspec import Struct

from plaudit.api.http.job_runner import JobRun
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
from plaudit.core.tasks import excerpts
from plaudit.core.tasks.resolve import ScopeNames, find_batch
from plaudit.core.transfer import jobs
from plaudit.model.core import BatchRow, PersonRole, ProjectRow
from plaudit.model.deliveries import DeliveryRow
from plaudit.store.deliveries import delivered, deliveries
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.tasks import batches, projects
from plaudit.store.transfer.jobs import JobKind, JobState
from plaudit.texts import N_
from plaudit.wire.v2 import deliveries as wire
from plaudit.wire.v2.parse import moment
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.transfer import job_pages
from plaudit.workspace.transfer.job_pages import JobView

DELIVERIES = "/deliveries"
SHOWN_MAX = 200
OTHERS_MAX = 50
BATCHES_MAX = 1000
ROWS_MAX = 50
"""Tasks that a page names at most, by the beginnings of their prompts."""

MANIFEST_ROWS = 1000
UNBOUNDED = 2**62


class RowsQuery(Struct, frozen=True):
    """Query of GET /deliveries/{delivery_id}."""

    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class DeliveryForm(Struct, kw_only=True):
    """Form of a new delivery: its name and the selection of its tasks."""

    name: str
    batch_id: str | None = None
    completed_after: str | None = None
    completed_before: str | None = None
    response_schema_id: str | None = None
    undelivered: bool = False


class _CheckedForm(Struct, frozen=True, kw_only=True):
    """Checked DeliveryForm; `after` and `before` are epoch milliseconds."""

    name: str
    batch: BatchRow | None
    after: int | None
    before: int | None
    schema_id: str | None
    is_undelivered: bool


async def show_deliveries(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /deliveries: the latest projects with links to their deliveries."""
    async with request.db.read() as tx:
        project_rows = await projects.list_newest_projects(
            tx, request.user.environment_id, SHOWN_MAX + 1
        )
    latest = [(project, _project_path(project)) for project in project_rows[:SHOWN_MAX]]
    return {"projects": latest, "has_more": len(project_rows) > SHOWN_MAX}


async def show_project_deliveries(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /deliveries/projects/{project_id}: a project's deliveries and the form of a new one."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        delivery_rows = await deliveries.list_latest_deliveries(
            tx, project.project_key, SHOWN_MAX + 1
        )
        batch_names = await batches.list_batch_names(
            tx, request.user.environment_id, project.project_key, limit=BATCHES_MAX
        )
        listed = await job_pages.list_latest_jobs(request, tx, JobKind.delivery)
    return {
        "project": project,
        "path": _project_path(project),
        "deliveries": [
            (wire.record(row, project.project_id), _delivery_path(row.delivery_id))
            for row in delivery_rows[:SHOWN_MAX]
        ],
        "has_more": len(delivery_rows) > SHOWN_MAX,
        "batches": batch_names,
        "running": next((job for job in listed if job.state is JobState.running), None),
        "jobs": [job for job in listed if job.about["project_id"] == project.project_id],
    }


async def make_delivery(request: PageRequest[NoQuery], form: DeliveryForm) -> Redirect:
    """POST /deliveries/projects/{project_id}: start a delivery job.

    Raises InvalidContent at a field, and Conflict for a taken name or a running job.
    """
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        checked = await _checked(tx, project, form)
    options = {
        "project_id": project.project_id,
        "name": checked.name,
        "batch": None if checked.batch is None else checked.batch.name,
        "completed_after": form.completed_after,
        "completed_before": form.completed_before,
        "undelivered": checked.is_undelivered,
    }
    run = await job_pages.start_job(
        request, JobKind.delivery, "make_delivery", options, "selecting"
    )
    request.services.jobs.start(run, _make(request, run, project, checked))
    return Redirect(to=_project_path(project))


async def ask_delivery(request: PageRequest[NoQuery]) -> JobView:
    """GET /deliveries/jobs/{job_id}/progress: progress of the job as JSON; raises NotFound."""
    async with request.db.read() as tx:
        return await job_pages.get_job(request, tx, JobKind.delivery)


async def cancel_delivery(request: PageRequest[NoQuery], form: NoFields) -> Redirect:
    """POST /deliveries/jobs/{job_id}/cancel: cancel a job; nothing of its delivery is kept."""
    job = await job_pages.cancel_job(request, JobKind.delivery, "cancel_delivery")
    return Redirect(to=f"{DELIVERIES}/projects/{quote(job.about['project_id'], safe='')}")


async def show_delivery(request: PageRequest[RowsQuery]) -> dict[str, Any]:
    """GET /deliveries/{delivery_id}: a delivery with one page of its tasks."""
    report_query = _report_query(request, ROWS_MAX, request.query.next_token)
    async with request.db.read() as tx:
        page = await reports.manifest(tx, request.secret, request.user.environment_id, report_query)
        context = await _delivery_context(tx, request)
        context["excerpts"] = await _excerpts(tx, request, [one.task_id for one in page.tasks])
    return context | {"page": page}


async def show_delivery_diff(request: PageRequest[DiffDeliveries]) -> dict[str, Any]:
    """GET /deliveries/{delivery_id}/diff: tasks added, removed and changed in another delivery."""
    query = request.query
    report_query = _report_query(request, query.limit, query.next_token, other_id=query.other)
    async with request.db.read() as tx:
        page = await reports.diff(tx, request.secret, request.user.environment_id, report_query)
        if len(page.removed) + len(page.changed) + len(page.added) > ROWS_MAX:
            # So many on one page of positions: a page of fewer positions cannot have more.
            report_query = msgspec.structs.replace(report_query, limit=ROWS_MAX)
            page = await reports.diff(tx, request.secret, request.user.environment_id, report_query)
        context = await _delivery_context(tx, request)
        listed = [*page.removed, *page.changed, *page.added]
        context["excerpts"] = await _excerpts(tx, request, listed)
        other = await reports.get_delivery(tx, request.user.environment_id, query.other or "")
    return context | {"page": page, "other": other, "other_path": _delivery_path(other.delivery_id)}


async def show_delivery_changes(request: PageRequest[ListChanges]) -> dict[str, Any]:
    """GET /deliveries/{delivery_id}/changes: delivered tasks that have changed since."""
    limit = min(request.query.limit, ROWS_MAX)
    report_query = _report_query(request, limit, request.query.next_token)
    async with request.db.read() as tx:
        page = await reports.changes(tx, request.secret, request.user.environment_id, report_query)
        context = await _delivery_context(tx, request)
        context["excerpts"] = await _excerpts(tx, request, [one.task_id for one in page.tasks])
    return context | {"page": page}


async def download_manifest(request: PageRequest[NoQuery]) -> Stream:
    """GET /deliveries/{delivery_id}/manifest.txt: a `<sha256>  <task_id>` line per task."""
    async with request.db.read() as tx:
        delivery = await reports.get_delivery(
            tx, request.user.environment_id, request.path["delivery_id"]
        )

    async def lines() -> AsyncIterator[bytes]:
        for after in range(0, delivery.task_count, MANIFEST_ROWS):
            async with request.db.read() as tx:
                rows = await delivered.list_versions(
                    tx,
                    delivery.project_key,
                    delivery.delivery_seq,
                    after=after,
                    until=after + MANIFEST_ROWS,
                    other_seq=delivery.delivery_seq,
                )
            yield b"".join(wire.manifest_line(row.task_id, row.digest) for row in rows)

    headers = [
        (
            b"content-disposition",
            content_disposition("attachment", f"{delivery.name}.sha256.txt"),
        ),
        (b"content-security-policy", b"default-src 'none'; sandbox"),
        (b"vary", b"Cookie"),
    ]
    return Stream(lines(), None, "text/plain; charset=utf-8", headers)


async def _checked(tx: Transaction, project: ProjectRow, form: DeliveryForm) -> _CheckedForm:
    """Check a form; raises InvalidContent at the field, Conflict for a taken name, NotFound."""
    names.check_name(form.name)
    after = moment(form.completed_after, "/completed_after")
    before = moment(form.completed_before, "/completed_before")
    if await builder.has_delivery(tx, project, form.name):
        raise await builder.name_conflict(tx, project, form.name)
    scope = ScopeNames(batch_id=form.batch_id)
    return _CheckedForm(
        name=form.name,
        batch=await find_batch(tx, project.environment_id, scope, project),
        after=after,
        before=before,
        schema_id=form.response_schema_id,
        is_undelivered=form.undelivered,
    )


async def _make(
    request: PageRequest[Any], run: JobRun, project: ProjectRow, checked: _CheckedForm
) -> None:
    tracker, actor = run.tracker, request.actor

    async def finish(tx: Transaction, delivery: DeliveryRow) -> None:
        progress = msgspec.structs.replace(
            tracker.progress, done=delivery.task_count, result=delivery.delivery_id
        )
        await jobs.finish_job(tx, run.job, progress)

    async def work(db: Database) -> None:
        bounds: dict[str, Any] = {
            "batch": checked.batch,
            "completed_after": checked.after,
            "completed_before": checked.before,
        }
        if checked.is_undelivered:
            selection = await task_selection.select_undelivered(db, project, **bounds)
        else:
            selection = await task_selection.select_tasks(db, project, **bounds, most=UNBOUNDED)
        tracker.report(phase="freezing", total=len(selection.seqs))
        delivery = await builder.deliver(
            db,
            project,
            checked.name,
            selection,
            actor,
            "create_delivery",
            schema_id=checked.schema_id,
            on_progress=lambda count: tracker.report(done=tracker.progress.done + count),
            on_publish=finish,
        )
        tracker.update(done=delivery.task_count, result=delivery.delivery_id)

    await run.run_in_thread(work)
    request.services.shared.wake()


async def _delivery_context(tx: Transaction, request: PageRequest[Any]) -> dict[str, Any]:
    """Shared context of a delivery's pages: itself, its project, and others to compare with."""
    delivery = await reports.get_delivery(
        tx, request.user.environment_id, request.path["delivery_id"]
    )
    project = await projects.find_project_by_key(tx, delivery.environment_id, delivery.project_key)
    assert project is not None
    others = await deliveries.list_latest_deliveries(tx, delivery.project_key, OTHERS_MAX)
    return {
        "delivery": wire.record(delivery, project.project_id),
        "project": project,
        "project_path": _project_path(project),
        "path": _delivery_path(delivery.delivery_id),
        "others": [other for other in others if other.delivery_id != delivery.delivery_id],
    }


async def _excerpts(
    tx: Transaction, request: PageRequest[Any], task_ids: list[str]
) -> dict[str, str]:
    return await excerpts.list_excerpts_by_id(tx, request.user.environment_id, task_ids)


def _report_query(
    request: PageRequest[Any], limit: int, next_token: str | None, *, other_id: str | None = None
) -> ReportQuery:
    return ReportQuery(
        delivery_id=request.path["delivery_id"],
        other_id=other_id,
        limit=limit,
        next_token=next_token,
    )


def _project_path(project: ProjectRow) -> str:
    return f"{DELIVERIES}/projects/{quote(project.project_id, safe='')}"


def _delivery_path(delivery_id: str) -> str:
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
        nav=N_("Deliveries"),
        nav_order=45,
        nav_section=N_("Data"),
    ),
    _page(
        "show_project_deliveries",
        _PROJECT,
        show_project_deliveries,
        template="transfer/project_deliveries.html",
        tab=N_("Deliveries"),
        tab_order=50,
    ),
    _page(
        "make_delivery",
        _PROJECT,
        make_delivery,
        method="POST",
        form=DeliveryForm,
        opens_transactions=True,
        form_page="show_project_deliveries",
    ),
    _page("ask_delivery", "/jobs/{job_id}/progress", ask_delivery),
    _page(
        "cancel_delivery",
        "/jobs/{job_id}/cancel",
        cancel_delivery,
        method="POST",
        form=NoFields,
        opens_transactions=True,
    ),
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

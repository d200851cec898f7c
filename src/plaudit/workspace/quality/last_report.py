"""Last report of a project as pages show it, and the job that computes another."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit.api.transfer.quality_job import BEGINNING, compute_quality, quality_request
from plaudit.core.quality.comparisons.response_style import STYLES
from plaudit.core.quality.reporting.options import BY_BATCH, ReportOptions
from plaudit.core.quality.reporting.snapshots import (
    SINCE_MAX,
    Snapshot,
    find_snapshot,
)
from plaudit.model.core import ProjectRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.transfer.jobs import JobKind, JobState
from plaudit.workspace.http.page import PageRequest
from plaudit.workspace.transfer import job_pages
from plaudit.workspace.transfer.job_pages import JobView

OPTIONS = ReportOptions(by=BY_BATCH, styles=tuple(STYLES))
"""Options of a report that is asked for on a page."""


class KeptReport(Struct, frozen=True):
    """A report that is kept, when it was computed, and the submissions since, perhaps `more`.

    `chosen` are options that pages would not have chosen, by name.
    """

    snapshot: Snapshot
    computed_ms: int
    tasks: int
    votes: int
    since: int
    more: bool
    chosen: dict[str, Any]


class ProjectQuality(Struct, frozen=True):
    """The last report, the job that computes another, and the last one if it failed.

    `elsewhere` is true while a job of the organization computes another project's report.
    """

    last: KeptReport | None
    running: JobView | None
    failure: JobView | None
    elsewhere: bool


async def find_quality(
    request: PageRequest[Any], tx: Transaction, project: ProjectRow
) -> ProjectQuality:
    """Last report of a project, if it was ever computed, and its jobs."""
    snapshot = await find_snapshot(tx, project.project_key)
    last = None
    if snapshot is not None:
        row = snapshot.row
        last = KeptReport(
            snapshot=snapshot,
            computed_ms=row.computed_ms,
            tasks=row.task_count,
            votes=row.vote_count,
            since=snapshot.since,
            more=snapshot.since == SINCE_MAX,
            chosen=_chosen(snapshot.options),
        )
    listed = await job_pages.list_latest_jobs(request, tx, JobKind.quality)
    running = next((job for job in listed if job.state is JobState.running), None)
    own = [job for job in listed if job.about["project_id"] == project.project_id]
    newest = own[0] if own else None
    is_failure = newest is not None and newest.state in (JobState.failed, JobState.broken)
    return ProjectQuality(
        last=last,
        running=running if running in own else None,
        failure=newest if is_failure else None,
        elsewhere=running is not None and running not in own,
    )


async def start_report(request: PageRequest[Any], project: ProjectRow) -> None:
    """Start the job that computes the report; raises Conflict while one runs."""
    options = quality_request(project, OPTIONS)
    run = await job_pages.start_job(request, JobKind.quality, "compute_quality", options, BEGINNING)
    services = request.services
    services.jobs.start(run, compute_quality(services.shared, run, project, OPTIONS))


def _chosen(options: ReportOptions) -> dict[str, Any]:
    return {
        name: value
        for name in ReportOptions.__struct_fields__
        if (value := getattr(options, name)) != getattr(OPTIONS, name)
    }

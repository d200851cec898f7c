"""Jobs that compute the report on a project's quality, and keep it as the project's last."""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit.api.http.job_runner import JobRun, JobServices
from plaudit.api.transfer.report_process import ReportRequest, make_apart
from plaudit.core.quality.reporting.options import ReportOptions
from plaudit.core.quality.reporting.project_reading import check_question
from plaudit.core.quality.reporting.snapshots import SnapshotMaker
from plaudit.core.tasks.forms import form_of
from plaudit.core.transfer import jobs
from plaudit.model.core import ProjectRow
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.tasks import projects
from plaudit.wire.v2.resources import project_detail

APART_FROM = 5_000
"""Tasks from which on a report is made by a process of its own, which takes a second to start."""

BEGINNING = "reading votes"
"""Phase that a job begins with."""


def quality_request(project: ProjectRow, options: ReportOptions) -> dict[str, Any]:
    """Request of a job, with the options that are not what they are by themselves.

    Raises InvalidContent for options that no report on the project has.
    """
    options.check()
    check_question(form_of(project_detail(project)), options)
    given: dict[str, Any] = msgspec.to_builtins(options)
    default: dict[str, Any] = msgspec.to_builtins(ReportOptions())
    chosen = {name: value for name, value in given.items() if value != default[name]}
    return {"project_id": project.project_id, "options": chosen}


async def compute_quality(
    services: JobServices, run: JobRun, project: ProjectRow, options: ReportOptions
) -> None:
    """Compute the report and show it; progress goes to the run's tracker.

    That of a project with APART_FROM tasks or more is made by a process of its own, so that no
    request waits for it; a smaller one in a thread, which takes a second or two.

    Raises InvalidContent for options that do not fit what the project holds, and Unavailable if
    the job was told to stop.
    """
    tracker = run.tracker

    def report(phase: str, done: int) -> None:
        tracker.report(phase=phase, done=done)

    async def work(db: Database) -> None:
        async with db.read() as tx:
            total = await projects.next_seq(tx, project.project_key)
        tracker.report(total=total)
        maker = SnapshotMaker(db, project, options)
        if total >= APART_FROM:
            row = make_apart(_apart(services, project, maker, options), report, tracker.check)
        else:
            row = await maker.make(report)
        tracker.report(done=row.task_count, total=row.task_count)

        async def show(tx: Transaction) -> None:
            await maker.show(tx, row)
            await jobs.finish_job(tx, run.job, tracker.progress)

        await db.write(show)
        await maker.delete_others()

    await run.run_in_thread(work)


def _apart(
    services: JobServices, project: ProjectRow, maker: SnapshotMaker, options: ReportOptions
) -> ReportRequest:
    settings = services.settings
    return ReportRequest(
        data=str(settings.data),
        database=settings.database,
        database_pooler=settings.database_pooler,
        environment_id=project.environment_id,
        project_id=project.project_id,
        options=options,
        snapshot_id=maker.snapshot_id,
    )

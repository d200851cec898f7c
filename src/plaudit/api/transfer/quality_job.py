"""Jobs that compute the report on a project's quality, and keep it as the project's last."""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit.api.http.job_runner import JobRun, JobServices
from plaudit.core.quality.reporting.options import ReportOptions
from plaudit.core.quality.reporting.report import check_question
from plaudit.core.quality.reporting.snapshots import SnapshotMaker
from plaudit.core.tasks.forms import form_of
from plaudit.core.transfer import jobs
from plaudit.model.core import ProjectRow
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.tasks import projects
from plaudit.wire.v2.resources import project_detail

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
    """Compute the report and show it, in a thread; progress goes to the run's tracker.

    Raises InvalidContent for options that do not fit what the project holds, and Unavailable if
    the job was told to stop.
    """
    tracker = run.tracker

    async def work(db: Database) -> None:
        async with db.read() as tx:
            tracker.report(total=await projects.next_seq(tx, project.project_key))
        maker = SnapshotMaker(db, project, options)
        row = await maker.make(lambda phase, done: tracker.report(phase=phase, done=done))
        tracker.report(done=row.task_count, total=row.task_count)

        async def show(tx: Transaction) -> None:
            await maker.show(tx, row)
            await jobs.finish_job(tx, run.job, tracker.progress)

        await db.write(show)
        await maker.delete_others()

    await run.run_in_thread(work)

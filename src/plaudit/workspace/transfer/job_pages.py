"""What the pages of jobs share: how a job is shown, and how it is asked after while it runs."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit import clock
from plaudit.core.common import audit
from plaudit.core.transfer import jobs
from plaudit.core.transfer.jobs import JobProgress
from plaudit.store.accounts import users
from plaudit.store.engine.engine import Transaction
from plaudit.store.transfer.jobs import Job, JobKind, JobState
from plaudit.workspace.http.job_runner import JobRun
from plaudit.workspace.http.page import PageRequest

LISTED_MAX = 10


class ShownJob(Struct, frozen=True, kw_only=True):
    """A job as pages draw it and scripts ask after it."""

    job_id: str
    state: JobState
    phase: str
    done: int
    total: int
    counts: dict[str, int]
    result: str
    reason: str
    started_ms: int
    started_at: str
    ended_at: str | None
    seconds: int
    """How long it has been running, or did."""
    has_file: bool
    file_size: int
    by: str
    about: dict[str, Any]


async def begin(
    visit: PageRequest[Any], kind: JobKind, action: str, asked: dict[str, Any], phase: str
) -> JobRun:
    """Start a job in the name of whoever asks; raises Conflict while another one runs."""
    user = visit.user

    async def work(tx: Transaction) -> Job:
        job = await jobs.start_job(tx, user.environment_id, user.user_id, kind, asked, phase)
        await audit.record(
            tx, user.environment_id, visit.actor, action, "job", job.job_id, detail=asked
        )
        return job

    return visit.desk.jobs.open(await visit.db.write(work))


async def latest(visit: PageRequest[Any], tx: Transaction, kind: JobKind) -> list[ShownJob]:
    """The latest jobs of a kind, newest first."""
    found = await jobs.list_latest_jobs(tx, visit.user.environment_id, kind, LISTED_MAX)
    names: dict[str, str] = {}
    for job in found:
        if job.user_id not in names:
            names[job.user_id] = await _name_of(tx, visit, job.user_id)
    return [shown(job, names[job.user_id]) for job in found]


async def one(visit: PageRequest[Any], tx: Transaction, kind: JobKind) -> ShownJob:
    """The job that the path names; raises NotFound."""
    job = await jobs.get_job(tx, visit.user.environment_id, kind, visit.path["job_id"])
    return shown(job, await _name_of(tx, visit, job.user_id))


def shown(job: Job, by: str) -> ShownJob:
    """A job as it is shown."""
    progress: JobProgress = jobs.job_progress(job)
    until = clock.now_ms() if job.ended_ms is None else job.ended_ms
    has_file = jobs.has_file(job)
    return ShownJob(
        job_id=job.job_id,
        state=job.state,
        phase=progress.phase,
        done=progress.done,
        total=progress.total,
        counts=progress.counts,
        result=progress.result,
        reason=job.reason,
        started_ms=job.created_ms,
        started_at=clock.format_ms(job.created_ms),
        ended_at=None if job.ended_ms is None else clock.format_ms(job.ended_ms),
        seconds=max(0, until - job.created_ms) // 1000,
        has_file=has_file,
        file_size=job.file_size or 0 if has_file else 0,
        by=by,
        about=jobs.job_request(job),
    )


async def _name_of(tx: Transaction, visit: PageRequest[Any], user_id: str) -> str:
    person = await users.find_person(tx, visit.user.organization_id, user_id)
    return "" if person is None else person.name or person.email

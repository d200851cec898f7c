"""Shared functions of the pages of jobs: start one, list them, and poll one's progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from plaudit import clock
from plaudit.api.http.job_runner import JobRun
from plaudit.core.common import audit
from plaudit.core.transfer import jobs
from plaudit.core.transfer.jobs import JobProgress
from plaudit.store.accounts import users
from plaudit.store.engine.engine import Transaction
from plaudit.store.transfer.jobs import Job, JobKind, JobState
from plaudit.workspace.http.page import PageRequest
from plaudit.workspace.language.remark_texts import remark_text
from plaudit.workspace.transfer.result_words import result_words

LISTED_MAX = 10


class JobView(Struct, frozen=True, kw_only=True):
    """Job as pages show it and as the JSON that scripts poll."""

    job_id: str
    state: JobState
    phase: str
    done: int
    total: int
    lines: int
    """Lines of an imported file that were read, blank ones included."""
    counts: dict[str, int]
    result: str
    notes: list[str]
    """Remarks on rows that an import took all the same."""
    reason: str
    started_ms: int
    started_at: str
    ended_at: str | None
    seconds: int
    """Running time until now or the job's end."""
    has_file: bool
    file_size: int
    by: str
    about: dict[str, Any]


async def start_job(
    request: PageRequest[Any], kind: JobKind, action: str, options: dict[str, Any], phase: str
) -> JobRun:
    """Store a new job of the signed-in user with its audit entry, and begin its heartbeat.

    Raises Conflict while another job of this kind runs. The caller must start or close the run.
    """
    user = request.user

    async def work(tx: Transaction) -> Job:
        job = await jobs.start_job(tx, user.environment_id, user.user_id, kind, options, phase)
        await audit.record(
            tx, user.environment_id, request.actor, action, "job", job.job_id, detail=options
        )
        return job

    return request.services.jobs.track(await request.db.write(work))


async def cancel_job(request: PageRequest[Any], kind: JobKind, action: str) -> JobView:
    """Cancel the job of the path with an audit entry, unless it has ended; raises NotFound."""
    user, job_id = request.user, request.path["job_id"]

    async def work(tx: Transaction) -> bool:
        is_cancelled = await jobs.cancel_job(tx, user.environment_id, kind, job_id)
        if is_cancelled:
            await audit.record(tx, user.environment_id, request.actor, action, "job", job_id)
        return is_cancelled

    if await request.db.write(work):
        request.services.jobs.cancel(job_id)
    async with request.db.read() as tx:
        return await get_job(request, tx, kind)


async def list_latest_jobs(
    request: PageRequest[Any], tx: Transaction, kind: JobKind
) -> list[JobView]:
    """List the latest jobs of a kind, newest first, at most LISTED_MAX."""
    job_rows = await jobs.list_latest_jobs(tx, request.user.environment_id, kind, LISTED_MAX)
    names = await _names(tx, request, [job.user_id for job in job_rows])
    return [job_view(job, names[job.user_id]) for job in job_rows]


async def get_job(request: PageRequest[Any], tx: Transaction, kind: JobKind) -> JobView:
    """Job of the path; raises NotFound."""
    job = await jobs.get_job(tx, request.user.environment_id, kind, request.path["job_id"])
    names = await _names(tx, request, [job.user_id])
    return job_view(job, names[job.user_id])


def job_view(job: Job, by: str) -> JobView:
    """View of a job that the user named `by` started."""
    progress: JobProgress = jobs.job_progress(job)
    end_ms = clock.now_ms() if job.ended_ms is None else job.ended_ms
    has_file = jobs.has_file(job)
    return JobView(
        job_id=job.job_id,
        state=job.state,
        phase=progress.phase,
        done=progress.done,
        total=progress.total,
        lines=progress.lines,
        counts=progress.counts,
        result=result_words(progress.result),
        notes=[remark_text(note) for note in progress.notes],
        reason=job.reason,
        started_ms=job.created_ms,
        started_at=clock.format_ms(job.created_ms),
        ended_at=None if job.ended_ms is None else clock.format_ms(job.ended_ms),
        seconds=max(0, end_ms - job.created_ms) // 1000,
        has_file=has_file,
        file_size=job.file_size or 0 if has_file else 0,
        by=by,
        about=jobs.job_request(job) | _told(progress),
    )


def _told(progress: JobProgress) -> dict[str, Any]:
    """Format of an import that was started without one, once its columns have told it."""
    return {name: progress.detail[name] for name in ("format",) if name in progress.detail}


async def _names(
    tx: Transaction, request: PageRequest[Any], user_ids: Sequence[str]
) -> dict[str, str]:
    """Names of users, or e-mail addresses where there is no name; "" for unknown ids."""
    people = await users.find_people(tx, request.user.organization_id, user_ids)
    found = {user_id: person.name or person.email for user_id, person in people.items()}
    return dict.fromkeys(user_ids, "") | found

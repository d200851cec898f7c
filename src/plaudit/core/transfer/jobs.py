"""Jobs: imports, archives and deliveries that somebody started in a browser and that take time.

A job is a row that every process reads. Whoever runs it moves its lease ahead; once the lease ends
the job has broken off, for its process has died. Nothing takes it up again: what it had stored
stays, and it is started anew by hand, which repeats nothing that was stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock, ids
from plaudit.core.transfer.importer import Reject, printable
from plaudit.errors import Conflict, NotFound
from plaudit.store.datasets.blob_store import BlobStore
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.transfer import jobs
from plaudit.store.transfer.jobs import Job, JobKind, JobState, RejectedRow

LEASE_MS = 30_000
REJECTS_KEPT_MAX = 1000
FILE_KEPT_MS = 12 * 3600 * 1000
"""How long the file of a job is kept; less than the day after which objects are swept."""

KEPT_MS = 30 * 24 * 3600 * 1000
FILES_AT_ONCE = 50
REASON_CHARS_MAX = 1000

_KIND_NAMES = {
    JobKind.import_: "an import",
    JobKind.archive: "an archive",
    JobKind.delivery: "a delivery",
}
_encode = msgspec.json.Encoder().encode


class JobProgress(Struct, kw_only=True, omit_defaults=True):
    """How far a job is. `total` is about how much there is to do, 0 as long as nobody knows."""

    phase: str = ""
    done: int = 0
    total: int = 0
    counts: dict[str, int] = {}
    """Rows by what became of them (see intake.OUTCOMES)."""
    result: str = ""
    """The id of what was made, or a sentence on what was done."""


_read_progress = msgspec.json.Decoder(JobProgress).decode


def job_progress(job: Job) -> JobProgress:
    """How far a job is, as it last wrote it down."""
    return _read_progress(job.progress)


def job_request(job: Job) -> dict[str, Any]:
    """What a job was asked for."""
    found: dict[str, Any] = msgspec.json.decode(job.about)
    return found


async def start_job(
    tx: Transaction,
    environment_id: str,
    user_id: str,
    kind: JobKind,
    asked: dict[str, Any],
    phase: str,
) -> Job:
    """Start a job; raises Conflict while another one of its kind is under way."""
    now = clock.now_ms()
    await jobs.end_expired_jobs(tx, environment_id, kind, now=now)
    job = Job(
        environment_id=environment_id,
        job_id=ids.mint("job"),
        kind=kind,
        state=JobState.running,
        user_id=user_id,
        created_ms=now,
        lease_ms=now + LEASE_MS,
        about=_encode(asked),
        progress=_encode(JobProgress(phase=phase)),
    )
    if not await jobs.insert_job(tx, job):
        raise Conflict(
            f"{_KIND_NAMES[kind]} of your organization is under way; wait until it has ended"
        )
    return job


async def save_progress(
    db: Database, job: Job, progress: JobProgress, rejects: Sequence[Reject], reject_count: int
) -> bool:
    """Write down how far a job is, and rows it refused, of which `reject_count` are written.

    False if the job is no longer ours: its lease ended, and somebody started another one.
    """

    async def work(tx: Transaction) -> bool:
        is_ours = await jobs.save_progress(
            tx,
            job.environment_id,
            job.job_id,
            progress=_encode(progress),
            lease_ms=clock.now_ms() + LEASE_MS,
        )
        if is_ours and rejects:
            await _save_rejects(tx, job, rejects, reject_count)
        return is_ours

    return await db.write(work)


async def end_job(
    db: Database,
    job: Job,
    state: JobState,
    progress: JobProgress,
    rejects: Sequence[Reject] = (),
    reject_count: int = 0,
    *,
    reason: str = "",
    file_size: int | None = None,
) -> bool:
    """End a job; False if it was no longer ours."""

    async def work(tx: Transaction) -> bool:
        is_ours = await jobs.end_job(
            tx,
            job.environment_id,
            job.job_id,
            state,
            now=clock.now_ms(),
            progress=_encode(progress),
            reason=printable(reason)[:REASON_CHARS_MAX],
            file_size=file_size,
        )
        if is_ours and rejects:
            await _save_rejects(tx, job, rejects, reject_count)
        return is_ours

    return await db.write(work)


async def get_job(tx: Transaction, environment_id: str, kind: JobKind, job_id: str) -> Job:
    """A job of this environment, broken off if its lease has ended; raises NotFound."""
    found = await jobs.find_job(tx, environment_id, job_id)
    if found is None or found.kind is not kind:
        raise NotFound
    return with_expired_lease(found)


async def list_latest_jobs(
    tx: Transaction, environment_id: str, kind: JobKind, limit: int
) -> list[Job]:
    """The latest jobs of a kind, newest first."""
    return [
        with_expired_lease(one)
        for one in await jobs.list_jobs(tx, environment_id, kind, limit=limit)
    ]


def with_expired_lease(job: Job) -> Job:
    """The job, broken off if it still counts as running and its lease has ended."""
    if job.state is JobState.running and job.lease_ms <= clock.now_ms():
        return msgspec.structs.replace(job, state=JobState.broken, ended_ms=job.lease_ms)
    return job


def has_file(job: Job) -> bool:
    """Whether what the job made can still be had."""
    is_kept = job.ended_ms is not None and clock.now_ms() < job.ended_ms + FILE_KEPT_MS
    return job.file_size is not None and is_kept


def file_key(job: Job) -> str:
    """The key of the object that a job made.

    No row of attachments names it, so the sweep of objects deletes what is left behind.
    """
    return f"{job.environment_id}/{job.job_id}"


async def delete_earlier_files(db: Database, objects: BlobStore, job: Job) -> None:
    """Delete the files of the jobs of its environment before this one."""
    async with db.read() as tx:
        found = await jobs.list_kept_archives(tx, job.environment_id, limit=FILES_AT_ONCE)
    await _delete_files(db, objects, [one for one in found if one.job_id < job.job_id])


async def delete_expired_files(db: Database, objects: BlobStore) -> int:
    """Delete some files that are kept no longer; return how many."""
    async with db.read() as tx:
        before = clock.now_ms() - FILE_KEPT_MS
        found = await jobs.list_expired_files(tx, before=before, limit=FILES_AT_ONCE)
    await _delete_files(db, objects, found)
    return len(found)


async def delete_ended_jobs(tx: Transaction, *, limit: int) -> int:
    """Delete up to `limit` jobs that ended longer ago than they are kept; return how many."""
    return await jobs.delete_ended_jobs(tx, before=clock.now_ms() - KEPT_MS, limit=limit)


async def _delete_files(db: Database, objects: BlobStore, found: Sequence[Job]) -> None:
    for job in found:
        await objects.delete([file_key(job)])

        async def work(tx: Transaction, job: Job = job) -> None:
            await jobs.clear_file(tx, job.environment_id, job.job_id)

        await db.write(work)


async def _save_rejects(tx: Transaction, job: Job, rejects: Sequence[Reject], number: int) -> None:
    rows = [
        RejectedRow(one.line, printable(one.pointer), printable(one.message)) for one in rejects
    ]
    await jobs.insert_rejects(tx, job.environment_id, job.job_id, number, rows)

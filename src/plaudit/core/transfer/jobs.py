"""Jobs: imports, archives, deliveries, exports and reports (docs/adr/0026).

A job is a row that every process reads. The process that runs it renews its lease; once the lease
has ended the job is broken, and is not resumed. What it had stored stays, and a new job of the same
request stores nothing twice.
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
"""Lifetime of a job's file; less than the day after which unreferenced blobs are deleted."""

KEPT_MS = 30 * 24 * 3600 * 1000
FILES_AT_ONCE = 50
REASON_CHARS_MAX = 1000
KILLED = "the server that ran it was killed, or was stopped before it had ended"
"""Reason of a job whose lease ended; nobody was left to store another."""

CANCELLED = "it was cancelled"
"""Reason of a job that somebody cancelled; the audit log says who."""

_KIND_NAMES = {
    JobKind.upload: "an upload",
    JobKind.import_: "an import",
    JobKind.archive: "an archive",
    JobKind.delivery: "a delivery",
    JobKind.export: "an export",
    JobKind.quality: "a report on quality",
    JobKind.action: "an action on many tasks",
}
_encode = msgspec.json.Encoder().encode


class JobProgress(Struct, kw_only=True, omit_defaults=True):
    """Progress of a job: `done` of about `total` units, 0 while the total is unknown."""

    phase: str = ""
    done: int = 0
    total: int = 0
    lines: int = 0
    """Lines of an imported file that were read, blank ones included."""
    counts: dict[str, int] = {}
    """Number of rows by result (see `import_summary.OUTCOMES`)."""
    result: str = ""
    """Id of the created object, or a sentence about the result."""
    notes: list[str] = []
    """Remarks on rows that an import took all the same."""
    detail: dict[str, Any] = {}
    """Result beyond numbers: what an upload was told to be, or the first tasks of a dry run."""


_read_progress = msgspec.json.Decoder(JobProgress).decode


def job_progress(job: Job) -> JobProgress:
    """Progress of a job as last saved."""
    return _read_progress(job.progress)


def job_request(job: Job) -> dict[str, Any]:
    """Request of a job, as `start_job` was given it."""
    request: dict[str, Any] = msgspec.json.decode(job.about)
    return request


async def start_job(
    tx: Transaction,
    environment_id: str,
    user_id: str,
    kind: JobKind,
    request: dict[str, Any],
    phase: str,
) -> Job:
    """Add a running job; raises Conflict while another of its kind runs in the environment."""
    now = clock.now_ms()
    await jobs.end_expired_jobs(tx, environment_id, kind, now=now, reason=KILLED)
    job = Job(
        environment_id=environment_id,
        job_id=ids.mint("job"),
        kind=kind,
        state=JobState.running,
        user_id=user_id,
        created_ms=now,
        lease_ms=now + LEASE_MS,
        about=_encode(request),
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
    """Save a job's progress and `rejects`, numbered from `reject_count`; renew its lease.

    False if the job is no longer running: its lease ended, and another one was started.
    """

    async def work(tx: Transaction) -> bool:
        is_running = await jobs.save_progress(
            tx,
            job.environment_id,
            job.job_id,
            progress=_encode(progress),
            lease_ms=clock.now_ms() + LEASE_MS,
        )
        if is_running and rejects:
            await _save_rejects(tx, job, rejects, reject_count)
        return is_running

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
    """End a job in `state` with its last rejects; False if it was no longer running.

    Of a cancelled one, progress and rejects are saved.
    """

    async def work(tx: Transaction) -> bool:
        is_running = await jobs.end_job(
            tx,
            job.environment_id,
            job.job_id,
            state,
            now=clock.now_ms(),
            progress=_encode(progress),
            reason=printable(reason)[:REASON_CHARS_MAX],
            file_size=file_size,
        )
        is_ours = is_running or await jobs.save_last_progress(
            tx, job.environment_id, job.job_id, _encode(progress)
        )
        if is_ours and rejects:
            await _save_rejects(tx, job, rejects, reject_count)
        return is_running

    return await db.write(work)


async def finish_job(tx: Transaction, job: Job, progress: JobProgress) -> None:
    """End a job as done in the transaction that shows its result.

    Raises Conflict if it was cancelled, or taken for dead.
    """
    if not await jobs.end_job(
        tx,
        job.environment_id,
        job.job_id,
        JobState.done,
        now=clock.now_ms(),
        progress=_encode(progress),
        reason="",
        file_size=None,
    ):
        raise Conflict(CANCELLED)


async def cancel_job(tx: Transaction, environment_id: str, kind: JobKind, job_id: str) -> bool:
    """Cancel a job; False if it had ended. Its process notices when it next saves its progress.

    Raises NotFound.
    """
    job = await get_job(tx, environment_id, kind, job_id)
    return job.state is JobState.running and await jobs.end_job(
        tx,
        environment_id,
        job_id,
        JobState.cancelled,
        now=clock.now_ms(),
        progress=job.progress,
        reason=CANCELLED,
        file_size=None,
    )


async def get_job(tx: Transaction, environment_id: str, kind: JobKind, job_id: str) -> Job:
    """A job of this environment, broken if its lease has ended; raises NotFound."""
    job = await jobs.find_job(tx, environment_id, job_id)
    if job is None or job.kind is not kind:
        raise NotFound
    return with_expired_lease(job)


async def list_latest_jobs(
    tx: Transaction, environment_id: str, kind: JobKind, limit: int
) -> list[Job]:
    """Up to `limit` jobs of a kind, newest first, broken if their lease has ended."""
    return [
        with_expired_lease(job)
        for job in await jobs.list_jobs(tx, environment_id, kind, limit=limit)
    ]


def with_expired_lease(job: Job) -> Job:
    """The job, in state broken if it is stored as running and its lease has ended.

    A broken job has a reason, also one that was stored without.
    """
    if job.state is JobState.running and job.lease_ms <= clock.now_ms():
        return msgspec.structs.replace(
            job, state=JobState.broken, ended_ms=job.lease_ms, reason=KILLED
        )
    if job.state is JobState.broken and not job.reason:
        return msgspec.structs.replace(job, reason=KILLED)
    return job


def has_file(job: Job) -> bool:
    """True while the file that the job made can be downloaded."""
    is_kept = job.ended_ms is not None and clock.now_ms() < job.ended_ms + FILE_KEPT_MS
    return job.file_size is not None and is_kept


def file_key(job: Job) -> str:
    """Key of the blob that a job made.

    No attachment refers to it, so the deletion of unreferenced blobs removes what is left behind.
    """
    return f"{job.environment_id}/{job.job_id}"


async def delete_earlier_files(
    db: Database, objects: BlobStore, job: Job, *, kept: int = 0
) -> None:
    """Delete the files of earlier jobs of the job's kind and environment but the newest `kept`."""
    async with db.read() as tx:
        listed = await jobs.list_jobs_with_file(
            tx, job.environment_id, job.kind, limit=FILES_AT_ONCE
        )
    earlier = [one for one in listed if one.job_id < job.job_id]
    await _delete_files(db, objects, earlier[kept:])


async def delete_expired_files(db: Database, objects: BlobStore) -> int:
    """Delete up to FILES_AT_ONCE files older than FILE_KEPT_MS; return their number."""
    async with db.read() as tx:
        before = clock.now_ms() - FILE_KEPT_MS
        expired = await jobs.list_expired_files(tx, before=before, limit=FILES_AT_ONCE)
    await _delete_files(db, objects, expired)
    return len(expired)


async def delete_ended_jobs(tx: Transaction, *, limit: int) -> int:
    """Delete up to `limit` jobs that ended more than KEPT_MS ago; return their number."""
    return await jobs.delete_ended_jobs(tx, before=clock.now_ms() - KEPT_MS, limit=limit)


async def _delete_files(db: Database, objects: BlobStore, ended: Sequence[Job]) -> None:
    for job in ended:
        await objects.delete([file_key(job)])

        async def work(tx: Transaction, job: Job = job) -> None:
            await jobs.clear_file(tx, job.environment_id, job.job_id)

        await db.write(work)


async def _save_rejects(tx: Transaction, job: Job, rejects: Sequence[Reject], number: int) -> None:
    rows = [
        RejectedRow(reject.line, printable(reject.pointer), printable(reject.message))
        for reject in rejects
    ]
    await jobs.insert_rejects(tx, job.environment_id, job.job_id, number, rows)

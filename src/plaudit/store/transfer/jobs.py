"""Jobs started in the workspace: rows, progress, and the rejected rows of imports."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = (
    "environment_id, job_id, kind, state, user_id, created_ms, lease_ms, ended_ms, about, progress,"
    " reason, file_size"
)
_ONE = "WHERE environment_id = :environment_id AND job_id = :job_id"


class JobKind(StrEnum):
    """Kind of a job. An environment has at most one running job of each kind."""

    upload = "upload"
    """A file that waits in the browser for the choices of its import."""
    import_ = "import"
    archive = "archive"
    delivery = "delivery"
    export = "export"
    """A file of rows for a trainer or a table."""
    quality = "quality"
    """A report on the quality of a project."""
    action = "action"
    """An action on many tasks of a project, or the undo of one."""


class JobState(StrEnum):
    """State of a job; only `running` can change."""

    running = "running"
    done = "done"
    failed = "failed"
    """It ended without success; `reason` says why."""
    broken = "broken"
    """Its process was killed or stopped; `reason` says which, if that was known."""
    cancelled = "cancelled"
    """Somebody cancelled it; its process notices a moment later, and saves its last progress."""


class Job(Struct, frozen=True, kw_only=True):
    """One stored job; `about` (the request) and `progress` are JSON objects."""

    environment_id: str
    job_id: str
    kind: JobKind
    state: JobState
    user_id: str
    created_ms: int
    lease_ms: int
    ended_ms: int | None = None
    about: bytes
    progress: bytes
    reason: str = ""
    file_size: int | None = None
    """Size in bytes of the file it made; None if there is none or it was deleted."""


class RejectedRow(Struct, frozen=True):
    """A rejected row of an imported file: line number, JSON pointer, reason."""

    line: int
    pointer: str
    message: str


async def insert_job(tx: Transaction, job: Job) -> bool:
    """Add a running job; False if one of its kind runs in its environment."""
    return bool(
        await tx.run(
            "INSERT INTO job (environment_id, job_id, kind, state, user_id, created_ms, lease_ms,"
            " about,"
            " progress, reason) VALUES (:environment_id, :job_id, :kind, 'running', :user_id,"
            " :created_ms,"
            " :lease_ms, :about, :progress, '') ON CONFLICT DO NOTHING",
            {
                "environment_id": job.environment_id,
                "job_id": job.job_id,
                "kind": job.kind.value,
                "user_id": job.user_id,
                "created_ms": job.created_ms,
                "lease_ms": job.lease_ms,
                "about": job.about,
                "progress": job.progress,
            },
        )
    )


async def save_progress(
    tx: Transaction, environment_id: str, job_id: str, *, progress: bytes, lease_ms: int
) -> bool:
    """Write a running job's progress and renew its lease; False if it does not run any more."""
    return bool(
        await tx.run(
            "UPDATE job SET progress = :progress, lease_ms = :lease_ms"
            f" {_ONE} AND state = 'running'",
            {
                "environment_id": environment_id,
                "job_id": job_id,
                "progress": progress,
                "lease_ms": lease_ms,
            },
        )
    )


async def end_job(
    tx: Transaction,
    environment_id: str,
    job_id: str,
    state: JobState,
    *,
    now: int,
    progress: bytes,
    reason: str,
    file_size: int | None,
) -> bool:
    """End a running job; False if it does not run any more."""
    return bool(
        await tx.run(
            "UPDATE job SET state = :state, ended_ms = :now, progress = :progress,"
            f" reason = :reason, file_size = :file_size {_ONE} AND state = 'running'",
            {
                "environment_id": environment_id,
                "job_id": job_id,
                "state": state.value,
                "now": now,
                "progress": progress,
                "reason": reason,
                "file_size": file_size,
            },
        )
    )


async def save_last_progress(
    tx: Transaction, environment_id: str, job_id: str, progress: bytes
) -> bool:
    """Write the progress that a cancelled job has made until it stopped; False for any other."""
    return bool(
        await tx.run(
            f"UPDATE job SET progress = :progress {_ONE} AND state = 'cancelled'",
            {"environment_id": environment_id, "job_id": job_id, "progress": progress},
        )
    )


async def end_expired_jobs(
    tx: Transaction, environment_id: str, kind: JobKind, *, now: int, reason: str
) -> int:
    """Mark running jobs of a kind whose lease has ended as broken; return their number."""
    return await tx.run(
        "UPDATE job SET state = 'broken', ended_ms = lease_ms, reason = :reason"
        " WHERE environment_id = :environment_id AND kind = :kind AND state = 'running' AND"
        " lease_ms <= :now",
        {"environment_id": environment_id, "kind": kind.value, "now": now, "reason": reason},
    )


async def find_job(tx: Transaction, environment_id: str, job_id: str) -> Job | None:
    """A job of this environment by its id; None if there is none."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM job {_ONE}", {"environment_id": environment_id, "job_id": job_id}
    )
    return None if row is None else _job(row)


async def list_jobs(
    tx: Transaction, environment_id: str, kind: JobKind, *, limit: int
) -> list[Job]:
    """Up to `limit` jobs of a kind, newest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM job WHERE environment_id = :environment_id AND kind = :kind"
        " ORDER BY job_id DESC LIMIT :limit",
        {"environment_id": environment_id, "kind": kind.value, "limit": limit},
    )
    return [_job(row) for row in rows]


async def insert_rejects(
    tx: Transaction, environment_id: str, job_id: str, number: int, rows: Sequence[RejectedRow]
) -> None:
    """Add rejected rows of a job, numbered from `number`."""
    await tx.many(
        "INSERT INTO job_reject (environment_id, job_id, number, line, pointer, message)"
        " VALUES (:environment_id, :job_id, :number, :line, :pointer, :message) ON CONFLICT DO"
        " NOTHING",
        [
            {
                "environment_id": environment_id,
                "job_id": job_id,
                "number": number + offset,
                "line": reject.line,
                "pointer": reject.pointer,
                "message": reject.message,
            }
            for offset, reject in enumerate(rows)
        ],
    )


async def list_rejects(
    tx: Transaction, environment_id: str, job_id: str, *, after: int = -1, limit: int
) -> list[RejectedRow]:
    """Up to `limit` rejected rows numbered above `after`, in the order of the file."""
    rows = await tx.all(
        f"SELECT line, pointer, message FROM job_reject {_ONE} AND number > :after"
        " ORDER BY number LIMIT :limit",
        {"environment_id": environment_id, "job_id": job_id, "after": after, "limit": limit},
    )
    return [RejectedRow(*row) for row in rows]


async def list_expired_files(tx: Transaction, *, before: int, limit: int) -> list[Job]:
    """Up to `limit` jobs of all environments that ended before `before` and still have a file."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM job WHERE ended_ms < :before AND file_size IS NOT NULL"
        " ORDER BY ended_ms, environment_id, job_id LIMIT :limit",
        {"before": before, "limit": limit},
    )
    return [_job(row) for row in rows]


async def list_jobs_with_file(
    tx: Transaction, environment_id: str, kind: JobKind, *, limit: int
) -> list[Job]:
    """Up to `limit` jobs of a kind in one environment that still have a file, newest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM job WHERE environment_id = :environment_id AND kind = :kind"
        " AND file_size IS NOT NULL ORDER BY job_id DESC LIMIT :limit",
        {"environment_id": environment_id, "kind": kind.value, "limit": limit},
    )
    return [_job(row) for row in rows]


async def clear_file(tx: Transaction, environment_id: str, job_id: str) -> None:
    """Record that a job's file was deleted."""
    await tx.run(
        f"UPDATE job SET file_size = NULL {_ONE}",
        {"environment_id": environment_id, "job_id": job_id},
    )


async def delete_ended_jobs(tx: Transaction, *, before: int, limit: int) -> int:
    """Delete up to `limit` jobs that ended before `before` and have no file; return how many."""
    rows = await tx.all(
        "SELECT environment_id, job_id FROM job WHERE ended_ms < :before AND file_size IS NULL"
        " ORDER BY ended_ms, environment_id, job_id LIMIT :limit",
        {"before": before, "limit": limit},
    )
    for environment_id, job_id in rows:
        args = {"environment_id": environment_id, "job_id": job_id}
        await tx.run(f"DELETE FROM job_reject {_ONE}", args)
        await tx.run(f"DELETE FROM job {_ONE}", args)
    return len(rows)


def _job(row: Row) -> Job:
    environment_id, job_id, kind, state, user_id, created_ms, lease_ms, ended_ms, *rest = row
    about, progress, reason, file_size = rest
    return Job(
        environment_id=environment_id,
        job_id=job_id,
        kind=JobKind(kind),
        state=JobState(state),
        user_id=user_id,
        created_ms=created_ms,
        lease_ms=lease_ms,
        ended_ms=ended_ms,
        about=about,
        progress=progress,
        reason=reason,
        file_size=file_size,
    )

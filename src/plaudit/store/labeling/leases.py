"""Statements for leases (table `assignment`) and their drafts."""

from __future__ import annotations

from plaudit.model.labeling import Lease, LeaseRef, LeaseStatus
from plaudit.store.engine.engine import Row, Transaction
from plaudit.store.tasks.work_queue import HAS_FREE_SLOT

_COLUMNS = (
    "project_key, assignment_id, seq, user_id, status, lease_version, created_ms, leased_ms,"
    " expires_ms, ended_ms, active_ms, display, draft, draft_revision, draft_ms"
)
_IS_HELD = (
    "project_key = :project_key AND assignment_id = :assignment_id AND user_id = :user_id"
    " AND status = 'open' AND lease_version = :lease_version AND expires_ms > :now"
)
"""Condition under which a LeaseRef is valid; `now` is the database's time."""
_ACTIVE = (
    "active_ms = CASE WHEN :active_ms > :now - created_ms THEN :now - created_ms"
    " WHEN :active_ms > active_ms THEN :active_ms ELSE active_ms END"
)
"""Active time never shrinks, and is never longer than the time since the first lease."""


async def lock_annotator(tx: Transaction, project_key: int, user_id: str) -> None:
    """Lock a person's leases in a project until the transaction ends."""
    await tx.run(
        "INSERT INTO lease_lock (project_key, user_id, lock_count)"
        " VALUES (:project_key, :user_id, 1) ON CONFLICT (project_key, user_id)"
        " DO UPDATE SET lock_count = lease_lock.lock_count + 1",
        {"project_key": project_key, "user_id": user_id},
    )


async def lock_annotator_everywhere(tx: Transaction, environment_id: str, user_id: str) -> None:
    """Lock a person's leases in all projects of an environment until the transaction ends."""
    await tx.run(
        "INSERT INTO lease_lock (project_key, user_id, lock_count)"
        " SELECT project_key, :user_id, 1 FROM project WHERE environment_id = :environment_id"
        " ORDER BY project_key ON CONFLICT (project_key, user_id)"
        " DO UPDATE SET lock_count = lease_lock.lock_count + 1",
        {"environment_id": environment_id, "user_id": user_id},
    )


async def insert_lease(tx: Transaction, lease: Lease) -> None:
    """Insert a lease; there must be none of this person on this task."""
    row = (
        lease.project_key,
        lease.assignment_id,
        lease.seq,
        lease.user_id,
        lease.status.value,
        lease.lease_version,
        lease.created_ms,
        lease.leased_ms,
        lease.expires_ms,
        lease.ended_ms,
        lease.active_ms,
        lease.display,
        lease.draft,
        lease.draft_revision,
        lease.draft_ms,
    )
    await tx.add("assignment", tuple(_COLUMNS.split(", ")), [row])


async def find_lease(
    tx: Transaction, project_key: int, user_id: str, assignment_id: str
) -> Lease | None:
    """Find a person's own lease by its id, in any status."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM assignment WHERE project_key = :project_key"
        " AND assignment_id = :assignment_id AND user_id = :user_id",
        {"project_key": project_key, "assignment_id": assignment_id, "user_id": user_id},
    )
    return _lease(row) if row else None


async def find_assignment(tx: Transaction, project_key: int, assignment_id: str) -> Lease | None:
    """Find a lease by its id, whoever's it is, in any status."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM assignment WHERE project_key = :project_key"
        " AND assignment_id = :assignment_id",
        {"project_key": project_key, "assignment_id": assignment_id},
    )
    return _lease(row) if row else None


async def find_lease_of(tx: Transaction, project_key: int, seq: int, user_id: str) -> Lease | None:
    """Find the lease that a person has or had on a task, in any status."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM assignment WHERE project_key = :project_key AND seq = :seq"
        " AND user_id = :user_id",
        {"project_key": project_key, "seq": seq, "user_id": user_id},
    )
    return _lease(row) if row else None


async def list_leases(
    tx: Transaction, project_key: int, user_id: str, status: LeaseStatus, *, limit: int
) -> list[Lease]:
    """List up to `limit` leases of a person in one status, by `leased_ms`."""
    return await _list_in_status(tx, project_key, user_id, status, "", limit)


async def list_resumable(
    tx: Transaction, project_key: int, user_id: str, *, limit: int
) -> list[Lease]:
    """List up to `limit` released leases of a person on tasks with a free slot, by `leased_ms`."""
    is_free = (
        " AND EXISTS (SELECT 1 FROM task_work AS w WHERE w.project_key = :project_key"
        f" AND w.seq = assignment.seq AND {HAS_FREE_SLOT})"
    )
    return await _list_in_status(tx, project_key, user_id, LeaseStatus.released, is_free, limit)


async def _list_in_status(
    tx: Transaction, project_key: int, user_id: str, status: LeaseStatus, more: str, limit: int
) -> list[Lease]:
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM assignment WHERE project_key = :project_key"
        f" AND user_id = :user_id AND status = :status{more} ORDER BY leased_ms LIMIT :row_limit",
        {
            "project_key": project_key,
            "user_id": user_id,
            "status": status.value,
            "row_limit": limit,
        },
    )
    return [_lease(row) for row in rows]


async def list_leases_on(tx: Transaction, project_key: int, seq: int, *, limit: int) -> list[Lease]:
    """List up to `limit` leases of a task in any status, by `leased_ms`, latest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM assignment WHERE project_key = :project_key AND seq = :seq"
        " ORDER BY leased_ms DESC LIMIT :row_limit",
        {"project_key": project_key, "seq": seq, "row_limit": limit},
    )
    return [_lease(row) for row in rows]


async def list_unfinished(
    tx: Transaction, project_key: int, user_id: str, *, limit: int
) -> list[Lease]:
    """List up to `limit` open, returned or expired leases of a person, by `leased_ms`."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM assignment WHERE project_key = :project_key AND user_id = :user_id"
        " AND status IN ('open', 'returned', 'expired') ORDER BY leased_ms LIMIT :row_limit",
        {"project_key": project_key, "user_id": user_id, "row_limit": limit},
    )
    return [_lease(row) for row in rows]


async def count_leases(
    tx: Transaction, project_key: int, user_id: str, status: LeaseStatus, since_ms: int
) -> int:
    """Count a person's leases in this status with a `leased_ms` after `since_ms`."""
    row = await tx.one(
        "SELECT COUNT(*) FROM assignment WHERE project_key = :project_key AND user_id = :user_id"
        " AND status = :status AND leased_ms > :since_ms",
        {
            "project_key": project_key,
            "user_id": user_id,
            "status": status.value,
            "since_ms": since_ms,
        },
    )
    return int(row[0]) if row else 0


async def renew(tx: Transaction, lease: Lease, *, now: int, expires_ms: int) -> Lease | None:
    """Open a lease again with its version raised by one; None if it has changed since `lease`."""
    row = await tx.one(
        "UPDATE assignment SET status = 'open', lease_version = lease_version + 1,"
        " leased_ms = :now, expires_ms = :expires_ms, ended_ms = NULL"
        " WHERE project_key = :project_key AND assignment_id = :assignment_id"
        f" AND status = :status AND lease_version = :lease_version RETURNING {_COLUMNS}",
        {
            "project_key": lease.project_key,
            "assignment_id": lease.assignment_id,
            "status": lease.status.value,
            "lease_version": lease.lease_version,
            "now": now,
            "expires_ms": expires_ms,
        },
    )
    return _lease(row) if row else None


async def touch(
    tx: Transaction,
    project_key: int,
    lease_ref: LeaseRef,
    *,
    now: int,
    expires_ms: int,
    active_ms: int,
) -> bool:
    """Set the expiry and active time of a lease; False if it is lost."""
    return bool(
        await tx.run(
            f"UPDATE assignment SET expires_ms = :expires_ms, {_ACTIVE} WHERE {_IS_HELD}",
            _args(project_key, lease_ref, now) | {"expires_ms": expires_ms, "active_ms": active_ms},
        )
    )


async def write_draft(
    tx: Transaction,
    project_key: int,
    lease_ref: LeaseRef,
    *,
    now: int,
    expires_ms: int,
    active_ms: int,
    revision: int,
    draft: bytes,
) -> bool:
    """Store a draft and renew the lease.

    False if the lease is lost, or `revision` is not one more than the stored one.
    """
    return bool(
        await tx.run(
            f"UPDATE assignment SET expires_ms = :expires_ms, {_ACTIVE}, draft = :draft,"
            f" draft_revision = :revision, draft_ms = :now WHERE {_IS_HELD}"
            " AND draft_revision = :revision - 1",
            _args(project_key, lease_ref, now)
            | {
                "expires_ms": expires_ms,
                "active_ms": active_ms,
                "revision": revision,
                "draft": draft,
            },
        )
    )


async def end(
    tx: Transaction, project_key: int, lease_ref: LeaseRef, *, now: int, status: LeaseStatus
) -> bool:
    """End a lease at its holder's request; False if it is lost."""
    return bool(
        await tx.run(
            f"UPDATE assignment SET status = :status, ended_ms = :now WHERE {_IS_HELD}",
            _args(project_key, lease_ref, now) | {"status": status.value},
        )
    )


async def end_submitted(
    tx: Transaction,
    project_key: int,
    lease_ref: LeaseRef,
    *,
    now: int,
    active_ms: int,
    draft: bytes,
) -> Lease | None:
    """End a lease as submitted, with the answers as its draft; None if it is lost."""
    row = await tx.one(
        f"UPDATE assignment SET status = 'submitted', ended_ms = :now, {_ACTIVE}, draft = :draft,"
        f" draft_revision = draft_revision + 1, draft_ms = :now WHERE {_IS_HELD}"
        f" RETURNING {_COLUMNS}",
        _args(project_key, lease_ref, now) | {"active_ms": active_ms, "draft": draft},
    )
    return _lease(row) if row else None


async def return_lease(tx: Transaction, lease: Lease, *, now: int, expires_ms: int) -> bool:
    """Return a submitted lease to its holder until `expires_ms`; False if it has changed."""
    return bool(
        await tx.run(
            "UPDATE assignment SET status = 'returned', lease_version = lease_version + 1,"
            " leased_ms = :now, expires_ms = :expires_ms, ended_ms = NULL"
            " WHERE project_key = :project_key AND assignment_id = :assignment_id"
            " AND status = 'submitted' AND lease_version = :lease_version",
            {
                "project_key": lease.project_key,
                "assignment_id": lease.assignment_id,
                "lease_version": lease.lease_version,
                "now": now,
                "expires_ms": expires_ms,
            },
        )
    )


async def list_due(tx: Transaction, project_key: int, *, now: int, limit: int) -> list[int]:
    """List the seqs of up to `limit` tasks with leases that have run out, locked, by seq.

    Tasks locked by other transactions are skipped; the next call finds them.
    """
    rows = await tx.all(
        "SELECT w.seq FROM task_work AS w WHERE w.project_key = :project_key AND w.seq IN"
        " (SELECT a.seq FROM assignment AS a WHERE a.project_key = :project_key"
        " AND a.ended_ms IS NULL AND a.expires_ms <= :now ORDER BY a.expires_ms LIMIT :row_limit)"
        f" ORDER BY w.seq{tx.skip_locked}",
        {"project_key": project_key, "now": now, "row_limit": limit},
    )
    return [int(row[0]) for row in rows]


async def list_projects_due(tx: Transaction, *, now: int, limit: int) -> list[int]:
    """List up to `limit` project_keys of projects with leases that have run out."""
    rows = await tx.all(
        "SELECT DISTINCT project_key FROM assignment"
        " WHERE ended_ms IS NULL AND expires_ms <= :now LIMIT :row_limit",
        {"now": now, "row_limit": limit},
    )
    return [int(row[0]) for row in rows]


async def expire(tx: Transaction, project_key: int, seq: int, now: int) -> int:
    """End the leases of a task that have run out; return their number."""
    return await tx.run(
        "UPDATE assignment SET status = 'expired', ended_ms = :now WHERE project_key = :project_key"
        " AND seq = :seq AND ended_ms IS NULL AND expires_ms <= :now",
        {"project_key": project_key, "seq": seq, "now": now},
    )


async def list_leased_tasks(
    tx: Transaction, environment_id: str, user_id: str
) -> list[tuple[int, int]]:
    """List the (project_key, seq) of tasks of which a person has an open or returned lease.

    Control tasks stand under the negative key of their project.
    """
    rows = await tx.all(
        "SELECT a.project_key, a.seq FROM project AS p JOIN assignment AS a"
        " ON a.project_key IN (p.project_key, -p.project_key)"
        " WHERE p.environment_id = :environment_id"
        " AND a.user_id = :user_id AND a.status IN ('open', 'returned')"
        " ORDER BY a.project_key, a.seq",
        {"environment_id": environment_id, "user_id": user_id},
    )
    return [(project_key, seq) for project_key, seq in rows]


async def close_of_person(
    tx: Transaction, project_key: int, seq: int, user_id: str, now: int
) -> int:
    """Close a person's lease of a task if it is open or returned; return 1 or 0."""
    return await tx.run(
        "UPDATE assignment SET status = 'closed', ended_ms = :now WHERE project_key = :project_key"
        " AND seq = :seq AND user_id = :user_id AND ended_ms IS NULL",
        {"project_key": project_key, "seq": seq, "user_id": user_id, "now": now},
    )


async def close_all(tx: Transaction, project_key: int, seq: int, now: int) -> None:
    """Close every lease of a task that is not submitted or skipped; none can be renewed."""
    await tx.run(
        "UPDATE assignment SET status = 'closed', ended_ms = COALESCE(ended_ms, :now)"
        " WHERE project_key = :project_key AND seq = :seq"
        " AND status IN ('open', 'returned', 'expired', 'released')",
        {"project_key": project_key, "seq": seq, "now": now},
    )


async def close_of_batch(tx: Transaction, project_key: int, batch_id: str, now: int) -> None:
    """Close the unfinished leases of all tasks of a batch that are in the queue."""
    await tx.run(
        "UPDATE assignment SET status = 'closed', ended_ms = COALESCE(ended_ms, :now)"
        " WHERE project_key = :project_key"
        " AND status IN ('open', 'returned', 'expired', 'released')"
        " AND seq IN (SELECT w.seq FROM task_work AS w"
        " WHERE w.project_key = :project_key AND w.batch_id = :batch_id)",
        {"project_key": project_key, "batch_id": batch_id, "now": now},
    )


async def release_submitted(
    tx: Transaction, project_key: int, seq: int, user_id: str | None = None
) -> None:
    """Turn submitted leases of a task, all or one person's, into released ones, drafts kept."""
    await tx.run(
        "UPDATE assignment SET status = 'released', lease_version = lease_version + 1"
        " WHERE project_key = :project_key AND seq = :seq AND status = 'submitted'"
        + ("" if user_id is None else " AND user_id = :user_id"),
        {"project_key": project_key, "seq": seq}
        | ({} if user_id is None else {"user_id": user_id}),
    )


async def release_closed(tx: Transaction, project_key: int, seq: int) -> None:
    """Turn closed leases of a task into released ones, so that their holders can resume."""
    await tx.run(
        "UPDATE assignment SET status = 'released', lease_version = lease_version + 1"
        " WHERE project_key = :project_key AND seq = :seq AND status = 'closed'",
        {"project_key": project_key, "seq": seq},
    )


def _args(project_key: int, lease_ref: LeaseRef, now: int) -> dict[str, object]:
    return {
        "project_key": project_key,
        "assignment_id": lease_ref.assignment_id,
        "user_id": lease_ref.user_id,
        "lease_version": lease_ref.lease_version,
        "now": now,
    }


def _lease(row: Row) -> Lease:
    project_key, assignment_id, seq, user_id, status, *rest = row
    return Lease(project_key, assignment_id, seq, user_id, LeaseStatus(status), *rest)

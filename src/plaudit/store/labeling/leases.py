"""Leases: who holds which task until when, under which lease_version, with which draft."""

from __future__ import annotations

from plaudit.model.labeling import Hold, Lease, LeaseStatus, TaskNote
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = (
    "project_key, assignment_id, seq, user_id, status, lease_version, created_ms, claimed_ms,"
    " expires_ms,"
    " ended_ms, active_ms, display, draft, draft_revision, draft_ms"
)
_HELD = (
    "project_key = :project_key AND assignment_id = :assignment_id AND user_id = :user_id"
    " AND status = 'open' AND lease_version = :lease_version AND expires_ms > :now"
)
"""The one condition under which somebody still has a task; `now` is the database's time."""
_ACTIVE = (
    "active_ms = CASE WHEN :active_ms > :now - created_ms THEN :now - created_ms"
    " WHEN :active_ms > active_ms THEN :active_ms ELSE active_ms END"
)
"""Active time only grows, and is never longer than the time since the first claim."""


async def enter(tx: Transaction, project_key: int, user_id: str) -> None:
    """Keep this person's other claims in the project waiting until the transaction ends."""
    await tx.run(
        "INSERT INTO claimant (project_key, user_id, claim_count)"
        " VALUES (:project_key, :user_id, 1) ON CONFLICT (project_key, user_id)"
        " DO UPDATE SET claim_count = claimant.claim_count + 1",
        {"project_key": project_key, "user_id": user_id},
    )


async def insert_lease(tx: Transaction, lease: Lease) -> None:
    """Add a lease; this person never had one on this task."""
    row = (
        lease.project_key,
        lease.assignment_id,
        lease.seq,
        lease.user_id,
        lease.status.value,
        lease.lease_version,
        lease.created_ms,
        lease.claimed_ms,
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
    """A person's own lease, in any status."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM assignment WHERE project_key = :project_key"
        " AND assignment_id = :assignment_id AND user_id = :user_id",
        {"project_key": project_key, "assignment_id": assignment_id, "user_id": user_id},
    )
    return _lease(row) if row else None


async def find_lease_of(tx: Transaction, project_key: int, seq: int, user_id: str) -> Lease | None:
    """The lease that a person has or had on a task."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM assignment WHERE project_key = :project_key AND seq = :seq"
        " AND user_id = :user_id",
        {"project_key": project_key, "seq": seq, "user_id": user_id},
    )
    return _lease(row) if row else None


async def list_leases(
    tx: Transaction, project_key: int, user_id: str, status: LeaseStatus, *, limit: int
) -> list[Lease]:
    """Up to `limit` leases of a person in one status, the earliest claimed first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM assignment WHERE project_key = :project_key"
        " AND user_id = :user_id AND status = :status ORDER BY claimed_ms LIMIT :row_limit",
        {
            "project_key": project_key,
            "user_id": user_id,
            "status": status.value,
            "row_limit": limit,
        },
    )
    return [_lease(row) for row in rows]


async def list_leases_on(tx: Transaction, project_key: int, seq: int, *, limit: int) -> list[Lease]:
    """Up to `limit` leases that anybody has or had on a task, the latest claimed first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM assignment WHERE project_key = :project_key AND seq = :seq"
        " ORDER BY claimed_ms DESC LIMIT :row_limit",
        {"project_key": project_key, "seq": seq, "row_limit": limit},
    )
    return [_lease(row) for row in rows]


async def list_unfinished(
    tx: Transaction, project_key: int, user_id: str, *, limit: int
) -> list[Lease]:
    """Up to `limit` leases that a person may go on with, and did not give back; earliest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM assignment WHERE project_key = :project_key AND user_id = :user_id"
        " AND status IN ('open', 'returned', 'expired') ORDER BY claimed_ms LIMIT :row_limit",
        {"project_key": project_key, "user_id": user_id, "row_limit": limit},
    )
    return [_lease(row) for row in rows]


async def count_recent(
    tx: Transaction, project_key: int, user_id: str, status: LeaseStatus, since_ms: int
) -> int:
    """How many leases of a person came into this status since then, of those claimed since then."""
    row = await tx.one(
        "SELECT COUNT(*) FROM assignment WHERE project_key = :project_key AND user_id = :user_id"
        " AND status = :status AND claimed_ms > :since_ms",
        {
            "project_key": project_key,
            "user_id": user_id,
            "status": status.value,
            "since_ms": since_ms,
        },
    )
    return int(row[0]) if row else 0


async def renew(tx: Transaction, lease: Lease, *, now: int, expires_ms: int) -> Lease | None:
    """Take a lease again, with its version raised by one; None if it has changed since."""
    row = await tx.one(
        "UPDATE assignment SET status = 'open', lease_version = lease_version + 1, claimed_ms ="
        " :now,"
        " expires_ms = :expires_ms, ended_ms = NULL"
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
    tx: Transaction, project_key: int, held: Hold, *, now: int, expires_ms: int, active_ms: int
) -> bool:
    """Move the end of a lease; False if it is lost."""
    return bool(
        await tx.run(
            f"UPDATE assignment SET expires_ms = :expires_ms, {_ACTIVE} WHERE {_HELD}",
            _args(project_key, held, now) | {"expires_ms": expires_ms, "active_ms": active_ms},
        )
    )


async def write_draft(
    tx: Transaction,
    project_key: int,
    held: Hold,
    *,
    now: int,
    expires_ms: int,
    active_ms: int,
    revision: int,
    draft: bytes,
) -> bool:
    """Write the revision after the stored one; False if it is another, or the lease is lost."""
    return bool(
        await tx.run(
            f"UPDATE assignment SET expires_ms = :expires_ms, {_ACTIVE}, draft = :draft,"
            f" draft_revision = :revision, draft_ms = :now WHERE {_HELD}"
            " AND draft_revision = :revision - 1",
            _args(project_key, held, now)
            | {
                "expires_ms": expires_ms,
                "active_ms": active_ms,
                "revision": revision,
                "draft": draft,
            },
        )
    )


async def end(
    tx: Transaction, project_key: int, held: Hold, *, now: int, status: LeaseStatus
) -> bool:
    """End a lease of which its holder says so; False if it is lost."""
    return bool(
        await tx.run(
            f"UPDATE assignment SET status = :status, ended_ms = :now WHERE {_HELD}",
            _args(project_key, held, now) | {"status": status.value},
        )
    )


async def end_submitted(
    tx: Transaction, project_key: int, held: Hold, *, now: int, active_ms: int, draft: bytes
) -> Lease | None:
    """End a lease with its work done, the answers as its draft; None if it is lost."""
    row = await tx.one(
        f"UPDATE assignment SET status = 'submitted', ended_ms = :now, {_ACTIVE}, draft = :draft,"
        f" draft_revision = draft_revision + 1, draft_ms = :now WHERE {_HELD} RETURNING {_COLUMNS}",
        _args(project_key, held, now) | {"active_ms": active_ms, "draft": draft},
    )
    return _lease(row) if row else None


async def return_lease(tx: Transaction, lease: Lease, *, now: int, expires_ms: int) -> bool:
    """Give submitted work back to its author, who has until then; False if it has moved."""
    return bool(
        await tx.run(
            "UPDATE assignment SET status = 'returned', lease_version = lease_version + 1,"
            " claimed_ms = :now,"
            " expires_ms = :expires_ms, ended_ms = NULL"
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
    """Up to `limit` tasks of which leases have run out, locked, in `seq` order.

    Passes over tasks that others are at; those will be seen the next time.
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
    """Up to `limit` projects in which leases have run out."""
    rows = await tx.all(
        "SELECT DISTINCT project_key FROM assignment"
        " WHERE ended_ms IS NULL AND expires_ms <= :now LIMIT :row_limit",
        {"now": now, "row_limit": limit},
    )
    return [int(row[0]) for row in rows]


async def expire(tx: Transaction, project_key: int, seq: int, now: int) -> int:
    """End the leases of a task that have run out; how many it were."""
    return await tx.run(
        "UPDATE assignment SET status = 'expired', ended_ms = :now WHERE project_key = :project_key"
        " AND seq = :seq AND ended_ms IS NULL AND expires_ms <= :now",
        {"project_key": project_key, "seq": seq, "now": now},
    )


async def list_held(tx: Transaction, project_key: int, user_id: str) -> list[int]:
    """The tasks of which a person holds a place, in `seq` order."""
    rows = await tx.all(
        "SELECT seq FROM assignment WHERE project_key = :project_key AND user_id = :user_id"
        " AND status IN ('open', 'returned') ORDER BY seq",
        {"project_key": project_key, "user_id": user_id},
    )
    return [int(row[0]) for row in rows]


async def close_of_person(
    tx: Transaction, project_key: int, seq: int, user_id: str, now: int
) -> int:
    """End a person's lease of a task from outside; how many it were."""
    return await tx.run(
        "UPDATE assignment SET status = 'closed', ended_ms = :now WHERE project_key = :project_key"
        " AND seq = :seq AND user_id = :user_id AND ended_ms IS NULL",
        {"project_key": project_key, "seq": seq, "user_id": user_id, "now": now},
    )


async def close_all(tx: Transaction, project_key: int, seq: int, now: int) -> None:
    """End every lease of a task that is not done, and let none be claimed again."""
    await tx.run(
        "UPDATE assignment SET status = 'closed', ended_ms = COALESCE(ended_ms, :now)"
        " WHERE project_key = :project_key AND seq = :seq"
        " AND status IN ('open', 'returned', 'expired', 'released')",
        {"project_key": project_key, "seq": seq, "now": now},
    )


async def close_of_batch(tx: Transaction, project_key: int, batch_id: str, now: int) -> None:
    """The same for every task of a batch that is in the queue."""
    await tx.run(
        "UPDATE assignment SET status = 'closed', ended_ms = COALESCE(ended_ms, :now)"
        " WHERE project_key = :project_key"
        " AND status IN ('open', 'returned', 'expired', 'released')"
        " AND seq IN (SELECT w.seq FROM task_work AS w"
        " WHERE w.project_key = :project_key AND w.batch_id = :batch_id)",
        {"project_key": project_key, "batch_id": batch_id, "now": now},
    )


async def release_submitted(tx: Transaction, project_key: int, seq: int) -> None:
    """Let everybody who had submitted a task have it again; what they had filled in stays."""
    await tx.run(
        "UPDATE assignment SET status = 'released', lease_version = lease_version + 1"
        " WHERE project_key = :project_key AND seq = :seq AND status = 'submitted'",
        {"project_key": project_key, "seq": seq},
    )


async def release_closed(tx: Transaction, project_key: int, seq: int) -> None:
    """Let everybody whose lease of a task was ended from outside have it again."""
    await tx.run(
        "UPDATE assignment SET status = 'released', lease_version = lease_version + 1"
        " WHERE project_key = :project_key AND seq = :seq AND status = 'closed'",
        {"project_key": project_key, "seq": seq},
    )


async def insert_note(tx: Transaction, note: TaskNote) -> None:
    """Keep what somebody said about a task."""
    await tx.run(
        "INSERT INTO task_note (project_key, note_id, seq, user_id, kind, detail, created_ms)"
        " VALUES (:project_key, :note_id, :seq, :user_id, :kind, :detail, :created_ms)",
        {
            "project_key": note.project_key,
            "note_id": note.note_id,
            "seq": note.seq,
            "user_id": note.user_id,
            "kind": note.kind,
            "detail": note.detail,
            "created_ms": note.created_ms,
        },
    )


async def list_notes(tx: Transaction, project_key: int, seq: int, *, limit: int) -> list[TaskNote]:
    """The last `limit` things said about a task, newest first."""
    rows = await tx.all(
        "SELECT project_key, note_id, seq, user_id, kind, detail, created_ms FROM task_note"
        " WHERE project_key = :project_key AND seq = :seq ORDER BY note_id DESC LIMIT :row_limit",
        {"project_key": project_key, "seq": seq, "row_limit": limit},
    )
    return [TaskNote(*row) for row in rows]


def _args(project_key: int, held: Hold, now: int) -> dict[str, object]:
    return {
        "project_key": project_key,
        "assignment_id": held.assignment_id,
        "user_id": held.user_id,
        "lease_version": held.lease_version,
        "now": now,
    }


def _lease(row: Row) -> Lease:
    project_key, assignment_id, seq, user_id, status, *rest = row
    return Lease(project_key, assignment_id, seq, user_id, LeaseStatus(status), *rest)

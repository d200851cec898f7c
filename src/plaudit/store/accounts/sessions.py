"""Statements for browser sessions."""

from __future__ import annotations

from msgspec import Struct

from plaudit.model.core import PersonStatus, Session
from plaudit.store.engine.engine import Transaction

_COLUMNS = "session_id, agent, created_ms, seen_ms, expires_ms"


async def insert_session(
    tx: Transaction, session: Session, *, organization_id: str, user_id: str, digest: bytes
) -> None:
    """Insert a session with the digest of its token."""
    await tx.run(
        f"INSERT INTO session ({_COLUMNS}, organization_id, user_id, digest) VALUES (:session_id,"
        " :agent, :created_ms, :seen_ms, :expires_ms, :organization_id, :user_id, :digest)",
        {
            "session_id": session.session_id,
            "agent": session.agent,
            "created_ms": session.created_ms,
            "seen_ms": session.seen_ms,
            "expires_ms": session.expires_ms,
            "organization_id": organization_id,
            "user_id": user_id,
            "digest": digest,
        },
    )


class SignedInRow(Struct, frozen=True):
    """Active user of a session, and how they stand in one project and in all."""

    environment_id: str
    organization_id: str
    user_id: str
    email: str
    name: str | None
    role: str
    session_id: str
    seen_ms: int
    is_guest: int
    language: str
    highest_rank: int | None
    """Of the user's memberships and those of their teams, in any project."""
    is_members_only: int | None
    """Of the project; None if there is no such project, or none was asked for."""
    member_rank: int | None
    team_rank: int | None


_SIGNED_IN = (
    "SELECT environment.environment_id, person.organization_id, person.user_id, person.email,"
    " person.name, person.role, session.session_id, session.seen_ms, person.is_guest,"
    " person.language,"
    " (SELECT MAX(m.role_rank) FROM project_member AS m WHERE m.member_id = person.user_id"
    " OR m.member_id IN (SELECT t.team_id FROM team_member AS t"
    " WHERE t.organization_id = person.organization_id AND t.user_id = person.user_id)),"
    " project.is_members_only,"
    " (SELECT m.role_rank FROM project_member AS m"
    " WHERE m.project_key = project.project_key AND m.member_id = person.user_id),"
    " (SELECT MAX(m.role_rank) FROM project_member AS m JOIN team_member AS t"
    " ON t.team_id = m.member_id WHERE m.project_key = project.project_key"
    " AND t.organization_id = person.organization_id AND t.user_id = person.user_id)"
    " FROM session"
    " JOIN person ON person.organization_id = session.organization_id"
    " AND person.user_id = session.user_id"
    " JOIN environment ON environment.organization_id = session.organization_id AND"
    " environment.mode = 'live'"
    " LEFT JOIN project ON project.environment_id = environment.environment_id"
    " AND project.project_id = :project_id"
    " WHERE session.digest = :digest AND session.expires_ms > :now"
    " AND session.seen_ms > :seen_after AND person.status = :active"
)


async def find_signed_in(
    tx: Transaction, digest: bytes, *, now: int, seen_after: int, project_id: str
) -> SignedInRow | None:
    """Find the active user of an unexpired session, by its digest.

    A session has expired at `expires_ms`, or if it was not seen after `seen_after` (ms). An empty
    `project_id` asks for no project.
    """
    row = await tx.one(
        _SIGNED_IN,
        {
            "digest": digest,
            "now": now,
            "seen_after": seen_after,
            "active": PersonStatus.active.value,
            "project_id": project_id,
        },
    )
    return None if row is None else SignedInRow(*row)


async def list_sessions(
    tx: Transaction, organization_id: str, user_id: str, *, now: int, seen_after: int, limit: int
) -> list[Session]:
    """List up to `limit` unexpired sessions of a user, newest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM session WHERE organization_id = :organization_id"
        " AND user_id = :user_id AND expires_ms > :now AND seen_ms > :seen_after"
        " ORDER BY created_ms DESC, session_id DESC LIMIT :row_limit",
        {
            "organization_id": organization_id,
            "user_id": user_id,
            "now": now,
            "seen_after": seen_after,
            "row_limit": limit,
        },
    )
    return [Session(*row) for row in rows]


async def touch_session(tx: Transaction, session_id: str, now: int) -> None:
    """Set the time of a session's last use, unless a later one is stored."""
    await tx.run(
        "UPDATE session SET seen_ms = :now WHERE session_id = :session_id AND seen_ms < :now",
        {"session_id": session_id, "now": now},
    )


async def delete_session(
    tx: Transaction, organization_id: str, user_id: str, session_id: str
) -> bool:
    """Delete one of a user's sessions; False if they have none with this id."""
    return bool(
        await tx.run(
            "DELETE FROM session WHERE organization_id = :organization_id AND user_id = :user_id"
            " AND session_id = :session_id",
            {"organization_id": organization_id, "user_id": user_id, "session_id": session_id},
        )
    )


async def delete_sessions(
    tx: Transaction, organization_id: str, user_id: str, *, keep: str | None = None
) -> int:
    """Delete all of a user's sessions but `keep`; return their number."""
    return await tx.run(
        "DELETE FROM session WHERE organization_id = :organization_id AND user_id = :user_id"
        " AND session_id <> :keep",
        {"organization_id": organization_id, "user_id": user_id, "keep": keep or ""},
    )


async def delete_expired_sessions(
    tx: Transaction, organization_id: str, user_id: str, *, now: int, seen_before: int
) -> None:
    """Delete a user's sessions that have expired."""
    await tx.run(
        "DELETE FROM session WHERE organization_id = :organization_id AND user_id = :user_id"
        " AND (expires_ms <= :now OR seen_ms <= :seen_before)",
        {
            "organization_id": organization_id,
            "user_id": user_id,
            "now": now,
            "seen_before": seen_before,
        },
    )

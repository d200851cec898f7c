"""Statements for credentials of users: password hashes and invitations."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.core import PersonStatus
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction


class StoredCredential(Struct, frozen=True):
    """An active user with the encoded hash of their password."""

    organization_id: str
    user_id: str
    hash: str


class PendingInvitation(Struct, frozen=True):
    """A valid invitation: its user, their organization's name and live environment, its end."""

    environment_id: str
    organization_id: str
    organization: str
    user_id: str
    email: str
    name: str | None
    status: PersonStatus
    expires_ms: int


async def put_password(
    tx: Transaction, organization_id: str, user_id: str, password_hash: str, now: int
) -> None:
    """Insert or replace the hash of a user's password."""
    await tx.run(
        "INSERT INTO person_password (organization_id, user_id, hash, changed_ms)"
        " VALUES (:organization_id, :user_id, :hash, :now)"
        " ON CONFLICT (organization_id, user_id) DO UPDATE"
        " SET hash = excluded.hash, changed_ms = excluded.changed_ms",
        {"organization_id": organization_id, "user_id": user_id, "hash": password_hash, "now": now},
    )


async def replace_password(
    tx: Transaction,
    organization_id: str,
    user_id: str,
    *,
    expected_hash: str,
    password_hash: str,
    now: int,
) -> bool:
    """Replace the hash of a user's password; False if it is not `expected_hash`."""
    return bool(
        await tx.run(
            "UPDATE person_password SET hash = :hash, changed_ms = :now"
            " WHERE organization_id = :organization_id AND user_id = :user_id"
            " AND hash = :expected_hash",
            {
                "organization_id": organization_id,
                "user_id": user_id,
                "expected_hash": expected_hash,
                "hash": password_hash,
                "now": now,
            },
        )
    )


async def delete_password(tx: Transaction, organization_id: str, user_id: str) -> None:
    """Delete a user's password, if there is one."""
    await tx.run(
        "DELETE FROM person_password WHERE organization_id = :organization_id AND user_id ="
        " :user_id",
        {"organization_id": organization_id, "user_id": user_id},
    )


async def find_password(tx: Transaction, organization_id: str, user_id: str) -> str | None:
    """Find the hash of a user's password."""
    row = await tx.one(
        "SELECT hash FROM person_password WHERE organization_id = :organization_id AND user_id ="
        " :user_id",
        {"organization_id": organization_id, "user_id": user_id},
    )
    return row[0] if row else None


async def list_known(
    tx: Transaction, email_key: str, *, organization_key: str | None, limit: int
) -> list[StoredCredential]:
    """List up to `limit` active users with a password and this address, by organization.

    `organization_key` is an organization's name_key; None means any organization.
    """
    condition = "" if organization_key is None else " AND organization.name_key = :organization_key"
    args = {"email_key": email_key, "active": PersonStatus.active.value, "row_limit": limit}
    rows = await tx.all(
        "SELECT person.organization_id, person.user_id, person_password.hash FROM person"
        " JOIN person_password ON person_password.organization_id = person.organization_id"
        " AND person_password.user_id = person.user_id"
        " JOIN organization ON organization.organization_id = person.organization_id"
        f" WHERE person.email_key = :email_key AND person.status = :active{condition}"
        " ORDER BY person.organization_id LIMIT :row_limit",
        args if organization_key is None else args | {"organization_key": organization_key},
    )
    return [StoredCredential(*row) for row in rows]


async def put_invitation(
    tx: Transaction, organization_id: str, user_id: str, *, digest: bytes, now: int, expires_ms: int
) -> None:
    """Insert or replace a user's invitation; `digest` is its token's."""
    await tx.run(
        "INSERT INTO invitation (organization_id, user_id, digest, created_ms, expires_ms)"
        " VALUES (:organization_id, :user_id, :digest, :now, :expires_ms)"
        " ON CONFLICT (organization_id, user_id) DO UPDATE SET digest = excluded.digest,"
        " created_ms = excluded.created_ms, expires_ms = excluded.expires_ms",
        {
            "organization_id": organization_id,
            "user_id": user_id,
            "digest": digest,
            "now": now,
            "expires_ms": expires_ms,
        },
    )


async def find_invited(tx: Transaction, digest: bytes, now: int) -> PendingInvitation | None:
    """Find an invitation that has not expired, of a user who is not removed."""
    row = await tx.one(
        "SELECT environment.environment_id, person.organization_id, organization.name,"
        " person.user_id, person.email, person.name,"
        " person.status, invitation.expires_ms FROM invitation"
        " JOIN person ON person.organization_id = invitation.organization_id"
        " AND person.user_id = invitation.user_id"
        " JOIN organization ON organization.organization_id = invitation.organization_id"
        " JOIN environment ON environment.organization_id = invitation.organization_id AND"
        " environment.mode = 'live'"
        " WHERE invitation.digest = :digest AND invitation.expires_ms > :now"
        " AND person.status <> :removed",
        {"digest": digest, "now": now, "removed": PersonStatus.removed.value},
    )
    if row is None:
        return None
    environment_id, organization_id, organization, user_id, email, name, status, expires_ms = row
    return PendingInvitation(
        environment_id,
        organization_id,
        organization,
        user_id,
        email,
        name,
        PersonStatus(status),
        expires_ms,
    )


async def delete_invitation(tx: Transaction, digest: bytes, now: int) -> bool:
    """Delete an invitation that is used; False if there is none or it has expired."""
    return bool(
        await tx.run(
            "DELETE FROM invitation WHERE digest = :digest AND expires_ms > :now",
            {"digest": digest, "now": now},
        )
    )


async def delete_invitation_of(tx: Transaction, organization_id: str, user_id: str) -> None:
    """Delete a user's invitation, if there is one."""
    await tx.run(
        "DELETE FROM invitation WHERE organization_id = :organization_id AND user_id = :user_id",
        {"organization_id": organization_id, "user_id": user_id},
    )


async def list_invitations(
    tx: Transaction, organization_id: str, user_ids: Sequence[str]
) -> dict[str, int]:
    """Map user_id to expires_ms for those of these users who have an invitation."""
    if not user_ids:
        return {}
    listed, args = value_lists.in_list("id", user_ids)
    rows = await tx.all(
        "SELECT user_id, expires_ms FROM invitation WHERE organization_id = :organization_id"
        f" AND user_id IN {listed}",
        args | {"organization_id": organization_id},
    )
    return {row[0]: row[1] for row in rows}

"""What lets a person in: the hash of their password, and the invitation to choose one."""

from __future__ import annotations

from msgspec import Struct

from plaudit.model.core import PersonStatus
from plaudit.store.engine.engine import Transaction


class StoredCredential(Struct, frozen=True):
    """Somebody who may sign in with a password, and the hash it must have."""

    organization_id: str
    user_id: str
    hash: str


class PendingInvitation(Struct, frozen=True):
    """Whom an invitation is for, and until when it holds."""

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
    """Set the hash of a person's password, in the place of the one before."""
    await tx.run(
        "INSERT INTO person_password (organization_id, user_id, hash, changed_ms)"
        " VALUES (:organization_id, :user_id, :hash, :now)"
        " ON CONFLICT (organization_id, user_id) DO UPDATE"
        " SET hash = excluded.hash, changed_ms = excluded.changed_ms",
        {"organization_id": organization_id, "user_id": user_id, "hash": password_hash, "now": now},
    )


async def replace_password(
    tx: Transaction, organization_id: str, user_id: str, *, was: str, password_hash: str, now: int
) -> bool:
    """Set the hash of a person's password; False if it is no longer what it was."""
    return bool(
        await tx.run(
            "UPDATE person_password SET hash = :hash, changed_ms = :now"
            " WHERE organization_id = :organization_id AND user_id = :user_id AND hash = :was",
            {
                "organization_id": organization_id,
                "user_id": user_id,
                "was": was,
                "hash": password_hash,
                "now": now,
            },
        )
    )


async def delete_password(tx: Transaction, organization_id: str, user_id: str) -> None:
    """Forget a person's password."""
    await tx.run(
        "DELETE FROM person_password WHERE organization_id = :organization_id AND user_id ="
        " :user_id",
        {"organization_id": organization_id, "user_id": user_id},
    )


async def find_password(tx: Transaction, organization_id: str, user_id: str) -> str | None:
    """The hash of a person's password."""
    row = await tx.one(
        "SELECT hash FROM person_password WHERE organization_id = :organization_id AND user_id ="
        " :user_id",
        {"organization_id": organization_id, "user_id": user_id},
    )
    return row[0] if row else None


async def list_known(
    tx: Transaction, email_key: str, *, account_key: str | None, limit: int
) -> list[StoredCredential]:
    """Active people with a password and this address, of one account by name or of any."""
    condition = "" if account_key is None else " AND organization.name_key = :account_key"
    args = {"email_key": email_key, "active": PersonStatus.active.value, "row_limit": limit}
    rows = await tx.all(
        "SELECT person.organization_id, person.user_id, person_password.hash FROM person"
        " JOIN person_password ON person_password.organization_id = person.organization_id"
        " AND person_password.user_id = person.user_id"
        " JOIN organization ON organization.organization_id = person.organization_id"
        f" WHERE person.email_key = :email_key AND person.status = :active{condition}"
        " ORDER BY person.organization_id LIMIT :row_limit",
        args if account_key is None else args | {"account_key": account_key},
    )
    return [StoredCredential(*row) for row in rows]


async def put_invitation(
    tx: Transaction, organization_id: str, user_id: str, *, digest: bytes, now: int, expires_ms: int
) -> None:
    """Set a person's invitation; the one before holds no more."""
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
    """Whom an invitation that still holds is for."""
    row = await tx.one(
        "SELECT environment.environment_id, person.organization_id, organization.name,"
        " person.user_id, person.email,"
        " person.name, person.status, invitation.expires_ms FROM invitation"
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
    """Use an invitation up; False if it is gone or has run out."""
    return bool(
        await tx.run(
            "DELETE FROM invitation WHERE digest = :digest AND expires_ms > :now",
            {"digest": digest, "now": now},
        )
    )


async def delete_invitation_of(tx: Transaction, organization_id: str, user_id: str) -> None:
    """Take a person's invitation back, if there is one."""
    await tx.run(
        "DELETE FROM invitation WHERE organization_id = :organization_id AND user_id = :user_id",
        {"organization_id": organization_id, "user_id": user_id},
    )


async def list_invitations(tx: Transaction, organization_id: str, *, limit: int) -> dict[str, int]:
    """Until when the invitations of an account hold, by user_id."""
    rows = await tx.all(
        "SELECT user_id, expires_ms FROM invitation WHERE organization_id = :organization_id"
        " ORDER BY created_ms DESC LIMIT :row_limit",
        {"organization_id": organization_id, "row_limit": limit},
    )
    return {row[0]: row[1] for row in rows}

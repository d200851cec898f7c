"""Statements for users (table `person`)."""

from __future__ import annotations

from collections.abc import Iterable

from plaudit.model.core import Person, PersonRole, PersonStatus
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = "organization_id, user_id, email, name, role, status, created_ms, is_guest"


async def insert_person(tx: Transaction, person: Person, email_key: str) -> bool:
    """Insert a user; False if the organization has one with this e-mail address."""
    return bool(
        await tx.run(
            f"INSERT INTO person ({_COLUMNS}, email_key) VALUES (:organization_id, :user_id,"
            " :email, :name, :role, :status, :created_ms, :is_guest, :email_key)"
            " ON CONFLICT DO NOTHING",
            {
                "organization_id": person.organization_id,
                "user_id": person.user_id,
                "email": person.email,
                "name": person.name,
                "role": person.role.value,
                "status": person.status.value,
                "created_ms": person.created_ms,
                "is_guest": int(person.is_guest),
                "email_key": email_key,
            },
        )
    )


async def replace_person(tx: Transaction, expected: Person, person: Person) -> bool:
    """Update a user's name, role and status; False if they are not those of `expected`."""
    return bool(
        await tx.run(
            "UPDATE person SET name = :name, role = :role, status = :status"
            " WHERE organization_id = :organization_id AND user_id = :user_id"
            " AND COALESCE(name, '') = :expected_name AND role = :expected_role"
            " AND status = :expected_status",
            {
                "organization_id": expected.organization_id,
                "user_id": expected.user_id,
                "name": person.name,
                "role": person.role.value,
                "status": person.status.value,
                "expected_name": expected.name or "",
                "expected_role": expected.role.value,
                "expected_status": expected.status.value,
            },
        )
    )


async def set_language(tx: Transaction, organization_id: str, user_id: str, code: str) -> None:
    """Write the language of a user's pages; empty for that of the browser."""
    await tx.run(
        "UPDATE person SET language = :language"
        " WHERE organization_id = :organization_id AND user_id = :user_id",
        {"organization_id": organization_id, "user_id": user_id, "language": code},
    )


async def lock_active(tx: Transaction, organization_id: str, user_id: str) -> bool:
    """Lock an active user's row until the transaction ends; False if they are not active.

    Puts a sign-in in order with a change of the password or a removal, so that no session is
    started between them.
    """
    return bool(
        await tx.run(
            "UPDATE person SET status = status WHERE organization_id = :organization_id"
            " AND user_id = :user_id AND status = :active",
            {
                "organization_id": organization_id,
                "user_id": user_id,
                "active": PersonStatus.active.value,
            },
        )
    )


async def find_person(tx: Transaction, organization_id: str, user_id: str) -> Person | None:
    """Find a user of an organization by id, in any status."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM person WHERE organization_id = :organization_id AND user_id ="
        " :user_id",
        {"organization_id": organization_id, "user_id": user_id},
    )
    return _person(row) if row else None


async def find_people(
    tx: Transaction, organization_id: str, user_ids: Iterable[str]
) -> dict[str, Person]:
    """Find users of an organization by id, in any status; unknown ids are left out."""
    wanted = sorted(set(user_ids))
    if not wanted:
        return {}
    listed, args = value_lists.in_list("id", wanted)
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM person WHERE organization_id = :organization_id"
        f" AND user_id IN {listed}",
        args | {"organization_id": organization_id},
    )
    return {person.user_id: person for person in map(_person, rows)}


async def find_person_by_email(
    tx: Transaction, organization_id: str, email_key: str
) -> Person | None:
    """Find a user of an organization by `email_key`, in any status."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM person WHERE organization_id = :organization_id AND email_key ="
        " :email_key",
        {"organization_id": organization_id, "email_key": email_key},
    )
    return _person(row) if row else None


async def list_people(
    tx: Transaction,
    organization_id: str,
    *,
    status: PersonStatus | None,
    after: tuple[int, str],
    limit: int,
) -> list[Person]:
    """List up to `limit` users by (created_ms, user_id), from behind `after`."""
    condition = "" if status is None else " AND status = :status"
    args = {
        "organization_id": organization_id,
        "after_ms": after[0],
        "after_id": after[1],
        "row_limit": limit,
    }
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM person WHERE organization_id = :organization_id{condition}"
        " AND (created_ms, user_id) > (:after_ms, :after_id)"
        " ORDER BY created_ms, user_id LIMIT :row_limit",
        args if status is None else args | {"status": status.value},
    )
    return [_person(row) for row in rows]


def _person(row: Row) -> Person:
    organization_id, user_id, email, name, role, status, created_ms, is_guest = row
    return Person(
        organization_id,
        user_id,
        email,
        name,
        PersonRole(role),
        PersonStatus(status),
        created_ms,
        bool(is_guest),
    )

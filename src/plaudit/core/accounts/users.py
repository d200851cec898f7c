"""The people of an account: invited, changed, removed; never deleted, because work names them.

People belong to the account and thereby to its live data, so they are reached from its live
world alone: a test key opens nobody a door to it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec

from plaudit import clock, ids
from plaudit.core.common import names
from plaudit.core.labeling import leases
from plaudit.core.tasks.lifecycle import ATTEMPTS_MAX
from plaudit.errors import Conflict, Forbidden, InvalidContent, NotFound, Unavailable
from plaudit.model.core import Person, PersonRole, PersonStatus
from plaudit.store.accounts import credentials, organizations, sessions, users
from plaudit.store.engine.engine import Transaction

EMAIL_CHARS_MAX = 254
"""The longest address that mail can be sent to (RFC 5321)."""


async def live_account(tx: Transaction, environment_id: str) -> str | None:
    """The account whose live world this is; None for a test world."""
    found = await organizations.find_account(tx, environment_id)
    return found[0] if found is not None and found[1] == "live" else None


async def invite(
    tx: Transaction, organization_id: str, *, email: str, name: str | None, role: PersonRole
) -> Person:
    """Add a person; raises Conflict, naming who has the address already."""
    email_key = checked_email(email)
    person = Person(
        organization_id=organization_id,
        user_id=ids.mint("user"),
        email=email,
        name=checked_name(name),
        role=role,
        status=PersonStatus.invited,
        created_ms=clock.now_ms(),
    )
    if not await users.insert_person(tx, person, email_key):
        other = await users.find_person_by_email(tx, organization_id, email_key)
        assert other is not None
        raise Conflict(
            f"user {other.user_id!r} has this e-mail address already, with status {other.status}"
        )
    return person


async def change(
    tx: Transaction, organization_id: str, user_id: str, changes: Mapping[str, Any]
) -> Person:
    """Set some of name, role and status; return the person as they now are. Raises NotFound.

    Status `removed` ends their sessions, takes back their password and invitation, and leaves
    them no task.
    """
    if "name" in changes:
        changes = {**changes, "name": checked_name(changes["name"])}
    for _ in range(ATTEMPTS_MAX):
        was = await users.find_person(tx, organization_id, user_id)
        if was is None:
            raise NotFound("there is no such user")
        wanted = msgspec.structs.replace(was, **changes)
        if await users.replace_person(tx, was, wanted):
            if wanted.status != PersonStatus.active:
                await sessions.delete_sessions(tx, organization_id, user_id)
            if wanted.status == PersonStatus.removed:
                await credentials.delete_password(tx, organization_id, user_id)
                await credentials.delete_invitation_of(tx, organization_id, user_id)
                await leases.end_leases_of(tx, organization_id, user_id)
            return wanted
    raise Unavailable("the user changes too often; try again")


async def hold_access(tx: Transaction, organization_id: str, admin_id: str, user_id: str) -> None:
    """Keep an admin and whom they change as they are; raises Forbidden if they are admin no more.

    Two admins who take each other's role away at the same moment follow one another thereby.
    """
    for one in sorted((admin_id, user_id)):
        await users.hold_active(tx, organization_id, one)
    admin = await users.find_person(tx, organization_id, admin_id)
    if admin is None or (admin.role, admin.status) != (PersonRole.admin, PersonStatus.active):
        raise Forbidden("you are not an admin any more")


def checked_email(email: str) -> str:
    """An address's key form; raises InvalidContent for what can be nobody's address."""
    local, at, domain = email.partition("@")
    is_wrong = (
        len(email) > EMAIL_CHARS_MAX
        or not (local and at and domain)
        or "@" in domain
        or any(unicodedata.category(char)[0] in "CZ" for char in email)
    )
    if is_wrong:
        raise InvalidContent(
            f"an e-mail address is name@domain, at most {EMAIL_CHARS_MAX} characters, without "
            "spaces and control characters",
            pointer="/email",
        )
    return email_key(email)


def email_key(email: str) -> str:
    """The form in which two addresses are the same: case and composition do not count."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).casefold())


def checked_name(name: str | None) -> str | None:
    """The name as it is; raises as core.names does. None is no name."""
    if name is not None:
        names.check_name(name)
    return name

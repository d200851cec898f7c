"""Users of an organization: invited, listed, changed and removed.

None is ever deleted, because submissions and the audit log name them. Users belong to the
organization and so to its live data: they are reached from its live environment alone, never with
a test key.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock, ids, mailbox
from plaudit.core.accounts import project_members
from plaudit.core.common import look_alikes, names, page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.labeling import leases
from plaudit.core.staffing.roles import EVERYWHERE, RANKS
from plaudit.errors import (
    Conflict,
    Forbidden,
    InvalidContent,
    InvalidPageToken,
    NotFound,
    Unavailable,
)
from plaudit.model.core import Person, PersonRole, PersonStatus
from plaudit.store.accounts import credentials, organizations, sessions, users
from plaudit.store.common.names import Named
from plaudit.store.engine.engine import Transaction
from plaudit.wire.manage import resources

EMAIL_CHARS_MAX = 254
"""The longest address that mail can be sent to (RFC 5321)."""
UPDATE_ATTEMPTS_MAX = 100
"""Times that a change is tried while others change the same user, before Unavailable is raised."""

_USER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,63}")
_BEFORE_ALL = (-(2**62), "")
"""Sorts before the (created_ms, user_id) of any user."""


class _UserCursor(Struct, frozen=True, array_like=True, tag="users"):
    """Content of a page token: the filter, and the last user of the page before."""

    status: PersonStatus | None
    created_ms: int
    user_id: str


async def find_live_organization(tx: Transaction, environment_id: str) -> str | None:
    """Return the organization_id of a live environment; None for a test environment."""
    organization = await organizations.find_organization(tx, environment_id)
    if organization is None or organization[1] != "live":
        return None
    return organization[0]


async def invite(
    tx: Transaction,
    organization_id: str,
    *,
    email: str | None,
    name: str | None,
    role: PersonRole,
    user_name: str | None = None,
    is_guest: bool = False,
) -> Person:
    """Add a user with status invited, who signs in with an e-mail address or a user name.

    A guest sees only the projects that they are a member of, and is an annotator.

    Raises Conflict, which names the user who has the address or the user name; InvalidContent for a
    bad one, for both or none of them, or a bad name.
    """
    if (email is None) == (user_name is None):
        raise InvalidContent("give an e-mail address or a user name, not both", pointer="/email")
    if is_guest and role is not PersonRole.annotator:
        raise InvalidContent("a guest is an annotator", pointer="/guest")
    login = email if user_name is None else user_name
    assert login is not None
    email_key = checked_email(login) if user_name is None else checked_user_name(login)
    await look_alikes.refuse_twin(tx, Named.person, organization_id, email_key)
    person = Person(
        organization_id=organization_id,
        user_id=ids.mint("user"),
        email=login,
        name=checked_name(name),
        role=role,
        status=PersonStatus.invited,
        created_ms=clock.now_ms(),
        is_guest=is_guest,
    )
    if not await users.insert_person(tx, person, email_key):
        other = await users.find_person_by_email(tx, organization_id, email_key)
        assert other is not None
        raise Conflict(
            f"user {other.user_id!r} has this user name already, with status {other.status}"
            if user_name
            else f"user {other.user_id!r} has this e-mail address already, with status"
            f" {other.status}"
        )
    return person


async def change(
    tx: Transaction, organization_id: str, user_id: str, changes: Mapping[str, Any]
) -> Person:
    """Set some of name, role and status, and return the changed user.

    A status other than active ends their sessions; `removed` also deletes their password and
    invitation, and closes their leases. Who was a manager gives back what they hold where they have
    no access now. Raises NotFound; InvalidContent for a bad name; Unavailable
    after UPDATE_ATTEMPTS_MAX concurrent changes.
    """
    if "name" in changes:
        changes = {**changes, "name": checked_name(changes["name"])}
    for _ in range(UPDATE_ATTEMPTS_MAX):
        stored = await users.find_person(tx, organization_id, user_id)
        if stored is None:
            raise NotFound("there is no such user")
        changed = msgspec.structs.replace(stored, **changes)
        if changed.is_guest and changed.role is not PersonRole.annotator:
            raise InvalidContent("a guest is an annotator", pointer="/role")
        if await users.replace_person(tx, stored, changed):
            if changed.status != PersonStatus.active:
                await sessions.delete_sessions(tx, organization_id, user_id)
            if changed.status == PersonStatus.removed:
                await credentials.delete_password(tx, organization_id, user_id)
                await credentials.delete_invitation_of(tx, organization_id, user_id)
                await leases.end_leases_of(tx, organization_id, user_id)
            elif RANKS[changed.role] < EVERYWHERE <= RANKS[stored.role]:
                await project_members.give_back_everywhere(tx, organization_id, user_id)
            return changed
    raise Unavailable("the user changes too often; try again")


async def list_users_page(
    tx: Transaction,
    secret: ServerSecret,
    environment_id: str,
    organization_id: str,
    *,
    status: PersonStatus | None,
    limit: int,
    next_token: str | None,
) -> resources.UserPage:
    """List one page of an organization's users, oldest first; None is any status.

    Raises InvalidPageToken, also for a token of a list with another status.
    """
    after = _BEFORE_ALL
    if next_token is not None:
        cursor = page_tokens.decode(secret, environment_id, next_token, _UserCursor)
        if status not in (None, cursor.status):
            raise InvalidPageToken
        status, after = cursor.status, (cursor.created_ms, cursor.user_id)
    people = await users.list_people(
        tx, organization_id, status=status, after=after, limit=limit + 1
    )
    token = None
    if len(people) > limit:
        people.pop()
        cursor = _UserCursor(status, people[-1].created_ms, people[-1].user_id)
        token = page_tokens.encode(secret, environment_id, cursor)
    return resources.UserPage(users=[resources.user(person) for person in people], next_token=token)


async def lock_access(tx: Transaction, organization_id: str, admin_id: str, user_id: str) -> None:
    """Lock an admin and the user whose access they change until the transaction ends.

    Two admins who remove each other at the same moment are so put in order. Raises Forbidden if
    `admin_id` is not an active admin any more.
    """
    for locked_id in sorted((admin_id, user_id)):
        await users.lock_active(tx, organization_id, locked_id)
    admin = await users.find_person(tx, organization_id, admin_id)
    if admin is None or (admin.role, admin.status) != (PersonRole.admin, PersonStatus.active):
        raise Forbidden("you are not an admin any more")


def checked_email(email: str) -> str:
    """Check an e-mail address and return its `email_key`; raises InvalidContent."""
    local, at, domain = email.partition("@")
    is_wrong = (
        len(email) > EMAIL_CHARS_MAX
        or not (local and at and domain)
        or not mailbox.SPECIALS.isdisjoint(local + domain)
        or any(unicodedata.category(char)[0] in "CZ" for char in email)
    )
    if is_wrong:
        raise InvalidContent(
            f"an e-mail address is name@domain, at most {EMAIL_CHARS_MAX} characters, without "
            'spaces, control characters and any of ()<>[]:;\\,"',
            pointer="/email",
        )
    return email_key(email)


def checked_user_name(user_name: str) -> str:
    """Check a user name and return its `email_key`; raises InvalidContent.

    It has no @, so that none is the address of somebody else.
    """
    if not is_user_name(user_name):
        raise InvalidContent(
            "a user name has 3 to 64 letters, digits, dots, dashes and underscores, and begins "
            "with a letter or digit",
            pointer="/user_name",
        )
    return email_key(user_name)


def is_user_name(login: str) -> bool:
    """True for a well-formed user name, which has no @."""
    return _USER_NAME.fullmatch(login) is not None


def checked_login(login: str) -> str:
    """Check an e-mail address or a user name and return its `email_key`; raises InvalidContent."""
    return checked_user_name(login) if is_user_name(login) else checked_email(login)


def email_key(email: str) -> str:
    """Normal form of an e-mail address, equal for addresses that differ in case or composition."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).casefold())


def checked_name(name: str | None) -> str | None:
    """Return a name as it is, None for no name; raises as `names.checked` does."""
    if name is not None:
        names.check_name(name)
    return name

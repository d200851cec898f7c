"""People in archives: users with roles and states, without passwords, invitations and sessions.

They keep their ids, by which their work names them, and choose a password anew by a link.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from plaudit import clock
from plaudit.core.accounts import users as accounts
from plaudit.core.transfer.archive_line import archive_line
from plaudit.core.transfer.row_group import (
    RowGroup,
    RowResult,
    RowScope,
    check_ids,
    required_moment,
)
from plaudit.errors import Conflict, InvalidContent
from plaudit.model.core import Person
from plaudit.store.accounts import users
from plaudit.store.engine.engine import Database, Transaction
from plaudit.wire.archive.values import ArchivedUser
from plaudit.wire.v2.parse import convert

USERS_PER_READ = 500

_BEFORE_ALL = (-(2**62), "")
_encode = msgspec.json.Encoder().encode


async def user_lines(db: Database, environment_id: str) -> AsyncIterator[bytes]:
    """The lines of an organization's users, oldest first; none for a test environment."""
    async with db.read() as tx:
        organization_id = await accounts.find_live_organization(tx, environment_id)
    after = _BEFORE_ALL
    while organization_id is not None:
        async with db.read() as tx:
            page = await users.list_people(
                tx, organization_id, status=None, after=after, limit=USERS_PER_READ
            )
        for person in page:
            value = ArchivedUser(
                id=person.user_id,
                email=person.email,
                name=person.name,
                role=person.role,
                status=person.status,
                created_at=clock.format_ms(person.created_ms),
                guest=person.is_guest,
            )
            yield archive_line("user", _encode(value))
        if len(page) < USERS_PER_READ:
            return
        after = (page[-1].created_ms, page[-1].user_id)


def _read_user(value: Any) -> ArchivedUser:
    user: ArchivedUser = convert(value, ArchivedUser)
    check_ids(id=user.id)
    accounts.checked_login(user.email)
    try:
        accounts.checked_name(user.name)
    except InvalidContent as exc:
        raise InvalidContent(exc.message, pointer="/name") from exc
    required_moment(user.created_at, "/created_at")
    return user


async def _store_users(
    tx: Transaction, scope: RowScope, rows: Sequence[ArchivedUser]
) -> list[RowResult]:
    if scope.organization_id is None:
        refusal = Conflict("users belong to an organization's live data")
        return [refusal for _ in rows]
    return [await _store_user(tx, scope, scope.organization_id, user) for user in rows]


async def _store_user(
    tx: Transaction, scope: RowScope, organization_id: str, user: ArchivedUser
) -> RowResult:
    wanted = Person(
        organization_id=organization_id,
        user_id=user.id,
        email=user.email,
        name=user.name,
        role=user.role,
        status=user.status,
        created_ms=required_moment(user.created_at, "/created_at"),
        is_guest=user.guest,
    )
    stored = await users.find_person(tx, organization_id, user.id)
    if stored is None:
        email_key = accounts.email_key(user.email)
        if await users.insert_person(tx, wanted, email_key):
            return "added"
        other = await users.find_person_by_email(tx, organization_id, email_key)
        return Conflict(
            f"{user.email!r} is the e-mail address already"
            if other is None
            else f"{user.email!r} is the e-mail address of user {other.user_id!r} already"
        )
    if stored == wanted:
        return "unchanged"
    changes = {"name": user.name, "role": user.role, "status": user.status}
    if msgspec.structs.replace(stored, **changes) != wanted:
        return Conflict(f"user {user.id!r} is stored with another e-mail address or time")
    if not scope.replace:
        return Conflict(f"user {user.id!r} is stored with other values; see --replace")
    await accounts.change(tx, organization_id, user.id, changes)
    return "updated"


PEOPLE = RowGroup(readers={"user": _read_user}, store=_store_users)

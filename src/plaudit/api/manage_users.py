"""The people of an organization: invite, list, change."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Struct

from plaudit.api import examples
from plaudit.api.manage import LIMIT, NEXT_TOKEN, PAGE_MAX, declare
from plaudit.api.operation import Call, Change
from plaudit.api.parameters import Choice, NoQuery
from plaudit.core import people, registers
from plaudit.errors import Forbidden, NotFound
from plaudit.model import PersonStatus, Role
from plaudit.wire import management
from plaudit.wire.management import ChangeUser, CreateUser, User, UserPage

_LIVE_ALONE = "people are managed with a live key; a test key opens test data alone"


class ListUsers(Struct, frozen=True):
    """Query of GET /manage/v1/users."""

    status: Annotated[
        PersonStatus | None, Choice(description="Only users in this status.", words=PersonStatus)
    ] = None
    limit: Annotated[int, LIMIT] = PAGE_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


async def create_user(call: Call[NoQuery], body: CreateUser, change: Change) -> User:
    """POST /manage/v1/users: one person, invited."""
    account_id = await people.live_account(change.tx, change.org_id)
    if account_id is None:
        raise Forbidden(_LIVE_ALONE)
    person = await people.invite(
        change.tx, account_id, email=body.email, name=body.name, role=body.role
    )
    await change.note("user", person.user_id, detail={"role": person.role})
    return management.user(person)


async def list_users(call: Call[ListUsers]) -> UserPage:
    """GET /manage/v1/users: one page, oldest first."""
    query, org_id = call.query, call.caller.org_id
    async with call.services.db.read() as tx:
        account_id = await people.live_account(tx, org_id)
        if account_id is None:
            raise Forbidden(_LIVE_ALONE)
        return await registers.person_page(
            tx,
            call.services.secret,
            org_id,
            account_id,
            status=query.status,
            limit=query.limit,
            next_token=query.next_token,
        )


async def change_user(call: Call[NoQuery], body: ChangeUser, change: Change) -> User:
    """PATCH /manage/v1/users/{user_id}: what is given, and nothing else."""
    account_id = await people.live_account(change.tx, change.org_id)
    if account_id is None:
        raise NotFound("there is no such user")
    changes = {
        name: value
        for name in body.__struct_fields__
        if (value := getattr(body, name)) is not UNSET
    }
    person = await people.change(change.tx, account_id, call.path["user_id"], changes)
    told = {name: value for name, value in changes.items() if name != "name"}
    await change.note("user", person.user_id, detail={"fields": sorted(changes)} | told)
    return management.user(person)


OPERATIONS = (
    declare(
        "create_user",
        "POST",
        "/users",
        role=Role.admin,
        handler=create_user,
        body=CreateUser,
        summary="Invite a user",
        description="A second user with the same e-mail address is a 409 that names the first; "
        "capitals do not count. Signing in comes with the workspace.",
        answer=User,
        answer_description="The user, in status `invited`.",
        example=examples.USER,
        body_example={"email": "ada@example.com", "role": "annotator", "name": "Ada"},
    ),
    declare(
        "list_users",
        "GET",
        "/users",
        role=Role.admin,
        handler=list_users,
        query=ListUsers,
        summary="List users",
        description="Removed ones included; nobody is ever deleted, because work names them.",
        answer=UserPage,
        answer_description="One page of users, oldest first.",
        example={"users": [examples.USER]},
    ),
    declare(
        "change_user",
        "PATCH",
        "/users/{user_id}",
        role=Role.admin,
        handler=change_user,
        body=ChangeUser,
        summary="Change a user's name, role or status",
        description="Status `removed` takes a user's access away and keeps their history.",
        answer=User,
        answer_description="The user as they now are.",
        example=examples.USER | {"role": "reviewer", "status": "active"},
        body_example={"role": "reviewer"},
        errors=(404,),
    ),
)

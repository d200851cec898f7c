"""Users of an organization under /manage/v1/users: invite, list and change them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Struct

from plaudit.api.http.operation import Call, WriteContext
from plaudit.api.http.parameters import Enum, NoQuery
from plaudit.api.manage.common import LIMIT, NEXT_TOKEN, PAGE_MAX, declare
from plaudit.api.openapi import examples
from plaudit.core.accounts import authentication, users
from plaudit.errors import Forbidden, NotFound
from plaudit.model.core import PersonStatus, Role
from plaudit.wire.manage import resources
from plaudit.wire.manage.resources import (
    ChangeUser,
    CreateUser,
    InvitedUser,
    Nothing,
    User,
    UserPage,
)

_LIVE_ALONE = "people are managed with a live key; a test key opens test data alone"


class ListUsers(Struct, frozen=True):
    """Query of GET /manage/v1/users."""

    status: Annotated[
        PersonStatus | None, Enum(description="Only users in this status.", words=PersonStatus)
    ] = None
    limit: Annotated[int, LIMIT] = PAGE_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


async def create_user(call: Call[NoQuery], body: CreateUser, context: WriteContext) -> InvitedUser:
    """POST /manage/v1/users: create a user with an invitation link; raises Forbidden, Conflict."""
    organization_id = await users.find_live_organization(context.tx, context.environment_id)
    if organization_id is None:
        raise Forbidden(_LIVE_ALONE)
    person = await users.invite(
        context.tx,
        organization_id,
        email=body.email,
        user_name=body.user_name,
        name=body.name,
        role=body.role,
        is_guest=body.guest,
    )
    token = await authentication.make_invitation(context.tx, call.services.secret, person)
    await context.note("user", person.user_id, detail={"role": person.role})
    return resources.invited_user(person, authentication.invitation_link(base_url(call), token))


async def invite_user(call: Call[NoQuery], body: Nothing, context: WriteContext) -> InvitedUser:
    """POST /manage/v1/users/{user_id}/invite: make a new link, which revokes the one before."""
    organization_id = await users.find_live_organization(context.tx, context.environment_id)
    if organization_id is None:
        raise NotFound("there is no such user")
    person, token = await authentication.invite_again(
        context.tx, call.services.secret, organization_id, call.path["user_id"]
    )
    await context.note("user", person.user_id)
    return resources.invited_user(person, authentication.invitation_link(base_url(call), token))


async def list_users(call: Call[ListUsers]) -> UserPage:
    """GET /manage/v1/users: one page of users, oldest first; raises Forbidden for test keys."""
    query, environment_id = call.query, call.caller.environment_id
    async with call.services.db.read() as tx:
        organization_id = await users.find_live_organization(tx, environment_id)
        if organization_id is None:
            raise Forbidden(_LIVE_ALONE)
        return await users.list_users_page(
            tx,
            call.services.secret,
            environment_id,
            organization_id,
            status=query.status,
            limit=query.limit,
            next_token=query.next_token,
        )


async def change_user(call: Call[NoQuery], body: ChangeUser, context: WriteContext) -> User:
    """PATCH /manage/v1/users/{user_id}: change the fields that the body has."""
    organization_id = await users.find_live_organization(context.tx, context.environment_id)
    if organization_id is None:
        raise NotFound("there is no such user")
    changes = {
        name: value
        for name in body.__struct_fields__
        if (value := getattr(body, name)) is not UNSET
    }
    person = await users.change(context.tx, organization_id, call.path["user_id"], changes)
    audited = {name: value for name, value in changes.items() if name != "name"}
    await context.note("user", person.user_id, detail={"fields": sorted(changes)} | audited)
    return resources.user(person)


def base_url(call: Call[NoQuery]) -> str:
    """Base URL of this server: PLAUDIT_PUBLIC_URL, or the scheme and Host of the request."""
    public = call.services.settings.public_url
    host = dict(call.scope["headers"]).get(b"host", b"").decode("latin-1")
    return public or f"{call.scope['scheme']}://{host}"


def _without_link(answer: InvitedUser) -> InvitedUser:
    """Answer without the invitation link, for storage under an Idempotency-Key."""
    return msgspec.structs.replace(answer, invitation_link=UNSET)


OPERATIONS = (
    declare(
        "create_user",
        "POST",
        "/users",
        role=Role.admin,
        handler=create_user,
        body=CreateUser,
        kept=_without_link,
        summary="Invite a user",
        description="They sign in with `email`, or with `user_name` where they have no address "
        "(3 to 64 letters, digits, dots, dashes and underscores). "
        "A second user with the same e-mail address or user name is a 409 that names the first; "
        "capitals do not count. A `guest` sees only the projects that they are a member of. Hand "
        "them `invitation_link`: it opens the page where they choose a password, once, within 7 "
        "days. Repeated under the same `Idempotency-Key`, the request is answered without it.",
        answer=InvitedUser,
        answer_description="The user, in status `invited`, with the link of their invitation.",
        example=examples.USER | {"invitation_link": examples.INVITATION_LINK},
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
        "invite_user",
        "POST",
        "/users/{user_id}/invite",
        role=Role.admin,
        handler=invite_user,
        body=Nothing,
        kept=_without_link,
        summary="Invite a user again",
        description="Makes a new `invitation_link`, for who has lost theirs or their password; "
        "the one before holds no more. An active user stays so until they choose another "
        "password, which ends their sessions. A removed one is `invited` again.",
        answer=InvitedUser,
        answer_description="The user as they now are, with the link.",
        example=examples.USER | {"invitation_link": examples.INVITATION_LINK},
        body_example={},
        errors=(404,),
    ),
    declare(
        "change_user",
        "PATCH",
        "/users/{user_id}",
        role=Role.admin,
        handler=change_user,
        body=ChangeUser,
        summary="Change a user's name, role or status",
        description="Status `removed` ends a user's sessions, takes back their password and their "
        "invitation, and keeps their history.",
        answer=User,
        answer_description="The user as they now are.",
        example=examples.USER | {"role": "reviewer", "status": "active"},
        body_example={"role": "reviewer"},
        errors=(404,),
    ),
)

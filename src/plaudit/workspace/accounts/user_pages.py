"""Pages of an organization's users, for admins: list, invite, change role, remove."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit import clock
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import Enum, NoQuery, Text
from plaudit.core.accounts import authentication, permissions, users
from plaudit.model.core import Person, PersonRole, PersonStatus
from plaudit.store.accounts import credentials
from plaudit.store.engine.engine import Transaction
from plaudit.texts import N_
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.http.page import Page, PageRequest, Redirect, TemplateResponse

PEOPLE = "/people"
PAGE_MAX = 50


class PeopleQuery(Struct, frozen=True):
    """Query of GET /people."""

    status: Annotated[
        PersonStatus | None, Enum(description="Only people in this status.", words=PersonStatus)
    ] = None
    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class InviteForm(Struct, kw_only=True):
    """Form of POST /people."""

    email: str
    """E-mail address, or a user name, which has no @."""
    role: PersonRole
    name: str | None = None
    guest: bool = False


class RoleForm(Struct):
    """Form of POST /people/{user_id}/role."""

    role: PersonRole


async def show_people(request: PageRequest[PeopleQuery]) -> dict[str, Any]:
    """GET /people: one page of users, oldest first."""
    async with request.db.read() as tx:
        return await _listing(tx, request, request.query)


async def invite_person(
    request: PageRequest[NoQuery], submitted: InviteForm, context: WriteContext
) -> TemplateResponse:
    """POST /people: invite a user, and show the link this once."""
    login = submitted.email.strip()
    is_name = users.is_user_name(login)
    person = await users.invite(
        context.tx,
        request.user.organization_id,
        email=None if is_name else login,
        user_name=login if is_name else None,
        is_guest=submitted.guest,
        name=submitted.name,
        role=submitted.role,
    )
    token = await authentication.make_invitation(context.tx, request.secret, person)
    await context.note("user", person.user_id, detail={"role": person.role})
    return await _with_link(context.tx, request, person, token)


async def invite_person_again(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> TemplateResponse:
    """POST /people/{user_id}/invite: create a new link, for a lost one or a lost password."""
    user_id = request.path["user_id"]
    permissions.require_may_change_access(request.user, user_id)
    await users.lock_access(context.tx, request.user.organization_id, request.user.user_id, user_id)
    person, token = await authentication.invite_again(
        context.tx, request.secret, request.user.organization_id, user_id
    )
    await context.note("user", user_id)
    return await _with_link(context.tx, request, person, token)


async def change_role(
    request: PageRequest[NoQuery], submitted: RoleForm, context: WriteContext
) -> Redirect:
    """POST /people/{user_id}/role: change a role, valid from the user's next request on."""
    user_id = request.path["user_id"]
    permissions.require_may_change_access(request.user, user_id)
    await users.lock_access(context.tx, request.user.organization_id, request.user.user_id, user_id)
    person = await users.change(
        context.tx, request.user.organization_id, user_id, {"role": submitted.role}
    )
    await context.note("user", user_id, detail={"role": submitted.role})
    return Redirect(
        to=PEOPLE,
        flash=N_("%(person)s is now %(role)s.", person=_display_name(person), role=submitted.role),
    )


async def remove_person(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST /people/{user_id}/remove: remove a user and end their sessions; their work stays."""
    user_id = request.path["user_id"]
    permissions.require_may_change_access(request.user, user_id)
    await users.lock_access(context.tx, request.user.organization_id, request.user.user_id, user_id)
    person = await users.change(
        context.tx, request.user.organization_id, user_id, {"status": PersonStatus.removed}
    )
    await context.note("user", user_id, detail={"status": PersonStatus.removed})
    return Redirect(
        to=PEOPLE, flash=N_("%(person)s is removed and signed out.", person=_display_name(person))
    )


async def _listing(
    tx: Transaction, request: PageRequest[Any], query: PeopleQuery
) -> dict[str, Any]:
    organization_id = request.user.organization_id
    page = await users.list_users_page(
        tx,
        request.secret,
        request.user.environment_id,
        organization_id,
        status=query.status,
        limit=PAGE_MAX,
        next_token=query.next_token,
    )
    shown_ids = [person.user_id for person in page.users]
    invitations = await credentials.list_invitations(tx, organization_id, shown_ids)
    now = clock.now_ms()
    return {
        "people": page.users,
        "next_token": page.next_token,
        "status": query.status,
        "roles": list(PersonRole),
        "open_invitations": {
            user_id for user_id, expires_ms in invitations.items() if expires_ms > now
        },
        "invited": None,
        "link": "",
    }


async def _with_link(
    tx: Transaction, request: PageRequest[NoQuery], person: Person, token: str
) -> TemplateResponse:
    """The list of users with an invitation link above it, which is not stored and shown once."""
    link = authentication.invitation_link(request.settings.public_url or request.origin, token)
    context = await _listing(tx, request, PeopleQuery())
    context |= {"invited": person, "link": link}
    return TemplateResponse(template="accounts/users.html", context=context)


def _display_name(person: Person) -> str:
    return person.name or person.email


PAGES = (
    Page(
        page_id="show_people",
        path=PEOPLE,
        role=PersonRole.admin,
        handler=show_people,
        query=PeopleQuery,
        template="accounts/users.html",
        nav=N_("People"),
        nav_order=70,
        nav_section=N_("Settings"),
    ),
    Page(
        page_id="invite_person",
        method="POST",
        path=PEOPLE,
        role=PersonRole.admin,
        handler=invite_person,
        form=InviteForm,
        form_page="show_people",
    ),
    Page(
        page_id="invite_person_again",
        method="POST",
        path=f"{PEOPLE}/{{user_id}}/invite",
        role=PersonRole.admin,
        handler=invite_person_again,
        form=NoFields,
    ),
    Page(
        page_id="change_role",
        method="POST",
        path=f"{PEOPLE}/{{user_id}}/role",
        role=PersonRole.admin,
        handler=change_role,
        form=RoleForm,
    ),
    Page(
        page_id="remove_person",
        method="POST",
        path=f"{PEOPLE}/{{user_id}}/remove",
        role=PersonRole.admin,
        handler=remove_person,
        form=NoFields,
    ),
)

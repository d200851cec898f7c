"""In and out: signing in, accepting an invitation, signing out."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.core.accounts import authentication
from plaudit.model.core import PersonRole
from plaudit.store.accounts import organizations, sessions
from plaudit.workspace.http import links
from plaudit.workspace.http.page import ANYONE, Page, PageRequest, Redirect


class SignInQuery(Struct, frozen=True):
    """Query of GET /sign-in."""

    next: Annotated[str | None, Text(description="The page to go on to.")] = None


class SignInForm(Struct, kw_only=True):
    """What somebody signs in with."""

    email: str
    password: str
    organization: str | None = None
    next: str | None = None


class WelcomeForm(Struct, kw_only=True):
    """What an invited person chooses. `token` may also be the whole link."""

    token: str
    password: str
    name: str | None = None
    email: str | None = None
    """There for password managers alone."""


class Invitation(Struct):
    """What an invited person brings."""

    token: str


class InvitedPerson(Struct):
    """Whom an invitation is for."""

    email: str
    name: str | None
    organization: str
    is_known: bool
    """Whether they have been in before, so that this is about a lost password."""


class NoFields(Struct):
    """A form that is only a button."""


async def show_sign_in(visit: PageRequest[SignInQuery]) -> dict[str, Any] | Redirect:
    """GET /sign-in: the form; who is signed in already goes on."""
    if visit.user is not None:
        return Redirect(to=links.choose_destination(visit.query.next, visit.services.destinations))
    async with visit.db.read(snapshot=False) as tx:
        asks_organization = await organizations.has_several_accounts(tx)
    return {"next": visit.query.next or "", "asks_organization": asks_organization}


async def sign_in_person(visit: PageRequest[NoQuery], form: SignInForm) -> Redirect:
    """POST /sign-in: a new session, whatever cookie the browser had before."""
    entry = authentication.SignInAttempt(
        form.email.strip(), form.password, form.organization, visit.agent
    )
    token = await authentication.sign_in(
        visit.db, visit.secret, visit.services.throttle, entry, visit.client_info
    )
    return Redirect(
        to=links.choose_destination(form.next, visit.services.destinations), session=token
    )


async def show_welcome(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /welcome: where an invited person chooses a password."""
    return {}


async def look_at_invitation(visit: PageRequest[NoQuery], body: Invitation) -> InvitedPerson:
    """POST /welcome/look: whom an invitation is for; changes nothing, the token is secret."""
    found = await authentication.look_at_invitation(visit.db, visit.secret, body.token)
    return InvitedPerson(
        found.email, found.name, found.organization, is_known=found.status == "active"
    )


async def accept_invitation(visit: PageRequest[NoQuery], form: WelcomeForm) -> Redirect:
    """POST /welcome: the password is set, and the person is in."""
    token = await authentication.accept_invitation(
        visit.db,
        visit.secret,
        form.token.rpartition("#")[2].strip(),
        form.password,
        name=form.name,
        agent=visit.agent,
        request_id=visit.request_id,
    )
    return Redirect(to=links.START, session=token)


async def sign_out(visit: PageRequest[NoQuery], form: NoFields, change: WriteContext) -> Redirect:
    """POST /sign-out: this session ends."""
    user = visit.user
    await sessions.delete_session(change.tx, user.organization_id, user.user_id, user.session_id)
    await change.note("session", user.session_id)
    return Redirect(to=links.SIGN_IN, flash="You are signed out.", session="")


PAGES = (
    Page(
        page_id="show_sign_in",
        path=links.SIGN_IN,
        role=ANYONE,
        handler=show_sign_in,
        query=SignInQuery,
        template="accounts/sign_in.html",
    ),
    Page(
        page_id="sign_in",
        method="POST",
        path=links.SIGN_IN,
        role=ANYONE,
        handler=sign_in_person,
        form=SignInForm,
        opens_transactions=True,
        form_page="show_sign_in",
    ),
    Page(
        page_id="show_welcome",
        path="/welcome",
        role=ANYONE,
        handler=show_welcome,
        template="accounts/welcome.html",
    ),
    Page(
        page_id="look_at_invitation",
        method="POST",
        path="/welcome/look",
        role=ANYONE,
        handler=look_at_invitation,
        body=Invitation,
        opens_transactions=True,
    ),
    Page(
        page_id="accept_invitation",
        method="POST",
        path="/welcome",
        role=ANYONE,
        handler=accept_invitation,
        form=WelcomeForm,
        opens_transactions=True,
        form_page="show_welcome",
    ),
    Page(
        page_id="sign_out",
        method="POST",
        path="/sign-out",
        role=PersonRole.annotator,
        handler=sign_out,
        form=NoFields,
    ),
)

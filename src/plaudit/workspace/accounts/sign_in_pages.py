"""Pages for signing in, accepting an invitation, and signing out."""

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
    """Form of POST /sign-in; `next` is the path to go on to."""

    email: str
    password: str
    organization: str | None = None
    next: str | None = None


class WelcomeForm(Struct, kw_only=True):
    """Form of POST /welcome. `token` may also be the whole link."""

    token: str
    password: str
    name: str | None = None
    email: str | None = None
    """Ignored; for password managers alone."""


class InvitationToken(Struct):
    """Body of POST /welcome/look: the token of an invitation."""

    token: str


class InvitedPerson(Struct):
    """Response of POST /welcome/look: the invited user."""

    email: str
    name: str | None
    organization: str
    is_known: bool
    """True for an active user, who lost their password."""


class NoFields(Struct):
    """A form that is only a button."""


async def show_sign_in(visit: PageRequest[SignInQuery]) -> dict[str, Any] | Redirect:
    """GET /sign-in: the form; a signed-in user is redirected."""
    if visit.user is not None:
        return Redirect(to=links.choose_destination(visit.query.next, visit.services.destinations))
    async with visit.db.read(snapshot=False) as tx:
        asks_organization = await organizations.has_several_organizations(tx)
    return {"next": visit.query.next or "", "asks_organization": asks_organization}


async def sign_in_person(visit: PageRequest[NoQuery], form: SignInForm) -> Redirect:
    """POST /sign-in: start a new session, whatever cookie the browser had before."""
    attempt = authentication.SignInAttempt(
        form.email.strip(), form.password, form.organization, visit.agent
    )
    token = await authentication.sign_in(
        visit.db, visit.secret, visit.services.throttle, attempt, visit.client_info
    )
    return Redirect(
        to=links.choose_destination(form.next, visit.services.destinations), session=token
    )


async def show_welcome(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /welcome: the form on which an invited user chooses a password."""
    return {}


async def look_at_invitation(visit: PageRequest[NoQuery], body: InvitationToken) -> InvitedPerson:
    """POST /welcome/look: the user of an invitation.

    Changes nothing; a POST only so that the secret token is in no URL. Raises InvalidContent.
    """
    invitation = await authentication.get_invitation(visit.db, visit.secret, body.token)
    return InvitedPerson(
        invitation.email,
        invitation.name,
        invitation.organization,
        is_known=invitation.status == "active",
    )


async def accept_invitation(visit: PageRequest[NoQuery], form: WelcomeForm) -> Redirect:
    """POST /welcome: set the invited user's password and sign them in."""
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
    """POST /sign-out: end this session."""
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
        body=InvitationToken,
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

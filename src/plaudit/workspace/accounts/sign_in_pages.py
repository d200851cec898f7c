"""Pages for signing in, accepting an invitation, and signing out."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.bodies import OPEN_BODY
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.core.accounts import authentication
from plaudit.core.accounts import sessions as own_sessions
from plaudit.core.common import audit
from plaudit.errors import InvalidContent
from plaudit.model.core import PersonRole, SignedIn
from plaudit.store.accounts import organizations, sessions, users
from plaudit.store.engine.engine import Transaction
from plaudit.texts import N_
from plaudit.workspace.http import links
from plaudit.workspace.http.page import ANYONE, Page, PageRequest, Redirect
from plaudit.workspace.language.languages import LANGUAGES


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


class LanguageForm(Struct, kw_only=True):
    """Form of POST /language; an empty code leaves the choice to the browser's settings."""

    language: str
    next: str | None = None


class NoFields(Struct):
    """A form that is only a button."""


async def show_sign_in(request: PageRequest[SignInQuery]) -> dict[str, Any] | Redirect:
    """GET /sign-in: the form; a signed-in user is redirected."""
    if request.user is not None:
        return Redirect(
            to=links.choose_destination(request.query.next, request.services.destinations)
        )
    async with request.db.read(snapshot=False) as tx:
        asks_organization = await organizations.has_several_organizations(tx)
    return {"next": request.query.next or "", "asks_organization": asks_organization}


async def sign_in_person(request: PageRequest[NoQuery], form: SignInForm) -> Redirect:
    """POST /sign-in: start a new session, whatever cookie the browser had before."""
    attempt = authentication.SignInAttempt(
        form.email.strip(), form.password, form.organization, request.agent
    )
    started = await authentication.sign_in(
        request.db, request.secret, request.services.throttle, attempt, request.client_info
    )
    await _keep_chosen(request, started.token)
    return Redirect(
        to=links.choose_destination(form.next, request.services.destinations),
        session=started.token,
        known_by=started.known_by,
    )


async def show_welcome(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /welcome: the form on which an invited user chooses a password."""
    return {}


async def look_at_invitation(request: PageRequest[NoQuery], body: InvitationToken) -> InvitedPerson:
    """POST /welcome/look: the user of an invitation.

    Changes nothing; a POST only so that the secret token is in no URL. Raises InvalidContent.
    """
    invitation = await authentication.get_invitation(request.db, request.secret, body.token)
    return InvitedPerson(
        invitation.email,
        invitation.name,
        invitation.organization,
        is_known=invitation.status == "active",
    )


async def accept_invitation(request: PageRequest[NoQuery], form: WelcomeForm) -> Redirect:
    """POST /welcome: set the invited user's password and sign them in."""
    started = await authentication.accept_invitation(
        request.db,
        request.secret,
        form.token.rpartition("#")[2].strip(),
        form.password,
        name=form.name,
        agent=request.agent,
        request_id=request.request_id,
    )
    await _keep_chosen(request, started.token)
    return Redirect(to=links.START, session=started.token, known_by=started.known_by)


async def choose_language(request: PageRequest[NoQuery], form: LanguageForm) -> Redirect:
    """POST /language: keep a language, and show the page before in it.

    It is kept in the account of whoever is signed in, and in this browser for the time after that.
    """
    if form.language and form.language not in LANGUAGES:
        raise InvalidContent(N_("there is no such language here"), pointer="/language")
    user: SignedIn | None = request.user
    if user is not None and user.language != form.language:
        await request.db.write(lambda tx: _keep_language(tx, request, user, form.language))
    target = form.next or ""
    here = links.SIGN_IN if target == links.SIGN_IN else None
    return Redirect(
        to=here or links.choose_destination(target, request.services.destinations),
        language=form.language,
    )


async def _keep_chosen(request: PageRequest[NoQuery], token: str) -> None:
    """Keep the language that was chosen in this browser for an account that has none."""
    if request.chosen_language:
        await request.db.write(
            lambda tx: own_sessions.keep_language(
                tx, request.secret, token, request.chosen_language
            )
        )


async def _keep_language(
    tx: Transaction, request: PageRequest[NoQuery], user: SignedIn, code: str
) -> None:
    await users.set_language(tx, user.organization_id, user.user_id, code)
    await audit.record(
        tx, user.environment_id, request.actor, "choose_language", "user", user.user_id
    )


async def sign_out(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST /sign-out: end this session."""
    user = request.user
    await sessions.delete_session(context.tx, user.organization_id, user.user_id, user.session_id)
    await context.note("session", user.session_id)
    return Redirect(to=links.SIGN_IN, flash=N_("You are signed out."), session="")


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
        body_limit=OPEN_BODY,
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
        body_limit=OPEN_BODY,
        opens_transactions=True,
    ),
    Page(
        page_id="accept_invitation",
        method="POST",
        path="/welcome",
        role=ANYONE,
        handler=accept_invitation,
        form=WelcomeForm,
        body_limit=OPEN_BODY,
        opens_transactions=True,
        form_page="show_welcome",
    ),
    Page(
        page_id="choose_language",
        method="POST",
        path="/language",
        role=ANYONE,
        handler=choose_language,
        form=LanguageForm,
        body_limit=OPEN_BODY,
        opens_transactions=True,
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

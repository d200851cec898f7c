"""Pages of a user's own account: name, password, and browser sessions."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.core.accounts import authentication, sessions, users
from plaudit.errors import NotFound
from plaudit.model.core import PersonRole
from plaudit.store.accounts import organizations, teams
from plaudit.store.accounts import sessions as sessions_store
from plaudit.texts import N_
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.speech import say

ACCOUNT = "/account"


class NameForm(Struct):
    """Form of POST /account/name; a blank name deletes it."""

    name: str | None


class PasswordForm(Struct):
    """Form of POST /account/password."""

    old_password: str
    new_password: str


async def show_account(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /account: the organization, and the user's sessions with the names of their browsers."""
    async with request.db.read() as tx:
        organization = await organizations.get_organization_name(tx, request.user.organization_id)
        own_sessions = await sessions.list_own_sessions(tx, request.user)
        skills = await teams.find_skills(tx, request.user.organization_id, request.user.user_id)
    return {
        "organization": organization,
        "own_languages": sorted(skills.languages),
        "tags": sorted(skills.tags),
        "sessions": [(session, agent_name(session.agent)) for session in own_sessions],
    }


async def change_own_name(
    request: PageRequest[NoQuery], submitted: NameForm, context: WriteContext
) -> Redirect:
    """POST /account/name: change the user's name."""
    user = request.user
    await users.change(context.tx, user.organization_id, user.user_id, {"name": submitted.name})
    await context.note("user", user.user_id, detail={"fields": ["name"]})
    return Redirect(to=ACCOUNT, flash=N_("Your name is changed."))


async def change_own_password(request: PageRequest[NoQuery], form: PasswordForm) -> Redirect:
    """POST /account/password: change the password; the other sessions end."""
    await authentication.change_password(
        request.db,
        request.services.throttle,
        request.user,
        request.client_info,
        old=form.old_password,
        new=form.new_password,
        request_id=request.request_id,
    )
    return Redirect(
        to=ACCOUNT, flash=N_("Your password is changed. You are signed out everywhere else.")
    )


async def end_session(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST /account/sessions/{session_id}/end: sign out one browser; raises NotFound."""
    user, session_id = request.user, request.path["session_id"]
    if not await sessions_store.delete_session(
        context.tx, user.organization_id, user.user_id, session_id
    ):
        raise NotFound("this browser is signed out already")
    await context.note("session", session_id)
    if session_id == user.session_id:
        return Redirect(to=links.SIGN_IN, flash=N_("You are signed out."), session="")
    return Redirect(to=ACCOUNT, flash=N_("That browser is signed out."))


async def end_all_sessions(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST /account/sign-out-everywhere: sign out all browsers, this one too."""
    user = request.user
    count = await sessions_store.delete_sessions(context.tx, user.organization_id, user.user_id)
    await context.note("user", user.user_id, detail={"sessions": count})
    return Redirect(to=links.SIGN_IN, flash=N_("You are signed out everywhere."), session="")


def agent_name(agent: str) -> str:
    """Name a browser by its User-Agent, such as "Firefox on Linux"; only for its owner to see."""
    browsers = (
        ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"),
        ("Safari/", "Safari"), ("curl/", "curl"),
    )  # fmt: skip
    systems = (
        ("Windows", "Windows"), ("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"),
        ("Mac OS", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"),
    )  # fmt: skip
    browser = next((name for mark, name in browsers if mark in agent), "")
    system = next((name for mark, name in systems if mark in agent), "")
    if browser and system:
        return say("%(browser)s on %(system)s", browser=browser, system=system)
    return browser or system or say("A browser")


PAGES = (
    Page(
        page_id="show_account",
        path=ACCOUNT,
        role=PersonRole.annotator,
        handler=show_account,
        template="accounts/account.html",
    ),
    Page(
        page_id="change_own_name",
        method="POST",
        path=f"{ACCOUNT}/name",
        role=PersonRole.annotator,
        handler=change_own_name,
        form=NameForm,
        form_page="show_account",
    ),
    Page(
        page_id="change_own_password",
        method="POST",
        path=f"{ACCOUNT}/password",
        role=PersonRole.annotator,
        handler=change_own_password,
        form=PasswordForm,
        opens_transactions=True,
        form_page="show_account",
    ),
    Page(
        page_id="end_session",
        method="POST",
        path=f"{ACCOUNT}/sessions/{{session_id}}/end",
        role=PersonRole.annotator,
        handler=end_session,
        form=NoFields,
    ),
    Page(
        page_id="end_all_sessions",
        method="POST",
        path=f"{ACCOUNT}/sign-out-everywhere",
        role=PersonRole.annotator,
        handler=end_all_sessions,
        form=NoFields,
    ),
)

"""Pages of study links: people of Prolific and the like come in, and begin with one button.

The first visit changes nothing, so that programs that look at links make no accounts.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import parse_qs

from msgspec import Struct

from plaudit.api.http.bodies import OPEN_BODY
from plaudit.api.http.client_address import ROUTED, client_network
from plaudit.api.http.parameters import NoQuery
from plaudit.core.accounts import sessions, study_links
from plaudit.core.accounts.study_links import StudyEntry
from plaudit.core.common import audit
from plaudit.errors import Conflict
from plaudit.model.core import Actor
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects
from plaudit.texts import N_
from plaudit.workspace.http.page import ANYONE, Page, PageRequest, Redirect

STUDY = "/study/{token}"
PARTICIPANT_NAMES = ("PROLIFIC_PID", "participant")
SESSION_NAMES = ("SESSION_ID", "session")
FIELDS_MAX = 20


class StudyForm(Struct, kw_only=True):
    """Form of POST /study/{token}: the service's ids."""

    participant: str = ""
    session: str = ""


async def show_study(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /study/{token}: a button to begin with; raises NotFound for a link that is over."""
    async with request.db.read() as tx:
        link = await study_links.find_by_token(tx, request.secret, request.path["token"])
        project = await projects.get_project(tx, link.project_key)
    said = _query(request)
    return {
        "study_name": project.name,
        "tasks": link.tasks_in_all,
        "participant": _first(said, PARTICIPANT_NAMES),
        "session": _first(said, SESSION_NAMES),
        "path": f"/study/{request.path['token']}",
        "other": request.user if request.user is not None and not request.user.is_guest else None,
    }


async def enter_study(request: PageRequest[NoQuery], submitted: StudyForm) -> Redirect:
    """POST /study/{token}: make the account of whoever is new, and start their session."""
    user = request.user
    if user is not None and not user.is_guest:
        raise Conflict(N_("you are signed in; open the link in a window of its own"))
    async with request.db.read(snapshot=False) as tx:
        link = await study_links.find_by_token(tx, request.secret, request.path["token"])
    network = client_network(request.scope, request.settings.trusted_proxies, prefixes=ROUTED)
    request.services.entries.admit(network, link.link_id, time.monotonic())
    entry = StudyEntry(submitted.participant.strip(), submitted.session.strip())

    async def work(tx: Transaction) -> tuple[str, str | None]:
        project = await projects.get_project(tx, link.project_key)
        token = await study_links.enter(
            tx,
            request.secret,
            link,
            entry,
            user_id=None if user is None else user.user_id,
            agent=request.agent,
        )
        await audit.record(
            tx,
            project.environment_id,
            Actor("server", "study link", request.request_id),
            "enter_study",
            "study_link",
            link.link_id,
            project_key=link.project_key,
        )
        if token is not None:
            await sessions.keep_language(tx, request.secret, token, request.chosen_language)
        return project.project_id, token

    project_id, token = await request.db.write(work)
    return Redirect(to=f"/work/{project_id}", session=token)


def _query(request: PageRequest[Any]) -> dict[str, list[str]]:
    raw = request.scope["query_string"].decode("latin-1")
    try:
        return parse_qs(raw, max_num_fields=FIELDS_MAX, errors="replace")
    except ValueError:
        return {}


def _first(said: dict[str, list[str]], names: tuple[str, ...]) -> str:
    values = [value for name in names for value in said.get(name, [])]
    found = values[0] if values else ""
    # Prolific's own preview sends the name of the placeholder.
    return "" if "{%" in found else found[: study_links.ID_CHARS_MAX]


PAGES = (
    Page(
        page_id="show_study",
        path=STUDY,
        role=ANYONE,
        handler=show_study,
        template="accounts/study.html",
    ),
    Page(
        page_id="enter_study",
        path=STUDY,
        method="POST",
        role=ANYONE,
        handler=enter_study,
        form=StudyForm,
        body_limit=OPEN_BODY,
        opens_transactions=True,
        form_page="show_study",
    ),
)

"""Pages of the audit log in words: of a project for its managers, of everything for admins."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode

from msgspec import Struct, structs

from plaudit import clock
from plaudit.api.http.parameters import DateTime, Enum, Text
from plaudit.core.managing import history
from plaudit.core.managing.history import HistoryFilter, HistoryLine
from plaudit.core.tasks import excerpts
from plaudit.errors import InvalidContent
from plaudit.model.core import PersonRole, ProjectRow
from plaudit.store.accounts import organizations, project_members
from plaudit.store.deliveries import deliveries
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches, projects
from plaudit.store.webhooks import endpoints
from plaudit.texts import N_
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest
from plaudit.workspace.language.speech import say
from plaudit.workspace.projects import history_words
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.projects.pseudonyms import shown_names
from plaudit.workspace.projects.task_list_pages import find_person

HISTORY = "/history"
PROJECT_HISTORY = f"{PROJECT}/history"


class HistoryKind(StrEnum):
    """Kinds of things, as the form of a history has them."""

    tasks = "tasks"
    settings = "settings"
    people = "people"
    quality = "quality"
    files = "files"
    access = "access"


KINDS = {
    HistoryKind.tasks: (N_("Tasks and batches"), ("task", "action", "acceptance", "batch")),
    HistoryKind.settings: (N_("Projects and their settings"), ("project", "view")),
    HistoryKind.people: (
        N_("People and teams"),
        (
            *("organization", "user", "team", "member", "study_link", "session"),
            "preference",
        ),
    ),
    HistoryKind.quality: (N_("Gold, rules and pauses"), ("gold", "pause", "crossing")),
    HistoryKind.files: (
        N_("Files and deliveries"),
        ("job", "delivery", "dataset", "dataset_delivery", "schema", "attachment"),
    ),
    HistoryKind.access: (
        N_("Keys and webhooks"),
        ("key", "webhook", "webhook_message", "callback_secret"),
    ),
}
"""Words for each, and the kinds of objects that it has."""

_LINKS = {
    "task": f"{PROJECT}/tasks/{{object_id}}",
    "action": f"{PROJECT}/actions/{{object_id}}",
    "gold": f"{PROJECT}/gold/{{object_id}}",
    "project": "/projects/{object_id}",
    "delivery": "/deliveries/{object_id}",
    "team": "/teams/{object_id}",
    "webhook": "/webhooks/{object_id}",
}
"""Pages of objects by their kind; those below a project only where it is known."""


class HistoryQuery(Struct, frozen=True):
    """Query of GET /history and of a project's."""

    who: Annotated[
        str | None, Text(description="Who acted: an e-mail address, a user name or an id.")
    ] = None
    kind: Annotated[
        HistoryKind | None, Enum(words=HistoryKind, description="Kind of what was changed.")
    ] = None
    about: Annotated[str | None, Text(description="Id of what was changed.")] = None
    since: Annotated[int | None, DateTime(description="From this moment on.")] = None
    until: Annotated[int | None, DateTime(description="Until before this moment.")] = None
    before: Annotated[str | None, Text(description="Where the page starts.")] = None


class ShownLine(Struct, frozen=True, kw_only=True):
    """A line of a history in words; `path` is the page of its object, None without one."""

    line: HistoryLine
    who: str
    did: str
    kind: str
    name: str
    path: str | None
    project: ProjectRow | None


async def show_history(request: PageRequest[HistoryQuery]) -> dict[str, Any]:
    """GET /history: who did what in the organization."""
    return await _show(request, has_project=False)


async def show_project_history(request: PageRequest[HistoryQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/history: who did what in a project."""
    return await _show(request, has_project=True)


async def _show(request: PageRequest[HistoryQuery], *, has_project: bool) -> dict[str, Any]:
    query, user = request.query, request.user
    unknown = False
    async with request.db.read() as tx:
        project = await get_project(tx, request) if has_project else None
        actor_id = None
        try:
            if query.who:
                actor_id = await _actor_id(tx, user.organization_id, query.who)
        except InvalidContent:
            unknown = True
        conditions = HistoryFilter(
            project_key=None if project is None else project.project_key,
            actor_id=actor_id,
            object_id=query.about or None,
            object_kinds=() if query.kind is None else KINDS[query.kind][1],
            from_ms=query.since,
            until_ms=query.until,
        )
        page = history.HistoryPage([], None)
        if not unknown:
            page = await history.list_page(
                tx, user.environment_id, conditions, before_id=query.before
            )
        lines = await _in_words(tx, request, page.lines)
    path = HISTORY
    if project is not None:
        path = links.fill_path(PROJECT_HISTORY, project_id=project.project_id)
    return {
        "project": project,
        "lines": lines,
        "query": query,
        "path": path,
        "kinds": [(kind.value, title) for kind, (title, _) in KINDS.items()],
        "is_filtered": structs.replace(query, before=None) != HistoryQuery(),
        "unknown": unknown,
        "following": None if page.next_id is None else _following(request, page.next_id),
    }


async def _actor_id(tx: Transaction, organization_id: str, who: str) -> str:
    """Id of somebody by a login or an id; of a key by its id; raises InvalidContent."""
    if who.startswith("key_") or who in history_words.ACTORS:
        return who
    return await find_person(tx, organization_id, who, "/who")


def _following(request: PageRequest[HistoryQuery], before: str) -> str:
    """Query of the next page: this one's, from another entry on."""
    names = ("who", "kind", "about", "since", "until")
    given = {name: structs.asdict(request.query)[name] for name in names}
    times = {
        name: clock.format_ms(value)
        for name, value in given.items()
        if name in ("since", "until") and value is not None
    }
    shown = {name: str(value) for name, value in (given | times).items() if value is not None}
    return urlencode(shown | {"before": before})


async def _names(
    tx: Transaction, request: PageRequest[Any], lines: Sequence[HistoryLine]
) -> dict[str, str]:
    """Names by id: of people, teams, keys, batches and deliveries; URLs of webhooks on the page of
    everything, and on a project's the beginnings of tasks."""
    user = request.user
    ids = {line.actor.id for line in lines if line.actor.kind == "user"}
    ids |= {one.object_id for one in lines if one.object_kind in ("user", "member", "team")}
    found = await project_members.list_names(tx, user.organization_id, sorted(ids))
    names = {one: name or login or one for one, (login, name) in found.items()}
    key_ids = {line.actor.id for line in lines if line.actor.kind == "key"}
    key_ids |= {line.object_id for line in lines if line.object_kind == "key"}
    named = await organizations.list_key_names(tx, user.environment_id, sorted(key_ids))
    names |= {key_id: name for key_id, name in named.items() if name}
    batch_ids = sorted({one.object_id for one in lines if one.object_kind == "batch"})
    names |= await batches.find_batch_names(tx, user.environment_id, batch_ids)
    delivery_ids = sorted({one.object_id for one in lines if one.object_kind == "delivery"})
    names |= await deliveries.find_delivery_names(tx, user.environment_id, delivery_ids)
    if "project_id" not in request.path:
        endpoint_ids = sorted({one.object_id for one in lines if one.object_kind == "webhook"})
        return names | await endpoints.find_endpoint_urls(tx, user.environment_id, endpoint_ids)
    task_ids = sorted({one.object_id for one in lines if one.object_kind == "task"})
    return names | await excerpts.list_excerpts_by_id(tx, user.environment_id, task_ids)


async def _hidden_names(
    tx: Transaction,
    request: PageRequest[Any],
    lines: Sequence[HistoryLine],
    by_key: dict[int, ProjectRow],
) -> dict[str, str]:
    """Pseudonyms of those who were paused or tested, on the page of a project that has them."""
    found = [one for one in by_key.values() if one.project_id == request.path.get("project_id")]
    if not found or not project_detail(found[0]).pseudonyms:
        return {}
    told = [one for one in lines if one.action in history_words.OF_WORKERS]
    ids = {one.actor.id for one in told if one.action == "appeal_pause"}
    ids |= {one.object_id for one in told if one.object_kind == "user"}
    return await shown_names(tx, request, found[0], ids)


async def _in_words(
    tx: Transaction, request: PageRequest[Any], lines: Sequence[HistoryLine]
) -> list[ShownLine]:
    """Lines in words, with the names of people, and of projects that are still there."""
    user = request.user
    keys = sorted({abs(line.project_key) for line in lines if line.project_key})
    by_key = await projects.find_projects(tx, user.environment_id, keys)
    names = await _names(tx, request, lines)
    hidden = await _hidden_names(tx, request, lines, by_key)
    shown = []
    for line in lines:
        project = by_key.get(abs(line.project_key))
        known = names | hidden if line.action in history_words.OF_WORKERS else names
        actor = line.actor
        who = known.get(actor.id) or history_words.ACTORS.get(actor.kind) or actor.id
        name = known.get(line.object_id, line.object_id)
        if line.object_kind == "project" and project is not None:
            name = project.name
        shown.append(
            ShownLine(
                line=line,
                who=say(who),
                did=say(history_words.WORDS.get(line.action, line.action)),
                kind=say(history_words.OBJECTS.get(line.object_kind, line.object_kind)),
                name=name,
                path=_path_of(line, project),
                project=project,
            )
        )
    return shown


def _path_of(line: HistoryLine, project: ProjectRow | None) -> str | None:
    template = _LINKS.get(line.object_kind)
    if template is None or ("project_id" in template and project is None):
        return None
    project_id = "" if project is None else project.project_id
    return links.fill_path(template, project_id=project_id, object_id=line.object_id)


PAGES = (
    Page(
        page_id="show_history",
        path=HISTORY,
        role=PersonRole.admin,
        handler=show_history,
        query=HistoryQuery,
        template="projects/history.html",
        nav=N_("History"),
        nav_order=75,
        nav_section=N_("Settings"),
    ),
    Page(
        page_id="show_project_history",
        path=PROJECT_HISTORY,
        role=PersonRole.manager,
        handler=show_project_history,
        query=HistoryQuery,
        template="projects/history.html",
    ),
)

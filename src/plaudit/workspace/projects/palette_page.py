"""Command palette: projects and people by a part of their name, tasks by id or words."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Struct

from plaudit.api.http.parameters import Text
from plaudit.core.accounts import permissions
from plaudit.core.managing import task_list, words
from plaudit.core.tasks import excerpts
from plaudit.errors import InvalidContent, InvalidParameter
from plaudit.model.core import PersonRole
from plaudit.model.managing import TaskConditions, TaskOrder
from plaudit.store.common import names
from plaudit.store.common.names import Named
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects
from plaudit.store.tasks.task_locators import locate_tasks
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest

PART_CHARS_MAX = 200
SEARCHED_MAX = 2
"""Projects, the newest ones, whose tasks are looked through where none is named."""

FOUND_MAX = 8
"""Things of one kind that are shown."""


class FoundKind(StrEnum):
    """Kind of a thing that can be found by its name."""

    project = "Project"
    task = "Task"
    person = "Person"


class FindQuery(Struct, frozen=True):
    """Part of a name, a task's id, or words that a task says."""

    q: Annotated[
        str, Text(description="A part of a name, an id, or words that tasks say; 200 characters.")
    ] = ""
    project: Annotated[
        str | None, Text(description="The project whose tasks are looked for; else the newest.")
    ] = None


class Found(Struct, frozen=True):
    """One thing that was found, and the page that shows it to whoever asks."""

    kind: FoundKind
    name: str
    path: str


class FindAnswer(Struct, frozen=True):
    """Projects by name, then a task by id, then people by name; FOUND_MAX of each at most."""

    found: list[Found]


async def find_by_name(request: PageRequest[FindQuery]) -> FindAnswer:
    """GET /find: what carries this name, or this id, and may be opened by the user."""
    user, part = request.user, request.query.q.strip()
    if len(part) > PART_CHARS_MAX:
        raise InvalidParameter(f"q has at most {PART_CHARS_MAX} characters", param="q")
    if not part:
        return FindAnswer([])
    is_manager = permissions.has_role(user, PersonRole.manager)
    found: list[Found] = []
    async with request.db.read() as tx:
        of_project = "/projects/{project_id}" if is_manager else "/work/{project_id}"
        for project_id, name in await names.find_by_part(
            tx,
            Named.project,
            user.environment_id,
            part,
            FOUND_MAX,
            seen_by=None if is_manager else (user.organization_id, user.user_id),
        ):
            path = links.fill_path(of_project, project_id=project_id)
            found.append(Found(FoundKind.project, name, path))
        place = (await locate_tasks(tx, user.environment_id, [part])).get(part)
        if place is not None and is_manager:
            project = await projects.get_project(tx, place[0])
            path = links.fill_path(
                "/projects/{project_id}/tasks/{task_id}",
                project_id=project.project_id,
                task_id=part,
            )
            found.append(Found(FoundKind.task, part, path))
        if is_manager:
            found += await _find_tasks(tx, request, part)
        if permissions.has_role(user, PersonRole.admin):
            found += [
                Found(FoundKind.person, email, "/people")
                for _, email in await names.find_by_part(
                    tx, Named.person, user.organization_id, part, FOUND_MAX
                )
            ]
    return FindAnswer(found)


async def _find_tasks(tx: Transaction, request: PageRequest[FindQuery], part: str) -> list[Found]:
    """The newest FOUND_MAX tasks that say these words, of one project or of the newest ones.

    The last word is taken for the beginning of one, if it is long enough.
    """
    text = part if part.endswith("*") else f"{part}*"
    try:
        words.terms_of(text)
    except InvalidContent:
        text = part
    environment_id = request.user.environment_id
    if request.query.project is not None:
        one = await projects.find_project(tx, environment_id, request.query.project)
        listed = [] if one is None else [one]
    else:
        listed = await projects.list_newest_projects(tx, environment_id, limit=SEARCHED_MAX)
    found: list[Found] = []
    for project in listed:
        try:
            page = await task_list.list_page(
                tx,
                project.project_key,
                TaskConditions(text=text),
                TaskOrder.newest,
                limit=FOUND_MAX - len(found),
            )
        except InvalidContent:  # no word is among what was typed
            return []
        prompts = await excerpts.list_excerpts(
            tx, project.project_key, [row.seq for row in page.rows]
        )
        for row in page.rows:
            path = links.fill_path(
                "/projects/{project_id}/tasks/{task_id}",
                project_id=project.project_id,
                task_id=row.task_id,
            )
            found.append(Found(FoundKind.task, prompts.get(row.seq, row.task_id), path))
        if len(found) >= FOUND_MAX:
            break
    return found


PAGES = (
    Page(
        page_id="find_by_name",
        path="/find",
        role=PersonRole.annotator,
        handler=find_by_name,
        query=FindQuery,
    ),
)

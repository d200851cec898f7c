"""Command palette: projects, tasks and people by a part of their name, for every page's script."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Struct

from plaudit.api.http.parameters import Text
from plaudit.core.accounts import permissions
from plaudit.errors import InvalidParameter
from plaudit.model.core import PersonRole
from plaudit.store.common import names
from plaudit.store.common.names import Named
from plaudit.store.tasks import projects
from plaudit.store.tasks.task_locators import locate_tasks
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest

PART_CHARS_MAX = 200
FOUND_MAX = 8
"""Things of one kind that are shown."""


class FoundKind(StrEnum):
    """Kind of a thing that can be found by its name."""

    project = "Project"
    task = "Task"
    person = "Person"


class FindQuery(Struct, frozen=True):
    """Part of a name, or a task's id."""

    q: Annotated[str, Text(description="A part of a name of at most 200 characters, or an id.")] = (
        ""
    )


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
        if permissions.has_role(user, PersonRole.admin):
            found += [
                Found(FoundKind.person, email, "/people")
                for _, email in await names.find_by_part(
                    tx, Named.person, user.organization_id, part, FOUND_MAX
                )
            ]
    return FindAnswer(found)


PAGES = (
    Page(
        page_id="find_by_name",
        path="/find",
        role=PersonRole.annotator,
        handler=find_by_name,
        query=FindQuery,
    ),
)

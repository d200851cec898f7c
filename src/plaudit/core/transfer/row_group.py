"""Kinds of archive lines that the operator alone imports, in groups that are stored together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from plaudit import ids
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import InvalidContent, Problem
from plaudit.store.accounts import users
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects
from plaudit.wire.v2.parse import moment

RowResult = str | Problem
"""Result of one line: "added", "updated", "unchanged", or the Problem that rejected it."""


class RowScope(Struct, frozen=True):
    """Destination of the lines of an import; `organization_id` is None for a test environment."""

    environment_id: str
    organization_id: str | None
    secret: ServerSecret
    replace: bool


class RowGroup(Struct, frozen=True):
    """Kinds of lines that one transaction stores together.

    `readers` turn a decoded value into a struct, by kind, and raise InvalidContent; `store` stores
    such structs, in their order, and returns a result for each.
    """

    readers: Mapping[str, Callable[[Any], Any]]
    store: Callable[[Transaction, RowScope, Sequence[Any]], Awaitable[list[RowResult]]]


async def find_project_keys(
    tx: Transaction, scope: RowScope, project_ids: Iterable[str | None]
) -> dict[str, int]:
    """Map the ids of stored projects to their keys; None and unknown ids are left out."""
    keys = {}
    for project_id in dict.fromkeys(project_ids):
        if project_id is not None:
            project = await projects.find_project(tx, scope.environment_id, project_id)
            if project is not None:
                keys[project_id] = project.project_key
    return keys


async def find_user_ids(tx: Transaction, scope: RowScope, user_ids: Iterable[str]) -> set[str]:
    """Return those of these ids that belong to users of the organization."""
    if scope.organization_id is None:
        return set()
    return set(await users.find_people(tx, scope.organization_id, user_ids))


def unknown_project(project_id: str) -> InvalidContent:
    """Return the problem of a line whose project is not stored."""
    return InvalidContent(f"there is no project {project_id!r}", pointer="/project")


def unknown_user(user_id: str) -> InvalidContent:
    """Return the problem of a line whose user the organization does not have."""
    return InvalidContent(f"the organization has no user {user_id!r}", pointer="/user")


def check_ids(**named: str | None) -> None:
    """Raise InvalidContent at the first of these members that is no id; None is fine."""
    for name, text in named.items():
        if text is not None and not ids.is_usable(text):
            raise InvalidContent(
                "an id has 1 to 255 characters, no control characters", pointer=f"/{name}"
            )


def required_moment(text: str, pointer: str) -> int:
    """Milliseconds of an ISO 8601 text; raises InvalidContent at `pointer`."""
    ms = moment(text, pointer)
    assert ms is not None
    return ms

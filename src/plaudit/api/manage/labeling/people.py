"""Projects and people that operations on work name."""

from __future__ import annotations

from typing import Any

from plaudit.api.http.operation import Call
from plaudit.core.staffing import roles, seats
from plaudit.errors import Forbidden, InvalidContent, NotFound
from plaudit.model.core import PersonRole, PersonStatus, ProjectRow
from plaudit.store.accounts import organizations, users
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks.projects import find_project


async def get_project(call: Call[Any], tx: Transaction) -> ProjectRow:
    """The project of the path; raises NotFound."""
    project = await find_project(tx, call.caller.environment_id, call.path["project_id"])
    if project is None:
        raise NotFound("there is no such project")
    return project


async def reviewer_of(
    call: Call[Any], tx: Transaction, project: ProjectRow, user_id: str | None, pointer: str
) -> str:
    """Id of whoever acts: a person who may review the project, or with None the key itself.

    Raises InvalidContent with the pointer for somebody unknown, and Forbidden.
    """
    if user_id is None:
        return call.actor.id
    account = await organizations.find_organization(tx, project.environment_id)
    people = await users.find_people(tx, "" if account is None else account[0], {user_id})
    if not people:
        raise InvalidContent("there is nobody with this id", pointer=pointer)
    seat = await seats.find_seat(tx, project, user_id)
    is_active = people[user_id].status is not PersonStatus.removed
    rank = 0 if seat.role is None else roles.RANKS[seat.role]
    if not is_active or rank < roles.RANKS[PersonRole.reviewer]:
        raise Forbidden("this person may not review the project")
    return user_id

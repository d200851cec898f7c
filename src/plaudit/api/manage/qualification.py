"""Qualification of people under /manage/v1/projects/…: settings, people, and beginning anew."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Struct

from plaudit.api.http.operation import Call, WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.api.manage.common import LIMIT, NEXT_TOKEN, PAGE_MAX, declare
from plaudit.core.quality_control import listing, qualification, qualified_people
from plaudit.model.core import ProjectRow, Role
from plaudit.model.quality_control import QualificationSettings
from plaudit.store.engine.engine import Transaction
from plaudit.wire.manage.resources import Nothing
from plaudit.wire.manage.rules import BegunAnew, Qualification, QualifiedPage


class AskedQualification(Struct, forbid_unknown_fields=True, kw_only=True):
    """Settings to set; what is absent has its default."""

    training: int = 0
    test: int = 10
    pass_mark: float = 0.8
    attempts: int = 3
    wait_hours: int = 24
    asks_again: bool = False


class SetQualification(Struct, forbid_unknown_fields=True, kw_only=True):
    """The settings of a project; null takes the test away."""

    settings: AskedQualification | None


class ListQualified(Struct, frozen=True):
    """Query of GET …/qualification/people."""

    limit: Annotated[int, LIMIT] = PAGE_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


async def get_qualification(call: Call[NoQuery]) -> Qualification:
    """GET …/qualification: settings, and the gold tasks that there are for them."""
    async with call.services.db.read() as tx:
        return await qualified_people.get_qualification(tx, await _get_project(tx, call))


async def set_qualification(
    call: Call[NoQuery], body: SetQualification, context: WriteContext
) -> Qualification:
    """PUT …/qualification: set training and test, or take them away."""
    project = await _get_project(context.tx, call)
    asked = body.settings
    wanted = None if asked is None else QualificationSettings(**msgspec.structs.asdict(asked))
    changed = await qualified_people.set_qualification(context.tx, project, wanted)
    return await _noted(context, changed)


async def ask_again(call: Call[NoQuery], body: Nothing, context: WriteContext) -> Qualification:
    """POST …/qualification/ask-again: have everybody begin anew; raises Conflict."""
    project = await _get_project(context.tx, call)
    return await _noted(context, await qualified_people.ask_again(context.tx, project))


async def list_qualified(call: Call[ListQualified]) -> QualifiedPage:
    """GET …/qualification/people: one page of people who have begun."""
    async with call.services.db.read() as tx:
        return await qualified_people.people_page(
            tx,
            call.services.secret,
            await _get_project(tx, call),
            limit=call.query.limit,
            next_token=call.query.next_token,
        )


async def begin_anew(call: Call[NoQuery], body: Nothing, context: WriteContext) -> BegunAnew:
    """POST …/qualification/people/{user_id}/begin-anew: all attempts again; raises NotFound."""
    project = await _get_project(context.tx, call)
    user_id = call.path["user_id"]
    await qualification.begin_anew(context.tx, project, user_id)
    await context.note("user", user_id, project_key=project.project_key)
    return BegunAnew(user_id=user_id)


async def _noted(context: WriteContext, project: ProjectRow) -> Qualification:
    answer = await qualified_people.get_qualification(context.tx, project)
    await context.note(
        "project",
        project.project_id,
        project_key=project.project_key,
        detail={"settings": answer.settings},
    )
    return answer


async def _get_project(tx: Transaction, call: Call[Any]) -> ProjectRow:
    return await listing.get_project(tx, call.caller.environment_id, call.path["project_id"])


_ASKED: dict[str, Any] = {"training": 5, "test": 10, "pass_mark": 0.8}
_SETTINGS = _ASKED | {"attempts": 3, "wait_hours": 24, "asks_again": False, "round": 1}
_EXAMPLE: dict[str, Any] = {"settings": _SETTINGS, "training_tasks": 5, "gold_tasks": 60}
_USER = "user_0193e8c1b2a4f0e1d2c3b4a5968778ac"
_PERSON: dict[str, Any] = {
    "user_id": _USER,
    "state": "failed",
    "trained": 5,
    "attempt": 1,
    "right": 6,
    "cases": 10,
    "is_current": True,
    "changed_at": "2025-01-03T08:00:00.000Z",
}
_PATH = "/projects/{project_id}/qualification"

OPERATIONS = (
    declare(
        "get_qualification", "GET", _PATH, role=Role.read, handler=get_qualification,
        summary="Get what people have to pass before they work on a project",
        answer=Qualification, answer_description="The settings.", example=_EXAMPLE, errors=(404,),
    ),
    declare(
        "set_qualification", "PUT", _PATH, role=Role.admin, handler=set_qualification,
        body=SetQualification,
        summary="Set what people have to pass before they work on a project",
        description="First `training` gold tasks that are for training, each with its answers and "
        "reason, then a test of `test` other gold tasks, of which a share of `pass_mark` has to be "
        "right. It can be taken `attempts` times, `wait_hours` apart, with other tasks. With "
        "`asks_again` everybody begins anew when the questions change. Null takes the test away.",
        answer=Qualification, answer_description="The settings as they now are.",
        example=_EXAMPLE, body_example={"settings": _ASKED}, errors=(404,),
    ),
    declare(
        "ask_again", "POST", f"{_PATH}/ask-again", role=Role.admin, handler=ask_again,
        body=Nothing, summary="Have everybody qualify anew",
        description="Nobody gets a task before they have passed once more. Their open tasks stay.",
        answer=Qualification, answer_description="The settings, of the next round.",
        example=_EXAMPLE | {"settings": _SETTINGS | {"round": 2}}, body_example={}, errors=(404,),
    ),
    declare(
        "list_qualified", "GET", f"{_PATH}/people", role=Role.admin, handler=list_qualified,
        query=ListQualified, summary="List who has begun to qualify",
        answer=QualifiedPage, answer_description="One page of people, by `user_id`.",
        example={"people": [_PERSON], "next_token": None}, errors=(404,),
    ),
    declare(
        "begin_anew", "POST", f"{_PATH}/people/{{user_id}}/begin-anew", role=Role.admin,
        handler=begin_anew, body=Nothing, summary="Let a person qualify anew, with all attempts",
        answer=BegunAnew, answer_description="The person.", example={"user_id": _USER},
        body_example={}, errors=(404,),
    ),
)  # fmt: skip

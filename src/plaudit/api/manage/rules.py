"""Quality rules, the people who crossed them, and pauses, under /manage/v1/projects/…."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Struct

from plaudit.api.http.bodies import NOTE_BODY
from plaudit.api.http.operation import Call, WriteContext
from plaudit.api.http.parameters import Enum, NoQuery
from plaudit.api.manage.common import LIMIT, NEXT_TOKEN, PAGE_MAX, declare
from plaudit.core.quality_control import listing, pauses
from plaudit.core.tasks import projects
from plaudit.core.tasks.quality_rules import QualityRule
from plaudit.model.core import ProjectRow, Role
from plaudit.model.quality_control import PauseRow
from plaudit.store.engine.engine import Transaction
from plaudit.wire.manage.rules import CrossingPage, PausePage, PersonPause, RuleList
from plaudit.wire.v2.resources import project_detail


class SetRules(Struct, forbid_unknown_fields=True, kw_only=True):
    """The rules of a project, all of them; an empty list takes them away."""

    ACCEPTED: ClassVar[dict[str, Any]] = QualityRule.ACCEPTED

    rules: list[QualityRule]


class PausePerson(Struct, forbid_unknown_fields=True, kw_only=True):
    """A person to pause, and the reason that they read."""

    user_id: str
    reason: str


class LiftPause(Struct, forbid_unknown_fields=True, kw_only=True):
    """An answer that the person reads, if there is one."""

    answer: str | None = None


class UpholdPause(Struct, forbid_unknown_fields=True, kw_only=True):
    """The answer to a person's appeal."""

    answer: str


class PauseStatus(StrEnum):
    """State of a pause."""

    open = "open"
    ended = "ended"


class ListPauses(Struct, frozen=True):
    """Query of GET …/pauses."""

    status: Annotated[
        PauseStatus | None, Enum(description="Only pauses in this state.", words=PauseStatus)
    ] = None
    limit: Annotated[int, LIMIT] = PAGE_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


class ListCrossings(Struct, frozen=True):
    """Query of GET …/crossings."""

    limit: Annotated[int, LIMIT] = PAGE_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


async def get_rules(call: Call[NoQuery]) -> RuleList:
    """GET …/rules: the rules of a project."""
    async with call.services.db.read() as tx:
        project = await _get_project(tx, call)
    return _rules(project)


async def set_rules(call: Call[NoQuery], body: SetRules, context: WriteContext) -> RuleList:
    """PUT …/rules: replace the rules of a project."""
    before, project = await projects.change_project(
        context.tx,
        context.environment_id,
        call.path["project_id"],
        {"rules": msgspec.to_builtins(body.rules) or None},
    )
    await context.note(
        "project",
        project.project_id,
        project_key=project.project_key,
        detail={"from": project_detail(before).rules, "to": project_detail(project).rules},
    )
    return _rules(project)


async def list_pauses(call: Call[ListPauses]) -> PausePage:
    """GET …/pauses: one page of pauses, newest first."""
    status = call.query.status
    async with call.services.db.read() as tx:
        return await listing.pause_page(
            tx,
            call.services.secret,
            await _get_project(tx, call),
            is_open=None if status is None else status is PauseStatus.open,
            limit=call.query.limit,
            next_token=call.query.next_token,
        )


async def list_crossings(call: Call[ListCrossings]) -> CrossingPage:
    """GET …/crossings: one page of rules that people crossed, newest first."""
    async with call.services.db.read() as tx:
        return await listing.crossing_page(
            tx,
            call.services.secret,
            await _get_project(tx, call),
            limit=call.query.limit,
            next_token=call.query.next_token,
        )


async def pause_person(
    call: Call[NoQuery], body: PausePerson, context: WriteContext
) -> PersonPause:
    """POST …/pauses: pause a person by hand; raises NotFound, Conflict."""
    project = await _get_project(context.tx, call)
    pause = await pauses.pause_by_hand(
        context.tx, project, body.user_id, reason=body.reason, actor=context.actor
    )
    return await _noted(context, pause)


async def lift_pause(call: Call[NoQuery], body: LiftPause, context: WriteContext) -> PersonPause:
    """POST …/pauses/{pause_id}/lift: let the person work again; raises NotFound, Conflict."""
    project = await _get_project(context.tx, call)
    pause = await pauses.lift(
        context.tx, project, call.path["pause_id"], answer=body.answer, actor=context.actor
    )
    return await _noted(context, pause)


async def uphold_pause(
    call: Call[NoQuery], body: UpholdPause, context: WriteContext
) -> PersonPause:
    """POST …/pauses/{pause_id}/uphold: answer an appeal; raises NotFound, Conflict."""
    project = await _get_project(context.tx, call)
    pause = await pauses.uphold(
        context.tx, project, call.path["pause_id"], answer=body.answer, actor=context.actor
    )
    return await _noted(context, pause)


async def _noted(context: WriteContext, pause: PauseRow) -> PersonPause:
    await context.note(
        "pause", pause.pause_id, project_key=pause.project_key, detail={"user_id": pause.user_id}
    )
    return pauses.shown(pause)


async def _get_project(tx: Transaction, call: Call[Any]) -> ProjectRow:
    return await listing.get_project(tx, call.caller.environment_id, call.path["project_id"])


def _rules(project: ProjectRow) -> RuleList:
    return RuleList(rules=project_detail(project).rules or [])


_RULE: dict[str, Any] = {"collector": "gold", "threshold": 0.7, "action": "pause"}
_REVIEWS: dict[str, Any] = {
    "collector": "agreement",
    "threshold": 0.6,
    "action": "extra_reviews",
    "n": 20,
}
_PAUSE: dict[str, Any] = {
    "pause_id": "pause_0193e8c1b2a4f0e1d2c3b4a5968778ab",
    "user_id": "user_0193e8c1b2a4f0e1d2c3b4a5968778ac",
    "cause": "rule",
    "why": "Of 10 tasks whose right answers are known, 4 were answered right (40 %); 70 % are "
    "asked for here.",
    "rule": _RULE,
    "right": 4,
    "cases": 10,
    "paused_at": "2025-01-03T08:00:00.000Z",
    "appeal": "I had not seen the new guidelines.",
    "appealed_at": "2025-01-03T09:00:00.000Z",
}
_CROSSING: dict[str, Any] = {
    "crossing_id": "crossing_0193e8c1b2a4f0e1d2c3b4a5968778ab",
    "user_id": _PAUSE["user_id"],
    "rule": _REVIEWS,
    "right": 8,
    "cases": 24,
    "why": "In 8 of 24 tasks the answers were mostly those of the majority (33 %); 60 % are asked "
    "for here.",
    "crossed_at": "2025-01-03T08:00:00.000Z",
}
_PROJECT = "/projects/{project_id}"
_ONE_PAUSE = f"{_PROJECT}/pauses/{{pause_id}}"

OPERATIONS = (
    declare(
        "get_rules", "GET", f"{_PROJECT}/rules", role=Role.read, handler=get_rules,
        summary="Get the quality rules of a project",
        answer=RuleList, answer_description="The rules.",
        example={"rules": [_RULE, _REVIEWS]}, errors=(404,),
    ),
    declare(
        "set_rules", "PUT", f"{_PROJECT}/rules", role=Role.admin, handler=set_rules,
        body=SetRules, body_limit=NOTE_BODY,
        summary="Replace the quality rules of a project",
        description="Each says whose cases are counted (`collector`), below which share of right "
        "ones (`threshold`) it is crossed, and what happens then (`action`). It needs ten cases, "
        "and the upper end of Wilson's 95 % interval below the threshold. For `skips` the "
        "threshold is a number of skips in a row. `extra_reviews` and `redo_last` are of `n` "
        "tasks. A rule acts once until the share is at its threshold again.",
        answer=RuleList, answer_description="The rules as they now are.",
        example={"rules": [_RULE, _REVIEWS]}, body_example={"rules": [_RULE, _REVIEWS]},
        errors=(404,),
    ),
    declare(
        "list_crossings", "GET", f"{_PROJECT}/crossings", role=Role.admin, handler=list_crossings,
        query=ListCrossings, summary="List who crossed which rule, newest first",
        answer=CrossingPage, answer_description="One page of crossings.",
        example={"crossings": [_CROSSING], "next_token": None}, errors=(404,),
    ),
    declare(
        "list_pauses", "GET", f"{_PROJECT}/pauses", role=Role.admin, handler=list_pauses,
        query=ListPauses, summary="List who is or was paused, newest first",
        description="With the reason that the person reads, what they answered, and what a "
        "manager said to it.",
        answer=PausePage, answer_description="One page of pauses.",
        example={"pauses": [_PAUSE], "next_token": None}, errors=(404,),
    ),
    declare(
        "pause_person", "POST", f"{_PROJECT}/pauses", role=Role.admin, handler=pause_person,
        body=PausePerson, body_limit=NOTE_BODY, summary="Pause a person in a project",
        description="They get no task of it, their open tasks go back into the queue, and what "
        "they typed is kept. Who is paused already is a 409.",
        answer=PersonPause, answer_description="The pause.", example=_PAUSE,
        body_example={"user_id": _PAUSE["user_id"], "reason": "Talk to me first."}, errors=(404,),
    ),
    declare(
        "lift_pause", "POST", f"{_ONE_PAUSE}/lift", role=Role.admin, handler=lift_pause,
        body=LiftPause, body_limit=NOTE_BODY, summary="Lift a pause",
        description="The person may work again, and rules look at what they do from now on alone.",
        answer=PersonPause, answer_description="The pause, which has ended.",
        example=_PAUSE | {"answer": "Welcome back.", "ended_at": "2025-01-03T10:00:00.000Z"},
        body_example={"answer": "Welcome back."}, errors=(404,),
    ),
    declare(
        "uphold_pause", "POST", f"{_ONE_PAUSE}/uphold", role=Role.admin, handler=uphold_pause,
        body=UpholdPause, body_limit=NOTE_BODY, summary="Answer an appeal and leave the pause",
        description="A 409 where no appeal waits for an answer.",
        answer=PersonPause, answer_description="The pause, which stays.",
        example=_PAUSE | {"answer": "Please read them, then write to me."},
        body_example={"answer": "Please read them, then write to me."}, errors=(404,),
    ),
)  # fmt: skip

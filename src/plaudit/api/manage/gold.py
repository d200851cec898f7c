"""Gold under /manage/v1: tasks with expected answers, which people answer without knowing."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit import clock
from plaudit.api.http.bodies import LARGE_BODY
from plaudit.api.http.operation import Call, WriteContext
from plaudit.api.http.parameters import IntRange, NoQuery
from plaudit.api.manage.common import NEXT_TOKEN, declare
from plaudit.api.openapi import examples
from plaudit.core.common import page_tokens
from plaudit.core.quality_control import gold_tasks
from plaudit.core.quality_control.gold_tasks import ListedGold
from plaudit.errors import NotFound
from plaudit.model.core import ProjectRow, Role
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks.projects import find_project
from plaudit.wire.manage.gold import (
    CreatedGold,
    CreateGold,
    GoldCreated,
    GoldEnded,
    GoldPage,
    GoldQuestionResult,
    GoldTask,
    GoldTaskContent,
)
from plaudit.wire.manage.resources import Nothing

LISTED_MAX = 50
_LIMIT = IntRange(
    description="How many to return at the most.", least=1, most=LISTED_MAX, default=LISTED_MAX
)


class ListGold(Struct, frozen=True):
    """Query of GET /manage/v1/projects/{project_id}/gold."""

    limit: Annotated[int, _LIMIT] = LISTED_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


class _GoldCursor(Struct, frozen=True, array_like=True, tag="gold page"):
    """The last gold task of a page, and its project."""

    project_id: str
    seq: int


async def create_gold(call: Call[NoQuery], body: CreateGold, context: WriteContext) -> GoldCreated:
    """POST /manage/v1/projects/{project_id}/gold: create gold tasks, all or none."""
    project = await _project(call, context.tx)
    task_ids = await gold_tasks.create_gold(context.tx, project, body.tasks)
    await context.note_many("gold", task_ids, project_key=project.project_key)
    return GoldCreated([CreatedGold(task_id) for task_id in task_ids])


async def list_gold(call: Call[ListGold]) -> GoldPage:
    """GET /manage/v1/projects/{project_id}/gold: gold tasks in use, oldest first."""
    secret, environment_id = call.services.secret, call.caller.environment_id
    limit, after_seq = call.query.limit, 0
    async with call.services.db.read() as tx:
        project = await _project(call, tx)
        if call.query.next_token is not None:
            cursor = page_tokens.decode(secret, environment_id, call.query.next_token, _GoldCursor)
            after_seq = cursor.seq if cursor.project_id == project.project_id else 0
        listed = await gold_tasks.list_gold(tx, project, after_seq=after_seq, limit=limit + 1)
    token = None
    if len(listed) > limit:
        listed.pop()
        last = _GoldCursor(project.project_id, listed[-1].row.seq)
        token = page_tokens.encode(secret, environment_id, last)
    return GoldPage(tasks=[GoldTask(**_fields(one)) for one in listed], next_token=token)


async def get_gold(call: Call[NoQuery]) -> GoldTaskContent:
    """GET /manage/v1/projects/{project_id}/gold/{task_id}: one gold task; raises NotFound."""
    async with call.services.db.read() as tx:
        listed = await gold_tasks.get_gold(tx, await _project(call, tx), call.path["task_id"])
        content = await gold_tasks.get_content(tx, listed.row)
    return GoldTaskContent(**_fields(listed), content=content)


async def end_gold(call: Call[NoQuery], body: Nothing, context: WriteContext) -> GoldEnded:
    """DELETE /manage/v1/projects/{project_id}/gold/{task_id}: give a gold task to nobody more."""
    project, task_id = await _project(call, context.tx), call.path["task_id"]
    await gold_tasks.end_gold(context.tx, project, task_id)
    await context.note("gold", task_id, project_key=project.project_key)
    return GoldEnded(task_id)


async def _project(call: Call[Any], tx: Transaction) -> ProjectRow:
    project = await find_project(tx, call.caller.environment_id, call.path["project_id"])
    if project is None:
        raise NotFound("there is no such project")
    return project


def _fields(listed: ListedGold) -> dict[str, Any]:
    return {
        "task_id": listed.row.task_id,
        "created_at": clock.format_ms(listed.row.created_ms),
        "excerpt": listed.excerpt,
        "expected": [question.expected for question in listed.questions],
        "training": listed.row.is_training,
        "reason": listed.row.reason,
        "answered": listed.answered,
        "questions": [
            GoldQuestionResult(
                at=question.expected.at,
                key=question.expected.key,
                answered=question.share.n,
                right=question.share.right,
                share=question.share.share,
                low=question.share.low,
                high=question.share.high,
            )
            for question in listed.questions
        ],
        "is_outdated": listed.is_outdated,
        "is_doubtful": listed.is_doubtful,
    }


_ONE = "/projects/{project_id}/gold/{task_id}"

OPERATIONS = (
    declare(
        "create_gold",
        "POST",
        "/projects/{project_id}/gold",
        role=Role.write,
        handler=create_gold,
        body=CreateGold,
        body_limit=LARGE_BODY,
        summary="Create gold: tasks with expected answers",
        description="People get them among their tasks, `gold.rate` of the project in all, and "
        "cannot tell them from others: they stand in no list, count, delivery, export or webhook. "
        "Each has a `content` of its own, or is a copy of the project's task `task_id`. An "
        "expected answer names its question by `at`, `key`, and where it is about a message by "
        "`source_id` (a step of it by `chunk`, a criterion by `criterion`); its `value` is one "
        "that a vote has: of a ranking or choice of responses their `source_id`s. "
        "`selected_model_id` may be expected where it follows from a preference: a `source_id` or "
        "`tie`. Texts of one's own are never right or wrong. Up to 100 at once; all are created, "
        "or none, and a fault names its place.",
        answer=GoldCreated,
        answer_description="The new tasks, in the order sent.",
        example=examples.GOLD_CREATED,
        body_example=examples.CREATE_GOLD,
        errors=(404,),
    ),
    declare(
        "list_gold",
        "GET",
        "/projects/{project_id}/gold",
        role=Role.write,
        handler=list_gold,
        query=ListGold,
        summary="List gold, with how people answer it",
        description="`right` of the people who `answered` gave the expected answer to a question; "
        "`low` and `high` are the 95 % interval of Wilson. One that most people fail `is_doubtful`"
        ": it is probably wrong itself. One whose question the form no longer asks, or whose "
        "value it no longer takes, `is_outdated`, and is not scored there.",
        answer=GoldPage,
        answer_description="One page of gold tasks in use, oldest first.",
        example={"tasks": [examples.GOLD_TASK]},
        errors=(404,),
    ),
    declare(
        "get_gold",
        "GET",
        _ONE,
        role=Role.write,
        handler=get_gold,
        summary="Get one gold task with its conversation",
        answer=GoldTaskContent,
        answer_description="The gold task.",
        example=examples.GOLD_TASK | {"content": examples.CREATE_GOLD["tasks"][0]["content"]},
        errors=(404,),
    ),
    declare(
        "end_gold",
        "DELETE",
        _ONE,
        role=Role.write,
        handler=end_gold,
        body=Nothing,
        summary="End a gold task",
        description="Nobody is given it any more, and whoever has it loses it. What people "
        "answered still counts for them.",
        answer=GoldEnded,
        answer_description="That it has ended.",
        example={"task_id": "task_0193e8c1b2a4f0e1d2c3b4a5968778ab", "ended": True},
        body_example={},
        errors=(404,),
    ),
)

"""Lists of tasks under /manage/v1, and actions on many tasks with their undo."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.api.http.operation import Call, WriteContext
from plaudit.api.http.parameters import DateTime, Enum, EnumList, NoQuery, Text
from plaudit.api.manage.common import LIMIT, NEXT_TOKEN, PAGE_MAX, declare
from plaudit.api.openapi import examples_lists as examples
from plaudit.api.transfer.action_job import (
    CHANGING,
    RESTORING,
    cancel_action,
    is_small,
    run_action,
)
from plaudit.core.managing import actions, details, task_list, undo, words
from plaudit.core.managing.task_change import ActionRequest
from plaudit.core.tasks.resolve import find_batch_by_name_or_id
from plaudit.core.transfer import jobs
from plaudit.errors import InvalidContent, InvalidParameter, NotFound
from plaudit.model.core import ProjectRow, Role, TaskStatus
from plaudit.model.managing import ActionKind, TaskConditions, TaskOrder
from plaudit.store.engine.engine import Transaction
from plaudit.store.managing import actions as actions_store
from plaudit.store.managing.actions import TaskAction
from plaudit.store.tasks.projects import find_project
from plaudit.store.tasks.task_locators import locate_tasks
from plaudit.store.tasks.task_summaries import TaskSummary
from plaudit.store.transfer.jobs import JobKind
from plaudit.wire.manage.resources import Nothing
from plaudit.wire.manage.task_lists import (
    ActOnTasks,
    ListedPerson,
    ListedTask,
    ListedTasks,
    TaskActionAnswer,
    TaskActions,
)

ACTIONS_LISTED_MAX = 50
ONLY = ("flagged", "in_review")

_decode_counts = msgspec.json.Decoder(dict[str, int]).decode


class SearchTasks(Struct, frozen=True, kw_only=True):
    """Query of GET …/task_list."""

    q: Annotated[
        str | None,
        Text(
            description="Words that prompts, responses or written answers have, all of them in "
            "any order; `pizz*` is every word that begins so."
        ),
    ] = None
    status: Annotated[
        TaskStatus | None, Enum(words=TaskStatus, description="Only tasks in this status.")
    ] = None
    batch: Annotated[str | None, Text(description="Only tasks of this batch: its name or id.")] = (
        None
    )
    user_id: Annotated[
        str | None, Text(description="Only tasks that this person was ever given.")
    ] = None
    only: Annotated[
        frozenset[str],
        EnumList(words=ONLY, description="Only flagged tasks, or those in review."),
    ] = frozenset()
    created_after: Annotated[
        int | None, DateTime(description="Only tasks created after this moment.")
    ] = None
    created_before: Annotated[
        int | None,
        DateTime(round_up=True, description="Only tasks created before this moment."),
    ] = None
    completed_after: Annotated[
        int | None, DateTime(description="Only tasks completed after this moment.")
    ] = None
    completed_before: Annotated[
        int | None,
        DateTime(round_up=True, description="Only tasks completed before this moment."),
    ] = None
    order: Annotated[
        TaskOrder,
        Enum(
            words=TaskOrder,
            description="`arrival` if it is absent. `completed`, `disagreement` and `flags` leave "
            "out tasks that are not completed, in review, or flagged.",
        ),
    ] = TaskOrder.arrival
    limit: Annotated[int, LIMIT] = PAGE_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


async def list_managed_tasks(call: Call[SearchTasks]) -> ListedTasks:
    """GET /manage/v1/projects/{project_id}/task_list: one page of a list of tasks."""
    query = call.query
    async with call.services.db.read() as tx:
        project = await _get_project(call, tx)
        batch = None
        if query.batch is not None:
            batch = await find_batch_by_name_or_id(tx, project, query.batch)
        conditions = TaskConditions(
            text=query.q,
            status=query.status,
            batch_id=None if batch is None else batch.batch_id,
            user_id=query.user_id,
            is_flagged="flagged" in query.only,
            is_in_review="in_review" in query.only,
            created_after=query.created_after,
            created_before=query.created_before,
            completed_after=query.completed_after,
            completed_before=query.completed_before,
        )
        try:
            page, token = await task_list.token_page(
                tx,
                call.services.secret,
                project,
                conditions,
                query.order,
                token=query.next_token,
                limit=query.limit,
            )
        except InvalidContent as problem:
            raise InvalidParameter(f"q: {problem.message}", param="q") from problem
        found = await details.list_details(tx, project.project_key, page.rows)
    return ListedTasks(
        tasks=[_listed(row, found[row.seq]) for row in page.rows],
        next_token=token,
        unread=page.unread_count,
        is_cut=page.is_cut,
    )


def _listed(row: TaskSummary, found: details.TaskDetails) -> ListedTask:
    work = found.work
    return ListedTask(
        task_id=row.task_id,
        status=row.status.value,
        batch_id=row.batch_id,
        created_at=clock.format_ms(row.created_ms),
        completed_at=None if row.completed_ms is None else clock.format_ms(row.completed_ms),
        excerpt=found.excerpt,
        flags=found.flag_count,
        people=[ListedPerson(user_id=user, status=status) for user, status in found.people],
        submitted=None if work is None else work.submitted_count,
        needed=None if work is None else work.needed,
        priority=None if work is None else -work.rank,
        disagreement=found.disagreement,
    )


async def act_on_tasks(
    call: Call[NoQuery], body: ActOnTasks, context: WriteContext
) -> TaskActionAnswer:
    """POST /manage/v1/projects/{project_id}/actions: change many tasks."""
    project = await _get_project(call, context.tx)
    most = actions.CHANGED_AT_ONCE_MAX
    if (body.task_ids is None) == (body.conditions is None):
        raise InvalidContent("give either task_ids or conditions", pointer="/task_ids")
    if body.task_ids is not None and not 0 < len(body.task_ids) <= most:
        raise InvalidContent(f"give 1 to {most} tasks by their ids", pointer="/task_ids")
    request = ActionRequest(
        kind=ActionKind(body.action),
        priority=body.priority,
        batch_id=body.batch_id,
        people=tuple(sorted(set(body.people))),
    )
    tx, actor = context.tx, call.actor
    action = await actions.begin(tx, project, actor.id, request)
    await context.note("action", action.action_id, project_key=project.project_key)
    if body.task_ids is not None:
        seqs = await _seqs_of(tx, project, body.task_ids)
        action = await actions.apply(tx, project, action, actor, seqs)
        return action_answer(await actions.finish(tx, action))
    assert body.conditions is not None
    given = body.conditions
    if given.q is not None:
        words.terms_of(given.q, pointer="/conditions/q")
    conditions = TaskConditions(
        text=given.q,
        status=None if given.status is None else TaskStatus(given.status),
        batch_id=given.batch_id,
        user_id=given.user_id,
        is_flagged=given.flagged,
        is_in_review=given.in_review,
    )
    await _start(call, context, project, action, conditions)
    return action_answer(action)


async def _seqs_of(tx: Transaction, project: ProjectRow, task_ids: list[str]) -> list[int]:
    located = await locate_tasks(tx, project.environment_id, task_ids)
    found: set[int] = set()
    for number, task_id in enumerate(task_ids):
        place = located.get(task_id)
        if place is None or place[0] != project.project_key:
            raise InvalidContent("the project has no such task", pointer=f"/task_ids/{number}")
        found.add(place[1])
    return sorted(found)


async def _start(
    call: Call[Any],
    context: WriteContext,
    project: ProjectRow,
    action: TaskAction,
    conditions: TaskConditions | None,
) -> None:
    """Add the job that applies an action, or undoes it; `begin_job` starts it."""
    phase = RESTORING if conditions is None else CHANGING
    request = {"project_id": project.project_id, "action_id": action.action_id}
    job = await jobs.start_job(
        context.tx, project.environment_id, call.actor.id, JobKind.action, request, phase
    )
    call.prepared = job, project, action, conditions


async def begin_job(call: Call[NoQuery]) -> None:
    """Run the job that was added, unless the answer is that of an earlier request."""
    if call.prepared is not None:
        job, project, action, conditions = call.prepared
        run = call.services.jobs.track(job)
        work = run_action(run, project, action, call.actor, conditions)
        call.services.jobs.start(run, work)


async def list_task_actions(call: Call[NoQuery]) -> TaskActions:
    """GET /manage/v1/projects/{project_id}/actions: the last actions, newest first."""
    async with call.services.db.read() as tx:
        project = await _get_project(call, tx)
        now = await tx.now_ms()
        listed = await actions_store.list_actions(tx, project.project_key, limit=ACTIONS_LISTED_MAX)
    return TaskActions(actions=[action_answer(actions.as_of(one, now)) for one in listed])


async def get_task_action(call: Call[NoQuery]) -> TaskActionAnswer:
    """GET /manage/v1/projects/{project_id}/actions/{action_id}: an action and its progress."""
    async with call.services.db.read() as tx:
        project = await _get_project(call, tx)
        return action_answer(await actions.get_action(tx, project, call.path["action_id"]))


async def undo_task_action(
    call: Call[NoQuery], body: Nothing, context: WriteContext
) -> TaskActionAnswer:
    """POST …/actions/{action_id}/undo: restore the tasks that nobody has changed since."""
    project = await _get_project(call, context.tx)
    action = await undo.begin_undo(context.tx, project, call.path["action_id"])
    await context.note("action", action.action_id, project_key=project.project_key)
    if is_small(action):
        return action_answer(await undo.undo_some(context.tx, project, action, call.actor))
    await _start(call, context, project, action, None)
    return action_answer(action)


async def cancel_task_action(
    call: Call[NoQuery], body: Nothing, context: WriteContext
) -> TaskActionAnswer:
    """POST …/actions/{action_id}/cancel: end an action, or its undo, that is under way."""
    project = await _get_project(call, context.tx)
    action_id = call.path["action_id"]
    _, call.prepared = await cancel_action(context.tx, project, action_id)
    await context.note("action", action_id, project_key=project.project_key)
    return action_answer(await actions.get_action(context.tx, project, action_id))


async def stop_job(call: Call[NoQuery]) -> None:
    """Tell the job of a cancelled action, should this process run it."""
    if call.prepared is not None:
        call.services.jobs.cancel(call.prepared.job_id)


def action_answer(action: TaskAction) -> TaskActionAnswer:
    """An action as it is answered."""
    request = actions.read_request(action.detail)
    return TaskActionAnswer(
        id=action.action_id,
        action=action.kind.value,
        state=action.state.value,
        created_at=clock.format_ms(action.created_ms),
        by=action.user_id,
        priority=request.priority,
        batch_id=request.batch_id,
        people=list(request.people),
        looked=action.looked_count,
        changed=action.changed_count,
        restored=action.restored_count,
        skipped=_decode_counts(action.skipped),
        kept=_decode_counts(action.kept),
    )


async def _get_project(call: Call[Any], tx: Transaction) -> ProjectRow:
    project = await find_project(tx, call.caller.environment_id, call.path["project_id"])
    if project is None:
        raise NotFound("there is no such project")
    return project


OPERATIONS = (
    declare(
        "list_managed_tasks",
        "GET",
        "/projects/{project_id}/task_list",
        role=Role.read,
        handler=list_managed_tasks,
        query=SearchTasks,
        summary="Look for tasks",
        description="By what they say, and by any other conditions, as managers see them in the "
        "workspace. A page looks at a bounded number of tasks: it may be short, or empty, and "
        "still have a `next_token`. `unread` is how many tasks were not searched yet.",
        answer=ListedTasks,
        answer_description="One page of tasks.",
        example=examples.LISTED_TASKS,
        errors=(404,),
    ),
    declare(
        "act_on_tasks",
        "POST",
        "/projects/{project_id}/actions",
        role=Role.write,
        handler=act_on_tasks,
        after=begin_job,
        body=ActOnTasks,
        summary="Change many tasks",
        description="`cancel`, `reopen`, `priority` (to `priority`), `batch` (to `batch_id`, or "
        "out of batches without one) or `assign` (to `people` by their ids; none is anybody). "
        "Up to 50 tasks named by `task_ids` are changed at once; all that meet `conditions`, by a "
        "job: ask for the action until its `state` is no longer `running`; 409 while another such "
        "job of the organization runs. A task that is not in the status that the action needs is "
        "skipped and counted. The action can be undone for a week.",
        answer=TaskActionAnswer,
        answer_description="The action.",
        example=examples.TASK_ACTION,
        body_example={"action": "cancel", "conditions": {"q": "pizza", "status": "pending"}},
        errors=(404, 409),
    ),
    declare(
        "list_task_actions",
        "GET",
        "/projects/{project_id}/actions",
        role=Role.read,
        handler=list_task_actions,
        summary="List the last actions on many tasks",
        answer=TaskActions,
        answer_description="The last 50 of a week, newest first.",
        example={"actions": [examples.TASK_ACTION]},
        errors=(404,),
    ),
    declare(
        "get_task_action",
        "GET",
        "/projects/{project_id}/actions/{action_id}",
        role=Role.read,
        handler=get_task_action,
        summary="Get an action on many tasks",
        answer=TaskActionAnswer,
        answer_description="The action, with its progress.",
        example=examples.TASK_ACTION,
        errors=(404,),
    ),
    declare(
        "undo_task_action",
        "POST",
        "/projects/{project_id}/actions/{action_id}/undo",
        role=Role.write,
        handler=undo_task_action,
        after=begin_job,
        body=Nothing,
        summary="Undo an action on many tasks",
        description="Each task that nobody has changed since is again as it was; `kept` counts "
        "the others. Reopened tasks are completed again, under a new completion time. Nothing "
        "that webhooks have told is taken back. 409 while the action runs, or if it is undone.",
        answer=TaskActionAnswer,
        answer_description="The action.",
        example=examples.TASK_ACTION | {"state": "undone", "restored": 2},
        body_example={},
        errors=(404, 409),
    ),
    declare(
        "cancel_task_action",
        "POST",
        "/projects/{project_id}/actions/{action_id}/cancel",
        role=Role.write,
        handler=cancel_task_action,
        after=stop_job,
        body=Nothing,
        summary="Cancel an action on many tasks",
        description="An action, or its undo, that is under way ends: what it changed by then stays "
        "changed, and can be undone. One that has ended is answered as it is.",
        answer=TaskActionAnswer,
        answer_description="The action.",
        example=examples.TASK_ACTION | {"state": "cancelled"},
        body_example={},
        errors=(404,),
    ),
)

"""Managers' actions on many tasks: begun on the list of tasks, shown with their undo."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from plaudit.api.http.bodies import NOTE_BODY
from plaudit.api.http.parameters import NoQuery, decode
from plaudit.api.transfer.action_job import (
    CHANGING,
    RESTORING,
    cancel_action,
    find_running_job,
    is_small,
    run_action,
)
from plaudit.core.common import audit
from plaudit.core.labeling import review_queue
from plaudit.core.managing import actions, undo
from plaudit.core.managing.actions import CHANGED_AT_ONCE_MAX, conditions_of
from plaudit.core.managing.task_change import ActionRequest
from plaudit.core.staffing.requirements import PEOPLE_MAX
from plaudit.core.transfer import jobs
from plaudit.errors import InvalidContent
from plaudit.model.core import PersonRole, ProjectRow
from plaudit.model.managing import ActionKind, ActionState, TaskConditions
from plaudit.store.engine.engine import Transaction
from plaudit.store.managing import actions as actions_store
from plaudit.store.managing.actions import TaskAction
from plaudit.store.tasks import batches
from plaudit.store.tasks.task_locators import locate_tasks
from plaudit.store.transfer.jobs import Job, JobKind
from plaudit.texts import N_
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.projects.task_list_pages import (
    TasksQuery,
    find_named,
    find_person,
    read_conditions,
)

ACTIONS = f"{PROJECT}/actions"
ACTION = f"{ACTIONS}/{{action_id}}"
LISTED_MAX = 20

DONE = {
    ActionKind.cancel: N_("Canceled"),
    ActionKind.reopen: N_("Reopened"),
    ActionKind.priority: N_("Priority set"),
    ActionKind.batch: N_("Moved to a batch"),
    ActionKind.assign: N_("Given to people"),
    ActionKind.accept: N_("Accepted after a sample"),
}
STATES = {
    ActionState.running: N_("under way"),
    ActionState.done: N_("done"),
    ActionState.broken: N_("broken off"),
    ActionState.cancelled: N_("cancelled"),
    ActionState.undoing: N_("being undone"),
    ActionState.undone: N_("undone"),
}

_decode_counts = msgspec.json.Decoder(dict[str, int]).decode


class ActionForm(Struct):
    """Form of an action: on the chosen tasks, or on all of the list whose query it brings."""

    action: str
    scope: str = "chosen"
    task: list[str] = []
    priority: str = ""
    batch: str = ""
    people: str = ""
    listing: str = ""


class ActionProgress(Struct, frozen=True):
    """Progress of an action as a script polls it; `running` while it is under way."""

    state: str
    phase: str
    done: int
    total: int = 0


async def act_on_page(request: PageRequest[NoQuery], form: ActionForm) -> Redirect:
    """POST …/actions: begin an action; raises InvalidContent or Conflict."""
    asked = _read_form(form)
    if form.scope == "all":
        named = await _named_in_list(request, form)
        if named is None:
            return await _act_on_all(request, form, asked)
        form = msgspec.structs.replace(form, task=[named])
    if not 0 < len(form.task) <= CHANGED_AT_ONCE_MAX:
        raise InvalidContent(N_("choose tasks first"), pointer="/task")

    async def work(tx: Transaction) -> tuple[ProjectRow, TaskAction]:
        project = await get_project(tx, request)
        located = await locate_tasks(tx, project.environment_id, form.task)
        places = {place for place in located.values() if place is not None}
        seqs = sorted(seq for key, seq in places if key == project.project_key)
        action = await _begin(tx, request, project, await _with_people(tx, request, form, asked))
        action = await actions.apply(tx, project, action, request.actor, seqs)
        return project, await actions.finish(tx, action)

    project, action = await request.db.write(work)
    return _to_action(project, action.action_id)


async def _named_in_list(request: PageRequest[NoQuery], form: ActionForm) -> str | None:
    """Id of the task that the listing of a form names, and so has alone; None for any other."""
    query = decode(TasksQuery, form.listing.encode())
    async with request.db.read() as tx:
        task = await find_named(tx, await get_project(tx, request), query)
    return None if task is None else task.task_id


async def _act_on_all(
    request: PageRequest[NoQuery], form: ActionForm, asked: ActionRequest
) -> Redirect:
    async def work(tx: Transaction) -> tuple[ProjectRow, TaskAction, Job, TaskConditions]:
        project = await get_project(tx, request)
        query = decode(TasksQuery, form.listing.encode())
        organization_id = request.user.organization_id
        conditions, order = await read_conditions(tx, organization_id, project, query)
        action = await _begin(tx, request, project, await _with_people(tx, request, form, asked))
        job = await _add_job(tx, request, project, action, CHANGING)
        return project, action, job, conditions_of(conditions, order)

    project, action, job, conditions = await request.db.write(work)
    _start(request, project, action, job, conditions)
    return _to_action(project, action.action_id)


async def _with_people(
    tx: Transaction, request: PageRequest[Any], form: ActionForm, asked: ActionRequest
) -> ActionRequest:
    """The request with the people of a form, which has their e-mail addresses or ids."""
    if asked.kind is not ActionKind.assign:
        return asked
    organization_id = request.user.organization_id
    found, named = set(), set(form.people.replace(",", " ").split())
    if len(named) > PEOPLE_MAX:
        raise InvalidContent(N_("name at most %(most)s people", most=PEOPLE_MAX), pointer="/people")
    for one in sorted(named):
        found.add(await find_person(tx, organization_id, one, "/people"))
    return msgspec.structs.replace(asked, people=tuple(sorted(found)))


async def _begin(
    tx: Transaction, request: PageRequest[Any], project: ProjectRow, asked: ActionRequest
) -> TaskAction:
    action = await actions.begin(tx, project, request.user.user_id, asked)
    await audit.record(
        tx,
        project.environment_id,
        request.actor,
        "act_on_tasks",
        "action",
        action.action_id,
        project_key=project.project_key,
    )
    return action


async def _add_job(
    tx: Transaction,
    request: PageRequest[Any],
    project: ProjectRow,
    action: TaskAction,
    phase: str,
) -> Job:
    about = {"project_id": project.project_id, "action_id": action.action_id}
    user_id = request.user.user_id
    return await jobs.start_job(tx, project.environment_id, user_id, JobKind.action, about, phase)


def _start(
    request: PageRequest[Any],
    project: ProjectRow,
    action: TaskAction,
    job: Job,
    conditions: TaskConditions | None,
) -> None:
    runner = request.services.jobs
    run = runner.track(job)
    runner.start(run, run_action(run, project, action, request.actor, conditions))


def _read_form(form: ActionForm) -> ActionRequest:
    if form.action not in set(ActionKind) - {ActionKind.accept}:
        raise InvalidContent(N_("choose what to do"), pointer="/action")
    kind = ActionKind(form.action)
    priority = None
    if kind is ActionKind.priority:
        try:
            priority = int(form.priority)
        except ValueError as exc:
            raise InvalidContent(N_("a priority is a whole number"), pointer="/priority") from exc
    return ActionRequest(
        kind=kind,
        priority=priority,
        batch_id=(form.batch or None) if kind is ActionKind.batch else None,
    )


async def show_actions(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/actions: the last actions of a project, newest first."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        now = await tx.now_ms()
        listed = await actions_store.list_actions(tx, project.project_key, limit=LISTED_MAX)
        people = await review_queue.display_names(
            tx, request.user.organization_id, {one.user_id for one in listed}
        )
    return {
        "project": project,
        "actions": [actions.as_of(one, now) for one in listed],
        "people": people,
        "done": DONE,
        "states": STATES,
    }


async def show_action(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/actions/{action_id}: an action, its progress, and its undo; raises NotFound."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        action = await actions.get_action(tx, project, request.path["action_id"])
        asked = actions.read_request(action.detail)
        people = await review_queue.display_names(
            tx, request.user.organization_id, [action.user_id, *asked.people]
        )
        batch = None
        if asked.batch_id is not None:
            batch = await batches.find_batch(tx, project.environment_id, asked.batch_id)
    return {
        "project": project,
        "action": action,
        "asked": asked,
        "batch": batch,
        "by": people[action.user_id],
        "people": [people[user_id] for user_id in asked.people],
        "done": DONE,
        "states": STATES,
        "skipped": _decode_counts(action.skipped),
        "kept": _decode_counts(action.kept),
        "is_under_way": action.state in actions.UNDER_WAY,
        "can_undo": action.state in undo.UNDOABLE and action.changed_count > action.restored_count,
    }


async def ask_action(request: PageRequest[NoQuery]) -> ActionProgress:
    """GET …/actions/{action_id}/progress: progress as JSON; raises NotFound."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        action = await actions.get_action(tx, project, request.path["action_id"])
        job = await find_running_job(tx, project, action.action_id)
    if action.state not in actions.UNDER_WAY:
        return ActionProgress(action.state.value, "", action.looked_count)
    phase = "" if job is None else jobs.job_progress(job).phase
    if action.state is ActionState.running:
        return ActionProgress("running", phase or CHANGING, action.looked_count)
    kept = sum(_decode_counts(action.kept).values())
    done = action.restored_count + kept
    return ActionProgress("running", phase or RESTORING, done, action.changed_count)


async def cancel_on_page(request: PageRequest[NoQuery], form: NoFields) -> Redirect:
    """POST …/actions/{action_id}/cancel: end an action, or its undo, unless it has ended."""

    async def work(tx: Transaction) -> tuple[ProjectRow, Job | None]:
        project = await get_project(tx, request)
        action_id = request.path["action_id"]
        is_cancelled, job = await cancel_action(tx, project, action_id)
        if is_cancelled:
            await audit.record(
                tx,
                project.environment_id,
                request.actor,
                "cancel_task_action",
                "action",
                action_id,
                project_key=project.project_key,
            )
        return project, job

    project, job = await request.db.write(work)
    if job is not None:
        request.services.jobs.cancel(job.job_id)
    return _to_action(project, request.path["action_id"])


async def undo_on_page(request: PageRequest[NoQuery], form: NoFields) -> Redirect:
    """POST …/actions/{action_id}/undo: undo an action; raises NotFound or Conflict."""

    async def work(tx: Transaction) -> tuple[ProjectRow, TaskAction, Job | None]:
        project = await get_project(tx, request)
        action = await undo.begin_undo(tx, project, request.path["action_id"])
        await audit.record(
            tx,
            project.environment_id,
            request.actor,
            "undo_task_action",
            "action",
            action.action_id,
            project_key=project.project_key,
        )
        if is_small(action):
            await undo.undo_some(tx, project, action, request.actor)
            return project, action, None
        return project, action, await _add_job(tx, request, project, action, RESTORING)

    project, action, job = await request.db.write(work)
    if job is not None:
        _start(request, project, action, job, None)
    return _to_action(project, action.action_id)


def _to_action(project: ProjectRow, action_id: str) -> Redirect:
    path = links.fill_path(ACTION, project_id=project.project_id, action_id=action_id)
    return Redirect(to=path)


PAGES = (
    Page(
        page_id="show_task_actions",
        path=ACTIONS,
        role=PersonRole.manager,
        handler=show_actions,
        template="projects/actions.html",
    ),
    Page(
        page_id="act_on_page",
        method="POST",
        path=ACTIONS,
        role=PersonRole.manager,
        handler=act_on_page,
        form=ActionForm,
        body_limit=NOTE_BODY,
        form_page="show_tasks",
        opens_transactions=True,
    ),
    Page(
        page_id="show_task_action",
        path=ACTION,
        role=PersonRole.manager,
        handler=show_action,
        template="projects/action.html",
    ),
    Page(
        page_id="ask_task_action",
        path=f"{ACTION}/progress",
        role=PersonRole.manager,
        handler=ask_action,
    ),
    Page(
        page_id="cancel_on_page",
        method="POST",
        path=f"{ACTION}/cancel",
        role=PersonRole.manager,
        handler=cancel_on_page,
        form=NoFields,
        form_page="show_task_action",
        opens_transactions=True,
    ),
    Page(
        page_id="undo_on_page",
        method="POST",
        path=f"{ACTION}/undo",
        role=PersonRole.manager,
        handler=undo_on_page,
        form=NoFields,
        form_page="show_task_action",
        opens_transactions=True,
    ),
)

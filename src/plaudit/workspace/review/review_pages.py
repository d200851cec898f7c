"""The pages of review: where something waits, a project's list, and one task with every answer.

What is decided there is in `review_calls`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.parameters import Enum, NoQuery, Text
from plaudit.core.accounts import permissions
from plaudit.core.common import page_tokens
from plaudit.core.labeling import question_results, review_queue
from plaudit.core.labeling.submissions import content_of
from plaudit.core.tasks.annotation_lookup import threads_of
from plaudit.errors import NotFound
from plaudit.model.core import PersonRole, ProjectRow, StoredTask, TaskStatus
from plaudit.model.labeling import QueuedTask, WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches, recent_completions, tasks, work_queue
from plaudit.store.tasks.tasks import TaskCursor
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.annotate import annotation_view
from plaudit.workspace.annotate.annotation_pages import excerpt, get_project
from plaudit.workspace.annotate.files import find_files
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest
from plaudit.workspace.render import rich_text
from plaudit.workspace.review import review_view

REVIEW = "/review"
PROJECT = "/review/{project_id}"
TASK = "/review/{project_id}/tasks/{task_id}"
PAGE_MAX = 50


class ReviewList(StrEnum):
    """What a project's list shows."""

    waiting = "waiting"
    reported = "reported"
    completed = "completed"


class ReviewListQuery(Struct, frozen=True):
    """Query of GET /review/{project_id}."""

    show: Annotated[ReviewList | None, Enum(description="What to list.", words=ReviewList)] = None
    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class _Place(Struct, frozen=True, array_like=True, tag="review"):
    """The task after which a page starts, and the walk that it belongs to."""

    project_key: int
    shelf: ReviewList
    completed_ms: int
    seq: int


class ReviewTaskRow(Struct, frozen=True):
    """One task of a list."""

    path: str
    excerpt: str
    task_id: str
    reason: str
    answer_count: int | None
    completed_ms: int | None


def task_path(project: ProjectRow, task_id: str) -> str:
    """Where a task is reviewed."""
    return links.fill_path(TASK, project_id=project.project_id, task_id=task_id)


async def show_review(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /review: the projects in which something waits."""
    async with visit.db.read() as tx:
        waiting, has_more = await review_queue.list_waiting(tx, visit.user.environment_id)
    is_manager = permissions.has_role(visit.user, PersonRole.manager)
    return {
        "waiting": [one for one in waiting if one.in_review or is_manager],
        "has_more": has_more,
        "most": review_queue.COUNTED_MAX,
        "is_manager": is_manager,
    }


async def show_review_list(visit: PageRequest[ReviewListQuery]) -> dict[str, Any]:
    """GET /review/{project_id}: one page of what waits, was reported or is completed."""
    shelf = visit.query.show or ReviewList.waiting
    async with visit.db.read() as tx:
        project = await get_project(tx, visit)
        if shelf is ReviewList.reported:
            permissions.require_role(visit.user, PersonRole.manager)
        rows, target = await _rows(tx, project, shelf, _start(visit, project, shelf))
    token = None
    if target is not None:
        token = page_tokens.encode(visit.secret, visit.user.environment_id, target)
    return {
        "project": project,
        "shelf": shelf.value,
        "rows": rows,
        "next_token": token,
        "is_manager": permissions.has_role(visit.user, PersonRole.manager),
    }


async def find_task(tx: Transaction, visit: PageRequest[Any], project: ProjectRow) -> StoredTask:
    """The task of the path, if the project has it; raises NotFound."""
    found = await tasks.find_task(tx, visit.user.environment_id, visit.path["task_id"])
    if found is None or found.project_key != project.project_key:
        raise NotFound("there is no such task")
    return found


async def show_review_task(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /review/{project_id}/tasks/{task_id}: the conversation with every answer."""
    async with visit.db.read() as tx:
        project = await get_project(tx, visit)
        task = await find_task(tx, visit, project)
        found = await work_queue.find_work(tx, task.project_key, task.seq)
        if found is not None and found.state is WorkState.quarantined:
            permissions.require_role(visit.user, PersonRole.manager)
        standing = await question_results.review_state(tx, project, task)
        said = await review_queue.list_actions(tx, project, task.seq)
        answered = await review_queue.list_submit_actions(tx, project, task.seq)
        people = [one.user_id for one in [*said, *answered]]
        people += [one.about for one in said if one.about]
        names = await review_queue.display_names(tx, visit.user.organization_id, people)
        batch = None
        if task.batch_id is not None:
            batch = await batches.find_batch(tx, project.environment_id, task.batch_id)
        files = await find_files(tx, project.environment_id, standing.content)
    detail = project_detail(project)

    def render() -> tuple[review_view.ReviewShown, Any]:
        is_blind = detail.blind is not False
        shown = review_view.build(standing, names, files, is_blind=is_blind)
        return shown, rich_text.render_markdown(detail.guidelines or "")

    shown, guidelines = await asyncio.to_thread(render)
    state = _state_of(task, standing, found)
    return {
        "project": project,
        "batch_name": None if batch is None else batch.name,
        "task": task,
        "path": task_path(project, task.task_id),
        "standing": state,
        "reason": _reason(found),
        "review": shown,
        "shown": shown.task,
        "judged": standing.submissions,
        "names": names,
        "events": review_view.events(standing, [*said, *answered], names),
        "reports": [one for one in said if one.kind == "report"],
        "revision": standing.revision,
        "guidelines": guidelines if detail.guidelines else None,
        "sections": sum(turn.is_asked for thread in shown.task.threads for turn in thread.turns),
        "state": annotation_view.as_json(
            {
                "project": project.project_id,
                "guidelines": annotation_view.fingerprint(detail.guidelines or ""),
                "path": task_path(project, task.task_id),
                "standing": state,
                "revision": standing.revision,
                "answers": shown.answers,
                "texts": shown.task.texts,
            }
        ),
    }


def _state_of(
    task: StoredTask, standing: question_results.ReviewState, found: QueuedTask | None
) -> str:
    """What can be decided: in_review, completed, quarantined; or nothing: open, ended."""
    if task.status is TaskStatus.completed and standing.threads is not None:
        return "completed"
    if task.status is not TaskStatus.pending:
        return "ended"
    return "open" if found is None else found.state.value


def _reason(found: QueuedTask | None) -> str:
    if found is None or found.state is WorkState.open:
        return ""
    words = {
        "all": "Every task is reviewed",
        "sample": "Drawn for the sample",
        "open questions": "People disagree",
    }
    return words.get(found.reason or "", found.reason or "")


def _start(
    visit: PageRequest[ReviewListQuery], project: ProjectRow, shelf: ReviewList
) -> TaskCursor:
    if visit.query.next_token is None:
        return recent_completions.LAST_CURSOR if shelf is ReviewList.completed else TaskCursor(0, 0)
    target = page_tokens.decode(
        visit.secret, visit.user.environment_id, visit.query.next_token, _Place
    )
    if (target.project_key, target.shelf) != (project.project_key, shelf):
        raise NotFound("this page belongs to another list")
    return TaskCursor(target.completed_ms, target.seq)


async def _rows(
    tx: Transaction, project: ProjectRow, shelf: ReviewList, start: TaskCursor
) -> tuple[list[ReviewTaskRow], _Place | None]:
    """One page of a list, and where the next one starts; None after the last."""
    if shelf is ReviewList.completed:
        done = await review_queue.list_completed(tx, project, before=start, limit=PAGE_MAX + 1)
        rows = [_row(project, one, None) for one in done[:PAGE_MAX]]
        return rows, _after(project, shelf, done)
    listing = (
        review_queue.list_quarantined
        if shelf is ReviewList.reported
        else review_queue.list_in_review
    )
    found = await listing(tx, project, after_seq=start.seq, limit=PAGE_MAX + 1)
    waiting = [await tasks.get_task(tx, project.project_key, one.seq) for one in found]
    rows = [
        _row(project, task, target)
        for task, target in zip(waiting[:PAGE_MAX], found[:PAGE_MAX], strict=True)
    ]
    return rows, _after(project, shelf, waiting)


def _after(project: ProjectRow, shelf: ReviewList, found: Sequence[StoredTask]) -> _Place | None:
    if len(found) <= PAGE_MAX:
        return None
    last = found[PAGE_MAX - 1]
    return _Place(project.project_key, shelf, last.completed_ms or 0, last.seq)


def _row(project: ProjectRow, task: StoredTask, found: QueuedTask | None) -> ReviewTaskRow:
    is_hidden = found is not None and found.state is WorkState.quarantined
    said = content_of(task) or ([] if task.body is None else threads_of(task, 0))
    return ReviewTaskRow(
        path=task_path(project, task.task_id),
        excerpt="" if is_hidden else excerpt(said),
        task_id=task.task_id,
        reason=_reason(found),
        answer_count=None if found is None else found.submitted_count,
        completed_ms=task.completed_ms,
    )


PAGES = (
    Page(
        page_id="show_review",
        path=REVIEW,
        role=PersonRole.reviewer,
        handler=show_review,
        template="review/projects.html",
        nav="Review",
        nav_order=20,
    ),
    Page(
        page_id="show_review_list",
        path=PROJECT,
        role=PersonRole.reviewer,
        handler=show_review_list,
        query=ReviewListQuery,
        template="review/list.html",
    ),
    Page(
        page_id="show_review_task",
        path=TASK,
        role=PersonRole.reviewer,
        handler=show_review_task,
        template="review/task.html",
    ),
)

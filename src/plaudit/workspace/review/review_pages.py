"""The pages of review: projects with waiting tasks, a project's list, one task with all answers.

What is decided there is in `review_calls`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.parameters import Enum, NoQuery, Text
from plaudit.core.accounts import permissions
from plaudit.core.common import page_tokens
from plaudit.core.labeling import question_results, review_queue
from plaudit.core.tasks import excerpts
from plaudit.core.tasks.forms import form_of
from plaudit.errors import NotFound
from plaudit.model.core import PersonRole, ProjectRow, StoredTask, TaskStatus
from plaudit.model.labeling import QueuedTask, SubmissionRow, WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import submissions
from plaudit.store.tasks import batches, recent_completions, task_summaries, tasks, work_queue
from plaudit.store.tasks.task_summaries import TaskSummary
from plaudit.store.tasks.tasks import TaskCursor
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.annotate import annotation_view
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.annotate.files import read_conversation
from plaudit.workspace.annotate.portions import Plan, Portion, TurnsQuery, hash_layout
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest
from plaudit.workspace.render.text_batch import RenderedText, TextBatch
from plaudit.workspace.review import review_view

REVIEW = "/review"
PROJECT = "/review/{project_id}"
TASK = "/review/{project_id}/tasks/{task_id}"
PAGE_MAX = 50


class ReviewList(StrEnum):
    """The lists of a project."""

    waiting = "waiting"
    reported = "reported"
    completed = "completed"


class ReviewListQuery(Struct, frozen=True):
    """Query of GET /review/{project_id}."""

    show: Annotated[ReviewList | None, Enum(description="What to list.", words=ReviewList)] = None
    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class _ListCursor(Struct, frozen=True, array_like=True, tag="review"):
    """Cursor of a list: its last task so far, and the project and list that it belongs to."""

    project_key: int
    shelf: ReviewList
    completed_ms: int
    seq: int


class ReviewTaskRow(Struct, frozen=True):
    """One task of a list; `reason` is why it waits."""

    path: str
    excerpt: str
    task_id: str
    reason: str
    answer_count: int | None
    completed_ms: int | None


def task_path(project: ProjectRow, task_id: str) -> str:
    """Path of the page on which a task is reviewed."""
    return links.fill_path(TASK, project_id=project.project_id, task_id=task_id)


async def show_review(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /review: the projects with tasks that wait for a reviewer."""
    async with request.db.read() as tx:
        waiting, has_more = await review_queue.list_waiting(tx, request.user.environment_id)
    is_manager = permissions.has_role(request.user, PersonRole.manager)
    return {
        "waiting": [backlog for backlog in waiting if backlog.in_review or is_manager],
        "has_more": has_more,
        "most": review_queue.COUNTED_MAX,
        "is_manager": is_manager,
    }


async def show_review_list(request: PageRequest[ReviewListQuery]) -> dict[str, Any]:
    """GET /review/{project_id}: one page of the waiting, reported or completed tasks."""
    shelf = request.query.show or ReviewList.waiting
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        if shelf is ReviewList.reported:
            permissions.require_role(request.user, PersonRole.manager)
        rows, cursor = await _rows(tx, project, shelf, _start(request, project, shelf))
    token = None
    if cursor is not None:
        token = page_tokens.encode(request.secret, request.user.environment_id, cursor)
    return {
        "project": project,
        "shelf": shelf.value,
        "rows": rows,
        "next_token": token,
        "is_manager": permissions.has_role(request.user, PersonRole.manager),
    }


async def find_task(tx: Transaction, request: PageRequest[Any], project: ProjectRow) -> StoredTask:
    """The task of the path, if the project has it; raises NotFound."""
    task = await tasks.find_task(tx, request.user.environment_id, request.path["task_id"])
    if task is None or task.project_key != project.project_key:
        raise NotFound("there is no such task")
    return task


class OpenReview(Struct, frozen=True):
    """A task with all answers to it, of one snapshot, and the names of the people who answered."""

    project: ProjectRow
    task: StoredTask
    work: QueuedTask | None
    current: list[SubmissionRow]
    actions: list[review_queue.ReviewAction]
    names: dict[str, str]
    batch_name: str | None


async def _open_review(request: PageRequest[Any]) -> OpenReview:
    """Load the task of the path; raises NotFound, and Forbidden for a reported one."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        task = await find_task(tx, request, project)
        work = await work_queue.find_work(tx, task.project_key, task.seq)
        if work is not None and work.state is WorkState.quarantined:
            permissions.require_role(request.user, PersonRole.manager)
        current = await submissions.list_current(tx, task.project_key, task.seq)
        actions = await review_queue.list_actions(tx, project, task.seq)
        actions += await review_queue.list_submit_actions(tx, project, task.seq)
        people = [action.user_id for action in actions]
        people += [action.about for action in actions if action.about]
        names = await review_queue.display_names(tx, request.user.organization_id, people)
        batch = None
        if task.batch_id is not None:
            batch = await batches.find_batch(tx, project.environment_id, task.batch_id)
    batch_name = None if batch is None else batch.name
    return OpenReview(project, task, work, list(current), actions, names, batch_name)


async def show_review_task(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /review/{project_id}/tasks/{task_id}: the first turns with every answer to them."""
    opened = await _open_review(request)
    project, task, actions, names = opened.project, opened.task, opened.actions, opened.names
    guidelines_text = project_detail(project).guidelines or ""
    review, draw = await _read_review(request, opened, Plan.first_portion)

    def layout(
        texts: TextBatch,
    ) -> tuple[review_view.ReviewShown, list[review_view.HistoryEntry], RenderedText]:
        history = review_view.events(review, actions, names)
        return draw(texts), history, texts.add(guidelines_text)

    shown, history, guidelines = await request.build(layout)
    state = _state_of(task, review, opened.work)
    return {
        "project": project,
        "batch_name": opened.batch_name,
        "task": task,
        "path": task_path(project, task.task_id),
        "standing": state,
        "reason": _reason(opened.work),
        "review": shown,
        "shown": shown.task,
        "judged": review.submissions,
        "names": names,
        "events": history,
        "reports": [action for action in actions if action.kind == "report"],
        "revision": review.revision,
        "guidelines": guidelines if guidelines_text else None,
        "state": annotation_view.as_json(
            {
                "project": project.project_id,
                "guidelines": annotation_view.fingerprint(guidelines_text),
                "path": task_path(project, task.task_id),
                "standing": state,
                "revision": review.revision,
                "answers": shown.answers,
                "texts": shown.task.texts,
                "questions": shown.task.questions,
                "disputes": shown.disputes,
            }
        ),
    }


async def show_review_turns(request: PageRequest[TurnsQuery]) -> dict[str, Any]:
    """GET …/turns: a further portion of the review page; raises Conflict if that is old."""
    opened = await _open_review(request)
    review, draw = await _read_review(
        request, opened, lambda plan: plan.portion(request.query), are_all_wanted=False
    )
    shown = await request.build(draw)
    return {
        "project": opened.project,
        "path": task_path(opened.project, opened.task.task_id),
        "standing": _state_of(opened.task, review, opened.work),
        "review": shown,
        "shown": shown.task,
        "texts": annotation_view.as_json(shown.task.texts),
        "answers": annotation_view.as_json(shown.answers),
    }


async def _read_review(
    request: PageRequest[Any],
    opened: OpenReview,
    choose: Callable[[Plan], Portion],
    *,
    are_all_wanted: bool = True,
) -> tuple[question_results.ReviewState, Callable[[TextBatch], review_view.ReviewShown]]:
    """Results of a task's questions, or of the chosen portion's, and what lays that out."""
    detail = project_detail(opened.project)
    revision = question_results.revision_of(opened.task, opened.current)
    layout = hash_layout(form_of(detail), revision.encode())
    chosen = None if are_all_wanted else partial(review_view.paths_of, choose, layout)
    review = await request.run_in_thread(
        lambda: question_results.make_review_state(
            opened.project, opened.task, opened.current, chosen
        )
    )
    _, files = await read_conversation(request, lambda: review.content)

    def draw(texts: TextBatch) -> review_view.ReviewShown:
        return review_view.build(
            review,
            opened.names,
            files,
            texts,
            is_blind=detail.blind is not False,
            choose=choose,
            layout=layout,
        )

    return review, draw


def _state_of(
    task: StoredTask, review: question_results.ReviewState, work: QueuedTask | None
) -> str:
    """State of a task: in_review, completed or quarantined; open or ended if not to be decided."""
    if task.status is TaskStatus.completed and review.threads is not None:
        return "completed"
    if task.status is not TaskStatus.pending:
        return "ended"
    return "open" if work is None else work.state.value


def _reason(work: QueuedTask | None) -> str:
    if work is None or work.state is WorkState.open:
        return ""
    words = {
        "all": "Every task is reviewed",
        "sample": "Drawn for the sample",
        "open questions": "People disagree",
    }
    return words.get(work.reason or "", work.reason or "")


def _start(
    request: PageRequest[ReviewListQuery], project: ProjectRow, shelf: ReviewList
) -> TaskCursor:
    if request.query.next_token is None:
        return recent_completions.LAST_CURSOR if shelf is ReviewList.completed else TaskCursor(0, 0)
    cursor = page_tokens.decode(
        request.secret, request.user.environment_id, request.query.next_token, _ListCursor
    )
    if (cursor.project_key, cursor.shelf) != (project.project_key, shelf):
        raise NotFound("this page belongs to another list")
    return TaskCursor(cursor.completed_ms, cursor.seq)


async def _rows(
    tx: Transaction, project: ProjectRow, shelf: ReviewList, start: TaskCursor
) -> tuple[list[ReviewTaskRow], _ListCursor | None]:
    """One page of a list, and the cursor of the next; None after the last."""
    if shelf is ReviewList.completed:
        done = await review_queue.list_completed(tx, project, before=start, limit=PAGE_MAX + 1)
        prompts = await excerpts.list_excerpts(tx, project.project_key, [one.seq for one in done])
        rows = [_row(project, task, None, prompts) for task in done[:PAGE_MAX]]
        return rows, _after(project, shelf, done)
    listing = (
        review_queue.list_quarantined
        if shelf is ReviewList.reported
        else review_queue.list_in_review
    )
    works = await listing(tx, project, after_seq=start.seq, limit=PAGE_MAX + 1)
    seqs = [work.seq for work in works]
    waiting = await task_summaries.get_summaries(tx, project.project_key, seqs)
    prompts = await excerpts.list_excerpts(tx, project.project_key, seqs)
    rows = [
        _row(project, task, work, prompts)
        for task, work in zip(waiting[:PAGE_MAX], works[:PAGE_MAX], strict=True)
    ]
    return rows, _after(project, shelf, waiting)


def _after(
    project: ProjectRow, shelf: ReviewList, listed: Sequence[TaskSummary]
) -> _ListCursor | None:
    if len(listed) <= PAGE_MAX:
        return None
    last = listed[PAGE_MAX - 1]
    return _ListCursor(project.project_key, shelf, last.completed_ms or 0, last.seq)


def _row(
    project: ProjectRow, task: TaskSummary, work: QueuedTask | None, prompts: Mapping[int, str]
) -> ReviewTaskRow:
    return ReviewTaskRow(
        path=task_path(project, task.task_id),
        excerpt=prompts.get(task.seq, ""),
        task_id=task.task_id,
        reason=_reason(work),
        answer_count=None if work is None else work.submitted_count,
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
        is_large=True,
    ),
    Page(
        page_id="show_review_turns",
        path=f"{TASK}/turns",
        role=PersonRole.reviewer,
        handler=show_review_turns,
        query=TurnsQuery,
        template="review/turns.html",
        is_large=True,
    ),
)

"""The pages of review: projects with waiting tasks, and one task with all answers.

A project's lists are in `review_lists`, what is decided in `review_calls`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Annotated, Any
from urllib.parse import urlencode

from msgspec import Struct

from plaudit.api.http.parameters import Enum, NoQuery, Text
from plaudit.core.accounts import permissions
from plaudit.core.labeling import (
    question_results,
    review_queue,
    task_work,
)
from plaudit.core.labeling.adjudication.review_order import (
    EVERYTHING,
    ReviewFilter,
    may_correct,
    may_decide,
)
from plaudit.core.managing import talks
from plaudit.core.managing.talks import TalkShown
from plaudit.core.tasks.forms import form_of
from plaudit.errors import NotFound
from plaudit.model.core import PersonRole, ProjectRow, StoredTask, TaskStatus
from plaudit.model.labeling import Lease, QueuedTask, SubmissionRow, WorkState
from plaudit.model.managing import TalkSide
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases, submissions
from plaudit.store.tasks import batches, tasks, work_queue
from plaudit.texts import N_
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.annotate import annotation_view
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.annotate.files import read_conversation
from plaudit.workspace.annotate.portions import Plan, Portion, TurnsQuery, hash_layout
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest
from plaudit.workspace.language import note_words
from plaudit.workspace.render.text_batch import RenderedText, TextBatch
from plaudit.workspace.review import review_view

REVIEW = "/review"
PROJECT = "/review/{project_id}"
TASK = "/review/{project_id}/tasks/{task_id}"
AS_GOLD = "/projects/{project_id}/tasks/{task_id}/gold"


class Disputed(StrEnum):
    """Disagreement that a list of tasks in review is narrowed to."""

    none = "0"
    little = "0.1"
    some = "0.25"


class ReviewTaskQuery(Struct, frozen=True):
    """Query of GET /review/{project_id}/tasks/{task_id}: the list that it was opened from."""

    question: Annotated[str | None, Text(description="Key of a question, disputed.")] = None
    person: Annotated[str | None, Text(description="User id of somebody who answered.")] = None
    most: Annotated[
        Disputed | None, Enum(words=Disputed, description="The greatest disagreement.")
    ] = None
    sample: Annotated[str | None, Text(description="Id of a sample that it is part of.")] = None


def task_path(project: ProjectRow, task_id: str, chosen: ReviewFilter = EVERYTHING) -> str:
    """Path of the page on which a task is reviewed, opened from the list of the chosen ones."""
    path = links.fill_path(TASK, project_id=project.project_id, task_id=task_id)
    return path + query_of(chosen)


def query_of(chosen: ReviewFilter) -> str:
    """Query string of a list's choice, with its question mark; empty for everything."""
    most = "" if chosen.most >= 1 else f"{chosen.most:g}"
    members = {"question": chosen.question_key, "person": chosen.user_id, "most": most}
    said = urlencode({name: value for name, value in members.items() if value})
    return f"?{said}" if said else ""


def own_query(query: ReviewTaskQuery) -> str:
    """Query string of a task's page, with its question mark: the list or sample that it is of."""
    listing = query_of(chosen_of(query))
    if not query.sample:
        return listing
    return f"{listing}{'&' if listing else '?'}{urlencode({'sample': query.sample})}"


async def show_review(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /review: the projects with tasks that wait for a reviewer."""
    async with request.db.read() as tx:
        waiting, has_more = await review_queue.list_waiting(tx, request.user)
    is_manager = permissions.has_role(request.user, PersonRole.manager)
    return {
        "waiting": [backlog for backlog in waiting if backlog.in_review or is_manager],
        "has_more": has_more,
        "most": review_queue.COUNTED_MAX,
        "is_manager": is_manager,
    }


def chosen_of(query: ReviewTaskQuery) -> ReviewFilter:
    """Choice of tasks in review that a query names."""
    most = 1.0 if query.most is None else float(query.most)
    return ReviewFilter(query.question or "", query.person or "", most)


async def find_task(tx: Transaction, request: PageRequest[Any], project: ProjectRow) -> StoredTask:
    """The task of the path, if the project has it; raises NotFound."""
    task = await tasks.find_task(tx, request.user.environment_id, request.path["task_id"])
    if task is None or task.project_key != project.project_key:
        raise NotFound("there is no such task")
    return task


class TalksOnTask(Struct, frozen=True):
    """Talks about a task with their messages, and the latest of the others who have or had it."""

    shown: list[TalkShown]
    silent: list[Lease]
    names: dict[str, str]

    @property
    def unread_count(self) -> int:
        """Number of talks with something that no manager or reviewer has read."""
        return sum(one.talk.is_unread(TalkSide.staff) for one in self.shown)


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


async def _read_talks(request: PageRequest[Any], opened: OpenReview) -> TalksOnTask:
    """Load the talks about a task, and who else may be written to about it."""
    project, task = opened.project, opened.task
    async with request.db.read() as tx:
        held = await leases.list_leases_on(
            tx, task.project_key, task.seq, limit=task_work.LISTED_MAX
        )
        shown = await talks.list_on_task(tx, project, held)
        people = {lease.user_id for lease in held}
        people |= {message.user_id for one in shown for message in one.messages}
        names = await review_queue.display_names(tx, request.user.organization_id, people)
    written = {one.lease.assignment_id for one in shown}
    silent = [lease for lease in held if lease.assignment_id not in written]
    return TalksOnTask(shown, silent[: talks.ON_TASK_MAX], names)


async def show_review_task(request: PageRequest[ReviewTaskQuery]) -> dict[str, Any]:
    """GET /review/{project_id}/tasks/{task_id}: the first turns with every answer to them."""
    opened = await _open_review(request)
    written = await _read_talks(request, opened)
    project, task, actions, names = opened.project, opened.task, opened.actions, opened.names
    guidelines_text = project_detail(project).guidelines or ""
    review, draw = await _read_review(request, opened, Plan.first_portion)

    def layout(
        texts: TextBatch,
    ) -> tuple[review_view.ReviewShown, list[review_view.HistoryEntry], RenderedText]:
        history = review_view.events(review, actions, names)
        return draw(texts), history, texts.add(guidelines_text)

    shown, history, guidelines = await request.build(layout)
    state = _state_of(request, opened, review)
    is_manager = permissions.has_role(request.user, PersonRole.manager)
    gold_path = links.fill_path(AS_GOLD, project_id=project.project_id, task_id=task.task_id)
    return {
        "project": project,
        "batch_name": opened.batch_name,
        "query": query_of(chosen_of(request.query)),
        "is_manager": is_manager,
        "gold_path": gold_path if is_manager else "",
        "task": task,
        "path": task_path(project, task.task_id),
        "standing": state,
        "sample": request.query.sample or "",
        "own_query": own_query(request.query),
        "talks": written,
        "talk_side": TalkSide.staff,
        "text_max": talks.TEXT_CHARS_MAX,
        "refused_talk": request.path.get("assignment_id", ""),
        "reason": reason_words(opened.work),
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
                "gold": gold_path if is_manager else "",
                "standing": state,
                "revision": review.revision,
                "answers": shown.answers,
                "texts": shown.task.texts,
                "questions": shown.task.questions,
                "disputes": shown.disputes,
                "question": request.query.question or "",
                "person": request.query.person or "",
                "most": request.query.most or "",
                "sample": request.query.sample or "",
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
        "standing": _state_of(request, opened, review),
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
    request: PageRequest[Any], opened: OpenReview, review: question_results.ReviewState
) -> str:
    """State of a task: in_review, completed or quarantined; own, delivered, open or ended if the
    reader may not decide on it.

    It is `own` if it is in review and others are to decide, since the reader answered it, and
    `delivered` if it is completed and others are to correct it.
    """
    task, work = opened.task, opened.work
    author_ids = {one.user_id for one in opened.current}
    if task.status is TaskStatus.completed and review.threads is not None:
        is_free = may_correct(opened.project, author_ids, request.user.user_id)
        return "completed" if is_free else "delivered"
    if task.status is not TaskStatus.pending:
        return "ended"
    if work is None:
        return "open"
    is_free = may_decide(opened.project, author_ids, request.user.user_id)
    return "own" if work.state is WorkState.in_review and not is_free else work.state.value


def reason_words(work: QueuedTask | None) -> str:
    """Reason why a task waits, in words; empty for one that does not."""
    if work is None or work.state is WorkState.open:
        return ""
    return note_words.waiting(work.reason or "")


PAGES = (
    Page(
        page_id="show_review",
        path=REVIEW,
        role=PersonRole.reviewer,
        handler=show_review,
        template="review/projects.html",
        nav=N_("Review"),
        spans_projects=True,
        nav_order=20,
    ),
    Page(
        page_id="show_review_task",
        path=TASK,
        role=PersonRole.reviewer,
        handler=show_review_task,
        query=ReviewTaskQuery,
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
        is_compressed=True,
    ),
)

"""The lists of a project for reviewers: tasks in review, reported and completed ones.

Those in review come by how much people disagree on them, and can be narrowed to a question or to
the tasks that somebody answered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.parameters import Enum, Text
from plaudit.core.accounts import permissions
from plaudit.core.common import page_tokens
from plaudit.core.labeling import review_queue
from plaudit.core.labeling.adjudication import disagreement_reasons, review_order
from plaudit.core.labeling.adjudication.disagreement import is_compared
from plaudit.core.labeling.adjudication.review_order import EVERYTHING, RankedTask, ReviewFilter
from plaudit.core.tasks import excerpts
from plaudit.core.tasks.forms import form_of, titles_of
from plaudit.errors import NotFound
from plaudit.model.core import PersonRole, ProjectRow
from plaudit.model.labeling import AcceptanceState, QueuedTask
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import acceptances as acceptances_store
from plaudit.store.labeling import skips
from plaudit.store.tasks import recent_completions, task_summaries
from plaudit.store.tasks.task_summaries import TaskSummary
from plaudit.store.tasks.tasks import TaskCursor
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http.page import Page, PageRequest
from plaudit.workspace.language.words import built_in_titles
from plaudit.workspace.review.acceptance_pages import sample_view
from plaudit.workspace.review.review_pages import (
    PROJECT,
    Disputed,
    ReviewTaskQuery,
    chosen_of,
    query_of,
    reason_words,
    task_path,
)

PAGE_MAX = 50
SAMPLES_MAX = 5
"""Samples under way that a list names, the newest."""
PEOPLE_MAX = 200
"""People whom a list offers to choose among; of more the first by id."""


class ReviewList(StrEnum):
    """The lists of a project."""

    waiting = "waiting"
    reported = "reported"
    completed = "completed"


class ReviewListQuery(ReviewTaskQuery, frozen=True):
    """Query of GET /review/{project_id}."""

    show: Annotated[ReviewList | None, Enum(description="What to list.", words=ReviewList)] = None
    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class _ListCursor(Struct, frozen=True, array_like=True, tag="review"):
    """Cursor of a list: its last task so far, and the project and list that it belongs to.

    `ms` is when the task was completed; of a task in review, its rank.
    """

    project_key: int
    shelf: ReviewList
    chosen: ReviewFilter
    ms: int
    seq: int


class ReviewTaskRow(Struct, frozen=True):
    """One task of a list; `reason` is why it waits."""

    path: str
    excerpt: str
    task_id: str
    reason: str
    answer_count: int | None
    completed_ms: int | None
    disagreement: float | None = None
    questions: Sequence[tuple[str, float]] = ()
    """Questions on which people disagree, with how much, the greatest first."""
    is_own: bool = False
    """True if its reader answered it, and may not decide on it."""


async def show_review_list(request: PageRequest[ReviewListQuery]) -> dict[str, Any]:
    """GET /review/{project_id}: one page of the waiting, reported or completed tasks."""
    shelf = request.query.show or ReviewList.waiting
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        if shelf is ReviewList.reported:
            permissions.require_role(request.user, PersonRole.manager)
        chosen = chosen_of(request.query) if shelf is ReviewList.waiting else EVERYTHING
        start = _start(request, project, shelf, chosen)
        rows, cursor = await _rows(tx, project, shelf, chosen, start, request.user.user_id)
        workers = await skips.list_workers(tx, project.project_key, limit=PEOPLE_MAX)
        names = await review_queue.display_names(tx, request.user.organization_id, workers)
        reasons = await disagreement_reasons.count_reasons(tx, project)
        samples = await acceptances_store.list_acceptances(
            tx,
            project.project_key,
            request.user.user_id,
            AcceptanceState.sampling,
            limit=SAMPLES_MAX,
        )
    token = None
    if cursor is not None:
        token = page_tokens.encode(request.secret, request.user.environment_id, cursor)
    return {
        "project": project,
        "shelf": shelf.value,
        "rows": rows,
        "next_token": token,
        "chosen": chosen,
        "query": query_of(chosen).replace("?", "&"),
        "questions": _compared_keys(project),
        "titles": built_in_titles(titles_of(form_of(project_detail(project)))),
        "people": sorted(names.items(), key=lambda person: person[1].casefold()),
        "reasons": {why.value: count for why, count in reasons.items()},
        "samples": [sample_view(project, one) for one in samples],
        "most_choices": [word.value for word in Disputed],
        "reasons_max": disagreement_reasons.COUNTED_MAX,
        "is_manager": permissions.has_role(request.user, PersonRole.manager),
    }


def _compared_keys(project: ProjectRow) -> list[str]:
    """Keys of the questions on which people can disagree, in the form's order."""
    fields = form_of(project_detail(project)).fields
    return list(dict.fromkeys(field.key for field in fields if is_compared(field)))


_FIRST = {
    ReviewList.waiting: review_order.FIRST,
    ReviewList.reported: (0, 0),
    ReviewList.completed: (
        recent_completions.LAST_CURSOR.at_ms,
        recent_completions.LAST_CURSOR.seq,
    ),
}
"""Place before the first task of each list."""


def _start(
    request: PageRequest[ReviewListQuery],
    project: ProjectRow,
    shelf: ReviewList,
    chosen: ReviewFilter,
) -> tuple[int, int]:
    """Place after which a page begins: completion time or rank, and seq; raises NotFound."""
    if request.query.next_token is None:
        return _FIRST[shelf]
    cursor = page_tokens.decode(
        request.secret, request.user.environment_id, request.query.next_token, _ListCursor
    )
    if (cursor.project_key, cursor.shelf, cursor.chosen) != (project.project_key, shelf, chosen):
        raise NotFound("this page belongs to another list")
    return cursor.ms, cursor.seq


async def _rows(
    tx: Transaction,
    project: ProjectRow,
    shelf: ReviewList,
    chosen: ReviewFilter,
    start: tuple[int, int],
    reader_id: str,
) -> tuple[list[ReviewTaskRow], _ListCursor | None]:
    """One page of a list, and the cursor of the next; None after the last.

    Tasks that others are to decide on, since the reader answered them, stand at its end.
    """
    limit = PAGE_MAX + 1
    works: list[QueuedTask | None]
    ranked: dict[int, RankedTask] = {}
    if shelf is ReviewList.completed:
        listed = await review_queue.list_completed(
            tx, project, before=TaskCursor(*start), limit=limit
        )
        works = [None] * len(listed)
        places = [(task.completed_ms or 0, task.seq) for task in listed]
    else:
        if shelf is ReviewList.reported:
            found = await review_queue.list_quarantined(
                tx, project, after_seq=start[1], limit=limit
            )
            places = [(0, queued.seq) for queued in found]
        else:
            waiting = await review_order.list_in_review(
                tx, project, chosen=chosen, reader_id=reader_id, after=start, limit=limit
            )
            found = [one.queued for one in waiting]
            ranked = {one.queued.seq: one for one in waiting}
            places = [one.place for one in waiting]
        works = list(found)
        listed = await task_summaries.get_summaries(
            tx, project.project_key, [queued.seq for queued in found]
        )
    prompts = await excerpts.list_excerpts(tx, project.project_key, [one.seq for one in listed])
    rows = [
        _row(project, task, work, prompts, ranked.get(task.seq), chosen)
        for task, work in zip(listed[:PAGE_MAX], works[:PAGE_MAX], strict=True)
    ]
    rows.sort(key=lambda row: row.is_own)
    if len(listed) <= PAGE_MAX:
        return rows, None
    return rows, _ListCursor(project.project_key, shelf, chosen, *places[PAGE_MAX - 1])


def _row(
    project: ProjectRow,
    task: TaskSummary,
    work: QueuedTask | None,
    prompts: Mapping[int, str],
    ranked: RankedTask | None,
    chosen: ReviewFilter,
) -> ReviewTaskRow:
    return ReviewTaskRow(
        path=task_path(project, task.task_id, chosen),
        excerpt=prompts.get(task.seq, ""),
        task_id=task.task_id,
        reason=reason_words(work),
        answer_count=None if work is None else work.submitted_count,
        completed_ms=task.completed_ms,
        disagreement=None if ranked is None else ranked.disagreement,
        questions=() if ranked is None else ranked.questions,
        is_own=ranked is not None and ranked.is_own,
    )


PAGES = (
    Page(
        page_id="show_review_list",
        path=PROJECT,
        role=PersonRole.reviewer,
        handler=show_review_list,
        query=ReviewListQuery,
        template="review/list.html",
    ),
)

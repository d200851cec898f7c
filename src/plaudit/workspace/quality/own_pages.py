"""Everybody's own pages: the projects that they work in, and their own figures in each.

A person sees their own work alone: no figure of anybody else but the mean of all, no ranking, no
flag, and nothing that tells of gold tasks. Those count among tasks done like any other, so no other
number stands here that would be smaller by them.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit.api.http.parameters import NoQuery
from plaudit.core.labeling import dashboard
from plaudit.core.labeling.answers import Answer
from plaudit.core.quality.people import review_feedback
from plaudit.core.quality.people.review_feedback import Feedback
from plaudit.core.quality.reporting.kept_people import find_person
from plaudit.core.quality.reporting.snapshots import find_snapshot
from plaudit.core.tasks import excerpts
from plaudit.core.tasks.forms import Field, Form, Level, form_of, titles_of
from plaudit.model.core import PersonRole
from plaudit.model.labeling import LeaseStatus, control_key
from plaudit.store.labeling import leases, own_work
from plaudit.texts import N_
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http.page import Page, PageRequest
from plaudit.workspace.language.speech import say
from plaudit.workspace.language.words import built_in, built_in_titles
from plaudit.workspace.quality import person_view

FEEDBACK_MAX = 20
COUNTED_MAX = 10_000
WORDED = ("boolean", "integer", "category", "category_multiple")
"""Types whose answers have words of their own, wherever responses stood on the screen."""


class ChangeRow(Struct, frozen=True):
    """A question whose answer a reviewer changed; both answers, empty where words mislead."""

    title: str
    own: str
    fixed: str


class FeedbackRow(Struct, frozen=True):
    """A piece of feedback with the beginning of its task, and what was changed."""

    feedback: Feedback
    excerpt: str
    changes: list[ChangeRow]


async def show_my_work(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /my-work: the newest projects that the person has worked in."""
    user_id = request.user.user_id
    async with request.db.read() as tx:
        newest, has_more = await dashboard.list_newest(tx, request.user)
        counts = await own_work.count_by_project(
            tx, [one.project_key for one in newest], user_id, most=COUNTED_MAX
        )
    return {
        "projects": [
            (project, own)
            for project, own in zip(newest, counts, strict=True)
            if own != own_work.OwnCounts(0, 0, 0, 0)
        ],
        "has_more": has_more,
        "most": COUNTED_MAX,
    }


async def show_my_figures(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /work/{project_id}/figures: the person's own figures in a project, and feedback."""
    user_id = request.user.user_id
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        last = await find_snapshot(tx, project.project_key)
        person = None if last is None else await find_person(tx, last, user_id)
        keys = project.project_key, control_key(project.project_key)
        done, skipped = [
            sum([await leases.count_leases(tx, key, user_id, status, 0) for key in keys])
            for status in (LeaseStatus.submitted, LeaseStatus.skipped)
        ]
        feedback = await review_feedback.list_feedback(tx, project, user_id, limit=FEEDBACK_MAX)
        prompts = await excerpts.list_excerpts(
            tx, project.project_key, sorted({one.seq for one in feedback})
        )
    form = form_of(project_detail(project))
    own = None if person is None else person.quality
    line = None
    if own is not None:
        average = own.moving_average
        line = await request.run_in_thread(lambda: person_view.line_view(average))
    return {
        "project": project,
        "titles": built_in_titles(titles_of(form)),
        "done": done,
        "skipped": skipped,
        "computed_ms": None if last is None else last.row.computed_ms,
        "figure_rows": [] if own is None else person_view.own_figure_rows(own),
        "line": line,
        "questions": [] if own is None else person_view.question_rows(own),
        "feedback": [
            FeedbackRow(
                one,
                prompts.get(one.seq, ""),
                [_change_row(form, change.own, change.fixed) for change in one.changes],
            )
            for one in feedback
        ],
    }


def _change_row(form: Form, own: Answer, fixed: Answer) -> ChangeRow:
    """A changed answer in words, but for texts and for what compares responses.

    Reviewers see responses in another order than annotators, so that words of it would mislead.
    """
    field = next((one for one in form.fields if one.key == own.key), None)
    if field is None or not _has_words(field):
        return ChangeRow(built_in(own.key if field is None else field.title or own.key), "", "")
    return ChangeRow(built_in(field.title or own.key), _word(field, own), _word(field, fixed))


def _has_words(field: Field) -> bool:
    compares = field.scale is not None or (field.level is Level.turn and not field.possible_values)
    return field.type in WORDED and not compares


def _word(field: Field, answer: Answer) -> str:
    if answer.not_applicable:
        return say("not applicable")
    if answer.cannot_assess:
        return say("cannot assess")
    return person_view.word_of(answer.value)


PAGES = (
    Page(
        page_id="show_my_projects",
        path="/my-work",
        role=PersonRole.annotator,
        handler=show_my_work,
        template="quality/my_work.html",
        nav=N_("My work"),
        nav_section=N_("Work"),
        nav_order=15,
    ),
    Page(
        page_id="show_my_figures",
        path="/work/{project_id}/figures",
        role=PersonRole.annotator,
        handler=show_my_figures,
        template="quality/my_figures.html",
        is_large=True,
    ),
)

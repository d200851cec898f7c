"""Managers' overview of a project: progress, pace and forecast, agreement, win rates, settings."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit import clock
from plaudit.api.http.parameters import IntRange
from plaudit.core.labeling import statistics
from plaudit.core.managing import forecast, talks
from plaudit.core.quality.reporting.snapshots import (
    Part,
    find_snapshot,
    read_part,
    report_of_pieces,
)
from plaudit.core.quality_control import listing
from plaudit.core.tasks.forms import form_of, titles_of
from plaudit.model.core import PersonRole, TaskStatus
from plaudit.texts import N_
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http.page import Page, PageRequest
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.quality import agreement_view
from plaudit.workspace.quality.figures import Figure
from plaudit.workspace.quality.win_rates import WinRates, win_rates
from plaudit.workspace.render import charts

QUESTIONS_MAX = 5
"""Questions whose agreement the overview shows."""


class OverviewQuery(Struct, frozen=True):
    """Query of GET /projects/{project_id}."""

    days: Annotated[
        int,
        IntRange(
            description="Whole days whose pace the forecast is made of.",
            least=forecast.DAYS_CHOICES[0],
            most=forecast.DAYS_CHOICES[-1],
            default=forecast.DAYS,
        ),
    ] = forecast.DAYS


class QualityGlance(Struct, frozen=True):
    """Quality as the overview shows it: when it was computed, agreement, and win rates."""

    computed_ms: int
    since: int
    votes: int
    questions: list[agreement_view.QuestionRow]
    wins: WinRates


async def show_project(request: PageRequest[OverviewQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}: how a project stands, when it is done, and how it is set up."""
    now = clock.now_ms()
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        progress = await statistics.progress(tx, project)
        unasked = await statistics.list_unasked(tx, project, progress.unasked)
        pace = await statistics.pace(tx, project, now)
        attention = await listing.count_attention(tx, project, limit_max=statistics.COUNTED_MAX)
        unread = await talks.count_unread(tx, [project.project_key])
        snapshot = await find_snapshot(tx, project.project_key)
        pieces = [] if snapshot is None else await read_part(tx, snapshot, Part.report)
    quality = None
    if snapshot is not None:
        report = await request.run_in_thread(lambda: report_of_pieces(pieces))
        rows = agreement_view.overview(report).rows
        quality = QualityGlance(
            computed_ms=snapshot.row.computed_ms,
            since=snapshot.since,
            votes=report.votes,
            questions=[row for row in rows if is_known(row.alpha)][:QUESTIONS_MAX],
            wins=win_rates(report.leaderboard.models),
        )
    detail = project_detail(project)
    form = form_of(detail)
    statuses = {status.value: count for status, count in progress.statuses.items()}
    left = progress.statuses[TaskStatus.pending]
    return {
        "project": project,
        "detail": detail,
        "field_count": len(form.fields),
        "has_own_form": detail.form is not None,
        "progress": progress,
        "unasked": unasked,
        "attention": attention,
        "unread": unread[project.project_key],
        "statuses": statuses,
        "parts": charts.shares(statuses),
        "most": statistics.COUNTED_MAX,
        "pace": pace,
        "pace_chart": charts.days_chart(pace),
        "forecast": forecast.forecast(pace, left, now, request.query.days),
        "days": request.query.days,
        "days_choices": forecast.DAYS_CHOICES,
        "quality": quality,
        "titles": titles_of(form),
    }


def is_known(figure: Figure) -> bool:
    """True for a figure that is a number, and neither undefined nor absent."""
    return not figure.why and figure.value != "–"


PAGES = (
    Page(
        page_id="show_project",
        path=PROJECT,
        role=PersonRole.manager,
        handler=show_project,
        query=OverviewQuery,
        template="projects/project.html",
        tab=N_("Overview"),
        tab_order=10,
    ),
)

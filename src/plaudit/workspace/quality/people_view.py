"""People as the page of quality shows them: agreement with the others, and flags."""

from __future__ import annotations

from collections import defaultdict

from markupsafe import Markup
from msgspec import Struct

from plaudit.core.quality.estimates import wilson
from plaudit.wire.manage.quality import ShareOfCases
from plaudit.wire.manage.quality_people import PersonFlag
from plaudit.wire.manage.quality_report import QualityReport
from plaudit.workspace.quality import figures
from plaudit.workspace.quality.agreement_view import ROWS_MAX
from plaudit.workspace.quality.figures import Figure
from plaudit.workspace.render.plots import PlotLine, PlotRow, forest_plot


class PersonRow(Struct, frozen=True, kw_only=True):
    """A person: tasks, votes that others can be compared with, agreement with them, flags."""

    contributor_id: str
    tasks: int
    compared: int
    with_others: ShareOfCases
    words: Figure
    flags: list[PersonFlag]


class PeopleView(Struct, frozen=True, kw_only=True):
    """People with flags first, then those who agree least; `more` have no row."""

    rows: list[PersonRow]
    more: int
    flagged: int
    together: ShareOfCases
    words: Figure


def people_view(report: QualityReport) -> PeopleView:
    """People of a report."""
    right: dict[str, int] = defaultdict(int)
    compared: dict[str, int] = defaultdict(int)
    for question in report.questions:
        for one in question.people:
            right[one.contributor_id] += one.with_others.right
            compared[one.contributor_id] += one.with_others.n
    rows = []
    for person in report.people:
        share = _share(right[person.contributor_id], compared[person.contributor_id])
        rows.append(
            PersonRow(
                contributor_id=person.contributor_id,
                tasks=person.tasks,
                compared=share.n,
                with_others=share,
                words=figures.share_figure(share),
                flags=person.flags,
            )
        )
    rows.sort(key=_by_need)
    together = _share(sum(right.values()), sum(compared.values()))
    return PeopleView(
        rows=rows[:ROWS_MAX],
        more=max(0, len(rows) - ROWS_MAX),
        flagged=sum(bool(one.flags) for one in rows),
        together=together,
        words=figures.share_figure(together),
    )


def caterpillar(view: PeopleView, names: dict[str, str]) -> Markup:
    """Plot of each person's agreement with the others, least first, with a line for all."""
    known = [one for one in view.rows if one.with_others.share is not None]
    known.sort(key=lambda one: one.with_others.share or 0)
    rows = [
        PlotRow(
            names[one.contributor_id],
            one.with_others.share,
            one.with_others.low,
            one.with_others.high,
            f"{one.words.value} of {one.compared:,}",
        )
        for one in known
    ]
    if not rows:
        return Markup()
    together = view.together.share
    lines = [] if together is None else [PlotLine(together, "all people together")]
    return Markup(forest_plot("Agreement of each person with the others", rows, lines))


def pseudonyms(report: QualityReport) -> dict[str, str]:
    """A name for each person of a report that does not say who they are: a number, by id."""
    ids = {one.contributor_id for one in report.people}
    ids |= {one.contributor_id for question in report.questions for one in question.people}
    return {one: f"Person {number}" for number, one in enumerate(sorted(ids), start=1)}


def _share(right: int, n: int) -> ShareOfCases:
    found = wilson(right, n)
    return ShareOfCases(
        right=found.right, n=found.n, share=found.share, low=found.low, high=found.high
    )


def _by_need(row: PersonRow) -> tuple[bool, bool, float, str]:
    share = row.with_others.share
    return not row.flags, share is None, share or 0.0, row.contributor_id

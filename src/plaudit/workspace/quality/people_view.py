"""People as the page of quality lists them: their figures side by side, and flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from msgspec import Struct

from plaudit.core.quality.reporting.annotator_pages import PeoplePage
from plaudit.wire.manage.quality import ShareOfCases
from plaudit.wire.manage.quality_people import PersonFlag
from plaudit.wire.manage.quality_report import QualityReport
from plaudit.workspace.language.problem_texts import recognized
from plaudit.workspace.language.speech import number, say
from plaudit.workspace.projects.pseudonyms import pseudonym
from plaudit.workspace.quality import figures
from plaudit.workspace.quality.figures import Figure
from plaudit.workspace.render.plots import PlotLine, PlotRow, forest_plot


class ShownFlag(Struct, frozen=True):
    """A flag of a person with its reason in words; `title` of the question it is about, or ""."""

    flag: str
    title: str
    why: str


class PersonRow(Struct, frozen=True, kw_only=True):
    """A person of the list; `compared` are votes that others can be compared with."""

    contributor_id: str
    number: int
    tasks: int
    time: str
    skipped: str
    gold: Figure | None
    compared: int
    with_others: ShareOfCases
    words: Figure
    reviews: str
    flags: list[ShownFlag]


class PeopleView(Struct, frozen=True, kw_only=True):
    """A page of people; `more` are people of the project that no page has."""

    rows: list[PersonRow]
    page: int
    pages: int
    people_count: int
    more: int
    flagged: int
    together: ShareOfCases
    words: Figure


def shown_flags(flags: Sequence[PersonFlag], titles: Mapping[str, str]) -> list[ShownFlag]:
    """Flags in the page's language; `titles` has the questions by their keys."""
    shown = []
    for flag in flags:
        key, colon, why = flag.why.partition(": ")
        if not colon or key not in titles:
            key, why = "", flag.why
        shown.append(ShownFlag(flag.flag, titles.get(key, ""), recognized(why)))
    return shown


def people_view(found: PeoplePage, page: int, titles: Mapping[str, str]) -> PeopleView:
    """A page of people, whose number is `page`, from 1; `titles` as in `shown_flags`."""
    rows = []
    for numbered in found.people:
        one = numbered.figures
        changed, sent_back = one.reviews.changed, one.reviews.sent_back
        reviews = say(
            "%(right)s changed, %(right_2)s sent back of %(n)s",
            right=number(changed.right),
            right_2=number(sent_back.right),
            n=number(changed.n),
        )
        rows.append(
            PersonRow(
                contributor_id=one.contributor_id,
                number=numbered.number,
                tasks=one.tasks,
                time=figures.duration_words(one.active_time.median_ms),
                skipped=number(one.skips.right),
                gold=figures.share_figure(one.gold) if one.gold.n else None,
                compared=one.with_others.n,
                with_others=one.with_others,
                words=figures.share_figure(one.with_others),
                reviews=reviews if changed.n else say("none"),
                flags=shown_flags(one.flags, titles),
            )
        )
    return PeopleView(
        rows=rows,
        page=page,
        pages=found.page_count,
        people_count=found.people_count,
        more=found.people_count - found.kept,
        flagged=found.flagged,
        together=found.together,
        words=figures.share_figure(found.together),
    )


def caterpillar(view: PeopleView, names: Mapping[str, str]) -> Markup:
    """Plot of each person's agreement with the others, least first, with a line for all."""
    known = [one for one in view.rows if one.with_others.share is not None]
    known.sort(key=lambda one: one.with_others.share or 0)
    rows = [
        PlotRow(
            names[one.contributor_id],
            one.with_others.share,
            one.with_others.low,
            one.with_others.high,
            say("%(value)s of %(compared)s", value=one.words.value, compared=number(one.compared)),
        )
        for one in known
    ]
    if not rows:
        return Markup()
    together = view.together.share
    lines = [] if together is None else [PlotLine(together, say("all people together"))]
    return Markup(forest_plot(say("Agreement of each person with the others"), rows, lines))


def pseudonyms(report: QualityReport) -> dict[str, str]:
    """A name for each person of a report that does not say who they are: a number, by id."""
    ids = sorted(one.contributor_id for one in report.people)
    return {one: pseudonym(number) for number, one in enumerate(ids, start=1)}

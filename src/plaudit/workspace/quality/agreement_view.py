"""Agreement as pages show it: all questions at a glance, and each question by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup
from msgspec import UNSET, Struct

from plaudit.wire.manage.quality import QuestionQuality, SliceOfQuestion
from plaudit.wire.manage.quality_report import QualityReport
from plaudit.workspace.language.speech import say
from plaudit.workspace.quality import figures
from plaudit.workspace.quality.figures import Figure
from plaudit.workspace.render.plots import PlotRow, forest_plot

ROWS_MAX = 200
"""Rows of one table of a page; all are in the report itself."""
PLOTTED_MAX = 50
HEAT_PEOPLE_MAX = 20
APART = 0.2
"""Difference of α and AC from which a page says that they are far apart."""
SHADES = 8


class QuestionRow(Struct, frozen=True, kw_only=True):
    """A question of the overview. `name` finds it again; `is_apart` if α and AC differ much."""

    question: QuestionQuality
    name: str
    percent: Figure
    alpha: Figure
    ac_name: str
    ac: Figure
    is_apart: bool


class OverviewView(Struct, frozen=True, kw_only=True):
    """Questions with their plot; `more` are those that have no row."""

    rows: list[QuestionRow]
    more: int
    plot: Markup


class HeatCell(Struct, frozen=True):
    """Agreement of two people: in words, the units, and a shade from 0 to SHADES, -1 for none."""

    words: str
    units: int
    shade: int


class HeatMap(Struct, frozen=True, kw_only=True):
    """Agreement of people two by two, of those with the most votes; `more` are left out."""

    coefficient: str
    ids: list[str]
    rows: list[list[HeatCell]]
    more: int


class SliceRow(Struct, frozen=True):
    """A part of the units with its agreement."""

    name: str
    units: int
    percent: Figure
    alpha: Figure


class PersonOnQuestionRow(Struct, frozen=True):
    """A person's votes on a question, beside the final answer, the others and the model."""

    contributor_id: str
    votes: int
    with_final: Figure
    with_others: Figure
    accuracy: str


class QuestionView(Struct, frozen=True, kw_only=True):
    """A question's page."""

    question: QuestionQuality
    plot: Markup
    coefficients: list[tuple[str, Figure]]
    others: list[tuple[str, Figure]]
    """Coefficients that take the answers for something else, such as names for a scale."""
    heat: HeatMap | None
    people: list[PersonOnQuestionRow]
    more_people: int
    final_of: list[tuple[str, int]]
    slices: list[SliceRow]
    more_slices: int
    slices_plot: Markup
    labels: list[tuple[str, int]]
    """Units by their most likely label, of the annotator model."""

    def contributor_ids(self) -> list[str]:
        """Those whom the page names."""
        named = [one.contributor_id for one in self.people]
        named += [contributor_id for contributor_id, _ in self.final_of]
        return named + ([] if self.heat is None else self.heat.ids)


def name_of(question: QuestionQuality) -> str:
    """Name of a question in a link: one key may be asked on several levels."""
    return f"{question.about}:{question.key}"


def find_question(report: QualityReport, name: str) -> QuestionQuality | None:
    """The question of this name."""
    return next((one for one in report.questions if name_of(one) == name), None)


def overview(report: QualityReport) -> OverviewView:
    """Questions of a report, as the overview shows them."""
    rows, plotted = [], []
    for question in report.questions[:ROWS_MAX]:
        alpha, ac = figures.main_alpha(question), figures.matching_ac(question)
        values = [None if one is None else one[1].value for one in (alpha, ac)]
        is_apart = None not in values and values[1] - values[0] >= APART  # type: ignore[operator]
        percent = Figure("–")
        if question.agreement is not UNSET:
            percent = figures.figure_of(question.agreement.percent)
        rows.append(
            QuestionRow(
                question=question,
                name=name_of(question),
                percent=percent,
                alpha=Figure("–") if alpha is None else figures.figure_of(alpha[1]),
                ac_name="" if ac is None else ac[0],
                ac=Figure("–") if ac is None else figures.figure_of(ac[1]),
                is_apart=is_apart,
            )
        )
        if alpha is not None:
            plotted.append(figures.plot_row(f"α · {question.key}", alpha[1]))
        if ac is not None:
            plotted.append(figures.plot_row(f"{ac[0]} · {question.key}", ac[1], is_second=True))
    return OverviewView(
        rows=rows,
        more=max(0, len(report.questions) - ROWS_MAX),
        plot=drawn(say("α and AC of each question"), plotted),
    )


def drawn(title: str, rows: Sequence[PlotRow]) -> Markup:
    """Forest plot of coefficients, with the lines they are read by; empty without a value."""
    if all(row.value is None for row in rows):
        return Markup()
    return Markup(forest_plot(title, rows[: 2 * PLOTTED_MAX], figures.bounds_of_conclusions()))


def question_view(question: QuestionQuality) -> QuestionView:
    """A question of a report, as its page shows it."""
    found = list(figures.all_coefficients(question))[:ROWS_MAX]
    unread = figures.unread_names(question)
    read = [one for one in found if one.name not in unread]
    model = question.dawid_skene
    accuracy = {} if model is UNSET or model.people is UNSET else model.people
    labels = {} if model is UNSET or model.labels is UNSET else model.labels
    final_of = question.disagreements.final_of
    slices = {} if question.slices is UNSET else question.slices
    rows, plotted = _slices(question, slices)
    return QuestionView(
        question=question,
        plot=drawn(
            say("Coefficients of %(key)s", key=question.key),
            [figures.plot_row(one.name, one.found) for one in read if one.file_name != "percent"],
        ),
        coefficients=[(one.name, figures.figure_of(one.found)) for one in read],
        others=[(one.name, figures.figure_of(one.found)) for one in found if one.name in unread],
        heat=heat_map(question),
        people=[
            PersonOnQuestionRow(
                one.contributor_id,
                one.votes,
                figures.share_figure(one.with_final),
                figures.share_figure(one.with_others),
                figures.number_words(accuracy.get(one.contributor_id)),
            )
            for one in question.people[:ROWS_MAX]
        ],
        more_people=max(0, len(question.people) - ROWS_MAX),
        final_of=sorted(final_of.items(), key=lambda one: (-one[1], one[0]))[:HEAT_PEOPLE_MAX],
        slices=rows,
        more_slices=max(0, len(slices) - ROWS_MAX),
        slices_plot=drawn(say("α of the slices of %(key)s", key=question.key), plotted),
        labels=list(labels.items())[:ROWS_MAX],
    )


def _slices(
    question: QuestionQuality, slices: Mapping[str, SliceOfQuestion]
) -> tuple[list[SliceRow], list[PlotRow]]:
    rows, plotted = [], []
    for name, one in list(slices.items())[:ROWS_MAX]:
        alpha = one.agreement.alpha.get("masi") or one.agreement.alpha.get(question.level)
        rows.append(
            SliceRow(
                name,
                one.units,
                figures.figure_of(one.agreement.percent),
                Figure("–") if alpha is None else figures.figure_of(alpha),
            )
        )
        if alpha is not None:
            plotted.append(figures.plot_row(name, alpha))
    return rows, plotted


def heat_map(question: QuestionQuality) -> HeatMap | None:
    """Agreement of people two by two; None where no two share a unit."""
    name, pairs = _pairs(question)
    if not pairs:
        return None
    votes = {one.contributor_id: one.votes for one in question.people}
    ids = sorted({one for pair in pairs for one in pair}, key=lambda one: (-votes.get(one, 0), one))
    kept = ids[:HEAT_PEOPLE_MAX]
    return HeatMap(
        coefficient=name,
        ids=kept,
        rows=[[_cell(pairs, one, other) for other in kept] for one in kept],
        more=len(ids) - len(kept),
    )


def _pairs(question: QuestionQuality) -> tuple[str, dict[frozenset[str], tuple[int, float | None]]]:
    """Name of the coefficient of two people, and each pair's units and value."""
    if question.ranking is not UNSET and question.ranking.pairs:
        return "τ-b", {frozenset(one.people): (one.n, one.tau_b) for one in question.ranking.pairs}
    if question.agreement is UNSET or question.agreement.cohen is UNSET:
        return "", {}
    is_nominal = question.level == "nominal"
    return "Cohen’s κ" if is_nominal else say("Cohen’s κ, quadratic weights"), {
        frozenset(one.people): (one.n, one.kappa if is_nominal else one.quadratic)
        for one in question.agreement.cohen
    }


def _cell(
    pairs: Mapping[frozenset[str], tuple[int, float | None]], one: str, other: str
) -> HeatCell:
    if one == other or (pair := pairs.get(frozenset((one, other)))) is None:
        return HeatCell("", 0, -1)
    units, value = pair
    if value is None:
        return HeatCell("–", units, -1)
    return HeatCell(
        figures.number_words(value, 2), units, round(max(0.0, min(1.0, value)) * SHADES)
    )

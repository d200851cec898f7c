"""Bias and leaderboard as the pages of quality show them."""

from __future__ import annotations

from markupsafe import Markup
from msgspec import UNSET, Struct

from plaudit.core.quality.comparisons.rating_history import RatingHistory
from plaudit.texts import N_
from plaudit.wire.manage.quality_people import BiasReport, IdentityLeak, LeaderboardReport
from plaudit.workspace.language.speech import number, say
from plaudit.workspace.language.words import word
from plaudit.workspace.quality import figures
from plaudit.workspace.quality.agreement_view import PLOTTED_MAX, ROWS_MAX
from plaudit.workspace.quality.figures import Figure, number_words, p_words
from plaudit.workspace.render.plots import PlotLine, PlotRow, forest_plot
from plaudit.workspace.render.rating_plots import RatingLine, rating_plot

SLICES_MAX = 20
MODELS_OF_SLICE_MAX = 20
HISTORY_ROWS_MAX = 10
BASIS = {
    "shown": N_("as each person saw them"),
    "stored": N_("as stored, for want of how they were shown"),
}


class BiasRow(Struct, frozen=True):
    """A way to win for another reason than worth: counts, figure, and the sentence to read."""

    name: str
    counts: str
    figure: Figure
    p: str
    says: str


class BiasView(Struct, frozen=True, kw_only=True):
    """Shares, of which ½ is fair, and differences, of which 0 is; leaks, at most ROWS_MAX."""

    shares: list[BiasRow]
    shares_plot: Markup
    differences: list[BiasRow]
    differences_plot: Markup
    slope: Figure
    leaks: list[IdentityLeak]
    more_leaks: int


class BoardRow(Struct, frozen=True, kw_only=True):
    """A model with its score, and its score at equal style."""

    model: str
    score: Figure
    controlled: Figure | None
    n: int
    component: int


class BoardSlice(Struct, frozen=True):
    """A part of the votes with its models, at most MODELS_OF_SLICE_MAX, best first."""

    name: str
    votes: int
    models: list[tuple[str, Figure]]


class HistoryRow(Struct, frozen=True):
    """Ratings of the models of a history after so many votes."""

    votes: int
    ratings: list[float]


class HistoryView(Struct, frozen=True):
    """Ratings in the course of the votes, drawn and as a table of HISTORY_ROWS_MAX rows."""

    models: list[str]
    plot: Markup
    rows: list[HistoryRow]


class BoardView(Struct, frozen=True, kw_only=True):
    """The leaderboard; `more` models have no row. `styles` are coefficients by style."""

    rows: list[BoardRow]
    more: int
    votes: int
    has_components: bool
    is_controlled: bool
    styles: list[tuple[str, Figure]]
    plot: Markup
    slices: list[BoardSlice]
    more_slices: int


def bias_view(report: BiasReport) -> BiasView:
    """Biases of a report."""
    place, length = report.place, report.length
    shares = [
        BiasRow(
            say("The first place wins (%(place)s)", place=BASIS[place.basis]),
            say(
                "%(first)s of %(number)s",
                first=number(place.first),
                number=number(place.first + place.second),
            ),
            _figure(place.share, place.low, place.high, place.why),
            p_words(place.p),
            place.says,
        ),
        BiasRow(
            say("The longer response wins"),
            say("%(longer)s of %(n)s", longer=number(length.longer), n=number(length.n)),
            _figure(length.share, length.low, length.high, length.why),
            p_words(length.p),
            length.says,
        ),
    ]
    marks = list(report.format.items())[:ROWS_MAX]
    differences = [
        BiasRow(
            say("Winners have %(name)s more often", name=word(name)),
            say(
                "%(number)s%% of winners, %(number_2)s%% of losers; %(n)s comparisons",
                number=number(100 * one.winners, 1),
                number_2=number(100 * one.losers, 1),
                n=number(one.n),
            ),
            _figure(one.difference, one.low, one.high),
            p_words(one.p),
            one.says,
        )
        for name, one in marks
    ]
    slope = length.slope
    return BiasView(
        shares=shares,
        shares_plot=_plot(
            say("Shares of wins"),
            [
                _row(say("first place"), place.share, place.low, place.high),
                _row(say("longer response"), length.share, length.low, length.high),
            ],
            PlotLine(0.5, say("½: fair")),
        ),
        differences=differences,
        differences_plot=_plot(
            say("Marks of winners less those of losers"),
            [_row(word(name), one.difference, one.low, one.high) for name, one in marks],
            PlotLine(0, say("0: no difference")),
        ),
        slope=_figure(slope.value, slope.low, slope.high, slope.why),
        leaks=report.identity_leaks[:ROWS_MAX],
        more_leaks=max(0, len(report.identity_leaks) - ROWS_MAX),
    )


def board_view(report: LeaderboardReport) -> BoardView:
    """The leaderboard of a report, plain and at equal style."""
    controlled = {one.model: one for one in report.controlled}
    rows, plotted = [], []
    for one in report.models[:ROWS_MAX]:
        other = controlled.get(one.model)
        rows.append(
            BoardRow(
                model=one.model,
                score=_figure(one.score, one.low, one.high, one.why, digits=0),
                controlled=None
                if other is None
                else _figure(other.score, other.low, other.high, other.why, digits=0),
                n=one.n,
                component=one.component,
            )
        )
        plotted.append(_row(one.model, one.score, one.low, one.high, digits=0))
        if other is not None:
            plotted.append(
                _row(say("at equal style"), other.score, other.low, other.high, 0, is_second=True)
            )
    slices = {} if report.slices is UNSET else report.slices
    plotted = plotted[: PLOTTED_MAX * (2 if controlled else 1)]
    return BoardView(
        rows=rows,
        more=max(0, len(report.models) - ROWS_MAX),
        votes=report.votes,
        has_components=len({one.component for one in report.models}) > 1,
        is_controlled=bool(controlled),
        styles=[
            (
                word(name),
                Figure(
                    number_words(one.value, 2),
                    "" if one.se is None else f"± {number_words(1.96 * one.se, 2)}",
                    "" if one.why is UNSET else one.why,
                ),
            )
            for name, one in report.style.items()
        ],
        plot=_plot(say("Scores of models"), plotted),
        slices=[
            BoardSlice(
                name,
                part.votes,
                [
                    (one.model, _figure(one.score, one.low, one.high, one.why, digits=0))
                    for one in part.models[:MODELS_OF_SLICE_MAX]
                ],
            )
            for name, part in list(slices.items())[:SLICES_MAX]
        ],
        more_slices=max(0, len(slices) - SLICES_MAX),
    )


def history_view(history: RatingHistory | None) -> HistoryView | None:
    """Ratings in the course of the votes; None where nothing is known of them."""
    if history is None or not history.votes:
        return None
    lines = [
        RatingLine(name, [ratings[at] for ratings in history.ratings])
        for at, name in enumerate(history.models)
    ]
    drawn = rating_plot(say("Ratings in the course of the votes"), history.votes, lines)
    step = -(-len(history.votes) // HISTORY_ROWS_MAX)
    points = list(zip(history.votes, history.ratings, strict=True))[::-1][::step][::-1]
    return HistoryView(history.models, Markup(drawn), [HistoryRow(*one) for one in points])


def _figure(
    value: float | None,
    low: float | None,
    high: float | None,
    why: object = UNSET,
    digits: int = 3,
) -> Figure:
    if value is None:
        return Figure("–", why=why if isinstance(why, str) else "")
    return Figure(number_words(value, digits), figures.interval_words(low, high, digits))


def _row(
    label: str,
    value: float | None,
    low: float | None,
    high: float | None,
    digits: int = 3,
    is_second: bool = False,
) -> PlotRow:
    words = number_words(value, digits) if value is not None else "–"
    return PlotRow(label, value, low, high, words, is_second)


def _plot(title: str, rows: list[PlotRow], *lines: PlotLine) -> Markup:
    if all(row.value is None for row in rows):
        return Markup()
    return Markup(forest_plot(title, rows, lines))

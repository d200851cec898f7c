"""Tables of a report on quality, in words: for the terminal and for the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import UNSET

from plaudit.wire.manage.quality import (
    Coefficient,
    QuestionQuality,
    ShareOfCases,
)
from plaudit.wire.manage.quality_people import LeaderboardModel, PersonReport
from plaudit.wire.manage.quality_report import QualityReport
from plaudit.workspace.quality.figures import (
    all_coefficients,
    bounds_of_conclusions,
    figure_of,
    interval_words,
    main_alpha,
    matching_ac,
    number_words,
    plot_row,
)
from plaudit.workspace.render.plots import PlotLine, PlotRow

ROWS_MAX = 40
"""Rows of a table in the terminal and on the page; all are in the JSON."""


@dataclass(frozen=True, slots=True)
class ReportTable:
    """A table with its title, a sentence or two about it, and what is plotted above it."""

    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]]
    says: str = ""
    plot: list[PlotRow] = field(default_factory=list)
    lines: Sequence[PlotLine] = ()


def report_tables(report: QualityReport) -> Iterator[ReportTable]:
    """The tables of a report, those alone that have something to say."""
    if report.questions:
        yield _agreement(report.questions)
    for question in report.questions:
        yield from _question_tables(question)
    yield from _bias(report)
    if report.leaderboard.models:
        title = f"Leaderboard of {report.leaderboard.votes:,} votes"
        yield _board(title, report.leaderboard.models)
    if report.leaderboard.controlled:
        styles = ", ".join(
            f"{name} {number_words(one.value, 2)}" for name, one in report.leaderboard.style.items()
        )
        says = f"What a standard deviation more of it adds to the log-odds to win: {styles}."
        yield _board("Leaderboard at equal style", report.leaderboard.controlled, says)
    for name, one in (report.leaderboard.slices or {}).items():
        yield _board(f"Leaderboard of {name}: {one.votes:,} votes", one.models)
    flagged = [person for person in report.people if person.flags]
    if flagged:
        yield _flags(flagged)
    if report.counted_out is not UNSET:
        yield ReportTable(
            "Votes that are not counted",
            ("question", "about", "votes", "why"),
            [(one.key, one.about, f"{one.n:,}", one.why) for one in report.counted_out],
        )


def _in_words(found: Coefficient) -> str:
    """A coefficient with its interval, or the reason why there is none."""
    figure = figure_of(found)
    return figure.why or f"{figure.value} {figure.interval}".rstrip()


def _agreement(questions: Sequence[QuestionQuality]) -> ReportTable:
    rows: list[Sequence[str]] = []
    plot = []
    for question in questions:
        alpha, ac = main_alpha(question), matching_ac(question)
        rows.append(
            (
                question.key,
                question.about,
                question.level,
                f"{question.units:,}",
                f"{question.pairable:,}",
                f"{question.votes:,}",
                f"{question.abstained:,}",
                "–" if question.agreement is UNSET else _in_words(question.agreement.percent),
                "–" if alpha is None else _in_words(alpha[1]),
                "–" if ac is None else f"{ac[0]} {_in_words(ac[1])}",
            )
        )
        if alpha is not None:
            plot.append(plot_row(question.key, alpha[1]))
    return ReportTable(
        "Agreement",
        ("question", "about", "level", "units", "by 2 or more", "votes", "abstained", "percent",
         "α", "AC"),
        rows,
        "α is agreement beyond chance; where one answer prevails it is low although people agree, "
        "and AC says so. Lines stand at 0.667 and 0.8.",
        plot,
        bounds_of_conclusions(),
    )  # fmt: skip


def _question_tables(question: QuestionQuality) -> Iterator[ReportTable]:
    found = [(one.file_name, _in_words(one.found)) for one in all_coefficients(question)]
    if found:
        yield ReportTable(f"{question.key}: coefficients", ("coefficient", "value"), list(found))
    if question.texts is not UNSET:
        chars = question.texts.chars
        lengths = "–" if chars is None else f"{chars.low:g}, {chars.median:g}, {chars.high:g}"
        yield ReportTable(
            f"{question.key}: texts",
            ("texts", "empty", "quartiles of characters"),
            [(f"{question.texts.n:,}", f"{question.texts.empty:,}", lengths)],
        )
    if question.slices is not UNSET:
        yield _slices(question)
    if question.agreement is not UNSET and question.agreement.cohen not in (UNSET, []):
        pairs = sorted(question.agreement.cohen or [], key=lambda one: -one.n)
        yield ReportTable(
            f"{question.key}: two people",
            ("people", "units", "κ", "se", "κ linear", "κ quadratic", "τ-b"),
            [
                (
                    " and ".join(one.people),
                    f"{one.n:,}",
                    *(
                        number_words(value)
                        for value in (one.kappa, one.se, one.linear, one.quadratic, one.tau_b)
                    ),
                )
                for one in pairs[:ROWS_MAX]
            ],
            _rest(len(pairs)),
        )
    yield _people_of(question)


def _slices(question: QuestionQuality) -> ReportTable:
    rows: list[Sequence[str]] = []
    plot = []
    for name, one in (question.slices or {}).items():
        alpha = one.agreement.alpha.get(question.level) or one.agreement.alpha.get("masi")
        if alpha is None:
            continue
        rows.append((name, f"{one.units:,}", _in_words(one.agreement.percent), _in_words(alpha)))
        plot.append(plot_row(name, alpha))
    return ReportTable(
        f"{question.key}: slices",
        ("slice", "units", "percent", "α"),
        rows[:ROWS_MAX],
        _rest(len(rows)) or "Of twenty slices one is unusual by chance.",
        plot[:ROWS_MAX],
        bounds_of_conclusions(),
    )


def _people_of(question: QuestionQuality) -> ReportTable:
    model = question.dawid_skene
    accuracy = {} if model is UNSET or model.people is UNSET else model.people
    says = (
        f"People differ on {question.disagreements.units:,} units; on "
        f"{question.disagreements.final_of_nobody:,} the final answer is nobody's."
    )
    if (why := question.disagreements.why) is not UNSET:
        said = ", ".join(f"{count:,} × {word}" for word, count in why.items())
        says += f" Why they differ, as reviewers say: {said}."
    if question.repeats.n:
        repeats = question.repeats
        says += f" {repeats.equal:,} of {repeats.n:,} votes given again are equal."
    if model is not UNSET and model.why is not UNSET:
        says += f" No annotator model: {model.why}."
    return ReportTable(
        f"{question.key}: people",
        ("person", "votes", "as the final answer", "as the others", "accuracy by the model"),
        [
            (
                person.contributor_id,
                f"{person.votes:,}",
                _share(person.with_final),
                _share(person.with_others),
                number_words(accuracy.get(person.contributor_id)),
            )
            for person in question.people[:ROWS_MAX]
        ],
        f"{says} {_rest(len(question.people))}".strip(),
    )


def _bias(report: QualityReport) -> Iterator[ReportTable]:
    place, length = report.bias.place, report.bias.length
    rows: list[Sequence[str]] = []
    if place.share is not None:
        rows.append(
            (
                f"first place, as {place.basis}",
                f"{place.first:,} of {place.first + place.second:,}",
                _interval(place.share, place.low, place.high),
                place.says,
            )
        )
    if length.share is not None:
        rows.append(
            (
                "the longer response",
                f"{length.longer:,} of {length.n:,}",
                _interval(length.share, length.low, length.high),
                length.says,
            )
        )
    rows += [
        (name, f"{one.n:,}", _interval(one.difference, one.low, one.high), one.says)
        for name, one in report.bias.format.items()
    ]
    if rows:
        yield ReportTable(
            "Bias",
            ("what wins", "comparisons", "share, or difference", "reading"),
            rows,
            "A share of ½, or a difference of 0, is fair.",
        )
    leaks = report.bias.identity_leaks
    if leaks:
        yield ReportTable(
            "Responses that name a model or a vendor",
            ("task", "source", "names"),
            [(one.task_id, one.source_id, ", ".join(one.names)) for one in leaks[:ROWS_MAX]],
            _rest(len(leaks)),
        )


def _board(title: str, models: Sequence[LeaderboardModel], says: str = "") -> ReportTable:
    return ReportTable(
        title,
        ("model", "score", "95 % interval", "votes", "remark"),
        [
            (
                one.model,
                number_words(one.score, 0),
                "–"
                if one.low is None
                else f"{number_words(one.low, 0)} – {number_words(one.high, 0)}",
                f"{one.n:,}",
                "" if one.why is UNSET else one.why,
            )
            for one in models[:ROWS_MAX]
        ],
        f"{says} {_rest(len(models))}".strip(),
        [
            PlotRow(one.model, one.score, one.low, one.high, number_words(one.score, 0))
            for one in models[:ROWS_MAX]
        ],
    )


def _flags(people: Sequence[PersonReport]) -> ReportTable:
    rows = [
        (person.contributor_id, f"{person.tasks:,}", flag.flag, flag.why)
        for person in people
        for flag in person.flags
    ]
    return ReportTable(
        "People to look at",
        ("person", "tasks", "flag", "why"),
        list(rows[:ROWS_MAX]),
        f"A flag is worth a look, and no verdict. {_rest(len(rows))}".strip(),
    )


def _share(one: ShareOfCases) -> str:
    if one.share is None:
        return "–"
    return f"{one.right:,} of {one.n:,} ({one.share:.1%})"


def _interval(value: float, low: float | None, high: float | None) -> str:
    return f"{number_words(value)} {interval_words(low, high)}".rstrip()


def _rest(count: int) -> str:
    return f"{count - ROWS_MAX:,} more are in the JSON." if count > ROWS_MAX else ""

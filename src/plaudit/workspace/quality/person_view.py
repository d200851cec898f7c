"""One person's work as pages show it: figures with counts, the moving average, each question."""

from __future__ import annotations

from typing import Any

import msgspec
from markupsafe import Markup
from msgspec import UNSET, Struct

from plaudit.wire.manage.quality import ShareOfCases
from plaudit.wire.manage.quality_annotators import (
    AnnotatorOnQuestion,
    AnnotatorQuality,
    ConfusionOfPerson,
    MovingAverage,
)
from plaudit.workspace.quality import figures
from plaudit.workspace.quality.figures import Figure
from plaudit.workspace.render.line_plots import LineLimits, LinePoint, line_plot

LINE_ROWS_MAX = 24
"""Rows of the table beside a moving average, evenly among its points."""
SHADES = 8
WORD_CHARS_MAX = 200


class FigureRow(Struct, frozen=True):
    """A figure by name, and the cases that it comes from."""

    name: str
    figure: Figure
    cases: str


class LineRow(Struct, frozen=True):
    """Moving average after so many tasks; `is_below` under its lower limit."""

    tasks: int
    at: str
    value: str
    is_below: bool


class LineView(Struct, frozen=True):
    """A moving average, drawn and as a table; `why` there is none, `says` where it stands."""

    plot: Markup
    rows: list[LineRow]
    says: str
    why: str


class ConfusionRow(Struct, frozen=True):
    """A likely truth: its word, votes on it, and each answer as probability with its shade."""

    truth: str
    n: str
    cells: list[tuple[str, int]]


class AnsweredQuestionRow(Struct, frozen=True, kw_only=True):
    """A person's votes on a question; `answers` are the columns of the confusion matrix."""

    key: str
    about: str
    votes: int
    with_final: Figure
    final_cases: int
    with_others: Figure
    others_cases: int
    accuracy: str
    answers: list[str]
    confusion: list[ConfusionRow]


class DifferingRow(Struct, frozen=True):
    """A vote of a person and that of the others, in words."""

    task_id: str
    key: str
    own: str
    others: str
    at: str | None


def figure_rows(quality: AnnotatorQuality) -> list[FigureRow]:
    """All figures of a person, those of gold too."""
    rows = _shared_rows(quality, f"{quality.active_time.n:,} tasks with a known time")
    gold = FigureRow("Right on gold tasks", Figure("no gold yet"), "–")
    if quality.gold.n:
        gold = _share_row("Right on gold tasks", quality.gold, "gold tasks")
    again = [
        _share_row("Own tasks answered alike again", quality.repeats, "repeated tasks"),
        _share_row("Votes equal when given again", quality.consistency, "votes given again"),
    ]
    skips = _share_row("Tasks skipped", quality.skips, "tasks skipped or done")
    done = FigureRow("Tasks done", Figure(f"{quality.tasks:,}"), "–")
    return [done, *rows[:2], skips, gold, rows[2], *again, *rows[3:]]


def own_figure_rows(quality: AnnotatorQuality) -> list[FigureRow]:
    """Figures that a person sees of their own work: nothing of gold, repeats or flags."""
    return _shared_rows(quality, "tasks with a known time")


def _shared_rows(quality: AnnotatorQuality, timed: str) -> list[FigureRow]:
    time = quality.active_time
    reviews = quality.reviews
    return [
        FigureRow("Time per task, median", Figure(figures.duration_words(time.median_ms)), timed),
        FigureRow(
            "Time per 100 words of responses, median",
            Figure(figures.duration_words(time.median_ms_per_100_words)),
            timed,
        ),
        _share_row("As the majority of the others", quality.with_others, "votes compared"),
        _share_row("Changed by a reviewer", reviews.changed, "reviewed tasks"),
        _share_row("Sent back by a reviewer", reviews.sent_back, "reviewed tasks"),
    ]


def line_view(average: MovingAverage) -> LineView:
    """A moving average for a page."""
    if average.why is not UNSET or average.centre is None:
        why = "" if average.why is UNSET else average.why
        return LineView(Markup(), [], "", why)
    low, high = average.low or 0.0, average.high or 1.0
    points = [LinePoint(one.tasks, one.value) for one in average.points]
    drawn = line_plot(
        "Moving average of the agreement with the others",
        points,
        LineLimits(average.centre, low, high),
    )
    step = max(1, -(-len(average.points) // LINE_ROWS_MAX))
    chosen = average.points[::-1][::step][::-1]
    return LineView(
        Markup(drawn),
        [
            LineRow(one.tasks, one.at[:10], f"{100 * one.value:.1f} %", one.value < low)
            for one in chosen
        ],
        _standing(average, low),
        "",
    )


def _standing(average: MovingAverage, low: float) -> str:
    if average.below_since is not None:
        return (
            f"It went below its lower limit of {100 * low:.1f} % at task {average.below_since:,}"
            f" of {average.n:,}, and has stayed there."
        )
    return f"After {average.n:,} tasks it is not below its lower limit of {100 * low:.1f} %."


def question_rows(quality: AnnotatorQuality) -> list[AnsweredQuestionRow]:
    """The questions of a person."""
    return [_question_row(one) for one in quality.questions]


def differing_rows(quality: AnnotatorQuality) -> list[DifferingRow]:
    """Votes of a person that differ from the others, newest first."""
    return [
        DifferingRow(
            one.task_id,
            one.key,
            word_of(one.value),
            word_of(one.others),
            None if one.at is None else one.at[:10],
        )
        for one in quality.differing
    ]


def word_of(value: Any) -> str:
    """A category in words, cut where it is long."""
    if isinstance(value, list):
        text = ", ".join(map(word_of, value)) or "nothing"
    else:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= WORD_CHARS_MAX else text[: WORD_CHARS_MAX - 1] + "…"


def _share_row(name: str, share: ShareOfCases, what: str) -> FigureRow:
    cases = f"{share.right:,} of {share.n:,} {what}" if share.n else f"no {what}"
    return FigureRow(name, figures.share_figure(share), cases)


def _question_row(one: AnnotatorOnQuestion) -> AnsweredQuestionRow:
    confusion = None if one.confusion is UNSET else one.confusion
    return AnsweredQuestionRow(
        key=one.key,
        about=one.about,
        votes=one.votes,
        with_final=figures.share_figure(one.with_final),
        final_cases=one.with_final.n,
        with_others=figures.share_figure(one.with_others),
        others_cases=one.with_others.n,
        accuracy=figures.number_words(one.accuracy),
        answers=[]
        if confusion is None
        else [word_of(category) for category in confusion.categories],
        confusion=[] if confusion is None else _confusion_rows(confusion),
    )


def _confusion_rows(confusion: ConfusionOfPerson) -> list[ConfusionRow]:
    """Rows of truths that at least half a vote is expected to have; the rest is smoothing."""
    return [
        ConfusionRow(
            word_of(category),
            figures.number_words(n, 1),
            [(figures.number_words(p, 2), round(p * SHADES)) for p in row],
        )
        for category, n, row in zip(confusion.categories, confusion.n, confusion.rows, strict=True)
        if n >= 0.5
    ]

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
from plaudit.workspace.language.speech import number, percent, say, say_count
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
    rows = _shared_rows(
        quality,
        say_count(
            "%(count)s task with a known time",
            "%(count)s tasks with a known time",
            quality.active_time.n,
        ),
    )
    gold = FigureRow(say("Right on gold tasks"), Figure(say("no gold yet")), "–")
    if quality.gold.n:
        gold = _share_row(say("Right on gold tasks"), quality.gold, say("gold tasks"))
    again = [
        _share_row(say("Own tasks answered alike again"), quality.repeats, say("repeated tasks")),
        _share_row(
            say("Votes equal when given again"), quality.consistency, say("votes given again")
        ),
    ]
    skips = _share_row(say("Tasks skipped"), quality.skips, say("tasks skipped or done"))
    done = FigureRow(say("Tasks done"), Figure(number(quality.tasks)), "–")
    return [done, *rows[:2], skips, gold, rows[2], *again, *rows[3:]]


def own_figure_rows(quality: AnnotatorQuality) -> list[FigureRow]:
    """Figures that a person sees of their own work: nothing of gold, repeats or flags."""
    return _shared_rows(quality, say("tasks with a known time"))


def _shared_rows(quality: AnnotatorQuality, timed: str) -> list[FigureRow]:
    time = quality.active_time
    reviews = quality.reviews
    return [
        FigureRow(
            say("Time per task, median"), Figure(figures.duration_words(time.median_ms)), timed
        ),
        FigureRow(
            say("Time per 100 words of responses, median"),
            Figure(figures.duration_words(time.median_ms_per_100_words)),
            timed,
        ),
        _share_row(
            say("As the majority of the others"), quality.with_others, say("votes compared")
        ),
        _share_row(say("Changed by a reviewer"), reviews.changed, say("reviewed tasks")),
        _share_row(say("Sent back by a reviewer"), reviews.sent_back, say("reviewed tasks")),
    ]


def line_view(average: MovingAverage) -> LineView:
    """A moving average for a page."""
    if average.why is not UNSET or average.centre is None:
        why = "" if average.why is UNSET else average.why
        return LineView(Markup(), [], "", why)
    low, high = average.low or 0.0, average.high or 1.0
    points = [LinePoint(one.tasks, one.value) for one in average.points]
    drawn = line_plot(
        say("Moving average of the agreement with the others"),
        points,
        LineLimits(average.centre, low, high),
    )
    step = max(1, -(-len(average.points) // LINE_ROWS_MAX))
    chosen = average.points[::-1][::step][::-1]
    return LineView(
        Markup(drawn),
        [LineRow(one.tasks, one.at[:10], percent(one.value, 1), one.value < low) for one in chosen],
        _standing(average, low),
        "",
    )


def _standing(average: MovingAverage, low: float) -> str:
    if average.below_since is not None:
        return say(
            "It went below its lower limit of %(percent)s%% at task %(task)s of %(n)s, "
            "and has stayed there.",
            percent=number(100 * low, 1),
            task=number(average.below_since),
            n=number(average.n),
        )
    return say(
        "After %(n)s tasks it is not below its lower limit of %(percent)s%%.",
        n=number(average.n),
        percent=number(100 * low, 1),
    )


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
        text = ", ".join(map(word_of, value)) or say("nothing")
    else:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= WORD_CHARS_MAX else text[: WORD_CHARS_MAX - 1] + "…"


def _share_row(name: str, share: ShareOfCases, what: str) -> FigureRow:
    cases = (
        say("%(right)s of %(n)s %(what)s", right=number(share.right), n=number(share.n), what=what)
        if share.n
        else say("no %(what)s", what=what)
    )
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

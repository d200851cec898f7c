"""Statistics of a project: its tasks by status, its pace, and the distribution of answers.

Every query reads a bounded number of rows, whatever the size of the project. Values and times come
from the last SAMPLE submissions; a page that shows them says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.type_rules import BarChart, possible_values
from plaudit.core.labeling.types import rules_of
from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.model.core import STORED_STATUSES, ProjectRow, TaskStatus
from plaudit.model.labeling import WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import statistics
from plaudit.store.tasks import projects, recent_completions, work_queue

COUNTED_MAX = 100_000
"""The most rows that are counted; a count of it means that many or more."""
UNASKED_MAX = 10
DAYS = 30
DAY_MS = 24 * 3600 * 1000
SAMPLE = 1000
BARS_MAX = 30
"""The most values of a field with a bar each; rarer ones are counted together as Others."""

TIMES = (30, 60, 120, 300, 600, 1200, 2400)
"""Boundaries between the bars of the times, in seconds."""

_decode_answers = msgspec.json.Decoder(list[Answer]).decode


class ProjectProgress(Struct, frozen=True, kw_only=True):
    """Counts of a project's tasks by status, and of the work on the pending ones.

    Each is counted up to COUNTED_MAX. `held` are leases that run at this moment, `waiting` tasks
    with a free slot. `unasked` are pending tasks that nobody is given, for nothing is asked about
    them: they have no conversation, or one that the form asks nothing about.
    """

    statuses: dict[TaskStatus, int]
    waiting: int
    held: int
    in_review: int
    quarantined: int
    unasked: int


class CompletionPace(Struct, frozen=True):
    """Completions on each of DAYS days in UTC, as pairs of the day's start and the count.

    The days end today, or, if `is_past`, with the day of the last completion. With `is_cut` there
    were more than COUNTED_MAX, and the earlier days lack some.
    """

    days: list[tuple[int, int]]
    is_cut: bool
    is_past: bool = False


class ValueCount(Struct, frozen=True):
    """One value, or range of values, and its frequency."""

    label: str
    count: int


class ValueDistribution(Struct, frozen=True):
    """Frequencies of the answers to one field; `answered` counts answers, not values."""

    field: Field
    bars: list[ValueCount]
    answered: int


class SubmissionSample(Struct, frozen=True):
    """Distributions of answers and times over `count` submissions; without any, no `median_s`."""

    count: int
    spreads: list[ValueDistribution]
    times: list[ValueCount]
    median_s: float | None


async def progress(tx: Transaction, project: ProjectRow) -> ProjectProgress:
    """Count a project's tasks and the work on them."""
    key = project.project_key
    statuses = {
        status: await projects.count_tasks(tx, key, status, COUNTED_MAX)
        for status in STORED_STATUSES
    }
    return ProjectProgress(
        statuses=statuses,
        waiting=await work_queue.count_free(tx, key, limit_max=COUNTED_MAX),
        held=await statistics.count_open_leases(tx, key, now=await tx.now_ms(), most=COUNTED_MAX),
        in_review=await statistics.count_waiting(tx, key, WorkState.in_review, most=COUNTED_MAX),
        quarantined=await statistics.count_waiting(
            tx, key, WorkState.quarantined, most=COUNTED_MAX
        ),
        unasked=await statistics.count_unasked(tx, key, most=COUNTED_MAX),
    )


async def list_unasked(tx: Transaction, project: ProjectRow) -> list[tuple[str, bool]]:
    """List the oldest UNASKED_MAX tasks that nothing is asked about.

    Pairs of the task_id, and True if it has a conversation about which the form asks nothing.
    """
    return await statistics.list_unasked(
        tx, project.project_key, most=COUNTED_MAX, limit=UNASKED_MAX
    )


async def pace(tx: Transaction, project: ProjectRow, now_ms: int) -> CompletionPace:
    """Count the completions by day, over the DAYS days to now or to the last completion."""
    first = (now_ms // DAY_MS - DAYS + 1) * DAY_MS
    newest = await recent_completions.list_latest_completions(tx, project.project_key, limit=1)
    is_past = bool(newest) and newest[0].at_ms < first
    if is_past:
        first = (newest[0].at_ms // DAY_MS - DAYS + 1) * DAY_MS
    counts = await statistics.count_completed_by_day(
        tx, project.project_key, since_ms=first, most=COUNTED_MAX
    )
    days = [(first + number * DAY_MS, counts.get(number, 0)) for number in range(DAYS)]
    return CompletionPace(days, sum(counts.values()) >= COUNTED_MAX, is_past)


async def last_answers(tx: Transaction, project: ProjectRow) -> list[tuple[bytes, int, bool]]:
    """Load the last SAMPLE submissions: answers as JSON, active ms, whether they count."""
    return await statistics.list_last_answers(tx, project.project_key, limit=SAMPLE)


def sampled(form: Form, rows: Sequence[tuple[bytes, int, bool]]) -> SubmissionSample:
    """Distributions over the rows that count; decodes them all, so call it off the event loop."""
    counting = [
        (_decode_answers(answers), active_ms) for answers, active_ms, counts in rows if counts
    ]
    by_field: dict[tuple[Level, str], list[Answer]] = {}
    for answers, _ in counting:
        for answer in answers:
            by_field.setdefault((_level_of(answer), answer.key), []).append(answer)
    charted = [(field, chart(field)) for field in form.fields if (chart := rules_of(field).chart)]
    spreads = [
        _spread(field, chart, by_field.get((field.level, field.key), []))
        for field, chart in charted
    ]
    seconds = sorted(active_ms / 1000 for _, active_ms in counting)
    return SubmissionSample(
        count=len(counting),
        spreads=[spread for spread in spreads if spread.answered or possible_values(spread.field)],
        times=_times(seconds),
        median_s=seconds[len(seconds) // 2] if seconds else None,
    )


def _level_of(answer: Answer) -> Level:
    if answer.criterion is not None:
        return Level.criterion
    if answer.chunk is not None:
        return Level.chunk
    if answer.source_id is not None:
        return Level.message
    return Level.turn if "u" in answer.at else Level.thread


def _spread(field: Field, chart: BarChart, answers: Sequence[Answer]) -> ValueDistribution:
    counts: Counter[str] = Counter()
    for answer in answers:
        if answer.not_applicable:
            counts["Not applicable"] += 1
        elif answer.cannot_assess:
            counts["Cannot assess"] += 1
        else:
            values = answer.value if isinstance(answer.value, list) else [answer.value]
            counts.update(_word(value) for value in values if value is not None)
    listed = chart.values or []
    names = _names(field, listed)
    bars = [ValueCount(names[_word(value)], counts.pop(_word(value), 0)) for value in listed]
    rest = counts.most_common()
    if chart.values is None and chart.is_ascending:
        rest.sort(key=lambda pair: (not pair[0].lstrip("-").isdigit(), _number(pair[0])))
    bars += [ValueCount(word, count) for word, count in rest[:BARS_MAX]]
    others = sum(count for _, count in rest[BARS_MAX:])
    return ValueDistribution(
        field, [*bars, ValueCount("Others", others)] if others else bars, len(answers)
    )


def _names(field: Field, values: Sequence[Any]) -> dict[str, str]:
    """Names of the values: each with its label, if that says more."""
    labels = field.labels if field.labels and len(field.labels) == len(values) else None
    names = {}
    for number, value in enumerate(values):
        word = _word(value)
        label = word if labels is None else labels[number]
        names[word] = label if label == word or isinstance(value, str) else f"{word} · {label}"
    return names


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return str(value)


def _number(word: str) -> int:
    return int(word) if word.lstrip("-").isdigit() else 0


def _times(seconds: Sequence[float]) -> list[ValueCount]:
    edges = [0, *TIMES]
    bars = []
    for number, low in enumerate(edges):
        high = edges[number + 1] if number + 1 < len(edges) else None
        count = sum(low <= time and (high is None or time < high) for time in seconds)
        if high is None:
            label = f"over {low // 60} min"
        elif high <= 60:
            label = f"{low}–{high} s"
        else:
            label = f"{low // 60}–{high // 60} min"
        bars.append(ValueCount(label, count))
    return bars

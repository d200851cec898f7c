"""How a project comes on: its counts, its pace, and what people answer.

Nothing here reads more than a bounded number of rows, whatever the size of the project. Values and
times come from the last SAMPLE submissions; who shows them says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.answer_values import possible_values
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.questions import names_response
from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.model.core import STORED_STATUSES, ProjectRow, TaskStatus
from plaudit.model.labeling import WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import statistics
from plaudit.store.tasks import projects, recent_completions, work_queue
from plaudit.wire.v2.annotation import AnnotationType

COUNTED_MAX = 100_000
"""More rows than that are not counted one by one."""
DAYS = 30
DAY_MS = 24 * 3600 * 1000
SAMPLE = 1000
BARS_MAX = 30
"""So many different values of a field are told apart; rarer ones are counted together."""

TIMES = (30, 60, 120, 300, 600, 1200, 2400)
"""Where one bar of the times ends and the next begins, in seconds."""

_COUNTED_TYPES = (
    AnnotationType.boolean,
    AnnotationType.integer,
    AnnotationType.category,
    AnnotationType.category_multiple,
)
_decode_answers = msgspec.json.Decoder(list[Answer]).decode


class ProjectProgress(Struct, frozen=True, kw_only=True):
    """A project's tasks by status, and how the work on the pending ones stands.

    Each is counted up to COUNTED_MAX. `held` are leases that run at this moment, `waiting` tasks
    with a place that somebody could take.
    """

    statuses: dict[TaskStatus, int]
    waiting: int
    held: int
    in_review: int
    quarantined: int


class CompletionPace(Struct, frozen=True):
    """Completions on each of the last days, in UTC: its first moment and how many.

    If the last completion lies before them, they end with its day, and `is_past` is true.
    `is_cut` if there were more than COUNTED_MAX, so that the earlier days lack some.
    """

    days: list[tuple[int, int]]
    is_cut: bool
    is_past: bool = False


class ValueCount(Struct, frozen=True):
    """One value and how often it was given."""

    label: str
    count: int


class ValueDistribution(Struct, frozen=True):
    """What people answered to one field."""

    field: Field
    bars: list[ValueCount]
    answered: int


class SubmissionSample(Struct, frozen=True):
    """What the last submissions show; `median_s` is None without any."""

    count: int
    spreads: list[ValueDistribution]
    times: list[ValueCount]
    median_s: float | None


async def progress(tx: Transaction, project: ProjectRow) -> ProjectProgress:
    """The counts of one project."""
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
    )


async def pace(tx: Transaction, project: ProjectRow, now_ms: int) -> CompletionPace:
    """Completions of the last DAYS days, today included, or the last on which there were any."""
    first = (now_ms // DAY_MS - DAYS + 1) * DAY_MS
    newest = await recent_completions.list_latest_completions(tx, project.project_key, limit=1)
    is_past = bool(newest) and newest[0].completed_ms < first
    if is_past:
        first = (newest[0].completed_ms // DAY_MS - DAYS + 1) * DAY_MS
    counts = await statistics.count_completed_by_day(
        tx, project.project_key, since_ms=first, most=COUNTED_MAX
    )
    days = [(first + number * DAY_MS, counts.get(number, 0)) for number in range(DAYS)]
    return CompletionPace(days, sum(counts.values()) >= COUNTED_MAX, is_past)


async def last_answers(tx: Transaction, project: ProjectRow) -> list[tuple[bytes, int, bool]]:
    """The last SAMPLE submissions, for `sampled`."""
    return await statistics.list_last_answers(tx, project.project_key, limit=SAMPLE)


def sampled(form: Form, rows: Sequence[tuple[bytes, int, bool]]) -> SubmissionSample:
    """What the submissions that count come to; decodes every one, so not on the event loop."""
    counting = [
        (_decode_answers(answers), active_ms) for answers, active_ms, counts in rows if counts
    ]
    by_field: dict[tuple[Level, str], list[Answer]] = {}
    for answers, _ in counting:
        for one in answers:
            by_field.setdefault((_level_of(one), one.key), []).append(one)
    spreads = [
        _spread(field, by_field.get((field.level, field.key), []))
        for field in form.fields
        if field.type in _COUNTED_TYPES
    ]
    seconds = sorted(active_ms / 1000 for _, active_ms in counting)
    return SubmissionSample(
        count=len(counting),
        spreads=[one for one in spreads if one.answered or possible_values(one.field)],
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


def _spread(field: Field, answers: Sequence[Answer]) -> ValueDistribution:
    counts: Counter[str] = Counter()
    for one in answers:
        if one.not_applicable:
            counts["Not applicable"] += 1
        elif one.cannot_assess:
            counts["Cannot assess"] += 1
        else:
            values = one.value if isinstance(one.value, list) else [one.value]
            counts.update(_word(value) for value in values if value is not None)
    given = possible_values(field)
    if given is None and field.type == AnnotationType.boolean:
        given = [True, False]
    names = _names(field, given or [])
    bars = [ValueCount(names[_word(one)], counts.pop(_word(one), 0)) for one in given or []]
    rest = counts.most_common()
    if given is None and not names_response(field) and field.type == AnnotationType.integer:
        rest.sort(key=lambda pair: (not pair[0].lstrip("-").isdigit(), _number(pair[0])))
    bars += [ValueCount(word, count) for word, count in rest[:BARS_MAX]]
    others = sum(count for _, count in rest[BARS_MAX:])
    return ValueDistribution(
        field, [*bars, ValueCount("Others", others)] if others else bars, len(answers)
    )


def _names(field: Field, values: Sequence[Any]) -> dict[str, str]:
    """What stands beside each value: itself, and its label if that says more."""
    labels = field.labels if field.labels and len(field.labels) == len(values) else None
    found = {}
    for number, value in enumerate(values):
        word = _word(value)
        label = word if labels is None else labels[number]
        found[word] = label if label == word or isinstance(value, str) else f"{word} · {label}"
    return found


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
        count = sum(low <= one and (high is None or one < high) for one in seconds)
        if high is None:
            label = f"over {low // 60} min"
        elif high <= 60:
            label = f"{low}–{high} s"
        else:
            label = f"{low // 60}–{high // 60} min"
        bars.append(ValueCount(label, count))
    return bars

"""Charts of answers: a distribution for each question, and the standing of models in comparisons.

Each type of annotation says what its answers are counted for (`types/`), or why it has no chart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from plaudit.core.labeling.answer_samples import (
    AnswerSample,
    SampledAnswer,
    imported_answers,
    imported_field,
    level_of,
    submitted_answers,
)
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.type_rules import BarChart, ChartItem, value_label
from plaudit.core.labeling.types import rules_of
from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.wire.v2.annotation import VALUES

BARS_MAX = 30
"""The most values, or models, with a bar or row each; rarer ones are counted as Others."""
IMPORTED_FIELDS_MAX = 50
"""The most keys of imported annotations that are charted though the form does not ask for them."""

TIMES = (30, 60, 120, 300, 600, 1200, 2400)
"""Boundaries between the bars of the times, in seconds."""

_NOT_APPLICABLE = ChartItem("Not applicable", is_value=False)
_CANNOT_ASSESS = ChartItem("Cannot assess", is_value=False)
_OTHER_TYPE = ChartItem("Of another type", is_value=False)

_Key = tuple[Level, str]


class ValueCount(Struct, frozen=True):
    """One value, or range of values, and its frequency; `is_value` is that of ChartItem."""

    label: str
    count: int
    is_value: bool = True


class ModelStanding(Struct, frozen=True):
    """A model in comparisons: how often its responses were ranked, and first alone; mean rank."""

    name: str
    ranked: int
    first: int
    mean_rank: float


class ValueDistribution(Struct, frozen=True, kw_only=True):
    """Frequencies of the answers to one field; `answered` counts answers, not values.

    `imported` of them came in with completed tasks. `standings` are sorted by mean rank, up to
    BARS_MAX; `models` is the number of all.
    """

    field: Field
    bars: list[ValueCount]
    answered: int
    imported: int
    is_asked: bool
    meaning: str
    standings: list[ModelStanding]
    models: int


class UnchartedField(Struct, frozen=True):
    """A field without a chart, with the number of its answers and the reason."""

    field: Field
    answered: int
    reason: str


class SampledCharts(Struct, frozen=True, kw_only=True):
    """Distributions of the answers and times of `count` submissions, without any no `median_s`.

    Answers of `imported` tasks are among them. Fields that the form does not ask come last.
    """

    count: int
    imported: int
    spreads: list[ValueDistribution]
    uncharted: list[UnchartedField]
    times: list[ValueCount]
    median_s: float | None


def sampled(form: Form, sample: AnswerSample) -> SampledCharts:
    """Charts of a sample; decodes all of it, so call it off the event loop."""
    answers: dict[_Key, list[SampledAnswer]] = {
        (field.level, field.key): [] for field in form.fields
    }
    imported_fields: dict[_Key, Field] = {}
    for found in submitted_answers(sample):
        if (listed := answers.get(_key(found.answer))) is not None:
            listed.append(found)
    asked = list(form.fields)
    for found, annotation in imported_answers(form, sample):
        key = _key(found.answer)
        if key not in answers:
            answers[key] = []
            imported_fields[key] = imported_field(found.answer, annotation)
        answers[key].append(found)
    most = sorted(imported_fields, key=lambda key: -len(answers[key]))[:IMPORTED_FIELDS_MAX]
    fields = asked + [imported_fields[key] for key in most]
    spreads, uncharted = [], []
    for number, field in enumerate(fields):
        given = [one for one in answers[field.level, field.key] if not one.answer.is_empty]
        rules = rules_of(field)
        if rules.chart is None:
            uncharted.append(UnchartedField(field, len(given), rules.uncharted))
            continue
        chart = rules.chart(field)
        if given or chart.values:
            spreads.append(_spread(field, chart, given, is_asked=number < len(asked)))
    counting = [row for row in sample.submissions if row.is_current]
    seconds = sorted(row.active_ms / 1000 for row in counting)
    return SampledCharts(
        count=len(counting),
        imported=len(sample.imported),
        spreads=spreads,
        uncharted=uncharted,
        times=_times(seconds),
        median_s=seconds[len(seconds) // 2] if seconds else None,
    )


def _key(answer: Answer) -> _Key:
    return level_of(answer), answer.key


def _spread(
    field: Field, chart: BarChart, given: Sequence[SampledAnswer], *, is_asked: bool
) -> ValueDistribution:
    counts: Counter[tuple[bool, str]] = Counter()
    orders: dict[tuple[bool, str], tuple[object, ...]] = {}
    for one in given:
        for item in _items(field, chart, one):
            counts[item.is_value, item.label] += 1
            orders.setdefault((item.is_value, item.label), item.order)
    listed = chart.values or []
    bars = [
        ValueCount(name, counts.pop((True, value_label(value)), 0))
        for value, name in zip(listed, _value_names(field, listed), strict=True)
    ]
    rest = [(key, count) for key, count in counts.most_common() if key[0] or key[1] not in _LAST]
    rest.sort(key=lambda pair: (not pair[0][0], orders[pair[0]]))
    bars += [ValueCount(label, count, is_value) for (is_value, label), count in rest[:BARS_MAX]]
    others = sum(count for _, count in rest[BARS_MAX:])
    bars += [ValueCount("Others", others, is_value=False)] if others else []
    bars += [ValueCount(name, counts[False, name], False) for name in _LAST if counts[False, name]]
    standings = _standings(field, chart, given)
    return ValueDistribution(
        field=field,
        bars=bars,
        answered=len(given),
        imported=sum(one.is_imported for one in given),
        is_asked=is_asked,
        meaning=chart.meaning,
        standings=standings[:BARS_MAX],
        models=len(standings),
    )


_LAST = tuple(item.label for item in (_NOT_APPLICABLE, _CANNOT_ASSESS, _OTHER_TYPE))
"""Labels of bars that stand behind all values, in this order."""


def _items(field: Field, chart: BarChart, one: SampledAnswer) -> Iterable[ChartItem]:
    """The bars that an answer counts for: at least one."""
    answer = one.answer
    if answer.not_applicable:
        return [_NOT_APPLICABLE]
    if answer.cannot_assess:
        return [_CANNOT_ASSESS]
    return chart.items(answer.value, one.names) if _fits(field, answer) else [_OTHER_TYPE]


def _fits(field: Field, answer: Answer) -> bool:
    """True if the value has the field's type; forms change after they were answered."""
    try:
        msgspec.convert(answer.value, VALUES[field.type])
    except msgspec.ValidationError:
        return False
    return True


def _standings(
    field: Field, chart: BarChart, given: Sequence[SampledAnswer]
) -> list[ModelStanding]:
    """Models by their mean rank, those of equal rank by name."""
    if chart.ranks is None:
        return []
    ranks: dict[str, list[float]] = {}
    for one in given:
        if one.answer.value is not None and _fits(field, one.answer):
            for name, rank in chart.ranks(one.answer.value, one.names):
                ranks.setdefault(name, []).append(rank)
    standings = [
        ModelStanding(name, len(listed), listed.count(1), sum(listed) / len(listed))
        for name, listed in ranks.items()
    ]
    return sorted(standings, key=lambda standing: (standing.mean_rank, standing.name))


def _value_names(field: Field, values: Sequence[object]) -> list[str]:
    """Names of the values: each with its label, if that says more."""
    labels = field.labels if field.labels and len(field.labels) == len(values) else None
    names = []
    for number, value in enumerate(values):
        word = value_label(value)
        label = word if labels is None else labels[number]
        names.append(label if label == word or isinstance(value, str) else f"{word} · {label}")
    return names


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

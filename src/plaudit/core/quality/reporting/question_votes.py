"""Votes on a question as its report takes them, from the columns that were read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.agreement.distances import CategoryScale, MeasurementLevel, mirrored
from plaudit.core.quality.agreement.question_report import QuestionVotes
from plaudit.core.quality.agreement.rankings import (
    PAIR_CATEGORIES,
    RankArrays,
    ResponsePairs,
    response_pairs,
)
from plaudit.core.quality.agreement.spans import SpanArrays
from plaudit.core.quality.agreement.voters import RepeatedVotes
from plaudit.core.quality.question_columns import ABSTAINED, QuestionColumns
from plaudit.core.quality.reporting.category_scales import Measured, measured
from plaudit.core.quality.reporting.options import ReportOptions
from plaudit.core.quality.reporting.task_facts import NO_PAIRS, NO_SLICE, QuestionFacts
from plaudit.core.quality.texts import TextVote
from plaudit.core.quality.vote_arrays import VoteArrays
from plaudit.core.quality.vote_codes import UNKNOWN, CodeKind
from plaudit.wire.v2.annotation import AnnotationType

SLICES_MAX = 100
"""Slices of a question, those with the most units."""

_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class ReportInput:
    """Things that the report on every question takes: options, people, slices and tasks."""

    options: ReportOptions
    contributor_ids: Sequence[str]
    slice_names: Sequence[tuple[str, ...]]
    task_ids: Sequence[str]
    winner: NDArray[np.float64]
    """Final score of each pair of responses, NaN where there is none."""


@dataclass(frozen=True, slots=True)
class CategoryVotes:
    """Votes of a question of categories, and which rows of its columns they are."""

    measured: Measured
    votes: VoteArrays
    rows: NDArray[np.bool_]
    used: NDArray[np.bool_]


def category_votes(question: QuestionColumns, options: ReportOptions) -> CategoryVotes | None:
    """Votes by category; None for rankings, texts and files, which have none."""
    if question.kind in (CodeKind.rankings, CodeKind.free) or not question.meanings:
        return None
    found = measured(question, options)
    values = found.category_of(question.units, question.codes)
    rows = values != UNKNOWN
    votes = question.arrays(rows, values, found.scale.category_count)
    return CategoryVotes(found, votes, rows, _used(question, rows))


def question_votes(
    question: QuestionColumns, facts: QuestionFacts, given: ReportInput
) -> QuestionVotes | None:
    """The votes on a question; None for one of files, of which there is nothing to say."""
    if question.kind is CodeKind.rankings:
        return _of_rankings(question, facts, given)
    if question.kind is CodeKind.free:
        return _of_texts(question, facts, given)
    found = category_votes(question, given.options)
    if found is None:
        return None
    final = np.full(len(facts.final), UNKNOWN, np.int32)
    units = np.flatnonzero(facts.final >= 0).astype(np.int32)
    final[units] = found.measured.category_of(units, facts.final[units])
    has_sides = found.measured.side_of is not None or question.field.scale is not None
    return QuestionVotes(
        **_common(question, given),
        level=found.measured.level,
        categories=found.measured.categories,
        scale=found.measured.scale,
        votes=found.votes,
        orientation=given.options.orientation if has_sides else None,
        final=final[found.used] if len(units) else None,
        repeats=_repeats(question, found.measured),
        slices=_slices(facts.slices[found.used], given),
        unit_task_ids=_unit_tasks(found.votes, given),
    )


def _common(question: QuestionColumns, given: ReportInput) -> dict[str, Any]:
    has_abstentions = bool(np.any(question.codes == ABSTAINED))
    field = question.field
    return {
        "key": field.key,
        "about": question.level.value,
        "type": field.type,
        "contributor_ids": given.contributor_ids,
        "abstentions": question.abstentions()
        if has_abstentions or field.not_applicable or field.cannot_assess
        else None,
    }


def _used(question: QuestionColumns, rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    used = np.zeros(len(question.unit_tasks), np.bool_)
    used[question.units[rows]] = True
    return used


def _unit_tasks(votes: VoteArrays, given: ReportInput) -> list[str] | None:
    if not given.options.units:
        return None
    return [given.task_ids[task] for task in votes.clusters.tolist()]


def _repeats(question: QuestionColumns, found: Measured) -> RepeatedVotes | None:
    if not len(question.repeats):
        return None
    units = question.repeats[:, 0]
    first, last = (found.category_of(units, question.repeats[:, at]) for at in (2, 3))
    known = (first != UNKNOWN) & (last != UNKNOWN)
    return RepeatedVotes(first[known], last[known])


def _slices(units: NDArray[np.int32], given: ReportInput) -> dict[str, NDArray[np.bool_]]:
    """Masks of the units of each slice, by its name."""
    present = np.unique(units[units != NO_SLICE])
    of_name: dict[str, list[int]] = {}
    for number in present.tolist():
        for name in given.slice_names[number]:
            of_name.setdefault(name, []).append(number)
    masks = {name: np.isin(units, numbers) for name, numbers in sorted(of_name.items())}
    largest = sorted(masks, key=lambda name: -int(np.count_nonzero(masks[name])))[:SLICES_MAX]
    return {name: masks[name] for name in sorted(largest)}


def _of_rankings(
    question: QuestionColumns, facts: QuestionFacts, given: ReportInput
) -> QuestionVotes | None:
    rows = question.codes >= 0
    if not rows.any():
        return None
    pairs = _response_pairs(question, rows)
    is_free = given.options.orientation == "free"
    used = _used(question, rows)
    slices = facts.slices[used][pairs.unit_of]
    final = _final_pairs(question, facts, pairs, np.flatnonzero(used), given.winner)
    first, last = question.repeats[:, 2], question.repeats[:, 3]
    return QuestionVotes(
        **_common(question, given),
        level=given.options.level or MeasurementLevel.nominal,
        categories=PAIR_CATEGORIES,
        scale=CategoryScale(3, is_ordered=True, orbits=mirrored(3) if is_free else None),
        votes=pairs.votes,
        orientation=given.options.orientation,
        rankings=pairs,
        final=final if (final != UNKNOWN).any() else None,
        repeats=RepeatedVotes(np.zeros(len(first), np.int32), 2 * (first != last).astype(np.int32)),
        slices=_slices(slices, given),
    )


def _response_pairs(question: QuestionColumns, rows: NDArray[np.bool_]) -> ResponsePairs:
    """Each ranking as its pairs of responses; responses that were left out are in none."""
    widest = max(len(one) for one in question.meanings)
    table = np.full((len(question.meanings), widest), UNKNOWN, np.int32)
    for code, ranks in enumerate(question.meanings):
        table[code, : len(ranks)] = ranks
    votes = question.arrays(rows, question.codes, len(question.meanings))
    order = np.lexsort((votes.people, votes.units))
    ranks = table[votes.values[order]]
    given = ranks != UNKNOWN
    ballots, responses = np.nonzero(given)
    return response_pairs(
        RankArrays(
            units=votes.units[order][ballots],
            people=votes.people[order][ballots],
            responses=responses.astype(np.int32),
            ranks=ranks[given].astype(np.float64),
            clusters=votes.clusters,
            unit_count=votes.unit_count,
            person_count=votes.person_count,
            task_count=votes.task_count,
        )
    )


def _final_pairs(
    question: QuestionColumns,
    facts: QuestionFacts,
    pairs: ResponsePairs,
    units: NDArray[np.int64],
    winner: NDArray[np.float64],
) -> NDArray[np.int32]:
    """Final category of each pair of a ranking, as in PAIR_CATEGORIES; UNKNOWN without one."""
    unit = units[pairs.unit_of]
    counts = np.array([len(listed) for listed in question.responses])[question.turns[unit]]
    first, second = pairs.responses.T
    start = facts.pairs[unit]
    known = start != NO_PAIRS
    rows = start + first * counts - first * (first + 1) // 2 + second - first - 1
    scores = np.full(len(unit), np.nan)
    scores[known] = winner[rows[known]]
    is_final = ~np.isnan(scores)
    final = np.full(len(unit), UNKNOWN, np.int32)
    final[is_final] = (2 - 2 * scores[is_final]).astype(np.int32)
    return final


def _of_texts(
    question: QuestionColumns, facts: QuestionFacts, given: ReportInput
) -> QuestionVotes | None:
    if question.texts is None:
        return None
    members = {
        **_common(question, given),
        "level": MeasurementLevel.nominal,
        "scale": CategoryScale(1),
        "votes": question.arrays(np.zeros(len(question.codes), np.bool_), question.codes, 1),
    }
    if question.field.type == AnnotationType.labeled_text:
        labels = list(question.field.labels or ())
        spans = _spans(question, facts, labels)
        return QuestionVotes(**members, categories=labels, spans=spans)
    return QuestionVotes(**members, categories=[], texts=_texts(question, facts))


def _last_texts(question: QuestionColumns) -> list[tuple[int, int, bytes]]:
    """The last text of each person on each unit, with both, by unit and person."""
    assert question.texts is not None
    people = question.text_people.tolist()
    values = question.texts.values
    last = {
        (unit, person): value
        for unit, person, value in zip(question.text_units.tolist(), people, values, strict=True)
    }
    return [(*key, value) for key, value in sorted(last.items()) if value is not None]


def _texts(question: QuestionColumns, facts: QuestionFacts) -> list[TextVote]:
    found = []
    for unit, person, value in _last_texts(question):
        text = _decode(value)
        if isinstance(text, str):
            found.append(TextVote(unit, person, text, facts.texts.get(unit)))
    return found


def _spans(question: QuestionColumns, facts: QuestionFacts, labels: list[str]) -> SpanArrays:
    """Marked spans; what has no place of its own is looked for in the text, from its beginning.

    Labels that the form does not declare are added to `labels`.
    """
    ballots: list[tuple[int, int]] = []
    spans: list[tuple[int, int, int, int]] = []
    for unit, person, value in _last_texts(question):
        text, marked = facts.texts.get(unit), _decode(value)
        if text is None or not isinstance(marked, list):
            continue
        ballots.append((unit, person))
        for span in marked:
            start, end = _place_of(span, text)
            if end > start:
                if span["label"] not in labels:
                    labels.append(span["label"])
                spans.append((len(ballots) - 1, start, end, labels.index(span["label"])))
    units = sorted({unit for unit, _ in ballots})
    number = {unit: at for at, unit in enumerate(units)}
    columns = np.array(spans, np.int32).reshape(-1, 4)
    return SpanArrays(
        units=np.array([number[unit] for unit, _ in ballots], np.int32),
        people=np.array([person for _, person in ballots], np.int32),
        ballots=columns[:, 0],
        starts=columns[:, 1],
        ends=columns[:, 2],
        labels=columns[:, 3],
        lengths=np.array([len(facts.texts[unit]) for unit in units], np.int32),
        clusters=question.unit_tasks[np.array(units, np.int64)],
        label_count=len(labels),
        person_count=question.person_count,
        task_count=question.task_count,
    )


def _place_of(span: Any, text: str) -> tuple[int, int]:
    """Start and end of a span in a text; both 0 for one that is not there."""
    if not isinstance(span, dict) or not isinstance(span.get("label"), str):
        return 0, 0
    start, end, marked = span.get("start"), span.get("end"), span.get("text")
    if isinstance(start, int) and isinstance(end, int) and 0 <= start <= end <= len(text):
        return start, end
    if not isinstance(marked, str):
        return 0, 0
    found = text.find(marked)
    return (found, found + len(marked)) if found >= 0 else (0, 0)

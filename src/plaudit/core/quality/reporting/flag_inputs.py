"""Columns that flags of people are raised from, out of the votes and tasks of a project."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.agreement.distances import mirrored
from plaudit.core.quality.people.flag_tests import text_key
from plaudit.core.quality.people.flags import FlagTest
from plaudit.core.quality.people.project_flags import (
    AnsweredQuestion,
    ChosenSides,
    TaskTimes,
    WrittenTexts,
    project_flags,
)
from plaudit.core.quality.question_columns import QuestionColumns
from plaudit.core.quality.reporting.category_scales import of_combinations, word_of
from plaudit.core.quality.reporting.compared import ComparedVotes
from plaudit.core.quality.reporting.options import ReportOptions
from plaudit.core.quality.reporting.question_votes import CategoryVotes, category_votes
from plaudit.core.quality.vote_codes import CodeKind, decode
from plaudit.wire.v2.annotation import AnnotationType


def flags_of(
    questions: Sequence[QuestionColumns],
    compared: ComparedVotes,
    times: TaskTimes | None,
) -> list[FlagTest]:
    """Flags of everybody. Votes without times tell of no runs and no drift: their order is lost."""
    return project_flags(
        list(_answered(questions)),
        task_times=times,
        texts=_texts(questions),
        sides=_sides(compared),
    )


def _answered(questions: Sequence[QuestionColumns]) -> Iterator[AnsweredQuestion]:
    """Questions of categories, with the votes whose times are known, as they were clicked."""
    for question in questions:
        if question.kind is CodeKind.sets or not (question.times >= 0).any():
            continue
        found = category_votes(question, ReportOptions())
        if found is None:
            continue
        kept = found.rows & (question.times >= 0)
        values = found.measured.category_of(question.units, question.codes)
        yield AnsweredQuestion(
            key=question.field.key,
            votes=question.arrays(kept, values, found.measured.scale.category_count),
            times=question.times[kept],
            names=[word_of(one) for one in found.measured.categories],
            as_shown=_as_shown(question, found, values, kept),
        )


def _as_shown(
    question: QuestionColumns,
    found: CategoryVotes,
    values: NDArray[np.int32],
    kept: NDArray[np.bool_],
) -> NDArray[np.int32] | None:
    """Categories of a preference between two as they were clicked; None where all are as stored."""
    count = found.measured.scale.category_count
    if not question.value_codes.is_of_responses or found.measured.scale.orbits != mirrored(count):
        return None
    turns, orders = question.turns[question.units], question.orders
    known = (turns >= 0) & (orders >= 0)
    swapped = np.zeros(len(values), np.bool_)
    swapped[known] = of_combinations(
        turns[known],
        orders[known],
        max(1, len(question.shown)),
        lambda turn, order: question.responses[turn] != question.shown[order],
    ).astype(np.bool_)
    clicked = np.where(swapped, count - 1 - values, values).astype(np.int32)
    return clicked[kept]


def _texts(questions: Sequence[QuestionColumns]) -> WrittenTexts | None:
    people: list[int] = []
    keys: list[int] = []
    times: list[int] = []
    for question in questions:
        if question.texts is None or question.field.type != AnnotationType.text:
            continue
        written = question.texts.rows.columns[3]
        for person, time, value in zip(
            question.text_people.tolist(), written, question.texts.values, strict=True
        ):
            text = None if value is None else decode(value)
            key = text_key(text) if isinstance(text, str) else None
            if key is not None:
                people.append(person)
                keys.append(key)
                times.append(time)
    if not keys:
        return None
    return WrittenTexts(
        people=np.array(people, np.int32),
        keys=np.array(keys, np.int64),
        times=np.array(times, np.int64),
    )


def _sides(compared: ComparedVotes) -> list[ChosenSides]:
    placed = compared.placed
    chose = placed.score != 0.5
    is_first = placed.score[chose] == 1
    if placed.is_swapped is not None:
        is_first = is_first != placed.is_swapped[chose]
    units = placed.units[chose]
    return [
        ChosenSides(
            people=placed.people[chose],
            is_first=is_first,
            units=units,
            tasks=placed.tasks[units],
            is_shown=placed.is_swapped is not None,
        )
    ]

"""Categories of a question as they are measured, and the category of each vote on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.agreement.distances import CategoryScale, MeasurementLevel, mirrored
from plaudit.core.quality.question_columns import QuestionColumns
from plaudit.core.quality.reporting.options import ReportOptions
from plaudit.core.quality.vote_codes import ALL_BAD, UNKNOWN, CodeKind
from plaudit.errors import InvalidContent
from plaudit.wire.v2.annotation import TIE

NUMBERS_MAX = 1000
"""Different numbers up to which each is a category; of more, each stands for a small range."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Categories of a question, and how they are measured.

    `table` has the category of each code. For a choice among responses it depends on the turn:
    `side_of` gives the one of a turn, by its number among the question's `responses`, and a code.
    """

    question: QuestionColumns
    level: MeasurementLevel
    categories: list[Any]
    scale: CategoryScale
    table: NDArray[np.int32] | None = None
    side_of: Callable[[int, int], int] | None = None

    def category_of(self, units: NDArray[np.int32], codes: NDArray[np.int32]) -> NDArray[np.int32]:
        """Category of each code given to a unit; UNKNOWN for what is none."""
        found = np.full(len(codes), UNKNOWN, np.int32)
        known = codes >= 0
        if self.table is not None:
            found[known] = self.table[codes[known]]
        elif self.side_of is not None:
            turns = self.question.turns[units]
            known &= turns >= 0
            count = len(self.question.meanings)
            found[known] = of_combinations(turns[known], codes[known], count, self.side_of)
        return found


def of_combinations(
    turns: NDArray[np.int32],
    codes: NDArray[np.int32],
    code_count: int,
    value_of: Callable[[int, int], Any],
) -> NDArray[Any]:
    """A value for each turn and code, which is asked for once for all that have both."""
    keys = turns.astype(np.int64) * code_count + codes
    present, local = np.unique(keys, return_inverse=True)
    values = np.array([value_of(*divmod(key, code_count)) for key in present.tolist()])
    return values[local] if len(values) else values


def word_of(category: Any) -> str:
    """A category as options and tables name it: text as it is, all else as in JSON."""
    return category if isinstance(category, str) else msgspec.json.encode(category).decode()


def measured(question: QuestionColumns, options: ReportOptions) -> Measured:
    """The categories of a question of categories, numbers, responses or sets."""
    match question.kind:
        case CodeKind.responses:
            return _sides(question, options)
        case CodeKind.sets:
            return _sets(question)
        case CodeKind.numbers if len(question.meanings) > NUMBERS_MAX:
            return _ranges(question, options)
    categories, level = list(question.meanings), options.level or _level(question, options)
    order = list(range(len(categories)))
    if options.order is not None and _fits(options.order, categories):
        order = [list(map(word_of, categories)).index(word) for word in options.order]
    table = np.empty(len(order), np.int32)
    table[order] = np.arange(len(order))
    categories = [categories[at] for at in order]
    is_number = all(isinstance(one, int | float) and type(one) is not bool for one in categories)
    is_preference = question.field.scale is not None
    free = is_preference and options.orientation == "free"
    return Measured(
        question=question,
        level=level,
        categories=categories,
        scale=CategoryScale(
            len(categories),
            is_ordered=level is not MeasurementLevel.nominal,
            scores=tuple(map(float, categories)) if is_number and categories else None,
            orbits=mirrored(len(categories)) if free else None,
        ),
        table=table,
    )


def _level(question: QuestionColumns, options: ReportOptions) -> MeasurementLevel:
    own = MeasurementLevel(question.value_codes.measure.value)
    is_ordered = options.order is not None and _fits(options.order, question.meanings)
    return MeasurementLevel.ordinal if is_ordered and own is MeasurementLevel.nominal else own


def check_order(questions: Sequence[QuestionColumns], options: ReportOptions) -> None:
    """Refuse an order of categories that no question has; raises InvalidContent."""
    if options.order is None or not questions:
        return
    if not any(_fits(options.order, one.meanings) for one in questions):
        categories = ", ".join(map(word_of, questions[0].meanings))
        raise InvalidContent(
            f"no question has exactly these categories; it has {categories}"
            if len(questions) == 1
            else "no question has exactly these categories",
            pointer="order",
        )


def _fits(order: Sequence[str], categories: Sequence[Any]) -> bool:
    return sorted(order) == sorted(map(word_of, categories))


def _sides(question: QuestionColumns, options: ReportOptions) -> Measured:
    """Sides of a choice among responses, in the order in which the turn has them.

    Two responses and a tie have an order: first, tie, second.
    """
    count = max((len(listed) for listed in question.responses), default=2)
    has_all_bad = ALL_BAD in question.meanings
    is_ordered = count == 2 and not has_all_bad
    names = list(question.responses[0]) if len(question.responses) == 1 else _places(count)
    places = {place: place for place in range(count)}
    tie, all_bad = count, count + 1
    if is_ordered:
        names.insert(1, TIE)
        places, tie = {0: 0, 1: 2}, 1
    else:
        names += [TIE, ALL_BAD] if has_all_bad else [TIE]

    def side_of(turn: int, code: int) -> int:
        meaning, listed = question.meanings[code], question.responses[turn]
        if meaning in (TIE, ALL_BAD):
            return tie if meaning == TIE else all_bad
        return places[listed.index(meaning)] if meaning in listed else UNKNOWN

    orbits = mirrored(3) if is_ordered else (*[0] * count, *range(1, len(names) - count + 1))
    level = options.level or MeasurementLevel.nominal
    return Measured(
        question=question,
        level=level,
        categories=names,
        scale=CategoryScale(
            len(names),
            is_ordered=is_ordered,
            orbits=orbits if options.orientation == "free" else None,
        ),
        side_of=side_of,
    )


def _places(count: int) -> list[Any]:
    return ["first", "second"] if count == 2 else [f"response {at + 1}" for at in range(count)]


def _sets(question: QuestionColumns) -> Measured:
    """Sets of choices; the choices are the declared ones."""
    declared = question.categories
    choices = declared or sorted({one for listed in question.meanings for one in listed})
    place = {choice: at for at, choice in enumerate(choices)}
    sets = tuple(frozenset(place[one] for one in listed) for listed in question.meanings)
    return Measured(
        question=question,
        level=MeasurementLevel.nominal,
        categories=list(choices),
        scale=CategoryScale(len(sets), sets=sets),
        table=np.arange(len(sets), dtype=np.int32),
    )


def _ranges(question: QuestionColumns, options: ReportOptions) -> Measured:
    """Numbers in ranges of equal width, each named by its middle."""
    numbers = np.array(question.meanings, np.float64)
    edges = np.linspace(numbers[0], numbers[-1], NUMBERS_MAX + 1)
    table = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, NUMBERS_MAX - 1)
    middles = ((edges[1:] + edges[:-1]) / 2).tolist()
    level = options.level or _level(question, options)
    return Measured(
        question=question,
        level=level,
        categories=middles,
        scale=CategoryScale(
            NUMBERS_MAX,
            is_ordered=level is not MeasurementLevel.nominal,
            scores=tuple(middles),
        ),
        table=table.astype(np.int32),
    )

"""Votes on one question by column, as they were read, with all that is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.vote_arrays import VoteArrays
from plaudit.core.quality.vote_codes import UNKNOWN, CodeKind, ValueCodes, meaning_key
from plaudit.core.quality.vote_extras import TextRows
from plaudit.core.tasks.forms import Field, Level

ABSTAINED = -2
"""Code of an abstention."""

NOBODY_KNOWS = -1

Address = tuple[str, str | None, int | None, str | None]
"""Thing that a question is about: path of a thread or turn, source, chunk, criterion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionColumns:
    """Votes on one question, by column, ascending by unit and among them abstentions.

    `units`, `people` and `codes` have a number for each vote, one vote for each person and unit:
    the last. What a code stands for is in `meanings`, ABSTAINED is an abstention. `unit_tasks` has
    the number of the task of each unit. `turns` has, for each unit, an index into `responses`, the
    sources of the turn's responses in their own order; `orders` for each vote an index into
    `shown`, the same in the order in which the person saw them. Both are NOBODY_KNOWS where it is
    not known, and for questions that compare no responses. `times` are in milliseconds.
    `places` has, for each unit, an index into `addresses`. `texts` are those of a question of texts
    or marks, None for others; `text_units` and `text_people` have the unit and the person of each.
    `repeats` are votes that a person gave again on a unit: unit, person, first and last code.
    """

    field: Field
    kind: CodeKind
    categories: list[Any] | None
    """Declared values, lowest first."""
    meanings: list[Any]
    units: NDArray[np.int32]
    people: NDArray[np.int32]
    codes: NDArray[np.int32]
    times: NDArray[np.int64]
    orders: NDArray[np.int32]
    unit_tasks: NDArray[np.int32]
    turns: NDArray[np.int32]
    responses: list[tuple[str, ...]]
    shown: list[tuple[str, ...]]
    places: NDArray[np.int32]
    addresses: list[Address]
    texts: TextRows | None
    text_units: NDArray[np.int32]
    text_people: NDArray[np.int32]
    repeats: NDArray[np.int32]
    person_count: int
    task_count: int
    value_codes: ValueCodes
    code_by_key: dict[Any, int]

    def code_of(self, value: Any, responses: Sequence[str]) -> int:
        """Code of a value that need be nobody's vote, of a turn with these responses.

        UNKNOWN for one that no vote and no declared value equals.
        """
        if self.kind is CodeKind.free or value is None:
            return UNKNOWN
        meaning = self.value_codes.meaning(value, responses)
        return UNKNOWN if meaning is None else self.code_by_key.get(meaning_key(meaning), UNKNOWN)

    @property
    def level(self) -> Level:
        """Level of the things that the question is about."""
        return self.field.level

    def votes(self) -> VoteArrays:
        """Answers as statistics take them, on the units that have one."""
        return self.arrays(self.codes >= 0, self.codes, len(self.meanings))

    def abstentions(self) -> VoteArrays:
        """Votes on all units over two categories: 0 for answered, 1 for abstained."""
        everything = np.ones(len(self.codes), dtype=np.bool_)
        return self.arrays(everything, (self.codes == ABSTAINED).astype(np.int32), 2)

    def arrays(
        self, kept: NDArray[np.bool_], values: NDArray[np.int32], category_count: int
    ) -> VoteArrays:
        """Some of the votes with these values, on the units that have one of them."""
        units = self.units[kept]
        is_used = np.zeros(len(self.unit_tasks), dtype=np.bool_)
        is_used[units] = True
        numbers = np.cumsum(is_used, dtype=np.int32) - np.int32(1)
        return VoteArrays(
            units=numbers[units],
            people=self.people[kept],
            values=values[kept],
            clusters=self.unit_tasks[is_used],
            unit_count=int(np.count_nonzero(is_used)),
            person_count=self.person_count,
            category_count=category_count,
            task_count=self.task_count,
        )

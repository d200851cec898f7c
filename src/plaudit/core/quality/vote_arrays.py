"""Votes on one question, by column: the input of every statistic of this room."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class VoteArrays:
    """Votes on one question, one for each unit and person; abstentions are not among them.

    All are integers from 0: units ascend, values are indexes into the declared categories, lowest
    first. `clusters` has the task of each unit, the other three a number for each vote.
    """

    units: NDArray[np.int32]
    people: NDArray[np.int32]
    values: NDArray[np.int32]
    clusters: NDArray[np.int32]
    unit_count: int
    person_count: int
    category_count: int
    task_count: int

    @property
    def unit_sizes(self) -> NDArray[np.int64]:
        """The number of votes of each unit."""
        return np.bincount(self.units, minlength=self.unit_count)

    def recoded(self, values: NDArray[np.int32], category_count: int) -> VoteArrays:
        """The votes with other categories: `values` has the new one of each."""
        return replace(self, values=values[self.values], category_count=category_count)

    def of_units(self, kept: NDArray[np.bool_]) -> VoteArrays:
        """The votes on some units alone, which are numbered anew; people and tasks keep theirs."""
        numbers = np.cumsum(kept, dtype=np.int32) - np.int32(1)
        votes = kept[self.units]
        return VoteArrays(
            units=numbers[self.units[votes]],
            people=self.people[votes],
            values=self.values[votes],
            clusters=self.clusters[kept],
            unit_count=int(np.count_nonzero(kept)),
            person_count=self.person_count,
            category_count=self.category_count,
            task_count=self.task_count,
        )

"""Patterns: how the votes of a unit spread over the categories, and how often each spread occurs.

A unit counts by its pattern alone in every coefficient of agreement, and a million votes have
dozens of patterns (docs/adr/0034-patterns.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.replicates import Summands
from plaudit.core.quality.vote_arrays import VoteArrays

PATTERNS_MAX = 4096
"""Patterns up to which the weight of each in each replicate is kept: 16 MB for 500 replicates."""

CELLS_AT_ONCE = 4_000_000
"""Numbers that are made of counts at one time: 32 MB."""

VOTES_AT_ONCE = 500_000
"""Votes that are looked at at one time."""

_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Distinct counts of votes by category, [patterns, categories], and the pattern of each unit.

    `clusters` has the task of each unit, `amounts` the number of things that it stands for, such
    as characters; 1 where None.
    """

    counts: NDArray[np.unsignedinteger]
    of_unit: NDArray[np.int32]
    clusters: NDArray[np.int32]
    amounts: NDArray[np.int64] | None = None

    @property
    def sizes(self) -> NDArray[np.int64]:
        """The number of votes of each pattern."""
        sizes: NDArray[np.int64] = self.counts.sum(axis=1, dtype=np.int64)
        return sizes

    @property
    def occurrences(self) -> NDArray[np.int64]:
        """The number of units, or things they stand for, of each pattern."""
        found = np.bincount(self.of_unit, weights=self.amounts, minlength=len(self.counts))
        return found.astype(np.int64)

    @property
    def are_few(self) -> bool:
        """True if the weight of each in each replicate may be kept."""
        return len(self.counts) <= PATTERNS_MAX

    def of_units(self, kept: NDArray[np.bool_]) -> Patterns:
        """The patterns of some units alone; all stay, also those that no unit has any more."""
        amounts = None if self.amounts is None else self.amounts[kept]
        return Patterns(self.counts, self.of_unit[kept], self.clusters[kept], amounts)

    @property
    def summands(self) -> Summands:
        """The weights of the patterns."""
        return Summands(self.of_unit, self.clusters, len(self.counts), self.amounts)


def patterns_of(votes: VoteArrays) -> Patterns:
    """The patterns of the units of a question, in an order that no order of units changes."""
    sizes = votes.unit_sizes
    ends = np.cumsum(sizes)
    _, first, of_unit = np.unique(_keys(votes, sizes, ends), return_index=True, return_inverse=True)
    own = sizes[first]
    patterns = np.repeat(np.arange(len(first)), own)
    offsets = np.arange(len(patterns)) - np.repeat(np.cumsum(own) - own, own)
    values = votes.values[np.repeat(ends[first] - own, own) + offsets]
    width = np.min_scalar_type(int(sizes.max(initial=0)))
    counts = np.zeros((len(first), votes.category_count), dtype=width)
    np.add.at(counts, (patterns, values), 1)
    return Patterns(counts, of_unit.astype(np.int32), votes.clusters)


def _keys(
    votes: VoteArrays, sizes: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """The sum of the marks of each unit's votes, some units at a time."""
    marks = _marks(votes.category_count)
    keys = np.zeros(votes.unit_count, dtype=np.uint64)
    start = 0
    while start < votes.unit_count:
        first = int(ends[start] - sizes[start])
        stop = max(int(np.searchsorted(ends, first + VOTES_AT_ONCE)), start + 1)
        last = int(ends[min(stop, votes.unit_count) - 1])
        sums = np.zeros(last - first + 1, dtype=np.uint64)
        np.cumsum(marks[votes.values[first:last]], out=sums[1:])
        at = ends[start:stop] - first
        keys[start:stop] = sums[at] - sums[at - sizes[start:stop]]
        start = stop
    return keys


def merged(
    counts: NDArray[np.int64], clusters: NDArray[np.int32], amounts: NDArray[np.int64]
) -> Patterns:
    """Patterns of units whose counts by category are known, each standing for an amount."""
    keys = (counts.astype(np.uint64) * _marks(counts.shape[1])).sum(axis=1, dtype=np.uint64)
    _, first, of_unit = np.unique(keys, return_index=True, return_inverse=True)
    width = np.min_scalar_type(int(counts.max(initial=0)))
    return Patterns(counts[first].astype(width), of_unit.astype(np.int32), clusters, amounts)


def _marks(count: int) -> NDArray[np.uint64]:
    """Numbers whose sums tell patterns apart: sums of 64 bits that look random."""
    state = np.arange(1, count + 1, dtype=np.uint64) * _MULTIPLIER
    for shift in (32, 29, 32):
        state ^= state >> np.uint64(shift)
        state *= _MULTIPLIER
    return state ^ (state >> np.uint64(32))

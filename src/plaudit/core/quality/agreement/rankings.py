"""Rankings: their response pairs as votes, Kendall's τ-b of two people and W of all, with ties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.agreement.pairs import PAIRS_MAX, vote_pairs
from plaudit.core.quality.estimates import Estimate, Undefined, estimate_of, quotients
from plaudit.core.quality.replicates import Summands
from plaudit.core.quality.vote_arrays import VoteArrays

PAIR_CATEGORIES = ("<", "=", ">")
"""Categories of a pair of responses: the first is ranked higher, both alike, or the second."""

ROWS_AT_ONCE = 200_000
"""Ranked responses that are compared with one another at one time."""


@dataclass(frozen=True, slots=True)
class RankArrays:
    """Ranked responses of one question, by column, ascending by unit, person and response.

    A person's ranking of a unit is a row for each response that it ranks, by the response's number
    in the turn. The best rank is the lowest number, equal numbers are ties. `clusters` has the
    task of each unit.
    """

    units: NDArray[np.int32]
    people: NDArray[np.int32]
    responses: NDArray[np.int32]
    ranks: NDArray[np.float64]
    clusters: NDArray[np.int32]
    unit_count: int
    person_count: int
    task_count: int


@dataclass(frozen=True, slots=True)
class ResponsePairs:
    """Rankings as votes on pairs of responses.

    `unit_of` has the ranked unit of each pair, `responses` [pairs, 2] the numbers of both in it.
    """

    ranks: RankArrays
    votes: VoteArrays
    unit_of: NDArray[np.int32]
    responses: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RankCorrelations:
    """Kendall's τ-b of each two people on each unit that both ranked; NaN where undefined."""

    units: NDArray[np.int64]
    pairs: NDArray[np.int64]
    tau_b: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PairTau:
    """Mean τ-b of two people over the n units on which it is defined."""

    people: tuple[int, int]
    n: int
    tau_b: float


@dataclass(frozen=True, slots=True)
class RankingCoefficients:
    """Means over units of Kendall's W and of τ-b, and τ-b of each two people."""

    kendall_w: Estimate | Undefined
    tau_b: Estimate | Undefined
    pairs: list[PairTau]


class RankingPlan:
    """Agreement of whole rankings: the sums that it needs, and the coefficients from them."""

    def __init__(self, pairs: ResponsePairs) -> None:
        ranks = pairs.ranks
        self._correlations = rank_correlations(pairs)
        self._person_count = ranks.person_count
        tau_b = _tau_b_of_units(self._correlations, ranks.unit_count)
        self._values = {"kendall_w": kendall_w(ranks), "tau_b": tau_b}
        self._clusters = ranks.clusters

    def summands(self) -> list[Summands]:
        """The sums over units that `agreement` takes."""
        return [_mean_of(values, self._clusters) for values in self._values.values()]

    def agreement(self, sums: Sequence[NDArray[np.float64]]) -> RankingCoefficients:
        """The coefficients, from the sums in each replicate."""
        whys = (
            "no unit was ranked as a whole by two people who do not tie everything",
            "no two people ranked two responses of one unit apart",
        )
        has_interval = len(np.unique(self._clusters)) > 1
        means = [quotients(part[:, 0], part[:, 1], part[:, 1] > 0) for part in sums]
        w, tau_b = (
            estimate_of(mean if has_interval else mean[:1], why)
            for mean, why in zip(means, whys, strict=True)
        )
        return RankingCoefficients(w, tau_b, self._pairs())

    def _pairs(self) -> list[PairTau]:
        """τ-b of each two people, of the pairs with the most units."""
        is_defined = ~np.isnan(self._correlations.tau_b)
        tau_b = self._correlations.tau_b[is_defined]
        pairs, local = np.unique(self._correlations.pairs[is_defined], return_inverse=True)
        count = np.bincount(local, minlength=len(pairs))
        total = np.bincount(local, weights=tau_b, minlength=len(pairs))
        kept = np.sort(np.argsort(-count, kind="stable")[:PAIRS_MAX])
        return [
            PairTau(
                divmod(int(pairs[at]), self._person_count),
                int(count[at]),
                float(total[at] / count[at]),
            )
            for at in kept
        ]


def response_pairs(ranks: RankArrays) -> ResponsePairs:
    """Each ranking as votes on its pairs of responses: `<`, `=` or `>` in PAIR_CATEGORIES."""
    width = np.int64(ranks.responses.max(initial=0)) + 1
    sizes = np.bincount(ranks.units, minlength=ranks.unit_count)
    parts = [_pairs_of(ranks, slice(0, 0), width)]
    count = 0
    for _, rows in _blocks(sizes):
        part = _pairs_of(ranks, rows, width)
        part.pair_of[:] += count
        count += len(part.keys)
        parts.append(part)
    keys = np.concatenate([part.keys for part in parts])
    unit_of = (keys // width**2).astype(np.int32)
    votes = VoteArrays(
        units=np.concatenate([part.pair_of for part in parts]),
        people=np.concatenate([part.people for part in parts]),
        values=np.concatenate([part.values for part in parts]),
        clusters=ranks.clusters[unit_of],
        unit_count=len(keys),
        person_count=ranks.person_count,
        category_count=len(PAIR_CATEGORIES),
        task_count=ranks.task_count,
    )
    responses = np.stack(np.divmod(keys % width**2, width), axis=1)
    return ResponsePairs(ranks, votes, unit_of, responses)


def _blocks(sizes: NDArray[np.int64]) -> Iterator[tuple[slice, slice]]:
    """Some units at a time and their rows, of which each unit has a number."""
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    start = 0
    while start < len(sizes):
        end = int(np.searchsorted(bounds, bounds[start] + ROWS_AT_ONCE, side="left"))
        end = min(max(end, start + 1), len(sizes))
        yield slice(start, end), slice(int(bounds[start]), int(bounds[end]))
        start = end


class _Pairs(NamedTuple):
    """The pairs of some units by key; the pair, the person and the value of each vote on one."""

    keys: NDArray[np.int64]
    pair_of: NDArray[np.int32]
    people: NDArray[np.int32]
    values: NDArray[np.int32]


def _pairs_of(ranks: RankArrays, rows: slice, width: np.int64) -> _Pairs:
    units, people = ranks.units[rows].astype(np.int64), ranks.people[rows]
    responses, given = ranks.responses[rows], ranks.ranks[rows]
    first, second = _all_pairs(_ballot_sizes(units, people))
    pairs = (units[first] * width + responses[first]) * width + responses[second]
    keys, pair_of = np.unique(pairs, return_inverse=True)
    values = 1 + np.sign(given[first] - given[second]).astype(np.int32)
    order = np.lexsort((people[first], pair_of))
    return _Pairs(keys, pair_of[order].astype(np.int32), people[first][order], values[order])


def _all_pairs(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of each two rows that stand together, [2, pairs]."""
    return np.concatenate([np.zeros((2, 0), dtype=np.int64), *vote_pairs(sizes)], axis=1)


def rank_correlations(pairs: ResponsePairs) -> RankCorrelations:
    """τ-b of each two people on each unit, over the responses that both ranked (Kendall 1945)."""
    votes = pairs.votes
    sizes = votes.unit_sizes
    bounds = np.concatenate([[0], np.cumsum(sizes)])
    square = np.int64(votes.person_count) ** 2
    found = [(np.zeros(0, dtype=np.int64), np.zeros(0))]
    pairs_of_unit = np.bincount(pairs.unit_of, minlength=pairs.ranks.unit_count)
    for _, block in _blocks(pairs_of_unit):
        rows = slice(int(bounds[block.start]), int(bounds[block.stop]))
        signs, people = votes.values[rows].astype(np.float64) - 1, votes.people[rows]
        first, second = _all_pairs(sizes[block])
        both = people[first].astype(np.int64) * votes.person_count + people[second]
        keys, local = np.unique(
            pairs.unit_of[votes.units[rows][first]] * square + both, return_inverse=True
        )
        x, y = signs[first], signs[second]
        together, of_x, of_y = (
            np.bincount(local, weights=row, minlength=len(keys)) for row in (x * y, x * x, y * y)
        )
        scale = np.sqrt(of_x * of_y)
        found.append((keys, quotients(together.astype(np.float64), scale, scale > 0)))
    keys = np.concatenate([part[0] for part in found])
    tau_b = np.concatenate([part[1] for part in found])
    return RankCorrelations(keys // square, keys % square, tau_b)


def kendall_w(ranks: RankArrays) -> NDArray[np.float64]:
    """Kendall's W with ties of each unit (Kendall and Babington Smith 1939); NaN if undefined.

    It is of the people who ranked every response that anybody ranked there, at least two.
    """
    sizes = np.bincount(ranks.units, minlength=ranks.unit_count)
    return np.concatenate([np.zeros(0), *(_w_of(ranks, *block) for block in _blocks(sizes))])


def _w_of(ranks: RankArrays, block: slice, rows: slice) -> NDArray[np.float64]:
    """Kendall's W of some units."""
    units, responses = ranks.units[rows].astype(np.int64) - block.start, ranks.responses[rows]
    count = block.stop - block.start
    sizes = _ballot_sizes(units, ranks.people[rows])
    ballot_of = np.repeat(np.arange(len(sizes)), sizes)
    middle, tied = _mid_ranks(ranks.ranks[rows], sizes)
    width = np.int64(responses.max(initial=0)) + 1
    things, thing_of = np.unique(units * width + responses, return_inverse=True)
    unit_of_thing = things // width
    k = np.bincount(unit_of_thing, minlength=count).astype(np.float64)
    is_whole = (sizes == k[units[np.cumsum(sizes) - sizes]])[ballot_of]
    units = units[is_whole]
    sums = np.bincount(thing_of[is_whole], weights=middle[is_whole], minlength=len(things))
    squares = np.bincount(unit_of_thing, weights=np.square(sums), minlength=count)
    m = np.bincount(units, minlength=count).astype(np.float64) / np.maximum(k, 1)
    ties = np.bincount(units, weights=np.square(tied[is_whole] + 1) - 1, minlength=count)
    above = 12 * squares - 3 * np.square(m) * k * np.square(k + 1)
    below = np.square(m) * k * (np.square(k) - 1) - m * ties
    return quotients(above, below, (m >= 2) & (below > 0))


def _tau_b_of_units(correlations: RankCorrelations, unit_count: int) -> NDArray[np.float64]:
    """Mean τ-b of all pairs of people of each unit; NaN without one."""
    is_defined = ~np.isnan(correlations.tau_b)
    units, tau_b = correlations.units[is_defined], correlations.tau_b[is_defined]
    count = np.bincount(units, minlength=unit_count).astype(np.float64)
    total = np.bincount(units, weights=tau_b, minlength=unit_count).astype(np.float64)
    return quotients(total, count, count > 0)


def _ballot_sizes(units: NDArray[np.integer], people: NDArray[np.int32]) -> NDArray[np.int64]:
    """The number of rows of each ranking, which stand together."""
    is_first = np.ones(len(units), dtype=bool)
    is_first[1:] = (units[1:] != units[:-1]) | (people[1:] != people[:-1])
    return np.diff(np.flatnonzero(np.append(is_first, True)))


def _mid_ranks(
    ranks: NDArray[np.float64], sizes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mid-rank of each row in its ranking, and how many others share it."""
    middle, tied = np.ones(len(ranks)), np.zeros(len(ranks))
    for first, second in vote_pairs(sizes):
        sign = np.sign(ranks[first] - ranks[second])
        np.add.at(middle, first, (1 + sign) / 2)
        np.add.at(middle, second, (1 - sign) / 2)
        for side in (first, second):
            np.add.at(tied, side, sign == 0)
    return middle, tied


def _mean_of(values: NDArray[np.float64], clusters: NDArray[np.int32]) -> Summands:
    """Sums of the values that are defined, and their number."""
    is_defined = ~np.isnan(values)
    rows = np.stack([np.where(is_defined, values, 0.0), is_defined.astype(np.float64)], axis=1)
    groups = np.arange(len(values), dtype=np.int32)
    return Summands(groups, clusters, 2, rows=rows.__getitem__)

"""Rankings: their response pairs as votes, Kendall's τ-b of two people and W of all, with ties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.estimates import quotients
from plaudit.core.quality.pairs import PAIRS_MAX, vote_pairs
from plaudit.core.quality.replicates import Summands
from plaudit.core.quality.vote_arrays import VoteArrays

PAIR_CATEGORIES = ("<", "=", ">")
"""Categories of a pair of responses: the first is ranked higher, both alike, or the second."""


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
    """Votes on pairs of responses, and the unit of the ranking that each pair belongs to.

    `keys` tell a pair by its unit and both responses; they ascend.
    """

    votes: VoteArrays
    unit_of: NDArray[np.int32]
    keys: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class RankCorrelations:
    """Kendall's τ-b of each two people on each unit that both ranked; NaN where undefined."""

    units: NDArray[np.int64]
    pairs: NDArray[np.int64]
    tau_b: NDArray[np.float64]


def response_pairs(ranks: RankArrays) -> ResponsePairs:
    """Each ranking as votes on its pairs of responses: `<`, `=` or `>` in PAIR_CATEGORIES."""
    parts = list(vote_pairs(_ballot_sizes(ranks)))
    first, second = np.concatenate(parts, axis=1) if parts else np.zeros((2, 0), dtype=np.int64)
    width = np.int64(ranks.responses.max(initial=0)) + 1
    pairs = (ranks.units[first] * width + ranks.responses[first]) * width
    keys, pair_of = np.unique(pairs + ranks.responses[second], return_inverse=True)
    people = ranks.people[first]
    values = 1 + np.sign(ranks.ranks[first] - ranks.ranks[second]).astype(np.int32)
    order = np.lexsort((people, pair_of))
    unit_of = (keys // width**2).astype(np.int32)
    votes = VoteArrays(
        units=pair_of[order].astype(np.int32),
        people=people[order],
        values=values[order],
        clusters=ranks.clusters[unit_of],
        unit_count=len(keys),
        person_count=ranks.person_count,
        category_count=len(PAIR_CATEGORIES),
        task_count=ranks.task_count,
    )
    return ResponsePairs(votes, unit_of, keys)


def rank_correlations(pairs: ResponsePairs) -> RankCorrelations:
    """τ-b of each two people on each unit, over the responses that both ranked (Kendall 1945)."""
    votes = pairs.votes
    signs = votes.values.astype(np.float64) - 1
    keys: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    sums: NDArray[np.float64] = np.zeros((3, 0))
    square = np.int64(votes.person_count) ** 2
    for first, second in vote_pairs(votes.unit_sizes):
        people = votes.people[first].astype(np.int64) * votes.person_count + votes.people[second]
        cases = pairs.unit_of[votes.units[first]] * square + people
        x, y = signs[first], signs[second]
        keys, local = np.unique(np.concatenate([keys, cases]), return_inverse=True)
        added = np.hstack([sums, np.stack([x * y, x * x, y * y])])
        sums = np.stack([np.bincount(local, weights=row, minlength=len(keys)) for row in added])
    scale = np.sqrt(sums[1] * sums[2])
    return RankCorrelations(keys // square, keys % square, quotients(sums[0], scale, scale > 0))


def tau_b_summands(ranks: RankArrays, correlations: RankCorrelations) -> Summands:
    """Sums over units of the mean τ-b of their pairs of people, and the number of such units."""
    is_defined = ~np.isnan(correlations.tau_b)
    units, tau_b = correlations.units[is_defined], correlations.tau_b[is_defined]
    count = np.bincount(units, minlength=ranks.unit_count)
    total = np.bincount(units, weights=tau_b, minlength=ranks.unit_count).astype(np.float64)
    return _mean_of(quotients(total, count.astype(np.float64), count > 0), ranks.clusters)


def tau_b_by_pair(correlations: RankCorrelations) -> list[tuple[int, int, float]]:
    """Number of a pair of people, its units and mean τ-b, of the pairs with the most units."""
    is_defined = ~np.isnan(correlations.tau_b)
    pairs, local = np.unique(correlations.pairs[is_defined], return_inverse=True)
    count = np.bincount(local, minlength=len(pairs))
    total = np.bincount(local, weights=correlations.tau_b[is_defined], minlength=len(pairs))
    kept = np.sort(np.argsort(-count, kind="stable")[:PAIRS_MAX])
    return [(int(pairs[at]), int(count[at]), float(total[at] / count[at])) for at in kept]


def kendall_w_summands(ranks: RankArrays) -> Summands:
    """Sums over units of Kendall's W, and the number of units that have one.

    W is of the people who ranked every response that anybody ranked there, at least two.
    """
    return _mean_of(kendall_w(ranks), ranks.clusters)


def kendall_w(ranks: RankArrays) -> NDArray[np.float64]:
    """Kendall's W with ties of each unit (Kendall and Babington Smith 1939); NaN if undefined."""
    sizes = _ballot_sizes(ranks)
    ballot_of = np.repeat(np.arange(len(sizes)), sizes)
    middle, tied = _mid_ranks(ranks.ranks, sizes)
    width = np.int64(ranks.responses.max(initial=0)) + 1
    things, thing_of = np.unique(ranks.units * width + ranks.responses, return_inverse=True)
    unit_of_thing = things // width
    k = np.bincount(unit_of_thing, minlength=ranks.unit_count)
    is_whole = (sizes == k[ranks.units[np.cumsum(sizes) - sizes]])[ballot_of]
    units = ranks.units[is_whole]
    sums = np.bincount(thing_of[is_whole], weights=middle[is_whole], minlength=len(things))
    squares = np.bincount(unit_of_thing, weights=np.square(sums), minlength=ranks.unit_count)
    rows = np.bincount(units, minlength=ranks.unit_count)
    m = np.divide(rows, k, out=np.zeros(ranks.unit_count), where=k > 0)
    ties = np.bincount(units, weights=np.square(tied[is_whole] + 1) - 1, minlength=ranks.unit_count)
    m, k = m.astype(np.float64), k.astype(np.float64)
    above = 12 * squares - 3 * np.square(m) * k * np.square(k + 1)
    below = np.square(m) * k * (np.square(k) - 1) - m * ties
    return quotients(above, below, (m >= 2) & (below > 0))


def _ballot_sizes(ranks: RankArrays) -> NDArray[np.int64]:
    """The number of responses in each ranking, in the order of the rows."""
    ballots = ranks.units.astype(np.int64) * ranks.person_count + ranks.people
    sizes: NDArray[np.int64] = np.unique(ballots, return_counts=True)[1].astype(np.int64)
    return sizes


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
    return Summands(groups, clusters, len(values), rows=rows)

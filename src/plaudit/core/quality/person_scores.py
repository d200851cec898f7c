"""Scores of people: how often they agree with the others, with gold, with themselves, and when.

Each is a count of right ones among n, for `estimates.wilson`. None of them is a ranking.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.estimates import Share, wilson
from plaudit.core.quality.vote_arrays import VoteArrays

EWMA_WEIGHT = 0.1
"""λ: the weight of the newest answer in the moving average."""
EWMA_WIDTH = 3.0
"""How many standard deviations from the centre the limits are."""

NOT_COMPARED, DIFFERS, AGREES = -1, 0, 1


@dataclass(frozen=True, slots=True)
class EwmaLine:
    """Moving average of a person's rights and wrongs, oldest first, between its limits."""

    values: NDArray[np.float64]
    centre: float
    low: float
    high: float


def compare_with_others(votes: VoteArrays) -> NDArray[np.int8]:
    """AGREES or DIFFERS for each vote, by the strict majority of the others on its unit.

    More than half of at least two others say so; NOT_COMPARED where there is no such majority.
    """
    order = np.lexsort((votes.values, votes.units))
    units, values = votes.units[order], votes.values[order]
    begins = np.ones(len(units), np.bool_)
    begins[1:] = (units[1:] != units[:-1]) | (values[1:] != values[:-1])
    starts = np.flatnonzero(begins)
    counts = np.diff(np.append(starts, len(units)))
    unit_of_group = units[starts]
    most, second = _two_most(unit_of_group, counts, votes.unit_count)
    group_of_vote = np.cumsum(begins) - 1
    own, size = counts[group_of_vote], votes.unit_sizes[units]
    is_top = own == most[units]
    others = size - 1
    agrees = is_top & (2 * (own - 1) > others)
    against = np.where(is_top, second[units], most[units])
    differs = ~agrees & (2 * against > others)
    sorted_result = np.full(len(units), NOT_COMPARED, np.int8)
    sorted_result[agrees] = AGREES
    sorted_result[differs] = DIFFERS
    sorted_result[others < 2] = NOT_COMPARED
    result = np.empty_like(sorted_result)
    result[order] = sorted_result
    return result


def _two_most(
    units: NDArray[np.int32], counts: NDArray[np.int64], unit_count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The greatest count of each unit, and the greatest of its other values."""
    order = np.lexsort((-counts, units))
    units, counts = units[order], counts[order]
    first = np.ones(len(units), np.bool_)
    first[1:] = units[1:] != units[:-1]
    is_second = np.zeros(len(units), np.bool_)
    is_second[1:] = first[:-1] & ~first[1:]
    most, second = np.zeros(unit_count, np.int64), np.zeros(unit_count, np.int64)
    most[units[first]] = counts[first]
    second[units[is_second]] = counts[is_second]
    return most, second


def shares_with_others(votes: VoteArrays) -> list[Share]:
    """Share of each person's votes that agree with the strict majority of the others."""
    compared = compare_with_others(votes)
    return shares_of(
        votes.people[compared >= 0], compared[compared >= 0] == AGREES, votes.person_count
    )


def shares_of(
    people: NDArray[np.int32], is_right: NDArray[np.bool_], person_count: int
) -> list[Share]:
    """Share of right ones of each person: answers to gold, or second answers equal to the first."""
    n = np.bincount(people, minlength=person_count)
    right = np.bincount(people[is_right], minlength=person_count)
    return [wilson(int(good), int(all_)) for good, all_ in zip(right, n, strict=True)]


def ewma(rights: NDArray[np.float64], centre: float) -> EwmaLine:
    """Exponentially weighted moving average of rights, 0 … 1, from the oldest on.

    It starts at `centre`, the share to be expected (Roberts 1959). The limits are those of a long
    line, centre ± 3·√(centre·(1-centre)·λ/(2-λ)), within 0 … 1.
    """
    values = np.empty(len(rights))
    current = centre
    for at, right in enumerate(rights.tolist()):
        current = EWMA_WEIGHT * right + (1 - EWMA_WEIGHT) * current
        values[at] = current
    reach = EWMA_WIDTH * np.sqrt(centre * (1 - centre) * EWMA_WEIGHT / (2 - EWMA_WEIGHT))
    return EwmaLine(
        values=values,
        centre=centre,
        low=float(max(0.0, centre - reach)),
        high=float(min(1.0, centre + reach)),
    )

"""Shares and means of cases that come in clusters, such as the votes on one task.

Cases of one cluster tell less than as many cases apart. Standard errors are those of the sandwich
estimator (Liang and Zeger 1986) with the correction G/(G-1) for G clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.estimates import Z_95

CHANCE = "consistent with chance"


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """A mean of n cases with its standard error and its 95 % interval.

    `p_value` is of the two-sided test against the fair value. Error and interval are None where
    there are fewer than two clusters; then `p_value` is 1.
    """

    value: float
    n: int
    standard_error: float | None
    low: float | None
    high: float | None
    p_value: float

    @property
    def is_chance(self) -> bool:
        """True where the fair value is inside the interval, or there is no interval."""
        return self.p_value > 0.05


def two_sided(z: float) -> float:
    """Probability that a standard normal value is farther from 0 than z."""
    return math.erfc(abs(z) / math.sqrt(2))


def coin_probability(heads: int, n: int) -> float:
    """Probability that a fair coin, thrown n times, shows heads as far from n/2 or farther."""
    rarer = min(heads, n - heads)
    if 2 * rarer == n:
        return 1.0
    tails = np.arange(1, rarer + 1)
    logs = np.concatenate(([0.0], np.cumsum(np.log((n + 1 - tails) / tails)))) - n * math.log(2)
    return min(1.0, 2 * float(np.sum(np.exp(logs))))


def cluster_error(residuals: NDArray[np.float64], clusters: NDArray[np.integer]) -> float | None:
    """Standard error of the mean of cases, from their residuals; None for less than 2 clusters.

    `clusters` has the number of each case's cluster, in any order.
    """
    _, numbers = np.unique(clusters, return_inverse=True)
    sums = np.bincount(numbers, weights=residuals)
    count = len(sums)
    if count < 2:
        return None
    return float(math.sqrt(np.sum(sums**2) * count / (count - 1)) / len(residuals))


def clustered_mean(
    cases: NDArray[np.float64],
    *clusterings: NDArray[np.integer],
    fair: float,
    bounds: tuple[float, float],
) -> ClusteredMean | None:
    """Mean of cases, with the largest of the standard errors that the clusterings give.

    None without cases. The interval is kept within bounds. Where all cases are alike, which no
    number of them would make certain, the error is taken from their distance to the fair value.
    """
    if not len(cases):
        return None
    value = float(np.mean(cases))
    error = _largest_error(cases - value, clusterings)
    if error == 0 and value != fair:
        error = _largest_error(cases - fair, clusterings)
    if error is None:
        return ClusteredMean(value, len(cases), None, None, None, 1.0)
    low, high = value - Z_95 * error, value + Z_95 * error
    return ClusteredMean(
        value=value,
        n=len(cases),
        standard_error=error,
        low=max(bounds[0], low),
        high=min(bounds[1], high),
        p_value=two_sided((value - fair) / error) if error else 1.0,
    )


def _largest_error(
    residuals: NDArray[np.float64], clusterings: tuple[NDArray[np.integer], ...]
) -> float | None:
    errors = [cluster_error(residuals, clusters) for clusters in clusterings]
    return max((error for error in errors if error is not None), default=None)

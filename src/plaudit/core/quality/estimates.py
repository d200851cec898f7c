"""Estimates with their intervals: a coefficient, a share, or the reason why there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959963984540054
"""The 97.5 % point of the normal distribution."""

TAILS = (2.5, 97.5)
"""The percentiles of the replicates that are the ends of an interval."""

SHARE_DEFINED_MIN = 0.5
"""An interval needs a value in more than this share of the replicates."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and the ends of its 95 % interval, None where too few replicates have a value."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Undefined:
    """The reason why a coefficient has no value, as a sentence without its full stop."""

    why: str


@dataclass(frozen=True, slots=True)
class Share:
    """A share of n cases with Wilson's 95 % interval; all three are None where n is 0."""

    right: int
    n: int
    share: float | None
    low: float | None
    high: float | None


def wilson(right: int, n: int) -> Share:
    """Share of right ones among n, with the score interval of Wilson (1927)."""
    if n == 0:
        return Share(right, n, None, None, None)
    share = right / n
    scale = 1 + Z_95**2 / n
    middle = (share + Z_95**2 / (2 * n)) / scale
    reach = Z_95 * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2)) / scale
    low = 0.0 if right == 0 else max(0.0, middle - reach)
    high = 1.0 if right == n else min(1.0, middle + reach)
    return Share(right, n, share, low, high)


def quotients(
    numerators: NDArray[np.float64], denominators: NDArray[np.float64], where: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Quotients where they are wanted, and NaN elsewhere."""
    out = np.full_like(numerators, np.nan)
    np.divide(numerators, denominators, out=out, where=where)
    return out


def estimate_of(values: NDArray[np.float64], why: str) -> Estimate | Undefined:
    """Estimate of a statistic: its value, then one for each replicate; NaN where undefined.

    `why` is the reason to give if the value itself is undefined.
    """
    value = float(values[0])
    if math.isnan(value):
        return Undefined(why)
    replicates = values[1:]
    replicates = replicates[~np.isnan(replicates)]
    if len(replicates) <= SHARE_DEFINED_MIN * (len(values) - 1) or not len(replicates):
        return Estimate(value, None, None)
    low, high = np.percentile(replicates, TAILS)
    return Estimate(value, float(low), float(high))


def discoveries(p_values: Sequence[float], q: float = 0.05) -> list[bool]:
    """Findings among many tests at once whose false discovery rate is at most q.

    The step-up procedure of Benjamini and Hochberg (1995); the order of the tests is kept.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not len(p):
        return []
    ascending = np.sort(p)
    passing = np.flatnonzero(ascending <= q * np.arange(1, len(p) + 1) / len(p))
    bound = ascending[passing[-1]] if len(passing) else -1.0
    return [bool(found) for found in p <= bound]

"""Length and format: do longer responses win, and those with lists or bold words?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.clustered_shares import CHANCE, cluster_error, clustered_mean
from plaudit.core.quality.comparisons.response_style import STYLES
from plaudit.core.quality.estimates import Z_95, Estimate, Undefined, wilson

FORMATS = ("headers", "lists", "bold", "code")
ROUNDS_MAX = 50


@dataclass(frozen=True, slots=True)
class LongerWins:
    """Comparisons of responses of unequal length, and in how many the longer one won.

    The interval is Wilson's, the standard error clustered by task. `slope` is by how much the
    logarithm of the odds to win grows when a response is twice as long as the other.
    """

    longer: int
    n: int
    share: float
    standard_error: float | None
    low: float
    high: float
    p_value: float
    slope: Estimate | Undefined
    says: str


@dataclass(frozen=True, slots=True)
class FormatDifference:
    """Share of winners with a mark of Markdown, less the share of losers, over n comparisons."""

    format: str
    winners: float
    losers: float
    difference: float
    n: int
    standard_error: float | None
    low: float | None
    high: float | None
    p_value: float
    says: str


def longer_wins(
    winners: NDArray[np.integer], losers: NDArray[np.integer], tasks: NDArray[np.int32]
) -> LongerWins | Undefined:
    """Share of comparisons that the longer response won, from the lengths of both."""
    differs = winners != losers
    winners, losers, tasks = winners[differs], losers[differs], tasks[differs]
    is_longer = winners > losers
    mean = clustered_mean(is_longer.astype(np.float64), tasks, fair=0.5, bounds=(0.0, 1.0))
    if mean is None:
        return Undefined("no response has won against one of another length")
    longer = int(np.count_nonzero(is_longer))
    interval = wilson(longer, mean.n)
    assert interval.low is not None
    assert interval.high is not None
    return LongerWins(
        longer=longer,
        n=mean.n,
        share=mean.value,
        standard_error=mean.standard_error,
        low=interval.low,
        high=interval.high,
        p_value=mean.p_value,
        slope=_slope(np.log2((1 + winners) / (1 + losers)), tasks),
        says=CHANCE
        if mean.is_chance
        else "longer responses win more often"
        if mean.value > 0.5
        else "shorter responses win more often",
    )


def format_differences(
    winners: NDArray[np.integer], losers: NDArray[np.integer], tasks: NDArray[np.int32]
) -> list[FormatDifference]:
    """Difference for each of FORMATS, from the styles of both (`response_style.columns_of`).

    Empty without comparisons.
    """
    found = []
    for name in FORMATS:
        has = winners[:, STYLES.index(name)] > 0
        lacks = losers[:, STYLES.index(name)] > 0
        cases = has.astype(np.float64) - lacks
        mean = clustered_mean(cases, tasks, fair=0.0, bounds=(-1.0, 1.0))
        if mean is None:
            return []
        found.append(
            FormatDifference(
                format=name,
                winners=float(np.mean(has)),
                losers=float(np.mean(lacks)),
                difference=mean.value,
                n=mean.n,
                standard_error=mean.standard_error,
                low=mean.low,
                high=mean.high,
                p_value=mean.p_value,
                says=CHANCE
                if mean.is_chance
                else f"responses with {name} win more often"
                if mean.value > 0
                else f"responses with {name} win less often",
            )
        )
    return found


def _slope(ratios: NDArray[np.float64], tasks: NDArray[np.int32]) -> Estimate | Undefined:
    """Slope b of P(wins) = 1/(1+exp(-b·ratio)), with a sandwich interval clustered by task."""
    if np.all(ratios > 0) or np.all(ratios < 0):
        return Undefined("the longer response always won, or never: the slope has no bound")
    slope = 0.0
    for _ in range(ROUNDS_MAX):
        loses = 1 / (1 + np.exp(np.clip(slope * ratios, -500, 500)))
        curvature = float(np.sum(loses * (1 - loses) * ratios**2))
        step = float(np.sum(loses * ratios)) / curvature
        slope += max(-1.0, min(1.0, step))
        if abs(step) < 1e-12:
            break
    error = cluster_error(loses * ratios, tasks)
    if error is None:
        return Estimate(slope, None, None)
    reach = Z_95 * error * len(ratios) / curvature
    return (
        Estimate(slope, slope - reach, slope + reach)
        if math.isfinite(reach)
        else Undefined("the lengths do not tell")
    )

"""Scores of people: how fast they are, how often they are right, and in which order.

How often they agree with the others stands in `agreement/voters.py`. None of it is a ranking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.estimates import Share, wilson

EWMA_WEIGHT = 0.1
"""λ: the weight of the newest answer in the moving average."""
EWMA_WIDTH = 3.0
"""The distance of the limits from the centre, in standard deviations."""


@dataclass(frozen=True, slots=True)
class EwmaLine:
    """Moving average of a person's rights and wrongs, oldest first, between its limits."""

    values: NDArray[np.float64]
    centre: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class WorkPace:
    """A person's tasks with a known active time, its median, and the median for 100 words.

    Medians are in ms, None without tasks; tasks without a word count in the first alone.
    """

    tasks: int
    median_ms: float | None
    median_ms_per_100_words: float | None


@dataclass(frozen=True, slots=True)
class BallotColumns:
    """Tasks that people did: a row for each person and task, with what they took and read.

    `active_ms` is negative where nobody knows; `words` are those of the responses.
    """

    seqs: NDArray[np.int64]
    people: NDArray[np.int32]
    active_ms: NDArray[np.int64]
    words: NDArray[np.int64]


def paces_of(
    people: NDArray[np.int32],
    active_ms: NDArray[np.int64],
    words: NDArray[np.int64],
    person_count: int,
) -> list[WorkPace]:
    """Pace of each person, from a row for each task: its active time, and the words to read."""
    order = np.argsort(people, kind="stable")
    ends = np.cumsum(np.bincount(people, minlength=person_count))[:-1]
    found = []
    for rows in np.split(order, ends):
        has_words = rows[words[rows] > 0]
        found.append(
            WorkPace(
                tasks=len(rows),
                median_ms=_median(active_ms[rows]),
                median_ms_per_100_words=_median(100 * active_ms[has_words] / words[has_words]),
            )
        )
    return found


def _median(values: NDArray[Any]) -> float | None:
    return float(np.median(values)) if len(values) else None


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

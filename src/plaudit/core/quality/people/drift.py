"""Drift: a person who agreed with the others and does so no longer.

A change of their share of agreement is looked for by the largest deviation of its running sum
(Page 1955), whose distribution is that of the Brownian bridge.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.people.compared_answers import task_agreement
from plaudit.core.quality.people.flags import FlagKind, FlagTest
from plaudit.core.quality.people.person_scores import ewma

TASKS_MIN = 50
WINDOWS = 20
"""Parts of the project's time, of equal many answers, in which people are compared."""
LOOKED_AT = 0.05
"""Only lines that are less likely than this are drawn to see whether they leave the limits."""


def drifts(
    people: NDArray[np.int32],
    is_right: NDArray[np.bool_],
    tasks: NDArray[np.int32],
    times: NDArray[np.integer],
) -> list[FlagTest]:
    """Test of each person's agreement with the others, in order of time, over at least 50 tasks.

    The answers to a task count as one, their mean. From each the mean of all other people at that
    time is taken off, so that nobody drifts because the tasks got harder. The rule asks besides
    that the person's moving average has fallen below the project's lower limit (EWMA) since.
    """
    if not len(people):
        return []
    found = task_agreement(people, is_right, tasks, times)
    right, people, times = found.means, found.people, found.times
    residuals = right - _others_then(people, right, times)
    centre = float(np.mean(right))
    present, starts = np.unique(people, return_index=True)
    tests = []
    for person, rows in zip(
        present.tolist(), np.split(np.arange(len(people)), starts[1:]), strict=True
    ):
        if len(rows) < TASKS_MIN:
            continue
        p_value, change = fall_of(residuals[rows])
        before, after = right[rows[:change]], right[rows[change:]]
        has_fallen = p_value < LOOKED_AT and bool(
            np.any((line := ewma(right[rows], centre)).values[change:] < line.low)
        )
        tests.append(
            FlagTest(
                person=person,
                kind=FlagKind.drift,
                meets_rule=has_fallen,
                p_value=p_value,
                why=f"agreement with the others fell from {np.mean(before):.0%} "
                f"to {np.mean(after):.0%} after {change} tasks",
            )
        )
    return tests


def fall_of(values: NDArray[np.float64]) -> tuple[float, int]:
    """Probability that values in order of time fall so by chance, and how many come before.

    exp(-2K²), where K is the largest sum of the first values less their mean, by √n and the
    standard deviation. At least one value is on each side.
    """
    n = len(values)
    sums = np.cumsum(values - np.mean(values))[:-1]
    change = int(np.argmax(sums)) + 1
    deviation = float(np.std(values))
    if deviation <= 0:
        return 1.0, change
    largest = max(0.0, float(sums[change - 1])) / (math.sqrt(n) * deviation)
    return math.exp(-2 * largest**2), change


def _others_then(
    people: NDArray[np.int32], right: NDArray[np.float64], times: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Mean of all other people in the same part of the time; of everybody where there are none."""
    ranks = np.empty(len(times), np.int64)
    ranks[np.argsort(times, kind="stable")] = np.arange(len(times))
    windows = ranks * WINDOWS // len(times)
    shape = (int(people.max()) + 1, WINDOWS)
    cells = people.astype(np.int64) * WINDOWS + windows
    n = np.bincount(cells, minlength=shape[0] * WINDOWS).reshape(shape)
    sums = np.bincount(cells, weights=right, minlength=shape[0] * WINDOWS).reshape(shape)
    others = n.sum(axis=0) - n
    means = np.full(shape, np.mean(right))
    np.divide(sums.sum(axis=0) - sums, others, out=means, where=others > 0)
    return means[people, windows]

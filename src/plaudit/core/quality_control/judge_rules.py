"""Judges of one task: how sure their answers make it, and when there are judges enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

PRIOR_RIGHT = 8
PRIOR_CASES = 10
"""Everybody is taken to have had 8 of 10 right before."""


class JudgedUnit(Struct, frozen=True):
    """Answers to one question of a task: the number of its categories, and pairs of a category and
    the accuracy of who gave it, without those who abstained."""

    categories: int
    answers: Sequence[tuple[int, float]]


def accuracy_of(right: int, n: int) -> float:
    """Accuracy that a judge is taken to have, from gold: (8 + right) / (10 + n)."""
    return (PRIOR_RIGHT + right) / (PRIOR_CASES + n)


def posterior(answers: Sequence[tuple[int, float]], categories: int) -> list[float]:
    """Probability of each category of a task, from its judges' answers and their accuracies.

    Each judge is right with their accuracy, and else says each other category as often:
    P(c) ∝ Π p^[y=c]·((1-p)/(k-1))^[y≠c]. Without answers all are as likely.
    """
    if categories < 2:
        return [1.0] * categories
    logs = np.zeros(categories)
    for answer, accuracy in answers:
        right = min(max(accuracy, 1e-9), 1 - 1e-9)
        wrong = np.log((1 - right) / (categories - 1))
        logs += wrong
        logs[answer] += np.log(right) - wrong
    likelihood = np.exp(logs - logs.max())
    return [float(share) for share in likelihood / likelihood.sum()]


def has_judges_enough(
    units: Sequence[JudgedUnit],
    judge_count: int,
    *,
    judges_min: int,
    judges_max: int,
    confidence: float,
) -> bool:
    """True where a task needs no further judge: `judges_max` have judged it, or it is sure enough.

    Sure is a task of whose units each has a category of at least this probability, after
    `judges_min` judges; one without units is.
    """
    if judge_count >= judges_max:
        return True
    return judge_count >= judges_min and all(
        max(posterior(unit.answers, unit.categories), default=1.0) >= confidence for unit in units
    )


def needed_judges(
    units: Sequence[JudgedUnit],
    judge_count: int,
    *,
    judges_min: int,
    judges_max: int,
    confidence: float,
) -> int:
    """Judges that a task needs in all, `judge_count` if it has enough.

    Beyond `judges_min` they are asked one after the other.
    """
    is_enough = has_judges_enough(
        units, judge_count, judges_min=judges_min, judges_max=judges_max, confidence=confidence
    )
    return judge_count if is_enough else max(judges_min, judge_count + 1)

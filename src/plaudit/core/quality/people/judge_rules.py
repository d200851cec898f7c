"""Rules of one judge and one task: when to pause a person, and when a task has judges enough."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plaudit.core.quality.estimates import wilson

PAUSE_CASES_MIN = 10

PRIOR_RIGHT = 8
PRIOR_CASES = 10
"""Everybody is taken to have had 8 of 10 right before."""


def is_to_be_paused(right: int, n: int, threshold: float) -> bool:
    """True where a person is below the threshold beyond doubt.

    At least 10 cases, and the upper end of Wilson's 95 % interval below the threshold: at 0.7,
    4 right of 10 are, 5 are not.
    """
    high = wilson(right, n).high
    return n >= PAUSE_CASES_MIN and high is not None and high < threshold


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
    answers: Sequence[tuple[int, float]],
    categories: int,
    *,
    judges_min: int,
    judges_max: int,
    confidence: float,
) -> bool:
    """True where a task needs no further judge: `judges_max` have answered, or it is sure enough.

    Sure is a category of at least this probability after `judges_min` answers.
    """
    if len(answers) >= judges_max:
        return True
    return len(answers) >= judges_min and max(posterior(answers, categories)) >= confidence

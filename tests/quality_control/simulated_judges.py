"""Simulated judges of tasks with one right answer, by a fixed and by an adaptive overlap."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from plaudit.core.quality_control.judge_rules import (
    JudgedUnit,
    accuracy_of,
    has_judges_enough,
    posterior,
)

CATEGORIES = 3
TASKS = 2000
PEOPLE = 40
JUDGES_MIN, JUDGES_MAX, CONFIDENCE = 2, 5, 0.95


class Crowd(NamedTuple):
    """Accuracies of people, and gold cases that each has been asked before."""

    accuracies: np.ndarray
    gold_cases: int = 0


class Outcome(NamedTuple):
    """Judges for each task, and the share of tasks whose likeliest answer is right."""

    judges: float
    right: float


def crowd(*shares: tuple[float, float], gold_cases: int = 0) -> Crowd:
    """A crowd of which these shares have these accuracies."""
    parts = [np.full(round(PEOPLE * share), accuracy) for share, accuracy in shares]
    return Crowd(np.concatenate(parts), gold_cases)


def simulate(of: Crowd, is_enough: Callable[[list[tuple[int, float]]], bool]) -> Outcome:
    """Let people judge tasks, one after the other and each once, until `is_enough` says so."""
    chance = np.random.default_rng(11)
    cases = of.gold_cases
    taken_for = [accuracy_of(int(chance.binomial(cases, p)), cases) for p in of.accuracies]
    judges, right = 0, 0.0
    for _ in range(TASKS):
        answers: list[tuple[int, float]] = []
        for person in chance.permutation(len(of.accuracies))[: JUDGES_MAX + 1]:
            is_right = chance.random() < of.accuracies[person]
            wrong = int(chance.integers(1, CATEGORIES))
            answers.append((0 if is_right else wrong, taken_for[person]))
            if is_enough(answers):
                break
        judges += len(answers)
        shares = posterior(answers, CATEGORIES)
        best = [n for n, share in enumerate(shares) if share > max(shares) - 1e-9]
        right += (0 in best) / len(best)
    return Outcome(judges / TASKS, right / TASKS)


def fixed(of: Crowd, count: int) -> Outcome:
    """Each task judged by so many."""
    return simulate(of, lambda answers: len(answers) == count)


def adaptive(of: Crowd) -> Outcome:
    """Each task judged until the rule has enough."""
    return simulate(
        of,
        lambda answers: has_judges_enough(
            [JudgedUnit(CATEGORIES, answers)],
            len(answers),
            judges_min=JUDGES_MIN,
            judges_max=JUDGES_MAX,
            confidence=CONFIDENCE,
        ),
    )

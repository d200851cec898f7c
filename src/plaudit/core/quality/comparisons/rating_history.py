"""Elo ratings in the course of the votes: how a leaderboard came about, and no leaderboard.

They depend on the order of votes, which is that of tasks in their project, so no figure of a report
is one of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct

from plaudit.core.quality.comparisons.bradley_terry import Duels
from plaudit.core.quality.comparisons.leaderboard import CENTRE, TieRule

FACTOR = 4.0
"""K: the most points that one vote moves."""
POINTS_MAX = 100
MODELS_MAX = 8
"""Models of a history, those with the most votes."""
_VOTES_AT_ONCE = 10_000


class RatingHistory(Struct, frozen=True):
    """Ratings of some models: `ratings` has one of each for each number of votes, ascending."""

    votes: list[int]
    models: list[str]
    ratings: list[list[float]]


def rating_history(duels: Duels, names: Sequence[str], ties: TieRule = "half") -> RatingHistory:
    """History of the ratings of MODELS_MAX models, at POINTS_MAX evenly spaced points at the most.

    All votes count, in the order of their tasks; a tie counts as half a victory, or not at all.
    """
    duels = duels.chosen(duels.first != duels.second)
    duels = duels if ties == "half" else duels.without_ties()
    order = np.argsort(duels.tasks, kind="stable")
    sides = np.concatenate([duels.first, duels.second])
    counts = np.bincount(sides, minlength=duels.model_count)
    shown = [at for at in np.argsort(-counts, kind="stable")[:MODELS_MAX].tolist() if counts[at]]
    ratings = [CENTRE] * duels.model_count
    step = max(1, math.ceil(len(order) / POINTS_MAX))
    history = RatingHistory([], [names[at] for at in shown], [])
    for at, (first, second, score) in enumerate(_rows(duels, order), 1):
        expected = 1 / (1 + 10 ** ((ratings[second] - ratings[first]) / 400))
        ratings[first] += FACTOR * (score - expected)
        ratings[second] -= FACTOR * (score - expected)
        if at % step == 0 or at == len(order):
            history.votes.append(at)
            history.ratings.append([round(ratings[model], 1) for model in shown])
    return history


def _rows(duels: Duels, order: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Votes in an order, a few at a time as objects."""
    for start in range(0, len(order), _VOTES_AT_ONCE):
        rows = order[start : start + _VOTES_AT_ONCE]
        yield from zip(
            duels.first[rows].tolist(),
            duels.second[rows].tolist(),
            duels.score[rows].tolist(),
            strict=True,
        )

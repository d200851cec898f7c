"""Bias and leaderboard of a project, from the columns of the votes on two responses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality import report_members
from plaudit.core.quality.comparisons import place_bias, style_bias
from plaudit.core.quality.comparisons.bradley_terry import Duels
from plaudit.core.quality.comparisons.leaderboard import TieRule, leaderboard
from plaudit.core.quality.comparisons.place_bias import PlaceBasis
from plaudit.core.quality.comparisons.rating_history import RatingHistory, rating_history
from plaudit.core.quality.comparisons.response_style import STYLES, relative_differences
from plaudit.wire.manage.quality_people import BiasReport, IdentityLeak, LeaderboardReport

VoteRule = Literal["all", "majority"]


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Votes on two responses, and the units that they are on.

    A row for each vote: `units`, `people`, and `score`, 1 where the first response is preferred, 0
    where the second is, 0.5 for a tie. First is the order of `sides`. `is_swapped` is true where
    the second response was shown first, None where nobody knows what was shown.

    A row for each unit: `tasks`; `sides` [units, 2], the numbers of the two models, which differ;
    `styles` [units, 2, STYLES]; `winner`, the consolidated score, NaN where there is none.
    """

    units: NDArray[np.int32]
    people: NDArray[np.int32]
    score: NDArray[np.float64]
    is_swapped: NDArray[np.bool_] | None
    tasks: NDArray[np.int32]
    sides: NDArray[np.int32]
    styles: NDArray[np.integer]
    winner: NDArray[np.float64]


def majority_scores(
    units: NDArray[np.int32], score: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Score of each unit that more than half of its votes give; NaN where there is none."""
    votes = np.bincount(units, minlength=count)
    found = np.full(count, np.nan)
    for value in (0.0, 0.5, 1.0):
        found[2 * np.bincount(units[score == value], minlength=count) > votes] = value
    return found


def bias_report(compared: Comparisons, leaks: Sequence[IdentityLeak] = ()) -> BiasReport:
    """Biases of place, by votes, and of length and format, by consolidated winners."""
    chose = compared.score != 0.5
    is_first = compared.score[chose] == 1
    basis: PlaceBasis = "stored" if compared.is_swapped is None else "shown"
    if compared.is_swapped is not None:
        is_first = is_first != compared.is_swapped[chose]
    tasks = compared.tasks[compared.units[chose]]
    place = place_bias.place_share(is_first, tasks, compared.people[chose], basis)
    has_won = (compared.winner == 0) | (compared.winner == 1)
    first_won = compared.winner[has_won] == 1
    rows = np.arange(int(np.count_nonzero(has_won)))
    styles = compared.styles[has_won]
    winners, losers = (
        styles[rows, np.where(first_won, 0, 1)],
        styles[rows, np.where(first_won, 1, 0)],
    )
    length = STYLES.index("length")
    longer = style_bias.longer_wins(winners[:, length], losers[:, length], compared.tasks[has_won])
    formats = style_bias.format_differences(winners, losers, compared.tasks[has_won])
    return BiasReport(
        place=report_members.place_member(place, basis),
        length=report_members.length_member(longer),
        format=report_members.format_members(formats),
        identity_leaks=list(leaks),
    )


def leaderboard_report(
    compared: Comparisons,
    models: Sequence[str],
    *,
    votes: VoteRule = "all",
    ties: TieRule = "half",
    styles: Sequence[str] = (),
    left_out: NDArray[np.bool_] | None = None,
) -> LeaderboardReport:
    """Leaderboard of all votes, or of the consolidated winners alone.

    `styles` are names of STYLES to be held equal. `left_out` is true for units that do not count,
    such as those with an identity leak, or outside of a slice.
    """
    duels = _counted(compared, len(models), votes, styles, left_out)
    return report_members.leaderboard_member(leaderboard(duels, models, styles, ties))


def history_of(
    compared: Comparisons,
    models: Sequence[str],
    *,
    votes: VoteRule,
    ties: TieRule,
    left_out: NDArray[np.bool_],
) -> RatingHistory:
    """History of the ratings by the votes that a leaderboard counts."""
    return rating_history(_counted(compared, len(models), votes, (), left_out), models, ties)


def _counted(
    compared: Comparisons,
    model_count: int,
    votes: VoteRule,
    styles: Sequence[str],
    left_out: NDArray[np.bool_] | None,
) -> Duels:
    duels = duels_of(compared, model_count, votes, styles)
    if left_out is None:
        return duels
    units = compared.units if votes == "all" else _won(compared)
    return duels.chosen(~left_out[units])


def duels_of(
    compared: Comparisons, model_count: int, votes: VoteRule, styles: Sequence[str]
) -> Duels:
    """Duels of all votes, or one for each unit with a consolidated winner or tie."""
    if votes == "all":
        units, score = compared.units.astype(np.int64), compared.score
    else:
        units = _won(compared)
        score = compared.winner[units]
    columns = [STYLES.index(style) for style in styles]
    chosen = compared.styles[:, :, columns]
    differences = relative_differences(chosen[:, 0], chosen[:, 1])
    return Duels(
        first=compared.sides[units, 0],
        second=compared.sides[units, 1],
        score=score,
        tasks=compared.tasks[units],
        styles=differences[units],
        model_count=model_count,
    )


def _won(compared: Comparisons) -> NDArray[np.int64]:
    """The units with a consolidated score."""
    return np.flatnonzero(~np.isnan(compared.winner))

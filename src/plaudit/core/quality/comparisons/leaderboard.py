"""Leaderboard: models by the strength that votes on two of them show, with and without style.

Scores are 1000 + 400/ln 10 · θ: 400 points are odds of ten to one, as in Elo's scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.comparisons import bradley_terry
from plaudit.core.quality.comparisons.bradley_terry import BradleyTerry, Duels
from plaudit.core.quality.estimates import Z_95

CENTRE = 1000.0
SCALE = 400 / math.log(10)

TieRule = Literal["half", "skip"]


@dataclass(frozen=True, slots=True)
class ModelScore:
    """A model's score, its 95 % interval, and in how many of the votes it was.

    Scores compare within a `component` alone. Without a finite estimate the score is None, and
    `why` says so.
    """

    model: str
    component: int
    score: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    n: int
    why: str | None


@dataclass(frozen=True, slots=True)
class StyleCoefficient:
    """Growth of the logarithm of the odds to win by one standard deviation more of a style.

    None where there is no finite estimate, with the reason in `why`.
    """

    style: str
    value: float | None
    standard_error: float | None
    why: str | None


@dataclass(frozen=True, slots=True)
class Board:
    """Scores, best first, by component; those without an estimate come last.

    `controlled` are the scores of responses of equal style, empty where style is not looked at
    or has no finite estimate.
    """

    votes: int
    models: list[ModelScore]
    styles: list[StyleCoefficient]
    controlled: list[ModelScore]


def leaderboard(
    duels: Duels, names: Sequence[str], styles: Sequence[str] = (), ties: TieRule = "half"
) -> Board:
    """Leaderboard of votes on two models; `styles` names the columns of style.

    A tie counts as half a victory for each, or not at all. Models without a vote are not on it;
    votes on two responses of one model don't count.
    """
    duels = duels.chosen(duels.first != duels.second)
    duels = duels if ties == "half" else duels.without_ties()
    component_of = bradley_terry.components(duels)
    plain = bradley_terry.fit(duels.without_styles(), component_of)
    models = _scores(duels, names, component_of, plain)
    if not styles:
        return Board(len(duels.score), models, [], [])
    scaled, is_used, reasons = _standardized(duels, component_of)
    controlled = bradley_terry.fit(scaled, component_of) if is_used.any() else None
    return Board(
        votes=len(duels.score),
        models=models,
        styles=_coefficients(styles, is_used, reasons, controlled),
        controlled=_scores(duels, names, component_of, controlled) if controlled else [],
    )


def slices(
    duels: Duels,
    names: Sequence[str],
    slice_of_vote: NDArray[np.integer],
    styles: Sequence[str] = (),
    ties: TieRule = "half",
) -> Iterator[tuple[int, Board]]:
    """Leaderboard of each slice of the votes: of a batch, a language, a key of the metadata."""
    for number in np.unique(slice_of_vote).tolist():
        yield number, leaderboard(duels.chosen(slice_of_vote == number), names, styles, ties)


def _standardized(
    duels: Duels, component_of: NDArray[np.int64]
) -> tuple[Duels, NDArray[np.bool_], list[str]]:
    """Votes with the columns of style that say something, divided by the standard deviation.

    The mean is 0: which response of a pair stands first means nothing, so each pair counts with
    its mirror image. The others, with the reason for each column, are those in which no responses
    differ, and those of which one alone decides all votes where they do: its coefficient would
    grow for ever, and take those of the others with it.
    """
    counted = component_of[duels.first] == component_of[duels.second]
    deviations = np.sqrt(np.mean(duels.styles[counted] ** 2, axis=0)) if counted.any() else 0.0
    is_used = np.array(np.broadcast_to(deviations, duels.styles.shape[1]) > 0)
    reasons = ["" if differs else "no two responses differ in it" for differs in is_used]
    towards = duels.styles[counted] * (duels.score[counted] - 0.5)[:, None]
    for column in np.flatnonzero(is_used).tolist():
        votes = towards[duels.styles[counted][:, column] != 0, column]
        if (votes > 0).all() or (votes < 0).all():
            is_used[column] = False
            reasons[column] = (
                "no finite estimate, so it is not held equal: all votes on responses that differ"
                f" in it went one way ({len(votes)})"
            )
    scaled = duels.styles[:, is_used] / np.broadcast_to(deviations, is_used.shape)[is_used]
    return (
        Duels(duels.first, duels.second, duels.score, duels.tasks, scaled, duels.model_count),
        is_used,
        reasons,
    )


def _coefficients(
    styles: Sequence[str],
    is_used: NDArray[np.bool_],
    reasons: Sequence[str],
    fitted: BradleyTerry | None,
) -> list[StyleCoefficient]:
    found = []
    for column, style in enumerate(styles):
        if not is_used[column]:
            why = reasons[column]
        elif fitted is None:
            why = "no finite estimate: style decides all votes"
        else:
            at = int(np.count_nonzero(is_used[:column]))
            error = _error(fitted, len(fitted.strengths) + at)
            found.append(StyleCoefficient(style, float(fitted.coefficients[at]), error, None))
            continue
        found.append(StyleCoefficient(style, None, None, why))
    return found


def _error(fitted: BradleyTerry, at: int) -> float | None:
    if fitted.covariance is None:
        return None
    return math.sqrt(max(0.0, float(fitted.covariance[at, at])))


def _scores(
    duels: Duels,
    names: Sequence[str],
    component_of: NDArray[np.int64],
    fitted: BradleyTerry | None,
) -> list[ModelScore]:
    count = duels.model_count
    n = np.bincount(duels.first, minlength=count) + np.bincount(duels.second, minlength=count)
    sizes = np.bincount(component_of, minlength=count)
    by_size = sorted({*component_of.tolist()}, key=lambda one: (-sizes[one], one))
    numbers = {component: number for number, component in enumerate(by_size)}
    found = []
    for model in np.flatnonzero(n).tolist():
        component = numbers[int(component_of[model])]
        if fitted is None or sizes[component_of[model]] == 1:
            why = f"no finite estimate: {_why_alone(duels, model)}"
            found.append(
                ModelScore(names[model], component, None, None, None, None, int(n[model]), why)
            )
            continue
        score = CENTRE + SCALE * float(fitted.strengths[model])
        error = _error(fitted, model)
        reach = SCALE * Z_95 * error if error is not None else None
        found.append(
            ModelScore(
                model=names[model],
                component=component,
                score=score,
                standard_error=None if error is None else SCALE * error,
                low=None if reach is None else score - reach,
                high=None if reach is None else score + reach,
                n=int(n[model]),
                why=None,
            )
        )
    return sorted(found, key=_rank)


def _why_alone(duels: Duels, model: int) -> str:
    has_lost = np.any(duels.score[duels.first == model] < 1) or np.any(
        duels.score[duels.second == model] > 0
    )
    has_won = np.any(duels.score[duels.first == model] > 0) or np.any(
        duels.score[duels.second == model] < 1
    )
    if has_won and not has_lost:
        return "unbeaten"
    if has_lost and not has_won:
        return "it has never won"
    return "all it has beaten are weaker, and all it has lost to are stronger, than any doubt"


def _rank(score: ModelScore) -> tuple[bool, int, float, str]:
    value = score.score
    return value is None, 0 if value is None else score.component, -(value or 0.0), score.model

"""Strength of models from comparisons by twos: the model of Bradley and Terry (1952).

P(a before b) = 1/(1+exp(-(θa-θb)-β·x)), where x is by how much the two responses differ in style.
The largest likelihood is found by Newton's method; variances are those of the sandwich estimator
clustered by task, since several judgments of one task are no independent facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROUNDS_MAX = 100
STEP_MIN = 1e-10
STEP_MAX = 3.0
STRENGTH_MAX = 30.0
"""Greater strengths or coefficients grow for ever: there is no largest likelihood."""
CELLS_MAX = 500_000
"""The most cells of the matrix of scores of a chunk of tasks."""


@dataclass(frozen=True, slots=True)
class Duels:
    """Votes on two responses, by column, a row for each vote.

    `first` and `second` are the numbers of their models, 0 … model_count-1, and differ. `score`
    is 1 where the first one won, 0 where the second did, 0.5 for a tie. `styles` [votes, styles]
    has the differences in style, with no columns where they are not looked at.
    """

    first: NDArray[np.int32]
    second: NDArray[np.int32]
    score: NDArray[np.float64]
    tasks: NDArray[np.int32]
    styles: NDArray[np.float64]
    model_count: int

    def chosen(self, kept: NDArray[Any]) -> Duels:
        """Votes of a mask or by their numbers, such as those of a slice; models keep theirs."""
        if kept.dtype == np.bool_ and kept.all():
            return self
        return Duels(
            first=self.first[kept],
            second=self.second[kept],
            score=self.score[kept],
            tasks=self.tasks[kept],
            styles=self.styles[kept],
            model_count=self.model_count,
        )

    def without_ties(self) -> Duels:
        """The votes that say which one is better."""
        return self.chosen(self.score != 0.5)

    def without_styles(self) -> Duels:
        """All votes, with no columns of style."""
        return Duels(
            first=self.first,
            second=self.second,
            score=self.score,
            tasks=self.tasks,
            styles=np.empty((len(self.score), 0)),
            model_count=self.model_count,
        )


@dataclass(frozen=True, slots=True)
class BradleyTerry:
    """Strengths θ, with sum 0 in each component, and coefficients of style, with their variances.

    `covariance` has the models first, then the styles; None where all votes are of one task.
    Models outside of all components have NaN.
    """

    strengths: NDArray[np.float64]
    coefficients: NDArray[np.float64]
    covariance: NDArray[np.float64] | None


def components(duels: Duels) -> NDArray[np.int64]:
    """The component of each model, numbered by its first one; models alone are one of their own.

    Two models are in one component if each has won or tied against the other, directly or by way
    of others. Only within one are differences of strength finite (Ford 1957).
    """
    count = duels.model_count
    beats = np.eye(count, dtype=np.bool_)
    beats[duels.first[duels.score > 0], duels.second[duels.score > 0]] = True
    beats[duels.second[duels.score < 1], duels.first[duels.score < 1]] = True
    while True:
        reaches = beats.astype(np.float32)
        further = (reaches @ reaches) > 0
        if np.array_equal(further, beats):
            break
        beats = further
    found: NDArray[np.int64] = np.argmax(beats & beats.T, axis=1)
    return found


def fit(duels: Duels, component_of: NDArray[np.int64]) -> BradleyTerry | None:
    """Fit to the votes between models of one component; None if it has no finite estimate.

    That cannot be without columns of style. With them it is where a style decides all votes.
    """
    count, styles = duels.model_count, duels.styles.shape[1]
    duels = duels.chosen(component_of[duels.first] == component_of[duels.second])
    rows, weights = (duels, np.ones(len(duels.score))) if styles else _by_pairs(duels)
    centring = _centring(component_of, count + styles)
    values = np.zeros(count + styles)
    for _ in range(ROUNDS_MAX):
        residuals, curvatures = _derivatives(rows, weights, values)
        gradient = _gradient(rows, residuals)
        curvature = _hessian(rows, curvatures) + centring
        step = _solve(curvature, gradient)
        if step is None:
            return None
        largest = float(np.max(np.abs(step), initial=0.0))
        values += step * min(1.0, STEP_MAX / max(largest, STEP_MIN))
        if np.any(np.abs(values) > STRENGTH_MAX):
            return None
        if largest < STEP_MIN:
            break
    else:
        return None
    values = np.where(_is_alone(component_of, count + styles), np.nan, values)
    covariance = _sandwich(duels, values, curvature)
    return BradleyTerry(values[:count], values[count:], covariance)


def _by_pairs(duels: Duels) -> tuple[Duels, NDArray[np.float64]]:
    """One row for each pair of models, with the mean score, and the number of its votes."""
    count = duels.model_count
    keys = duels.first.astype(np.int64) * count + duels.second
    pairs, numbers = np.unique(keys, return_inverse=True)
    weights = np.bincount(numbers, minlength=len(pairs)).astype(np.float64)
    scores = np.bincount(numbers, weights=duels.score, minlength=len(pairs)) / weights
    first, second = (pairs // count).astype(np.int32), (pairs % count).astype(np.int32)
    tasks, styles = np.zeros(len(pairs), np.int32), np.empty((len(pairs), 0))
    return Duels(first, second, scores, tasks, styles, count), weights


def _is_alone(component_of: NDArray[np.int64], size: int) -> NDArray[np.bool_]:
    """True for each value that belongs to a model alone in its component."""
    alone = np.zeros(size, np.bool_)
    sizes = np.bincount(component_of, minlength=len(component_of))
    alone[: len(component_of)] = sizes[component_of] == 1
    return alone


def _centring(component_of: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    """Matrix that holds the sum of each component at 0, where the likelihood says nothing."""
    count = len(component_of)
    matrix = np.zeros((size, size))
    matrix[:count, :count] = component_of[:, None] == component_of[None, :]
    return matrix


def _derivatives(
    duels: Duels, weights: NDArray[np.float64], values: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Score less its expectation, and the variance of the score, of each row."""
    count = duels.model_count
    margin = values[duels.first] - values[duels.second] + duels.styles @ values[count:]
    expected = 1 / (1 + np.exp(-margin))
    return weights * (duels.score - expected), weights * expected * (1 - expected)


def _gradient(duels: Duels, residuals: NDArray[np.float64]) -> NDArray[np.float64]:
    count = duels.model_count
    models = np.bincount(duels.first, weights=residuals, minlength=count)
    models -= np.bincount(duels.second, weights=residuals, minlength=count)
    return np.concatenate((models, residuals @ duels.styles))


def _hessian(duels: Duels, curvatures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Observed information: minus the second derivatives of the log-likelihood."""
    count, styles = duels.model_count, duels.styles.shape[1]
    keys = duels.first.astype(np.int64) * count + duels.second
    pairs = np.bincount(keys, weights=curvatures, minlength=count * count).reshape(count, count)
    pairs += pairs.T
    matrix = np.empty((count + styles, count + styles))
    matrix[:count, :count] = np.diag(pairs.sum(axis=1)) - pairs
    for style in range(styles):
        column = _gradient(duels, curvatures * duels.styles[:, style])
        matrix[:, count + style] = column
        matrix[count + style, :] = column
    return matrix


def _solve(matrix: NDArray[np.float64], vector: NDArray[np.float64]) -> NDArray[np.float64] | None:
    try:
        return np.asarray(np.linalg.solve(matrix, vector), np.float64)
    except np.linalg.LinAlgError:
        return None


def _sandwich(
    duels: Duels, values: NDArray[np.float64], curvature: NDArray[np.float64]
) -> NDArray[np.float64] | None:
    """Covariance of the values: bread · meat · bread, with the meat summed task by task."""
    size, count = len(values), duels.model_count
    if np.any(duels.tasks[1:] < duels.tasks[:-1]):
        duels = duels.chosen(np.argsort(duels.tasks, kind="stable"))
    _, numbers = np.unique(duels.tasks, return_inverse=True)
    tasks = int(numbers.max(initial=-1)) + 1
    if tasks < 2:
        return None
    residuals, _ = _derivatives(duels, np.ones(len(duels.score)), values)
    meat = np.zeros((size, size))
    step = max(1, CELLS_MAX // size)
    for low in range(0, tasks, step):
        begin, end = np.searchsorted(numbers, (low, low + step))
        base = (numbers[begin:end] - low) * size
        part = residuals[begin:end]
        cells = np.concatenate(
            [
                base + duels.first[begin:end],
                base + duels.second[begin:end],
                *(base + style for style in range(count, size)),
            ]
        )
        weights = np.concatenate(
            [
                part,
                -part,
                *(part * duels.styles[begin:end, style - count] for style in range(count, size)),
            ]
        )
        height = min(step, tasks - low)
        scores = np.bincount(cells, weights=weights, minlength=height * size).reshape(-1, size)
        meat += scores.T @ scores
    bread = np.linalg.inv(curvature)
    covariance: NDArray[np.float64] = bread @ meat @ bread * (tasks / (tasks - 1))
    return covariance

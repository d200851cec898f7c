"""Annotator model of Dawid and Skene (1979): what is likely true, and how each person errs.

Each unit has a true category that nobody sees, and each person a confusion matrix: with which
probability they answer what, given the truth. Expectation-maximization finds both. It diagnoses;
no answer that is delivered depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.estimates import Undefined
from plaudit.core.quality.vote_arrays import VoteArrays

PEOPLE_MIN = 3
CATEGORIES_MAX = 20
ROUNDS_MAX = 500
CHANGE_MIN = 1e-9
"""The relative change of the log-likelihood at which the rounds end."""
SMOOTHING = 0.01
"""Added to each cell of a confusion matrix, so that nothing is impossible."""
TIE = 1e-9
"""Posterior probabilities that differ by less are equal."""


@dataclass(frozen=True, slots=True)
class DawidSkene:
    """A fitted annotator model.

    `posterior` [units, categories] sums to 1 in each row. `confusion` [people, categories,
    categories] has, for a person and a true category, the probability of each answer.
    `accuracy` [people] is the probability to be right on a unit as they are in this question:
    the diagonal, weighed by `prevalence` [categories]. People without a vote have NaN, units
    without one NaN and the label -1.
    """

    log_likelihood: float
    rounds: int
    is_converged: bool
    prevalence: NDArray[np.float64]
    posterior: NDArray[np.float64]
    confusion: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    labels: NDArray[np.int32]
    changed: int
    """Number of units with another label than their strict plurality; ties of votes don't count."""

    @property
    def label_counts(self) -> NDArray[np.int64]:
        """The number of units of each label."""
        return np.bincount(self.labels[self.labels >= 0], minlength=len(self.prevalence))


@dataclass(frozen=True, slots=True)
class _BallotPatterns:
    """Ballots that several units share, as pairs of a person and a value, pattern by pattern.

    `starts` has the first pair of each pattern, `counts` how many units have it.
    """

    pairs: NDArray[np.int64]
    starts: NDArray[np.int64]
    pattern_of_pair: NDArray[np.int64]
    counts: NDArray[np.float64]
    of_unit: NDArray[np.int64]


def fit(votes: VoteArrays) -> DawidSkene | Undefined:
    """Fit of the model to the votes on one question, or the reason why there is none.

    It begins at the shares of votes; 20 rounds over a million votes take about a second.
    """
    has_votes = votes.unit_sizes > 0
    if not has_votes.all():
        votes = votes.of_units(has_votes)
    voters = len(np.unique(votes.people))
    if voters < PEOPLE_MIN:
        return Undefined(f"{voters} people voted, and the model needs {PEOPLE_MIN}")
    if votes.category_count > CATEGORIES_MAX:
        return Undefined(
            f"there are {votes.category_count} categories, and the model takes {CATEGORIES_MAX}"
        )
    if votes.category_count < 2:
        return Undefined("there is one category")
    patterns = _patterns(votes)
    posterior = _vote_shares(patterns, votes.category_count)
    log_likelihood, is_converged, rounds = -np.inf, False, 0
    while rounds < ROUNDS_MAX and not is_converged:
        prevalence, confusion = _maximize(patterns, posterior, votes)
        before = log_likelihood
        posterior, log_likelihood = _expect(patterns, prevalence, confusion)
        rounds += 1
        change = abs(log_likelihood - before)
        is_converged = change < CHANGE_MIN * abs(log_likelihood) or log_likelihood == 0
    labels, changed = _labels(votes, patterns, posterior)
    accuracy = np.einsum("pcc,c->p", confusion, prevalence)
    accuracy[np.bincount(votes.people, minlength=votes.person_count) == 0] = np.nan
    return DawidSkene(
        log_likelihood=log_likelihood,
        rounds=rounds,
        is_converged=is_converged,
        prevalence=prevalence,
        posterior=_spread(posterior[patterns.of_unit], has_votes, np.nan),
        confusion=confusion,
        accuracy=accuracy,
        labels=_spread(labels, has_votes, -1),
        changed=changed,
    )


def _spread(rows: NDArray[Any], has_votes: NDArray[np.bool_], missing: float) -> NDArray[Any]:
    """Rows of the units with votes among all units."""
    spread = np.full((len(has_votes), *rows.shape[1:]), missing, rows.dtype)
    spread[has_votes] = rows
    return spread


def _patterns(votes: VoteArrays) -> _BallotPatterns:
    """The different ballots of units.

    A ballot is numbered by its votes one after another, those of a unit by person; units that
    share a number so far and the next vote share the next number.
    """
    codes = votes.people.astype(np.int64) * votes.category_count + votes.values
    order = np.lexsort((codes, votes.units))
    codes = codes[order]
    sizes = votes.unit_sizes
    firsts = np.cumsum(sizes) - sizes
    number = np.zeros(votes.unit_count, np.int64)
    kinds = int(codes.max(initial=0)) + 2
    for place in range(int(sizes.max(initial=0))):
        reaching = np.flatnonzero(sizes > place)
        key = number * kinds
        key[reaching] += codes[firsts[reaching] + place] + 1
        _, number = np.unique(key, return_inverse=True)
    _, sample, of_unit, counts = np.unique(
        number, return_index=True, return_inverse=True, return_counts=True
    )
    lengths = sizes[sample]
    pattern_of_pair = np.repeat(np.arange(len(sample)), lengths)
    starts = np.cumsum(lengths) - lengths
    within = np.arange(len(pattern_of_pair)) - starts[pattern_of_pair]
    pairs = codes[firsts[sample][pattern_of_pair] + within]
    return _BallotPatterns(pairs, starts, pattern_of_pair, counts.astype(np.float64), of_unit)


def _vote_shares(patterns: _BallotPatterns, categories: int) -> NDArray[np.float64]:
    cells = patterns.pattern_of_pair * categories + patterns.pairs % categories
    shares = np.bincount(cells, minlength=len(patterns.starts) * categories).astype(np.float64)
    shares = shares.reshape(-1, categories)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def _maximize(
    patterns: _BallotPatterns, posterior: NDArray[np.float64], votes: VoteArrays
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Prevalence and confusion matrices that explain a posterior best."""
    people, categories = votes.person_count, votes.category_count
    weighed = posterior * patterns.counts[:, None]
    prevalence = weighed.sum(axis=0) / patterns.counts.sum()
    confusion = np.empty((people, categories, categories))
    for truth in range(categories):
        weights = weighed[patterns.pattern_of_pair, truth]
        cells = np.bincount(patterns.pairs, weights=weights, minlength=people * categories)
        confusion[:, truth, :] = cells.reshape(people, categories)
    confusion += SMOOTHING
    confusion /= confusion.sum(axis=2, keepdims=True)
    return prevalence, confusion


def _expect(
    patterns: _BallotPatterns,
    prevalence: NDArray[np.float64],
    confusion: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """Posterior of each pattern, and the log-likelihood of all votes."""
    with np.errstate(divide="ignore"):
        logs = np.log(prevalence)
    joint = np.empty((len(patterns.starts), len(prevalence)))
    for truth in range(len(prevalence)):
        answers = np.log(confusion[:, truth, :]).ravel()
        joint[:, truth] = np.add.reduceat(answers[patterns.pairs], patterns.starts) + logs[truth]
    top = joint.max(axis=1, keepdims=True)
    likelihood = np.exp(joint - top)
    sums = likelihood.sum(axis=1, keepdims=True)
    log_likelihood = float(np.sum((top + np.log(sums))[:, 0] * patterns.counts))
    return likelihood / sums, log_likelihood


def _labels(
    votes: VoteArrays, patterns: _BallotPatterns, posterior: NDArray[np.float64]
) -> tuple[NDArray[np.int32], int]:
    """Label of each unit, and how many differ from a strict plurality of its votes.

    Where categories are equally likely, the one with more votes is the label, then the lowest.
    """
    shares = _vote_shares(patterns, votes.category_count)
    is_best = posterior >= posterior.max(axis=1, keepdims=True) - TIE
    labels = np.argmax(np.where(is_best, shares, -1.0), axis=1)
    most = shares.max(axis=1, keepdims=True)
    is_plurality = shares >= most - TIE
    is_strict = is_plurality.sum(axis=1) == 1
    differs = is_strict & (labels != np.argmax(shares, axis=1))
    return labels[patterns.of_unit].astype(np.int32), int(patterns.counts[differs].sum())

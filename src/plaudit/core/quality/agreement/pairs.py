"""Agreement of two people: Cohen's κ with its standard error, weighted κ and Kendall's τ-b."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.agreement.distances import CategoryScale, step_weights
from plaudit.core.quality.estimates import quotients
from plaudit.core.quality.patterns import CELLS_AT_ONCE
from plaudit.core.quality.vote_arrays import VoteArrays

PAIRS_MAX = 1000
"""Pairs of people in one answer: those with the most units in common."""

CATEGORIES_MAX = 1000
"""Categories up to which pairs are looked at; only sets of choices are more."""

PAIRS_AT_ONCE = 1_000_000
"""Pairs of votes that are in memory at one time."""


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Agreement of two people on the n units that both voted on; None where undefined."""

    people: tuple[int, int]
    n: int
    kappa: float | None
    se: float | None
    linear: float | None
    quadratic: float | None
    tau_b: float | None


def pair_agreements(votes: VoteArrays, scale: CategoryScale) -> list[PairAgreement]:
    """Agreement of each pair of people with a unit in common, in the order of their numbers."""
    if votes.category_count > CATEGORIES_MAX:
        return []
    found = []
    for pairs, tables in _cross_tables(votes):
        if scale.orbits is not None:
            tables = _symmetrised(tables, scale)
        kappa, se = cohen_kappa(tables)
        unordered = np.full(len(tables), np.nan)
        linear = quadratic = tau_b = unordered
        if scale.is_ordered:
            weights = step_weights(scale.category_count)
            linear = weighted_kappa(tables, weights["linear"])
            quadratic = weighted_kappa(tables, weights["quadratic"])
            tau_b = kendall_tau_b(tables)
        found += [
            PairAgreement(
                people=divmod(int(pair), votes.person_count),
                n=round(float(tables[at].sum())),
                kappa=_or_none(kappa[at]),
                se=_or_none(se[at]),
                linear=_or_none(linear[at]),
                quadratic=_or_none(quadratic[at]),
                tau_b=_or_none(tau_b[at]),
            )
            for at, pair in enumerate(pairs)
        ]
    return found


def vote_pairs(sizes: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Positions of each two votes of one unit, [2, pairs], some units at a time.

    Votes ascend by unit; `sizes` is the number of votes of each unit.
    """
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes[sizes >= 2]):
        first, second = np.triu_indices(int(size), 1)
        of_size = starts[sizes == size]
        step = max(1, PAIRS_AT_ONCE // len(first))
        for at in range(0, len(of_size), step):
            begin = of_size[at : at + step, None]
            yield np.stack([(begin + first).ravel(), (begin + second).ravel()])


def cohen_kappa(
    tables: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """κ (Cohen 1960) of each cross table and its standard error (Fleiss, Cohen, Everitt 1969)."""
    n = tables.sum(axis=(1, 2))
    p = tables / n[:, None, None]
    rows, columns = p.sum(axis=2), p.sum(axis=1)
    agreed = np.einsum("tcc->t", p)
    chance = (rows * columns).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        kappa = np.where(chance < 1 - 1e-12, (agreed - chance) / (1 - chance), np.nan)
        keep = 1 - kappa
        diagonal = np.einsum("tcc->tc", p)
        on = diagonal * np.square(1 - (rows + columns) * keep[:, None])
        cross = p * np.square(columns[:, :, None] + rows[:, None, :])
        off = np.square(keep) * (cross.sum(axis=(1, 2)) - np.einsum("tcc->t", cross))
        rest = np.square(kappa - chance * keep)
        variance = (on.sum(axis=1) + off - rest) / (np.square(1 - chance) * n)
    return kappa, np.sqrt(np.maximum(variance, 0))


def weighted_kappa(
    tables: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """κ with partial agreement (Cohen 1968) of each cross table."""
    p = tables / tables.sum(axis=(1, 2), keepdims=True)
    agreed = np.einsum("tcd,cd->t", p, weights)
    chance = np.einsum("tc,cd,td->t", p.sum(axis=2), weights, p.sum(axis=1))
    return quotients(agreed - chance, 1 - chance, chance < 1 - 1e-12)


def kendall_tau_b(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """τ-b (Kendall 1945) of each cross table of ordered categories."""
    n = tables.sum(axis=(1, 2))
    below = np.zeros_like(tables)
    below[:, :-1, :] = np.cumsum(tables[:, ::-1], axis=1)[:, ::-1][:, 1:]
    right, left = np.zeros_like(tables), np.zeros_like(tables)
    right[:, :, :-1] = np.cumsum(below[:, :, ::-1], axis=2)[:, :, ::-1][:, :, 1:]
    left[:, :, 1:] = np.cumsum(below, axis=2)[:, :, :-1]
    difference = (tables * (right - left)).sum(axis=(1, 2))
    pairs = n * (n - 1) / 2
    tied = [
        (totals * (totals - 1) / 2).sum(axis=1)
        for totals in (tables.sum(axis=2), tables.sum(axis=1))
    ]
    scale = np.sqrt((pairs - tied[0]) * (pairs - tied[1]))
    return quotients(difference, scale, scale > 0)


def _cross_tables(
    votes: VoteArrays,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """The pairs with most units in common, as numbers, and the cross table of each, in parts."""
    size = votes.category_count
    keys, counts = _cells(votes)
    found, local = np.unique(keys // size**2, return_inverse=True)
    shared = np.bincount(local, weights=counts, minlength=len(found))
    kept = np.sort(np.argsort(-shared, kind="stable")[:PAIRS_MAX])
    step = max(1, CELLS_AT_ONCE // size**2)
    for at in range(0, len(kept), step):
        part = kept[at : at + step]
        place = np.full(len(found), -1)
        place[part] = np.arange(len(part))
        chosen = place[local] >= 0
        cell = keys[chosen] % size**2
        tables = np.zeros((len(part), size, size))
        tables[place[local[chosen]], cell // size, cell % size] = counts[chosen]
        yield found[part], tables


def _cells(votes: VoteArrays) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Number of pair, category of the first and of the second, as one number; and how often."""
    people, values = _by_person(votes)
    size = np.int64(votes.category_count)
    keys = np.zeros(0, dtype=np.int64)
    counts: NDArray[np.float64] = np.zeros(0)
    for first, second in vote_pairs(votes.unit_sizes):
        pairs = people[first].astype(np.int64) * votes.person_count + people[second]
        here, times = np.unique(
            (pairs * size + values[first]) * size + values[second], return_counts=True
        )
        keys, local = np.unique(np.concatenate([keys, here]), return_inverse=True)
        counts = np.bincount(local, weights=np.concatenate([counts, times])).astype(np.float64)
    return keys, counts


def _by_person(votes: VoteArrays) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """People and values, in each unit in the order of the people."""
    is_later = votes.people[1:] > votes.people[:-1]
    if np.all(is_later | (votes.units[1:] > votes.units[:-1])):
        return votes.people, votes.values
    order = np.lexsort((votes.people, votes.units))
    return votes.people[order], votes.values[order]


def _symmetrised(tables: NDArray[np.float64], scale: CategoryScale) -> NDArray[np.float64]:
    """Each table averaged with its mirror image, in which both sides are swapped."""
    assert scale.orbits is not None
    if scale.is_ordered:
        return (tables + tables[:, ::-1, ::-1]) / 2
    marks = np.asarray(scale.orbits)
    together = marks[:, None] * len(marks) + marks[None, :]
    kinds = np.where(np.eye(len(marks), dtype=bool), -1 - marks[:, None], together)
    same = np.equal.outer(kinds.ravel(), kinds.ravel()).astype(np.float64)
    mixed: NDArray[np.float64] = tables.reshape(len(tables), -1) @ (same / same.sum(axis=0))
    return mixed.reshape(tables.shape)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

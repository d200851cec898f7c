"""Agreement on one question: Krippendorff's α, percent, Fleiss' κ, Gwet's AC1 and AC2.

Formulas, papers and when to read which are in docs/quality/. Each statistic is computed at once
for the votes as they are (row 0) and for each replicate of the bootstrap; NaN is undefined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.agreement.distances import CategoryScale, identity_weights, step_weights
from plaudit.core.quality.estimates import Estimate, Undefined, estimate_of, quotients
from plaudit.core.quality.patterns import CELLS_AT_ONCE, Patterns
from plaudit.core.quality.replicates import Summands

LEVELS = ("nominal", "ordinal", "interval", "ratio", "masi")
NO_PAIR = "no unit has votes of two people"
ONE_CATEGORY = "the question has one category"
NO_ORDER = "the categories have no order"
SETS = "choices are sets; read alpha of each choice, or by MASI"


@dataclass(frozen=True, slots=True)
class Agreement:
    """The coefficients of one question; `alpha` by its level, `ac2` by its weights."""

    percent: Estimate | Undefined
    alpha: dict[str, Estimate | Undefined]
    fleiss: Estimate | Undefined
    ac1: Estimate | Undefined
    ac2: dict[str, Estimate | Undefined]


class AgreementPlan:
    """Agreement on one question: the sums that it needs, and the coefficients once they are there.

    `names` are the categories as people know them, lowest first.
    """

    def __init__(self, patterns: Patterns, scale: CategoryScale, names: Sequence[str]) -> None:
        self._patterns = patterns
        self._scale = scale
        self._names = names
        self._distances = scale.distances()
        self._weights = {"ac1": identity_weights(scale.category_count)}
        if scale.is_ordered:
            self._weights |= step_weights(scale.category_count)
        self._is_exact = patterns.are_few
        if scale.is_ordered and not self._is_exact:
            self._distances["ordinal"] = self._ordinal_distances()

    def summands(self) -> Summands:
        """The sums over units that `agreement` takes."""
        weights = self._patterns.summands
        return weights if self._is_exact else replace(weights, columns=self._width, rows=self._rows)

    def agreement(self, sums: NDArray[np.float64]) -> Agreement:
        """The coefficients, from the sums in each replicate."""
        weights = sums if self._is_exact else None
        columns = self._columns(sums)
        n = self._scale.symmetrised(columns.pairable_votes)
        alpha = {
            level: self._estimate(_alpha(columns.forms[level], n, distances))
            for level, distances in self._distances.items()
        }
        if self._scale.is_ordered and weights is not None:
            alpha["ordinal"] = self._estimate(self._alpha_ordinal(weights, n))
        shares = self._scale.symmetrised(columns.vote_shares)
        alpha |= {level: Undefined(why) for level, why in self._scale.missing().items()}
        return Agreement(
            percent=self._estimate(columns.mean("ac1")),
            alpha={level: alpha[level] for level in LEVELS if level in alpha},
            fleiss=self._estimate(_fleiss(columns.mean("ac1"), shares)),
            ac1=self._gwet(columns, "ac1", shares),
            ac2={kind: self._gwet(columns, kind, shares) for kind in ("linear", "quadratic")},
        )

    def nominal(self, sums: NDArray[np.float64]) -> Estimate | Undefined:
        """α of the nominal level alone."""
        return self._estimate(self.nominal_alpha(sums))

    def nominal_alpha(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """α of the nominal level, and of each replicate."""
        columns = self._columns(sums)
        n = self._scale.symmetrised(columns.pairable_votes)
        return _alpha(columns.forms["nominal"], n, self._distances["nominal"])

    def _columns(self, sums: NDArray[np.float64]) -> _Columns:
        return _Columns(
            sums @ self._rows(np.arange(sums.shape[1])) if self._is_exact else sums,
            self._scale.category_count,
            [*self._distances, *self._weights],
        )

    @property
    def _width(self) -> int:
        return 2 * self._scale.category_count + 2 + len(self._distances) + len(self._weights)

    def _rows(self, patterns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Numbers of some patterns that add up over units, in the order of `_Columns`."""
        counts = self._patterns.counts[patterns]
        sizes = counts.sum(axis=1, dtype=np.int64)
        count = self._scale.category_count
        rows = np.empty((len(counts), self._width))
        step = max(1, CELLS_AT_ONCE // count)
        for start in range(0, len(counts), step):
            part = counts[start : start + step].astype(np.float64)
            m = sizes[start : start + step].astype(np.float64)[:, None]
            is_pairable = (m >= 2).astype(np.float64)
            others = np.maximum(m - 1, 1)
            forms = [
                is_pairable * _form(part, distances) / others
                for distances in self._distances.values()
            ]
            agreeing = [
                is_pairable * (_form(part, weights) - m) / (np.maximum(m, 1) * others)
                for weights in self._weights.values()
            ]
            rows[start : start + step] = np.hstack(
                [
                    part * is_pairable,
                    part / np.maximum(m, 1),
                    m >= 1,
                    is_pairable,
                    *forms,
                    *agreeing,
                ]
            )
        return rows

    def _alpha_ordinal(
        self, weights: NDArray[np.float64], n: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """α with the ordinal distances of each replicate's own counts.

        They are squares of differences of mid-ranks, so the observed ones need no table of pairs.
        """
        ranks = _mid_ranks(n)
        counts = self._patterns.counts.astype(np.float64)
        m = self._patterns.sizes.astype(np.float64)
        squares = counts @ np.square(ranks).T
        first = counts @ ranks.T
        scale = np.where(m >= 2, 2 / np.maximum(m - 1, 1), 0.0)
        within = (m[:, None] * squares - np.square(first)) * scale[:, None]
        observed = np.einsum("bp,pb->b", weights, within)
        total = n.sum(axis=1)
        expected = 2 * (
            total * (n * np.square(ranks)).sum(axis=1) - np.square((n * ranks).sum(axis=1))
        )
        return _corrected(observed, expected, total)

    def _ordinal_distances(self) -> NDArray[np.float64]:
        """Ordinal distances of the votes as they are, for all replicates."""
        counts, sizes = self._patterns.counts, self._patterns.sizes
        weights = np.where(sizes >= 2, self._patterns.occurrences, 0).astype(np.float64)
        n = np.zeros(self._scale.category_count)
        step = max(1, CELLS_AT_ONCE // self._scale.category_count)
        for start in range(0, len(counts), step):
            n += weights[start : start + step] @ counts[start : start + step].astype(np.float64)
        ranks = _mid_ranks(self._scale.symmetrised(n[None, :]))[0]
        distances: NDArray[np.float64] = np.square(ranks[:, None] - ranks[None, :])
        return distances

    def _gwet(
        self, columns: _Columns, kind: str, shares: NDArray[np.float64]
    ) -> Estimate | Undefined:
        count = self._scale.category_count
        if self._scale.has_sets:
            return Undefined(SETS)
        if kind not in self._weights:
            return Undefined(NO_ORDER)
        if count < 2:
            return Undefined(ONE_CATEGORY)
        spread = (shares * (1 - shares)).sum(axis=1)
        chance = self._weights[kind].sum() / (count * (count - 1)) * spread
        return self._estimate((columns.mean(kind) - chance) / (1 - chance))

    def _estimate(self, values: NDArray[np.float64]) -> Estimate | Undefined:
        has_interval = len(np.unique(self._patterns.clusters)) > 1
        why = self.reason() if np.isnan(values[0]) else ""
        return estimate_of(values if has_interval else values[:1], why)

    def reason(self) -> str:
        """The reason why a coefficient has no value: too few votes, or one answer alone."""
        is_pairable = (self._patterns.sizes >= 2) & (self._patterns.occurrences > 0)
        if not is_pairable.any():
            return NO_PAIR
        used = np.flatnonzero(self._patterns.counts[is_pairable].any(axis=0))
        if len(used) == 1:
            return f"everybody always said {self._names[used[0]]}"
        return "no disagreement is possible by these distances"


class _Columns:
    """Sums over units, by what they are: a view of the columns that `_rows` makes."""

    def __init__(self, sums: NDArray[np.float64], count: int, forms: Sequence[str]) -> None:
        self.pairable_votes = sums[:, :count]
        with np.errstate(invalid="ignore"):
            self.vote_shares = sums[:, count : 2 * count] / sums[:, 2 * count, None]
        self._pairable = sums[:, 2 * count + 1]
        self.forms = {name: sums[:, 2 * count + 2 + at] for at, name in enumerate(forms)}

    def mean(self, kind: str) -> NDArray[np.float64]:
        """Mean over pairable units of the weighted share of agreeing pairs."""
        with np.errstate(invalid="ignore"):
            return self.forms[kind] / self._pairable


def _form(counts: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quadratic form of each row of counts, as a column."""
    forms: NDArray[np.float64] = np.einsum("pc,pc->p", counts @ matrix, counts)[:, None]
    return forms


def _alpha(
    observed: NDArray[np.float64], n: NDArray[np.float64], distances: NDArray[np.float64]
) -> NDArray[np.float64]:
    expected = np.einsum("bc,bc->b", n @ distances, n)
    return _corrected(observed, expected, n.sum(axis=1))


def _corrected(
    observed: NDArray[np.float64], expected: NDArray[np.float64], n: NDArray[np.float64]
) -> NDArray[np.float64]:
    """1 − (n − 1) × observed / expected disagreement; NaN where none is to be expected."""
    is_defined = expected > 1e-12 * np.square(n)
    return 1 - (n - 1) * quotients(observed, expected, is_defined)


def _fleiss(agreeing: NDArray[np.float64], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    chance = np.square(shares).sum(axis=1)
    return quotients(agreeing - chance, 1 - chance, chance < 1 - 1e-12)


def _mid_ranks(n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Middle rank of each category as a share of all votes, about 0; one row a replicate."""
    total = np.maximum(n.sum(axis=1, keepdims=True), 1)
    ranks: NDArray[np.float64] = (np.cumsum(n, axis=1) - n / 2) / total - 0.5
    return ranks

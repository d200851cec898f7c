"""Distances between categories, by level of measurement, and the weights of AC2 and Cohen's κ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class MeasurementLevel(StrEnum):
    """The order and the distances that categories have (Stevens 1946)."""

    nominal = "nominal"
    ordinal = "ordinal"
    interval = "interval"
    ratio = "ratio"


@dataclass(frozen=True, slots=True)
class CategoryScale:
    """The categories of a question as they are measured.

    `scores` are their numbers, lowest first, where they are numbers; without, ordered ones are
    taken as evenly spaced. `orbits` has equal numbers for categories that are one another's mirror
    images, such as the two sides of a preference; None where each means itself. `sets` are the
    choices of each category where people choose several.
    """

    category_count: int
    is_ordered: bool = False
    scores: tuple[float, ...] | None = None
    orbits: tuple[int, ...] | None = None
    sets: tuple[frozenset[int], ...] | None = None

    @property
    def has_sets(self) -> bool:
        """True if each category is a set of choices."""
        return self.sets is not None

    def distances(self) -> dict[str, NDArray[np.float64]]:
        """Squared distances of each level that needs no counts of votes, and of MASI for sets."""
        count = self.category_count
        found = {"nominal": 1.0 - np.eye(count)}
        if self.is_ordered:
            positions = np.asarray(self.scores or range(count), dtype=np.float64)
            found["interval"] = np.square(positions[:, None] - positions[None, :])
        if self.has_ratio:
            positions = np.asarray(self.scores, dtype=np.float64)
            total = positions[:, None] + positions[None, :]
            parts = np.divide(
                positions[:, None] - positions[None, :],
                total,
                out=np.zeros((count, count)),
                where=total > 0,
            )
            found["ratio"] = np.square(parts)
        if self.sets is not None:
            found["masi"] = masi_distances(self.sets)
        return found

    @property
    def has_ratio(self) -> bool:
        """True if categories are numbers from 0 up, and a response's place makes none of them."""
        return (
            self.is_ordered
            and self.scores is not None
            and min(self.scores) >= 0
            and self.orbits is None
        )

    def missing(self) -> dict[str, str]:
        """The levels that have no distances here, and why."""
        if not self.is_ordered:
            why = "the categories have no order"
            return dict.fromkeys(("ordinal", "interval", "ratio"), why)
        if self.scores is None:
            return {"ratio": "the categories are not numbers"}
        if self.orbits is not None:
            return {"ratio": "a preference between two responses has no zero"}
        if not self.has_ratio:
            return {"ratio": "some categories are below zero"}
        return {}

    def symmetrised(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Counts by category, the last axis, each the mean over its mirror images."""
        if self.orbits is None:
            return counts
        same = np.equal.outer(self.orbits, self.orbits).astype(np.float64)
        mixed: NDArray[np.float64] = counts @ (same / same.sum(axis=0))
        return mixed


def mirrored(count: int) -> tuple[int, ...]:
    """Orbits of a preference's categories: the lowest is the mirror image of the highest."""
    return tuple(min(at, count - 1 - at) for at in range(count))


def identity_weights(count: int) -> NDArray[np.float64]:
    """Agreement of categories where only equal ones agree."""
    return np.eye(count)


def step_weights(count: int) -> dict[str, NDArray[np.float64]]:
    """Agreement of ordered categories by the steps between them: 1 if equal, 0 from end to end."""
    steps = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) / max(count - 1, 1)
    return {"linear": 1 - steps, "quadratic": 1 - np.square(steps)}


def masi_distances(sets: Sequence[frozenset[int]]) -> NDArray[np.float64]:
    """Distances of sets, 1 − Jaccard × monotonicity (Passonneau 2006).

    Monotonicity is 1 for equal sets, 2/3 where one holds the other, 1/3 where they overlap.
    """
    width = max((max(one, default=-1) for one in sets), default=-1) + 1
    members = np.zeros((len(sets), max(width, 1)))
    for at, one in enumerate(sets):
        members[at, list(one)] = 1
    sizes = members.sum(axis=1)
    common = members @ members.T
    union = sizes[:, None] + sizes[None, :] - common
    smaller = np.minimum(sizes[:, None], sizes[None, :])
    is_equal = (common == sizes[:, None]) & (common == sizes[None, :])
    monotonicity = np.where(is_equal, 1.0, np.where(common == smaller, 2 / 3, 1 / 3))
    jaccard = np.divide(common, union, out=np.ones_like(common), where=union > 0)
    distances: NDArray[np.float64] = 1 - jaccard * monotonicity
    return distances

"""Place: does the response that is shown first win more often than half?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.clustered_shares import CHANCE, clustered_mean, coin_probability
from plaudit.core.quality.estimates import Undefined

PlaceBasis = Literal["shown", "stored"]


@dataclass(frozen=True, slots=True)
class PlaceShare:
    """Choices of the first and the second response, and the share of the first.

    `basis` says what first means: as shown to the person, or as stored. The standard error is the
    larger of those clustered by task and by person; `naive_p` is of a test that takes each vote
    for a fact of its own, shown for comparison.
    """

    basis: PlaceBasis
    first: int
    second: int
    share: float
    standard_error: float | None
    low: float | None
    high: float | None
    p_value: float
    naive_p: float
    says: str


def place_share(
    is_first: NDArray[np.bool_],
    tasks: NDArray[np.int32],
    people: NDArray[np.int32],
    basis: PlaceBasis,
) -> PlaceShare | Undefined:
    """Share of the first response among votes for one of two, ties left out."""
    mean = clustered_mean(is_first.astype(np.float64), tasks, people, fair=0.5, bounds=(0.0, 1.0))
    if mean is None:
        return Undefined("nobody has chosen one of two responses")
    first = int(np.count_nonzero(is_first))
    if mean.standard_error is None:
        says = "all votes are of one task and one person"
    elif mean.is_chance:
        says = CHANCE
    elif mean.value > 0.5:
        says = "the first response is preferred"
    else:
        says = "the second response is preferred"
    return PlaceShare(
        basis=basis,
        first=first,
        second=mean.n - first,
        share=mean.value,
        standard_error=mean.standard_error,
        low=mean.low,
        high=mean.high,
        p_value=mean.p_value,
        naive_p=coin_probability(first, mean.n),
        says=says,
    )

"""Pairs of responses that were compared, by column: who wrote them, how they look, which won."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plaudit.core.labeling.questions import SELECTED
from plaudit.core.quality.comparisons.identity_leaks import IdentityNames
from plaudit.core.quality.comparisons.response_style import STYLES, style_of
from plaudit.core.quality.reporting.task_structs import ReadMessage, ReadTurn, value_in
from plaudit.core.quality.vote_codes import ALL_BAD
from plaudit.core.quality.vote_columns import PREFERENCE
from plaudit.core.tasks.forms import Field, ScaleDirection
from plaudit.wire.manage.quality_people import IdentityLeak
from plaudit.wire.v2.annotation import TIE, AnnotationType

RESPONSES_MAX = 30
"""Responses of a turn, above which it is not compared: they would make 435 pairs."""

LEAKS_MAX = 100
"""Identity leaks that are listed."""

LEAKS_KEPT = 1000
"""Identity leaks that are known by task, so that the next report lists the right ones."""

ALL_LEAKS = 2**62

RANKINGS = (AnnotationType.ranked_choices, AnnotationType.ranked_groups)

Ranks = list[float]
"""Rank of each response, the lowest the best; NaN for one that is not ranked."""


class FinalOrder:
    """Order of a turn's responses: a rank for each, or one that is better than each other."""

    __slots__ = ("chosen", "ranks")

    def __init__(self, ranks: Ranks | None = None, chosen: int | None = None) -> None:
        self.ranks = ranks
        self.chosen = chosen

    def score(self, first: int, second: int) -> float:
        """1 where the first of two responses is better, 0.5 where none is, NaN if nobody said."""
        if self.chosen is not None:
            return 1.0 if self.chosen == first else 0.0 if self.chosen == second else np.nan
        if self.ranks is None:
            return np.nan
        difference = self.ranks[second] - self.ranks[first]
        return float(0.5 + np.sign(difference) / 2)


def verdict_of(turn: ReadTurn, sources: Sequence[str], scale: Field | None) -> FinalOrder | None:
    """The final verdict on a turn: a ranking, else the better response or a tie, else the scale."""
    for annotation in turn.annotations:
        if annotation.type in RANKINGS and annotation.value:
            return FinalOrder(_ranks_of(annotation.value, sources))
    for key in (SELECTED, PREFERENCE):
        value = value_in(turn.annotations, key)
        if value in (TIE, ALL_BAD):
            return FinalOrder([0.0] * len(sources))
        if isinstance(value, str) and value in sources:
            return FinalOrder(chosen=sources.index(value))
    if scale is None or len(sources) != 2:
        return None
    side = scale_side(scale, value_in(turn.annotations, scale.key))
    return None if side is None else FinalOrder([0.0, float(side)])


def scale_side(field: Field, value: Any) -> int | None:
    """1 where a value of a preference's scale says that the first is better, -1, or 0 for none."""
    values = field.possible_values or [1, 7]
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    side = int(np.sign(values[0] + values[-1] - 2 * value))
    return side if field.scale is ScaleDirection.low_is_first else -side


def _ranks_of(value: Any, sources: Sequence[str]) -> Ranks:
    rank_of: dict[Any, float] = {}
    for rank, group in enumerate(value if isinstance(value, list) else []):
        for source in group if isinstance(group, list) else [group]:
            if isinstance(source, str):
                rank_of[source] = float(rank)
    return [rank_of.get(source, np.nan) for source in sources]


class FoundLeak(NamedTuple):
    """An identity leak, and the seq of its task."""

    seq: int
    leak: IdentityLeak


@dataclass(frozen=True, slots=True)
class PairColumns:
    """Pairs of responses by column, in the order of their tasks.

    `sides` has the models of each pair, [pairs, 2], as indexes into `models`; `styles` their
    styles, [pairs, 2, STYLES]; `winner` the final score, NaN where nobody has decided; `has_leak`
    is true where a response names models or vendors. `leaks` are the first of them.
    """

    seqs: NDArray[np.int64]
    sides: NDArray[np.int32]
    styles: NDArray[np.int32]
    winner: NDArray[np.float64]
    has_leak: NDArray[np.bool_]
    slices: NDArray[np.int32]
    models: list[str]
    leaks: list[FoundLeak]
    leaks_below: int
    """Seq below which all leaks are listed; ALL_LEAKS if all are."""


class TurnPairs:
    """Pairs of the responses of turns as they are read, a row for each two of a turn."""

    def __init__(self, names: IdentityNames) -> None:
        self.models: dict[str, int] = {}
        self.leaks: list[FoundLeak] = []
        self._names = names
        self._seqs, self._sides = array("q"), array("i")
        self._styles, self._winner, self._has_leak = array("i"), array("d"), array("b")
        self._slices = array("i")

    def add(
        self,
        seq: int,
        task_id: str,
        responses: Sequence[ReadMessage],
        prompt: str,
        final: FinalOrder | None,
        slice_number: int,
    ) -> int:
        """Add the pairs of a turn, the first with all after it, and so on; the first row's number.

        `seq` and `task_id` are the task's. Without a final order nobody has decided yet.
        """
        start = len(self._seqs)
        styles = [style_of(response.text) for response in responses]
        leaks = [self._leaks(seq, task_id, response, prompt) for response in responses]
        models = [
            self.models.setdefault(response.model, len(self.models)) for response in responses
        ]
        for first in range(len(responses)):
            for second in range(first + 1, len(responses)):
                self._seqs.append(seq)
                self._sides.extend((models[first], models[second]))
                self._styles.extend(styles[first])
                self._styles.extend(styles[second])
                self._winner.append(np.nan if final is None else final.score(first, second))
                self._has_leak.append(leaks[first] or leaks[second])
                self._slices.append(slice_number)
        return start

    def _leaks(self, seq: int, task_id: str, response: ReadMessage, prompt: str) -> bool:
        found = self._names.in_response(response.text, prompt)
        if not found:
            return False
        if len(self.leaks) < LEAKS_KEPT:
            leak = IdentityLeak(task_id=task_id, source_id=response.source_id, names=found)
            self.leaks.append(FoundLeak(seq, leak))
        return True

    def columns(self) -> PairColumns:
        """The pairs that were added."""
        return PairColumns(
            seqs=np.array(self._seqs, np.int64),
            sides=np.array(self._sides, np.int32).reshape(-1, 2),
            styles=np.array(self._styles, np.int32).reshape(-1, 2, len(STYLES)),
            winner=np.array(self._winner, np.float64),
            has_leak=np.array(self._has_leak, np.bool_),
            slices=np.array(self._slices, np.int32),
            models=list(self.models),
            leaks=self.leaks,
            leaks_below=ALL_LEAKS if len(self.leaks) < LEAKS_KEPT else self.leaks[-1].seq,
        )

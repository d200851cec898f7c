"""Votes on pairs of responses, from the votes of all questions that compare the responses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plaudit.core.labeling.questions import SELECTED
from plaudit.core.quality.comparisons.comparison_report import Comparisons, majority_scores
from plaudit.core.quality.question_columns import QuestionColumns
from plaudit.core.quality.reporting.category_scales import of_combinations
from plaudit.core.quality.reporting.task_facts import GatheredFacts, is_comparing
from plaudit.core.quality.reporting.turn_pairs import scale_side
from plaudit.core.quality.vote_codes import ALL_BAD, UNKNOWN, CodeKind
from plaudit.wire.v2.annotation import TIE


@dataclass(frozen=True, slots=True)
class ComparedVotes:
    """Votes on pairs; `is_shown` is true for votes of which the places are known as shown."""

    comparisons: Comparisons
    is_shown: NDArray[np.bool_]
    has_leak: NDArray[np.bool_]
    slices: NDArray[np.int32]
    """Slice of each pair."""

    @property
    def placed(self) -> Comparisons:
        """The votes that tell of a bias of place: those with known places, or all if none has."""
        if not self.is_shown.any():
            return without_places(self.comparisons)
        return chosen(self.comparisons, self.is_shown)


def chosen(compared: Comparisons, kept: NDArray[np.bool_]) -> Comparisons:
    """Some of the votes."""
    swapped = compared.is_swapped
    return Comparisons(
        units=compared.units[kept],
        people=compared.people[kept],
        score=compared.score[kept],
        is_swapped=None if swapped is None else swapped[kept],
        tasks=compared.tasks,
        sides=compared.sides,
        styles=compared.styles,
        winner=compared.winner,
    )


def without_places(compared: Comparisons) -> Comparisons:
    """The votes as if nobody knew what was shown first."""
    return Comparisons(
        units=compared.units,
        people=compared.people,
        score=compared.score,
        is_swapped=None,
        tasks=compared.tasks,
        sides=compared.sides,
        styles=compared.styles,
        winner=compared.winner,
    )


def preference_questions(questions: Sequence[QuestionColumns]) -> list[int]:
    """Places of the questions whose votes say which response is better, each person once a turn.

    They are the first scale or ranking, and the choice that stands for it elsewhere; without them
    the first choice among responses.
    """
    comparing = [at for at, one in enumerate(questions) if is_comparing(one)]
    others = [
        at for at in comparing if questions[at].kind is not CodeKind.responses
    ]  # fmt: skip
    selected = [at for at in comparing if questions[at].field.key == SELECTED]
    return sorted({*others[:1], *selected}) or comparing[:1]


def compared_votes(questions: Sequence[QuestionColumns], facts: GatheredFacts) -> ComparedVotes:
    """Votes on the pairs of a project, and the pairs' final scores.

    Pairs of tasks that are not completed have the score that more than half of the votes give.
    """
    parts = [
        part
        for at in preference_questions(questions)
        for part in _votes_on_pairs(questions[at], facts.questions[at].pairs)
    ]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)] or [np.zeros(0)] * 4
    units, people = (column.astype(np.int32) for column in columns[:2])
    score, swapped = columns[2:]
    winner = facts.pairs.winner.copy()
    is_open = np.isnan(winner)
    winner[is_open] = majority_scores(units, score, len(winner))[is_open]
    return ComparedVotes(
        comparisons=Comparisons(
            units=units,
            people=people,
            score=score,
            is_swapped=swapped == 1,
            tasks=facts.pair_tasks,
            sides=facts.pairs.sides,
            styles=facts.pairs.styles,
            winner=winner,
        ),
        is_shown=swapped >= 0,
        has_leak=facts.pairs.has_leak,
        slices=facts.pairs.slices,
    )


def _votes_on_pairs(
    question: QuestionColumns, starts: NDArray[np.int32]
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64], NDArray[np.int8]]]:
    """Pair, person, score, and 1 where the second of the pair was shown first, -1 if unknown."""
    turns = question.turns[question.units]
    counts = np.array([len(listed) for listed in question.responses] or [0])
    known = (starts[question.units] >= 0) & (question.codes >= 0) & (turns >= 0)
    for count in np.unique(counts[turns[known]]).tolist():
        rows = np.flatnonzero(known & (counts[np.maximum(turns, 0)] == count))
        ranks, shown = _Ranks(question, rows, count), _Shown(question, rows)
        at = 0
        for first in range(count):
            for second in range(first + 1, count):
                score = ranks.score(first, second)
                said = ~np.isnan(score)
                kept = rows[said]
                yield (
                    starts[question.units[kept]] + np.int32(at),
                    question.people[kept],
                    score[said],
                    shown.is_swapped(first, second)[said],
                )
                at += 1


class _Ranks:
    """Ranks that votes give to the responses of turns with `count` responses."""

    def __init__(self, question: QuestionColumns, rows: NDArray[np.int64], count: int) -> None:
        self._question = question
        self._nothing = [np.nan] * count
        self._is_choice = question.kind is CodeKind.responses
        turns, codes = question.turns[question.units[rows]], question.codes[rows]
        self._ranks = of_combinations(turns, codes, len(question.meanings), self._ranks_of)

    def _ranks_of(self, turn: int, code: int) -> list[float]:
        """Ranks by one code, in the own order of a turn's responses."""
        meaning, listed = self._question.meanings[code], self._question.responses[turn]
        if self._question.kind is CodeKind.rankings:
            if len(meaning) != len(listed):
                return self._nothing
            return [float(rank) if rank != UNKNOWN else np.nan for rank in meaning]
        if self._is_choice:
            if meaning in (TIE, ALL_BAD):
                return [0.0] * len(listed)
            return [float(one != meaning) for one in listed] if meaning in listed else self._nothing
        side = scale_side(self._question.field, meaning)
        return self._nothing if side is None or len(listed) != 2 else [0.0, float(side)]

    def score(self, first: int, second: int) -> NDArray[np.float64]:
        """Score of each vote: 1 where the first is better; NaN where it says nothing of the two."""
        a, b = self._ranks[:, first], self._ranks[:, second]
        score: NDArray[np.float64] = 0.5 + np.sign(b - a) / 2
        if self._is_choice:  # of two that were not chosen nobody said which is better
            score[(a == 1) & (b == 1)] = np.nan
        return score


class _Shown:
    """Order in which people saw the responses of their turns."""

    def __init__(self, question: QuestionColumns, rows: NDArray[np.int64]) -> None:
        self._question = question
        turns, orders = question.turns[question.units[rows]], question.orders[rows] + 1
        self._places = of_combinations(turns, orders, len(question.shown) + 1, self._places_of)

    def _places_of(self, turn: int, order: int) -> list[float]:
        """Places on the screen, in the own order of a turn's responses; NaN where not known."""
        listed = self._question.responses[turn]
        shown = self._question.shown[order - 1] if order else ()
        return [float(shown.index(one)) if one in shown else np.nan for one in listed]

    def is_swapped(self, first: int, second: int) -> NDArray[np.int8]:
        """1 where the second of two was shown before the first, 0 where after, -1 if unknown."""
        a, b = self._places[:, first], self._places[:, second]
        return np.where(np.isnan(a) | np.isnan(b), -1, b < a).astype(np.int8)

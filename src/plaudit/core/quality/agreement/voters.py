"""People and their votes on one question: beside the final answer, the others, and themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.estimates import Share, wilson
from plaudit.core.quality.patterns import CELLS_AT_ONCE, VOTES_AT_ONCE, Patterns, patterns_of
from plaudit.core.quality.vote_arrays import VoteArrays

NO_ANSWER = -1
"""The final answer of a unit that has none, or one that is no declared category."""


@dataclass(frozen=True, slots=True)
class VoterRecord:
    """One person's votes: how many, and the shares equal to the final answer and to the others.

    `with_others` is over the units where at least two others have a strict majority.
    """

    person: int
    votes: int
    with_final: Share
    with_others: Share


@dataclass(frozen=True, slots=True)
class Disagreements:
    """Units with different votes: in how many the final answer is a person's, and nobody's."""

    units: int
    final_of: dict[int, int]
    final_of_nobody: int


@dataclass(frozen=True, slots=True)
class RepeatedVotes:
    """Votes of one person twice on one unit: the categories of the first and of the last vote."""

    first: NDArray[np.int32]
    last: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Consistency:
    """Votes that people gave again: how many, how many equal, and how many on the same side.

    The sides are None where the categories have none.
    """

    n: int
    equal: int
    same_side: int | None


def voter_records(
    votes: VoteArrays, final: NDArray[np.int32] | None, given: NDArray[np.int64]
) -> list[VoterRecord]:
    """The record of each person who gave an answer, in the order of their numbers.

    `given` has the number of answers of each person.
    """
    count = len(given)
    if final is None:
        final = np.full(votes.unit_count, NO_ANSWER, dtype=np.int32)
    answers = final[votes.units]
    judged = np.bincount(votes.people[answers != NO_ANSWER], minlength=count)
    right = np.bincount(votes.people[answers == votes.values], minlength=count)
    majority = majority_of_others(votes)
    compared = np.bincount(votes.people[majority != NO_ANSWER], minlength=count)
    equal = np.bincount(votes.people[majority == votes.values], minlength=count)
    return [
        VoterRecord(
            person=int(person),
            votes=int(given[person]),
            with_final=wilson(int(right[person]), int(judged[person])),
            with_others=wilson(int(equal[person]), int(compared[person])),
        )
        for person in np.flatnonzero(given)
    ]


def majority_of_others(votes: VoteArrays) -> NDArray[np.int32]:
    """For each vote the category that most of the unit's other people chose, at least two of them.

    NO_ANSWER where no category has more than half of the others' votes.
    """
    patterns = patterns_of(votes)
    table = _two_most(patterns)
    found = np.full(len(votes.values), NO_ANSWER, dtype=np.int32)
    for start in range(0, len(found), VOTES_AT_ONCE):
        part = slice(start, start + VOTES_AT_ONCE)
        leader, most, second, next_most, size = table[patterns.of_unit[votes.units[part]]].T
        values, others = votes.values[part], size - 1
        leader_wins = 2 * (most - (values == leader)) > others
        rival_wins = 2 * (next_most - (values == second)) > others
        answers = np.where(leader_wins, leader, np.where(rival_wins, second, NO_ANSWER))
        found[part] = np.where(others >= 2, answers, NO_ANSWER)
    return found


def _two_most(patterns: Patterns) -> NDArray[np.int32]:
    """Of each pattern the first and the second category with their votes, and all votes."""
    table = np.zeros((len(patterns.counts), 5), dtype=np.int32)
    step = max(1, CELLS_AT_ONCE // max(patterns.counts.shape[1], 1))
    for start in range(0, len(table), step):
        counts = patterns.counts[start : start + step].astype(np.int32)
        part, rows = table[start : start + step], np.arange(len(counts))
        part[:, 4] = counts.sum(axis=1)
        for at in (0, 2):
            part[:, at] = counts.argmax(axis=1)
            part[:, at + 1] = np.maximum(counts[rows, part[:, at]], 0)
            counts[rows, part[:, at]] = -1
    return table


def disagreements(votes: VoteArrays, final: NDArray[np.int32] | None) -> Disagreements:
    """Units on which people differ, and the people whose vote became the final answer."""
    starts = np.cumsum(votes.unit_sizes) - votes.unit_sizes
    differs = np.zeros(votes.unit_count, dtype=bool)
    if len(votes.values):
        first = votes.values[np.minimum(starts, len(votes.values) - 1)]
        differs[votes.units[votes.values != first[votes.units]]] = True
    units = int(np.count_nonzero(differs))
    if final is None:
        return Disagreements(units, {}, 0)
    is_final = differs[votes.units] & (votes.values == final[votes.units])
    of_people = np.bincount(votes.people[is_final], minlength=votes.person_count)
    has_voter = np.zeros(votes.unit_count, dtype=bool)
    has_voter[votes.units[is_final]] = True
    nobody = differs & ~has_voter & (final != NO_ANSWER)
    among = np.unique(votes.people[differs[votes.units]])
    return Disagreements(
        units,
        {int(person): int(of_people[person]) for person in among},
        int(np.count_nonzero(nobody)),
    )


def consistency(repeats: RepeatedVotes, sides: NDArray[np.int32] | None) -> Consistency:
    """Votes given again; `sides` has the side of each category: -1, 0 for a tie, or 1."""
    same = repeats.first == repeats.last
    same_side = None
    if sides is not None:
        same_side = int(np.count_nonzero(sides[repeats.first] == sides[repeats.last]))
    return Consistency(len(same), int(np.count_nonzero(same)), same_side)

"""Answers of people beside the strict majority of the others, over all questions of a project."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.agreement.voters import NO_ANSWER, majority_of_others
from plaudit.core.quality.vote_arrays import VoteArrays


@dataclass(frozen=True, slots=True)
class ComparedAnswers:
    """Answers on which at least two others have a strict majority: a row for each.

    `questions` has the place of the question, `tasks` the number of the task, `values` and
    `majority` categories of the question; `times` are in ms, negative where nobody knows.
    """

    people: NDArray[np.int32]
    questions: NDArray[np.int32]
    tasks: NDArray[np.int32]
    times: NDArray[np.int64]
    values: NDArray[np.int32]
    majority: NDArray[np.int32]

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """True for each answer that is that of the others."""
        equal: NDArray[np.bool_] = self.values == self.majority
        return equal


@dataclass(frozen=True, slots=True)
class TaskAgreement:
    """Agreement of a person on a task, 0 … 1: a row for each, by person, oldest first."""

    people: NDArray[np.int32]
    tasks: NDArray[np.int32]
    times: NDArray[np.integer]
    means: NDArray[np.float64]


def compared_answers(
    questions: Sequence[tuple[VoteArrays, NDArray[np.int64]]],
) -> ComparedAnswers:
    """The votes on questions that can be compared with others; each comes with its times."""
    columns: list[tuple[NDArray[np.int32], ...]] = []
    all_times: list[NDArray[np.int64]] = []
    for place, (votes, times) in enumerate(questions):
        majority = majority_of_others(votes)
        known = majority != NO_ANSWER
        count = int(np.count_nonzero(known))
        columns.append(
            (
                votes.people[known],
                np.full(count, place, np.int32),
                votes.clusters[votes.units[known]],
                votes.values[known],
                majority[known],
            )
        )
        all_times.append(times[known])
    none = [np.zeros(0, np.int32)] * 5
    people, of_question, tasks, values, majority = (
        [np.concatenate(one) for one in zip(*columns, strict=True)] if columns else none
    )
    times = np.concatenate(all_times) if all_times else np.zeros(0, np.int64)
    return ComparedAnswers(people, of_question, tasks, times, values, majority)


def task_agreement(
    people: NDArray[np.int32],
    is_right: NDArray[np.bool_],
    tasks: NDArray[np.int32],
    times: NDArray[np.integer],
) -> TaskAgreement:
    """Mean of each person's answers to a task, which count as one, at the time of the first."""
    if not len(people):
        return TaskAgreement(people, tasks, times, np.zeros(0))
    keys = people.astype(np.int64) * (int(tasks.max()) + 1) + tasks
    _, sample, groups = np.unique(keys, return_index=True, return_inverse=True)
    means = np.bincount(groups, weights=is_right) / np.bincount(groups)
    order = np.lexsort((tasks[sample], times[sample], people[sample]))
    rows = sample[order]
    return TaskAgreement(people[rows], tasks[rows], times[rows], means[order])


def last_differing(answers: ComparedAnswers, most: int) -> NDArray[np.int64]:
    """Rows that differ from the others: up to `most` of each person, by person, newest first."""
    rows = np.flatnonzero(~answers.is_right)
    order = np.lexsort((-answers.tasks[rows], -answers.times[rows], answers.people[rows]))
    rows = rows[order]
    people = answers.people[rows]
    first = np.searchsorted(people, people)
    return rows[np.arange(len(rows)) - first < most]

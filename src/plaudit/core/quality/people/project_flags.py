"""Flags of all people of a project, from the columns of what they did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.people import flag_tests
from plaudit.core.quality.people.compared_answers import compared_answers
from plaudit.core.quality.people.drift import drifts
from plaudit.core.quality.people.flags import FlagTest, raise_flags
from plaudit.core.quality.vote_arrays import VoteArrays


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """Votes on a question of categories, with the time of each in ms.

    `as_shown` has the categories as they were clicked, named by `names`: sides for a preference,
    whose votes are coded by source; None where they are those of the votes.
    """

    key: str
    votes: VoteArrays
    times: NDArray[np.int64]
    names: Sequence[str]
    as_shown: NDArray[np.int32] | None = None


@dataclass(frozen=True, slots=True)
class TaskTimes:
    """Active time of each person on each task, and the length of what there was to read."""

    people: NDArray[np.int32]
    active_ms: NDArray[np.int64]
    lengths: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WrittenTexts:
    """Justifications, by their `flag_tests.text_key`, with the time of each in ms."""

    people: NDArray[np.int32]
    keys: NDArray[np.int64]
    times: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ChosenSides:
    """Choices of one of two responses, ties left out; `is_shown` where places are as shown.

    Places are else as stored, and compared with the choices of others on the unit.
    """

    people: NDArray[np.int32]
    is_first: NDArray[np.bool_]
    units: NDArray[np.int32]
    tasks: NDArray[np.int32]
    is_shown: bool


def project_flags(
    questions: Sequence[AnsweredQuestion],
    *,
    task_times: TaskTimes | None = None,
    texts: WrittenTexts | None = None,
    sides: Sequence[ChosenSides] = (),
) -> list[FlagTest]:
    """Flags of everybody, by all tests of the project at once.

    People and tasks have one numbering throughout. What is not known is not tested.
    """
    tests = [test for question in questions for test in _runs(question)]
    tests += _drifts(questions)
    if task_times is not None:
        tests += flag_tests.speeders(task_times.people, task_times.active_ms, task_times.lengths)
    if texts is not None:
        tests += flag_tests.copiers(texts.people, texts.keys, texts.times)
    for chosen in sides:
        fair = (
            0.5 if chosen.is_shown else flag_tests.choices_of_others(chosen.units, chosen.is_first)
        )
        tests += flag_tests.one_sided(chosen.people, chosen.is_first, chosen.tasks, fair)
    return raise_flags(tests)


def _runs(question: AnsweredQuestion) -> list[FlagTest]:
    votes = question.votes
    values = votes.values if question.as_shown is None else question.as_shown
    tests = flag_tests.straight_liners(votes.people, values, question.times, question.names)
    return [replace(test, why=f"{question.key}: {test.why}") for test in tests]


def _drifts(questions: Sequence[AnsweredQuestion]) -> list[FlagTest]:
    """Tests over the answers to all questions together, a task counting once."""
    found = compared_answers([(one.votes, one.times) for one in questions])
    return drifts(found.people, found.is_right, found.tasks, found.times)

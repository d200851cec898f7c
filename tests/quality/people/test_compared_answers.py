"""Answers beside the majority of the others: over questions, by task, and the last that differ."""

from __future__ import annotations

import numpy as np

from plaudit.core.quality.people import compared_answers as compared
from tests.quality.test_dawid_skene import votes_of

KIND = votes_of([{0: 1, 1: 1, 2: 0}, {0: 1, 1: 0}, {0: 2, 1: 1, 2: 1, 3: 0}], 3)
TIMES = np.array([5, 6, 7, 8, 9, 1, 2, 3, -1], np.int64)


def test_an_answer_is_compared_where_two_others_agree():
    found = compared.compared_answers([(KIND, TIMES), (KIND, TIMES)])

    once = list(zip(found.people, found.tasks, found.values, found.majority, strict=True))[:3]
    # Of the first three people, person 2 alone has two others who agree; with four, all but two do.
    assert once[0] == (2, 0, 0, 1)
    assert once[1:] == [(0, 2, 2, 1), (3, 2, 0, 1)]
    assert found.questions.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.times.tolist() == [7, 1, -1] * 2
    assert not found.is_right.any()


def test_without_questions_nothing_is_compared():
    found = compared.compared_answers([])

    assert len(found.is_right) == 0
    assert len(compared.last_differing(found, 5)) == 0


def test_answers_to_one_task_count_as_one_oldest_first():
    found = compared.task_agreement(
        np.array([1, 0, 1, 1], np.int32),
        np.array([True, False, False, True]),
        np.array([7, 7, 7, 3], np.int32),
        np.array([20, 10, 20, 30], np.int64),
    )

    assert found.people.tolist() == [0, 1, 1]
    assert found.tasks.tolist() == [7, 7, 3]
    assert found.means.tolist() == [0, 0.5, 1]


def test_the_newest_that_differ_are_kept_of_each_person():
    rows = [(0, 1), (0, 3), (0, 2), (1, 9), (0, -1)]
    people, times = (np.array(one) for one in zip(*rows, strict=True))
    answers = compared.ComparedAnswers(
        people.astype(np.int32),
        np.zeros(5, np.int32),
        np.arange(5, dtype=np.int32),
        times.astype(np.int64),
        np.array([0, 0, 0, 1, 0], np.int32),
        np.array([1, 1, 1, 1, 1], np.int32),
    )

    assert compared.last_differing(answers, 2).tolist() == [1, 2]
    assert compared.last_differing(answers, 9).tolist() == [1, 2, 0, 4]

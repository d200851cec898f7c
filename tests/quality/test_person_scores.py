"""Scores of people: agreement with the others, shares, and the moving average."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaudit.core.quality.agreement import voters
from plaudit.core.quality.people import person_scores
from tests.quality.pandalm import golden, pandalm
from tests.quality.test_dawid_skene import votes_of


def test_the_published_agreement_with_the_other_two_is_reached():
    votes = pandalm().arrays
    majority = voters.majority_of_others(votes)
    known = majority != voters.NO_ANSWER
    is_right = (majority == votes.values)[known]

    shares = person_scores.shares_of(votes.people[known], is_right, votes.person_count)

    assert [[one.right, one.n] for one in shares] == golden("pandalm-loo")["expected"]


@given(
    st.lists(
        st.dictionaries(st.integers(0, 6), st.integers(0, 3), min_size=1, max_size=7),
        min_size=1,
        max_size=12,
    )
)
def test_each_vote_is_compared_with_the_majority_of_the_others(made):
    votes = votes_of(made, 4)

    found = voters.majority_of_others(votes).tolist()

    expected = []
    for ballot in made:
        for person in sorted(ballot):
            others = Counter(v for p, v in ballot.items() if p != person)
            strict = [v for v, n in others.items() if 2 * n > others.total()]
            is_known = others.total() >= 2 and bool(strict)
            expected.append(strict[0] if is_known else voters.NO_ANSWER)
    assert found == expected


def test_a_person_without_a_case_has_no_share():
    shares = person_scores.shares_of(np.array([0, 0, 2]), np.array([True, False, True]), 3)

    assert [(one.right, one.n, one.share) for one in shares] == [
        (1, 2, 0.5),
        (0, 0, None),
        (1, 1, 1.0),
    ]


def test_the_moving_average_weighs_the_newest_answer_by_a_tenth():
    line = person_scores.ewma(np.array([1.0, 0.0]), 0.8)

    assert line.values == pytest.approx([0.82, 0.738])
    reach = 3 * (0.8 * 0.2 * 0.1 / 1.9) ** 0.5
    assert (line.low, line.high) == pytest.approx((0.8 - reach, min(1.0, 0.8 + reach)))


def test_a_pace_is_of_the_tasks_of_each_person():
    people = np.array([2, 0, 2, 2], np.int32)
    active_ms, words = np.array([1000, 500, 3000, 9000]), np.array([100, 0, 200, 300])

    paces = person_scores.paces_of(people, active_ms, words, 3)

    assert [(one.tasks, one.median_ms, one.median_ms_per_100_words) for one in paces] == [
        (1, 500.0, None),
        (0, None, None),
        (3, 3000.0, 1500.0),
    ]

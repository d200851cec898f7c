"""Rules of a judge and a task: pauses, accuracies, and when there are judges enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from plaudit.core.quality.estimates import wilson
from plaudit.core.quality.people import judge_rules
from tests.quality.pandalm import golden


@pytest.mark.parametrize(
    ("right", "n", "is_paused"),
    [(3, 10, True), (4, 10, True), (5, 10, False), (12, 20, False), (10, 20, False), (0, 9, False)],
)
def test_a_pause_needs_ten_cases_and_no_doubt(right, n, is_paused):
    assert judge_rules.is_to_be_paused(right, n, 0.7) is is_paused


def test_the_published_upper_bounds_are_reached():
    for right, n, upper in golden("wilson-pause")["expected"]:
        assert wilson(right, n).high == pytest.approx(upper, abs=1e-4)
        exact = stats.binomtest(right, n).proportion_ci(method="wilson").high
        assert wilson(right, n).high == pytest.approx(exact, abs=1e-12)


def test_the_published_posteriors_are_reached():
    """Counts are of the answers in falling order: the leader's probability."""
    for counts, categories, accuracy, expected in golden("sequential-unit")["expected"]:
        answers = [(value, accuracy) for value, n in enumerate(counts) for _ in range(n)]

        assert max(judge_rules.posterior(answers, categories)) == pytest.approx(expected, abs=1e-6)


def test_two_judges_who_agree_are_surer_than_three_who_do_not():
    agreed = judge_rules.posterior([(1, 0.8), (1, 0.8)], 3)
    split = judge_rules.posterior([(1, 0.8), (1, 0.8), (2, 0.8)], 3)

    assert agreed[1] == pytest.approx(0.64 / (0.64 + 2 * 0.01))
    assert max(agreed) > max(split)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1)), max_size=8), st.permutations(range(4))
)
def test_names_and_order_of_answers_change_nothing(answers, names):
    before = judge_rules.posterior(answers, 4)
    renamed = judge_rules.posterior([(names[y], p) for y, p in reversed(answers)], 4)

    assert [renamed[name] for name in names] == pytest.approx(before, abs=1e-9)
    assert sum(before) == pytest.approx(1)


def test_accuracy_begins_at_four_fifths():
    assert judge_rules.accuracy_of(0, 0) == 0.8
    assert judge_rules.accuracy_of(10, 10) == 0.9


@pytest.mark.parametrize(
    ("answers", "is_enough"),
    [
        ([], False),
        ([(0, 0.99)], False),
        ([(0, 0.8), (0, 0.8)], True),
        ([(0, 0.8), (1, 0.8)], False),
        ([(0, 0.8), (1, 0.8), (0, 0.8)], False),
        ([(0, 0.8), (1, 0.8), (2, 0.8), (1, 0.8)], True),
    ],
)
def test_judges_are_enough_when_it_is_sure_or_there_are_as_many_as_may_be(answers, is_enough):
    assert (
        judge_rules.has_judges_enough(answers, 3, judges_min=2, judges_max=4, confidence=0.9)
        is is_enough
    )


def test_one_category_is_certain():
    assert judge_rules.posterior([(0, 0.8)], 1) == [1.0]

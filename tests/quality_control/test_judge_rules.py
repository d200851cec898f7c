"""Rules of one task's judges: their accuracies, and when there are judges enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaudit.core.quality_control import judge_rules
from plaudit.core.quality_control.judge_rules import JudgedUnit, has_judges_enough
from tests.quality.pandalm import golden


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
    assert is_enough_of([JudgedUnit(3, answers)], len(answers)) is is_enough


def is_enough_of(units, count):
    return has_judges_enough(units, count, judges_min=2, judges_max=4, confidence=0.9)


def test_each_thing_that_is_asked_about_has_to_be_sure():
    sure, unsure = JudgedUnit(2, [(0, 0.9)] * 2), JudgedUnit(2, [(0, 0.9), (1, 0.9)])

    assert is_enough_of([sure, sure], 2)
    assert not is_enough_of([sure, unsure], 2)
    assert is_enough_of([], 2)


def test_who_abstains_is_a_judge_and_makes_nothing_sure():
    assert not is_enough_of([JudgedUnit(2, [])], 3)
    assert is_enough_of([JudgedUnit(2, [])], 4)


@given(st.integers(0, 9), st.lists(st.integers(0, 2), max_size=9))
def test_a_task_needs_its_least_and_then_one_after_the_other(count, said):
    units = [JudgedUnit(3, [(one, 0.8) for one in said[:count]])]
    needed = judge_rules.needed_judges(units, count, judges_min=2, judges_max=4, confidence=0.9)

    assert needed in ((count,) if is_enough_of(units, count) else (max(2, count + 1),))


def test_one_category_is_certain():
    assert judge_rules.posterior([(0, 0.8)], 1) == [1.0]

"""Flags of people: each rule at its edge, and that many tests at once make few false ones."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from plaudit.core.quality.people import drift, flag_tests
from plaudit.core.quality.people.flags import FlagKind, FlagTest, raise_flags
from plaudit.core.quality.people.project_flags import AnsweredQuestion, project_flags
from tests.quality.test_dawid_skene import votes_of


def column(*values: int) -> np.ndarray:
    return np.array(values, np.int32)


def repeated(value: int, times: int) -> np.ndarray:
    return np.full(times, value, np.int32)


def speed_test(fast: int, tasks: int) -> list[FlagTest]:
    """Test of person 1, beside person 0 who takes 100 s for each of 100 tasks of one length."""
    people = np.concatenate((repeated(0, 100), repeated(1, tasks)))
    own = [29_000] * fast + [100_000] * (tasks - fast)
    return flag_tests.speeders(people, np.array([100_000] * 100 + own), np.full(len(people), 500))


@pytest.mark.parametrize(("fast", "meets"), [(4, False), (5, True), (20, True)])
def test_a_speeder_is_fast_in_more_than_a_fifth_of_the_tasks(fast, meets):
    assert [test.meets_rule for test in speed_test(fast, 20)] == [False, meets]


def test_nobody_is_a_speeder_before_twenty_tasks():
    assert [test.person for test in speed_test(19, 19)] == [0]


def test_short_tasks_may_be_quick():
    """Time is compared among tasks of one length: a tenth of the time for a tenth of the text."""
    people = np.concatenate((repeated(0, 60), repeated(1, 60)))
    lengths = np.tile(np.repeat((100, 1000), 30), 2)
    people = np.where(lengths == 100, 0, 1)

    tests = flag_tests.speeders(people, lengths * 100, lengths)

    assert [test.meets_rule for test in tests] == [False, False]


@pytest.mark.parametrize(("length", "n", "share"), [(5, 40, 0.5), (10, 600, 0.4), (30, 200, 0.9)])
def test_the_probability_of_a_run_is_that_of_the_formula_or_a_little_more(length, n, share):
    formula = 1 - math.exp(-n * (1 - share) * share**length)

    assert 1 - 1e-9 < flag_tests.run_probability(length, n, share) / formula < 1.4


def test_the_probability_of_a_run_holds_in_simulated_answers():
    answers = np.random.default_rng(5).random((4000, 200)) < 0.5
    runs = [
        max(map(len, "".join(map(str, row)).split("0"))) for row in answers.astype(int).tolist()
    ]
    share = float(np.mean(np.array(runs) >= 12))

    assert flag_tests.run_probability(12, 200, 0.5) == pytest.approx(share, abs=0.006)


def test_who_always_says_what_everybody_says_is_no_straight_liner():
    people = np.repeat(np.arange(20, dtype=np.int32), 100)
    values = np.zeros(2000, np.int32)
    values[7] = 1

    tests = flag_tests.straight_liners(people, values, np.arange(2000), ["good", "bad"])

    assert [test.person for test in tests if test.meets_rule] == []
    everybody = flag_tests.straight_liners(people, 0 * values, np.arange(2000), ["good", "bad"])
    assert [test.person for test in everybody if test.meets_rule] == []


def test_a_long_run_of_a_rare_answer_is_told_even_if_a_common_one_runs_longer():
    common = [0] * 30 + [1] * 8 + [0] * 62
    values = np.array([0] * 900 + [1] * 30 + common, np.int32)
    people = np.concatenate((repeated(0, 930), repeated(1, 100)))
    times = np.concatenate((np.random.default_rng(2).permutation(930), np.arange(100)))

    own = flag_tests.straight_liners(people, values, times, ["good", "bad"])[1]

    assert own.meets_rule
    assert own.why.startswith("8 times “bad” in a row among 100 answers")


def test_runs_are_in_order_of_time_not_of_rows():
    values = np.tile(column(0, 1), 50)
    people = repeated(0, 100)
    by_value = np.argsort(np.argsort(values, kind="stable"))

    def tested(times: np.ndarray) -> bool:
        return flag_tests.straight_liners(people, values, times, ["a", "b"])[0].meets_rule

    assert not tested(np.arange(100))
    assert tested(by_value)


def test_texts_are_equal_whatever_their_case_and_white_space():
    key = flag_tests.text_key("The second one is  wrong about\nthe date.")

    assert key == flag_tests.text_key("the SECOND one is wrong about the date. ")
    assert key != flag_tests.text_key("The second one is wrong about the data.")
    assert flag_tests.text_key("A is better") is None


@pytest.mark.parametrize(("copied", "meets"), [(2, False), (3, True)])
def test_a_copier_writes_more_than_a_fifth_of_the_texts_anew(copied, meets):
    """Who wrote them first, here person 0, is not counted for that."""
    own = np.arange(10) + 100
    own[:copied] = np.arange(copied)
    people = np.concatenate((repeated(0, 10), repeated(1, 10)))
    keys = np.concatenate((np.arange(10), own))

    tests = flag_tests.copiers(people, keys, np.arange(20))

    assert [test.meets_rule for test in tests] == [False, meets]


def test_the_same_text_everywhere_is_copied_too():
    assert flag_tests.copiers(repeated(0, 10), np.full(10, 7), np.arange(10))[0].meets_rule


def test_a_side_is_tested_against_half():
    is_first = np.arange(200) < 130

    (test,) = flag_tests.one_sided(repeated(4, 200), is_first, np.arange(200))

    assert (test.person, test.meets_rule) == (4, True)
    assert test.p_value == pytest.approx(2 * stats.norm.sf((0.65 - 0.5) / (0.25 / 200) ** 0.5))
    assert "130 of 200 choices (65%), where 50% is fair" in test.why


def test_choices_within_a_task_count_as_what_they_are():
    """Four times the rows of one task tell no more than the task."""
    is_first = np.arange(100) < 65
    once = flag_tests.one_sided(repeated(0, 100), is_first, np.arange(100))[0]
    tasks = np.repeat(np.arange(100), 4)

    often = flag_tests.one_sided(repeated(0, 400), np.repeat(is_first, 4), tasks)[0]

    assert often.p_value == pytest.approx(once.p_value)


def test_stored_places_are_compared_with_the_others_on_the_same_unit():
    """All choose the first of 80 %, which is better; nobody is one-sided for that."""
    rng = np.random.default_rng(1)
    units = np.repeat(np.arange(300), 3)
    is_first = np.repeat(rng.random(300) < 0.8, 3) ^ (rng.random(900) < 0.05)
    people = np.tile(np.arange(3), 300)
    fair = flag_tests.choices_of_others(units, is_first)

    tests = flag_tests.one_sided(people, is_first, units, fair)

    assert raise_flags(tests) == []
    assert all(test.meets_rule for test in flag_tests.one_sided(people, is_first, units))
    assert np.isnan(flag_tests.choices_of_others(column(0, 1, 1), np.ones(3, np.bool_))[0])


def test_a_fall_is_as_likely_by_chance_as_said():
    """The bound is that of the Brownian bridge; for few, coarse values it is on the safe side."""
    values = (np.random.default_rng(8).random((3000, 200)) < 0.8).astype(np.float64)
    p_values = np.array([drift.fall_of(row)[0] for row in values])

    for level in (0.01, 0.05, 0.2):
        assert np.mean(p_values < level) < level * 1.25

    assert drift.fall_of(np.ones(60))[0] == 1.0
    assert drift.fall_of(np.repeat((1.0, 0.0, 1.0), (30, 30, 1)))[1] == 30


def test_nobody_drifts_because_the_tasks_get_harder_for_everybody():
    rng = np.random.default_rng(4)
    tasks = np.tile(np.arange(600), 10)
    people = np.repeat(np.arange(10), 600)
    is_right = rng.random(6000) < np.where(tasks < 300, 0.95, 0.6)

    assert raise_flags(drift.drifts(people, is_right, tasks, tasks)) == []


def test_who_falls_alone_drifts():
    rng = np.random.default_rng(4)
    tasks = np.tile(np.arange(600), 10)
    people = np.repeat(np.arange(10), 600)
    is_right = rng.random(6000) < np.where((tasks < 300) | (people != 3), 0.9, 0.6)

    (flag,) = raise_flags(drift.drifts(people, is_right, tasks, tasks))

    assert flag.person == 3
    assert flag.why.startswith("agreement with the others fell from")


def test_flags_are_the_findings_of_all_tests_at_once():
    p_values = [0.001, 0.2, 0.004, 0.03, 0.04, 0.9, 0.019]
    tests = [FlagTest(n, FlagKind.drift, n != 2, p, "") for n, p in enumerate(p_values)]
    tests.append(FlagTest(9, FlagKind.speeder, True, None, ""))

    found = [test.person for test in raise_flags(tests)]

    kept = np.flatnonzero(multipletests(p_values, 0.05, "fdr_bh")[0]).tolist()
    assert kept == [0, 2, 6]
    assert found == [0, 6, 9]


def test_nothing_to_test_is_nothing_flagged():
    none = np.empty(0, np.int64)

    assert flag_tests.speeders(none, none, none) == []
    assert flag_tests.straight_liners(none, none, none, []) == []
    assert flag_tests.copiers(none, none, none) == []
    assert flag_tests.one_sided(none, none.astype(np.bool_), none) == []
    assert drift.drifts(none, none.astype(np.bool_), none, none) == []
    assert raise_flags([]) == []


def test_what_is_not_known_of_a_project_is_not_tested():
    votes = votes_of([{0: 0, 1: 0, 2: 1}, {0: 1, 1: 0, 2: 1}], 2)
    times = np.arange(6)

    assert project_flags([]) == []
    assert project_flags([AnsweredQuestion("tone", votes, times, ["a", "b"])]) == []


def test_a_run_is_told_with_its_question_and_as_it_was_clicked():
    """Person 0 votes for either source, and always for the one on the left."""
    ballots = [{0: unit % 2, 1: (unit // 2) % 2, 2: (unit // 3) % 2} for unit in range(60)]
    votes = votes_of(ballots, 2)
    as_shown = np.where(votes.people == 0, 0, votes.values).astype(np.int32)
    question = AnsweredQuestion("choice", votes, votes.units.astype(np.int64), ["left", "right"])

    flags = project_flags([replace(question, as_shown=as_shown)])

    assert project_flags([question]) == []
    (flag,) = (flag for flag in flags if flag.kind is FlagKind.straight_liner)
    assert (flag.person, flag.why[:40]) == (0, "choice: 60 times “left” in a row among 6")

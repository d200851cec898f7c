"""Power of rules: how often simulated people cross one, and how often by chance, as documented."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import stats

from plaudit.core.quality.people.flag_tests import FAST_RATIO
from plaudit.core.quality_control.crossings import is_below
from plaudit.core.quality_control.paces import TIMES_MIN, pace_of
from plaudit.model.quality_control import Collector
from tests.quality_control.controlled_project import ControlledProject, rule
from tests.test_docs import ROOT

PAGE = (ROOT / "docs" / "quality" / "rules.md").read_text("utf-8")
PEOPLE, CASES, THRESHOLD = 20_000, 200, 0.7


def most_right(threshold: float, cases: int) -> np.ndarray:
    """For each number of cases the most right ones that cross a rule; -1 if none do."""
    counts = [sum(is_below(right, n, threshold) for right in range(n)) for n in range(cases + 1)]
    return np.array(counts) - 1


def crossed_within(share: float, bounds: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Share of people who have crossed a rule after each number of cases, from one on."""
    right = np.cumsum(rng.random((PEOPLE, CASES)) < share, axis=1)
    return np.maximum.accumulate(right <= bounds[1:], axis=1).mean(axis=0)


def test_people_cross_a_rule_as_often_as_documented():
    rows = re.findall(r"^\| (\d+) % \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", PAGE, re.M)
    bounds, rng = most_right(THRESHOLD, CASES), np.random.default_rng(7)
    assert len(rows) == 9

    for percent, *written in rows:
        share = 1 / 3 if percent == "33" else int(percent) / 100
        found = crossed_within(share, bounds, rng)[[19, 49, 199]]
        assert found == pytest.approx([float(one) for one in written], abs=0.012)


def test_tests_are_passed_as_often_as_documented():
    page = (ROOT / "docs" / "quality" / "qualification.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) % \| ([\d. |]+) \|$", page, re.M)
    assert len(rows) == 6

    for percent, cells in rows:
        share, expected = int(percent) / 100, []
        for tasks, least in ((10, 8), (20, 16)):
            once = stats.binom.sf(least - 1, tasks, share)
            expected += [once, 1 - (1 - once) ** 3]
        assert [float(cell) for cell in cells.split(" | ")] == pytest.approx(expected, abs=6e-4)


def test_the_bounds_are_those_of_the_page():
    bounds = most_right(THRESHOLD, 100)

    written = re.findall(r"^\| (\d+) \| (\d+) \|$", PAGE, re.M)
    assert len(written) == 6
    assert {int(cases): int(bounds[int(cases)]) for cases, _ in written} == {
        int(cases): int(right) for cases, right in written
    }


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_twenty_honest_people_work_on_and_who_guesses_is_paused(world):
    """Gold alone, 60 cases each, counted in the store: honest people are right in 9 of 10."""
    project = ControlledProject(world, rules=[rule("gold", THRESHOLD)])
    rng = np.random.default_rng(11)
    cases = {f"honest_{number}": rng.random(60) < 0.9 for number in range(20)}
    cases["guesses"] = rng.random(60) < 0.4

    for user_id, rights in cases.items():
        right, wrong = int(rights.sum()), int((~rights).sum())
        project.count(user_id, Collector.gold, *map(bool, rights))
        assert project.counted(user_id, Collector.gold) == (right, right + wrong)

    assert {user_id for user_id in cases if project.pause(user_id)} == {"guesses"}


def test_a_pace_finds_speeders_and_no_honest_people():
    rng = np.random.default_rng(3)
    lengths = rng.integers(500, 20_000, 2000)
    usual = 20 * lengths
    pace = pace_of(lengths.tolist(), (usual * rng.lognormal(0, 0.4, 2000)).astype(int).tolist())
    assert pace is not None

    honest = usual * rng.lognormal(0, 0.4, 2000)
    fast = usual * 0.15 * rng.lognormal(0, 0.4, 2000)
    found = [
        np.mean([pace.is_fast(int(a), int(b)) for a, b in zip(lengths, times, strict=True)])
        for times in (honest, fast)
    ]

    assert found[0] < 0.02
    assert found[1] > 0.9


def test_a_pace_needs_fifty_tasks_and_is_fast_below_its_share_of_the_median():
    few = [100] * (TIMES_MIN - 1)
    assert pace_of(few, few) is None
    pace = pace_of([*few, 100], [1000] * TIMES_MIN)

    assert pace is not None
    assert pace.is_fast(100, int(1000 * FAST_RATIO) - 1)
    assert not pace.is_fast(100, int(1000 * FAST_RATIO))


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_who_takes_no_time_is_paused_by_the_pace_of_the_project(world):
    project = ControlledProject(world, rules=[rule("fast", 0.8)])
    project.create(TIMES_MIN + 13)
    for _ in range(TIMES_MIN):
        lease = project.take("ann")
        project.age(lease, 100_000)
        project.submit(lease, active_ms=60_000)
    project.refresh_pace()

    for _ in range(10):
        assert project.pause("eve") is None
        lease = project.take("eve")
        project.submit(lease, active_ms=5)

    assert project.pause("eve").cases == 10
    assert project.counted("ann", Collector.fast) == (0, 0)

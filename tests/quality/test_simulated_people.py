"""Simulated people over 20 seeded projects: who is caught, and how many are flagged for nothing.

docs/quality/people.md states the figures, which are compared with what comes out here.
"""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from plaudit.core.quality.people.compared_answers import compared_answers, task_agreement
from plaudit.core.quality.people.flags import FlagKind
from plaudit.core.quality.people.person_scores import ewma
from tests.quality.simulated_project import HONEST, RATINGS, SimulatedProject, simulate
from tests.support.source import ROOT

PROJECTS = 20
CAUGHT_MIN = {
    FlagKind.straight_liner: 20,
    FlagKind.speeder: 20,
    FlagKind.copier: 20,
    FlagKind.drift: 20,
    FlagKind.one_sided: 16,
}
ROWS = {
    FlagKind.one_sided: "picks the left response 60 % of the time",
    FlagKind.straight_liner: "gives one rating 40 times in a row",
    FlagKind.speeder: "does 40 % of the tasks in 0.15 of the time",
    FlagKind.copier: "writes 30 % of the justifications by copying one",
    FlagKind.drift: "answers at random from task 300 on",
}
PAGE = " ".join((ROOT / "docs" / "quality" / "people.md").read_text("utf-8").split())


def stated(row: str) -> tuple[int, ...]:
    """Numbers that the page's table has in a row."""
    found = re.search(rf"\| {re.escape(row)} \| (\S+) \| (\d+) \|", PAGE)
    assert found is not None, row
    return tuple(int(one) for one in found.groups() if one != "–")


def below_limit(project: SimulatedProject) -> list[np.ndarray]:
    """Of each person, task by task, whether their moving average is below its limit."""
    times = project.units.astype(np.int64)
    ratings = replace(project.votes, values=project.ratings, category_count=len(RATINGS))
    answers = compared_answers([(project.votes, times), (ratings, times)])
    found = task_agreement(answers.people, answers.is_right, answers.tasks, answers.times)
    centre = float(np.mean(found.means))
    lines = [ewma(found.means[found.people == one], centre) for one in range(HONEST + 1)]
    return [line.values < line.low for line in lines]


def test_twenty_honest_people_are_flagged_once_in_twenty_projects_at_most():
    flags = [flag for seed in range(PROJECTS) for flag in simulate(seed, people=HONEST).flags()]

    assert len(flags) <= 1
    assert stated("is honest (20 people)") == (len(flags),)


@pytest.mark.parametrize("kind", CAUGHT_MIN)
def test_each_kind_is_caught_as_often_as_said(kind):
    """The others are flagged seldom: a finding among the tests lets one in twenty be false."""
    flags = [simulate(seed, kind).flags() for seed in range(PROJECTS)]

    caught = sum(any((f.person, f.kind) == (HONEST, kind) for f in raised) for raised in flags)
    others = sum(flag.person != HONEST for raised in flags for flag in raised)
    assert caught >= CAUGHT_MIN[kind]
    assert others <= 3
    assert stated(ROWS[kind]) == (caught, others)


def test_a_moving_average_leaves_its_limits_as_seldom_and_as_soon_as_said():
    ever, at_end, delays = 0, 0, []
    for seed in range(PROJECTS):
        *honest, culprit = below_limit(simulate(seed, FlagKind.drift))
        ever += sum(bool(one.any()) for one in honest)
        at_end += sum(bool(one[-1]) for one in honest)
        late = culprit[len(culprit) // 2 :]
        delays += [int(np.argmax(late))] if late.any() else []

    assert f"{ever} were below the lower limit at some time, and {at_end} at the end" in PAGE
    assert len(delays) == PROJECTS
    assert f"after {np.median(delays):.0f} tasks in the median, {max(delays)} at most" in PAGE

"""Simulated people over 20 seeded projects: who is caught, and how many are flagged for nothing.

docs/quality/people.md states the figures.
"""

from __future__ import annotations

import pytest

from plaudit.core.quality.people.flags import FlagKind
from tests.quality.simulated_project import HONEST, simulate

PROJECTS = 20
CAUGHT_MIN = {
    FlagKind.straight_liner: 20,
    FlagKind.speeder: 20,
    FlagKind.copier: 20,
    FlagKind.drift: 20,
    FlagKind.one_sided: 16,
}


def test_twenty_honest_people_are_flagged_once_in_twenty_projects_at_most():
    flags = [flag for seed in range(PROJECTS) for flag in simulate(seed, people=HONEST).flags()]

    assert len(flags) <= 1


@pytest.mark.parametrize("kind", CAUGHT_MIN)
def test_each_kind_is_caught_as_often_as_said(kind):
    """The others are flagged seldom: a finding among the tests lets one in twenty be false."""
    flags = [simulate(seed, kind).flags() for seed in range(PROJECTS)]

    caught = sum(any((f.person, f.kind) == (HONEST, kind) for f in raised) for raised in flags)
    others = sum(flag.person != HONEST for raised in flags for flag in raised)
    assert caught >= CAUGHT_MIN[kind]
    assert others <= 3

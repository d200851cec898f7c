"""Rows of quality control: counted cases of people."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Collector(StrEnum):
    """Kind of cases that are counted of a person, each right or not."""

    gold = "gold"
    """A question of a gold task; right is the expected answer."""
    agreement = "agreement"
    """A question of a decided task; right is the strict majority of the others."""
    fast = "fast"
    """A submission; right is one that took its time."""
    skips = "skips"
    """A task that was given out; right is one that was submitted and not skipped."""
    repeats = "repeats"
    """A question of an own earlier task; right is the answer of before."""


class CountedCases(Struct, frozen=True):
    """Cases of one person and collector (table `quality_counter`).

    `cases_before` and `right_before` are those of the beginning that no rule looks at any more,
    because a pause was lifted after them. `wrong_in_a_row` is 0 after a right case.
    """

    cases: int
    right_cases: int
    cases_before: int
    right_before: int
    wrong_in_a_row: int

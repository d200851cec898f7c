"""Flags of people: tests of one person each, and which of many tests at once are findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from plaudit.core.quality.estimates import discoveries

FALSE_DISCOVERY_RATE = 0.05


class FlagKind(StrEnum):
    """The ways to work that are worth a look."""

    straight_liner = "straight-liner"
    speeder = "speeder"
    one_sided = "one-sided"
    copier = "copier"
    drift = "drift"


@dataclass(frozen=True, slots=True)
class FlagTest:
    """A test of one person for one flag.

    `person` is the number of the contributor, `why` a sentence with the figures, without its full
    stop. `p_value` is the probability of such figures by chance, None where the rule is a share of
    the work that was fixed beforehand, which nobody reaches by chance.
    """

    person: int
    kind: FlagKind
    meets_rule: bool
    p_value: float | None
    why: str


def raise_flags(tests: Sequence[FlagTest]) -> list[FlagTest]:
    """Tests that are flags: they meet their rule, and are findings among all tests of a project.

    Give all tests of all people, questions and kinds at once: the more tests there are, the less
    likely by chance each finding must be (Benjamini and Hochberg 1995). The order is kept.
    """
    p_values = [test.p_value for test in tests if test.p_value is not None]
    is_found = iter(discoveries(p_values, FALSE_DISCOVERY_RATE))
    kept = [test.p_value is None or next(is_found) for test in tests]
    return [test for test, keep in zip(tests, kept, strict=True) if keep and test.meets_rule]

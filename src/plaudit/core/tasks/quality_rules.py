"""Quality rules of a project: collector, threshold and action. A stored list has passed the checks.

How cases are counted, and what crossing a rule sets off, is in core/quality_control/.
"""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.model.quality_control import Collector, QualificationSettings, RuleAction
from plaudit.wire.v2.parse import convert
from plaudit.wire.v2.resources import ProjectDetail

RULES_MAX = 20
SHARE_MIN, SHARE_MAX = 0.05, 0.99
"""Thresholds of the share of right cases."""

CASES_MIN = 10
"""Fewer cases cross no rule."""

SKIPS_MIN, SKIPS_MAX = CASES_MIN, 60
"""Thresholds of skips in a row; within an hour nobody skips more."""

TASKS_MAX = {RuleAction.extra_reviews: 1000, RuleAction.redo_last: 200}
"""Actions on a number of tasks, and how many those are at most."""

QUALIFICATION_BOUNDS: dict[str, tuple[float, float]] = {
    "training": (0, 50),
    "test": (1, 100),
    "pass_mark": (SHARE_MIN, 1),
    "attempts": (1, 10),
    "wait_hours": (0, 720),
    "round": (1, 2**53),
}

_encode = msgspec.json.Encoder(order="deterministic").encode


class QualityRule(
    Struct, forbid_unknown_fields=True, omit_defaults=True, frozen=True, kw_only=True
):
    """A rule: it is crossed when the share of a person's right cases is below `threshold`.

    Beyond doubt, that is: after 10 cases at least, and with the upper end of Wilson's 95 % interval
    below it. For `skips` the threshold is a number of skips in a row. `n` is the number of tasks
    of the actions `extra_reviews` and `redo_last`.
    """

    ACCEPTED: ClassVar[dict[str, Any]] = {"collector": Collector, "action": RuleAction}

    collector: Collector
    threshold: float
    action: RuleAction
    n: int | None = None

    @property
    def key(self) -> str:
        """Key of the rule among a project's; another threshold makes another rule."""
        return hashlib.blake2b(_encode(self), digest_size=8).hexdigest()


def read_rules(value: Any) -> list[QualityRule]:
    """Read rules from decoded JSON; raises InvalidContent with a pointer that leads from the list.

    None stands for no rules.
    """
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > RULES_MAX:
        raise InvalidContent(f"a list of at most {RULES_MAX} rules")
    rules: list[QualityRule] = []
    for number, one in enumerate(value):
        rule = _read_rule(one, f"/{number}")
        _check_threshold(rule, f"/{number}/threshold")
        _check_tasks(rule, f"/{number}/n")
        if rule in rules:
            raise InvalidContent("the rule is there twice", pointer=f"/{number}")
        rules.append(rule)
    return rules


def stored_rules(detail: ProjectDetail) -> list[QualityRule]:
    """The rules of a project."""
    return [] if detail.rules is None else msgspec.convert(detail.rules, list[QualityRule])


def check_qualification(settings: QualificationSettings) -> None:
    """Check settings of qualification; raises InvalidContent with a pointer."""
    for name, (least, most) in QUALIFICATION_BOUNDS.items():
        if not least <= getattr(settings, name) <= most:
            raise InvalidContent(f"{name} is {least} to {most}", pointer=f"/qualification/{name}")


def _read_rule(value: Any, pointer: str) -> QualityRule:
    try:
        rule: QualityRule = convert(value, QualityRule)
    except InvalidContent as exc:
        raise InvalidContent(exc.message, pointer=pointer + exc.pointer) from exc
    return rule


def _check_threshold(rule: QualityRule, pointer: str) -> None:
    if rule.collector is Collector.skips:
        if not SKIPS_MIN <= rule.threshold <= SKIPS_MAX or rule.threshold % 1:
            raise InvalidContent(
                f"skips in a row are a whole number, {SKIPS_MIN} to {SKIPS_MAX}", pointer=pointer
            )
    elif not SHARE_MIN <= rule.threshold <= SHARE_MAX:
        raise InvalidContent(f"a share of {SHARE_MIN} to {SHARE_MAX}", pointer=pointer)


def _check_tasks(rule: QualityRule, pointer: str) -> None:
    most = TASKS_MAX.get(rule.action)
    if most is None:
        if rule.n is not None:
            raise InvalidContent(f"the action {rule.action} takes no number", pointer=pointer)
    elif rule.n is None or not 1 <= rule.n <= most:
        raise InvalidContent(f"a number of tasks, 1 to {most}", pointer=pointer)

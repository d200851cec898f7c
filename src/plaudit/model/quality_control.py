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


class GoldFeedback(StrEnum):
    """Time at which a person is shown how they answered gold."""

    off = "off"
    at_once = "at_once"
    daily = "daily"


class GoldSettings(
    Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True
):
    """Settings of gold: the share of a person's tasks that are gold, and what they learn of it."""

    rate: float = 0.05
    feedback: GoldFeedback = GoldFeedback.off


class RepeatSettings(
    Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True
):
    """Settings of repeats: the share of a person's tasks that are own earlier ones again."""

    rate: float = 0.0


class GoldRow(Struct, frozen=True):
    """A gold task (table `gold_task`), under the control key of its project.

    `source_seq` is the ordinary task that it is a copy of. `expected` is a JSON list of expected
    answers to the form of `form_version`. `reason` says why they are right.
    """

    project_key: int
    seq: int
    task_id: str
    source_seq: int | None
    is_training: bool
    form_version: str
    created_ms: int
    ended_ms: int | None
    reason: str | None
    expected: bytes


class ControlTurn(Struct, frozen=True):
    """A person's turns in a project (table `control_turn`).

    `ordinary_count` ordinary tasks were given to them; it was `control_after` when a control task
    was given last, -1 before the first.
    """

    seed: int
    ordinary_count: int
    control_after: int


class ControlResult(Struct, frozen=True):
    """A person's answer to one question of a control task, scored (table `control_result`).

    `number` is the place among the task's expected answers. `expected` and `given` are JSON.
    """

    project_key: int
    seq: int
    user_id: str
    number: int
    collector: Collector
    question_key: str
    at: str
    is_right: bool
    submitted_ms: int
    expected: bytes
    given: bytes


class ResultCount(Struct, frozen=True):
    """Answers to one expected answer of a gold task: how many people gave one, and a right one."""

    seq: int
    number: int
    answered: int
    right: int

"""Rows of quality control: counted cases of people, rules that were crossed, and pauses."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Collector(StrEnum):
    """Kind of cases that are counted of a person, each right or not.

    A case is a task: answers to one task depend on one another, and the interval of a share does
    not allow for that.
    """

    gold = "gold"
    """A gold task; right has at least half of the expected answers."""
    agreement = "agreement"
    """A decided task; right agrees in at least half with the strict majority of the others."""
    fast = "fast"
    """A submission; right is one that took its time."""
    skips = "skips"
    """A task that was given out; right is one that was submitted and not skipped."""
    repeats = "repeats"
    """An own earlier task; right has at least half of the answers of before."""


class RuleAction(StrEnum):
    """Action that is taken when a person crosses a rule."""

    note = "note"
    """Managers are told."""
    extra_reviews = "extra_reviews"
    """A reviewer looks at the next tasks that the person submits."""
    pause = "pause"
    """The person gets no task of the project until a manager lifts the pause."""
    redo_last = "redo_last"
    """The person's last submissions are taken back, and their tasks done again."""


class CountedCases(Struct, frozen=True):
    """Cases of one person and collector (table `quality_counter`).

    `cases_before` and `right_before` are those of the beginning that no rule looks at any more,
    because a pause was lifted after them. `wrong_in_a_row` is 0 after a right case. `crossed` is
    a JSON list of the keys of rules that are crossed, None for none.
    """

    cases: int
    right_cases: int
    cases_before: int
    right_before: int
    wrong_in_a_row: int
    crossed: bytes | None = None

    @property
    def recent(self) -> tuple[int, int]:
        """Right cases and all cases that rules look at."""
        return self.right_cases - self.right_before, self.cases - self.cases_before


class CrossingRow(Struct, frozen=True):
    """A rule that a person crossed, with the figures of that moment (table `quality_crossing`).

    `rule` is JSON (core/tasks/quality_rules.py). `is_under_way` is true while submissions are still
    to be taken back; `to_take_back` is a JSON list of their ids, None before they are chosen.
    """

    project_key: int
    crossing_id: str
    user_id: str
    rule: bytes
    right_cases: int
    cases: int
    crossed_ms: int
    seen_ms: int | None
    is_under_way: bool
    to_take_back: bytes | None
    taken_back_count: int


class PauseRow(Struct, frozen=True):
    """A person's pause in a project, until `ended_ms` (table `quality_pause`).

    `rule` is JSON, with the figures for which it was crossed, None where somebody paused by hand;
    `reason` are their words then. `paused_by` and `answered_by` are ids of users or keys.
    `is_released` is false until the person's leases are given back.
    """

    project_key: int
    pause_id: str
    user_id: str
    rule: bytes | None
    right_cases: int | None
    cases: int | None
    reason: str | None
    paused_ms: int
    paused_by: str
    is_released: bool
    appeal: str | None = None
    appealed_ms: int | None = None
    answer: str | None = None
    answered_ms: int | None = None
    answered_by: str | None = None
    ended_ms: int | None = None


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


class QualificationSettings(
    Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, kw_only=True
):
    """Settings of qualification: training tasks, then a test of gold tasks.

    `pass_mark` is the least share of right ones, `attempts` how many tests a person may take,
    `wait_hours` the time between two. `asks_again` begins anew when the questions change. Raising
    `round` begins anew for everybody.
    """

    training: int = 0
    test: int = 10
    pass_mark: float = 0.8
    attempts: int = 3
    wait_hours: int = 24
    asks_again: bool = False
    round: int = 1


class QualificationState(StrEnum):
    """State of a person's qualification."""

    training = "training"
    test = "test"
    passed = "passed"
    failed = "failed"


class QualificationRow(Struct, frozen=True):
    """Qualification of a person (table `qualification`).

    `round` says of what settings. `trained` counts training tasks, `attempt` tests from 1 on, and
    the cases are those of the test that runs or ran last.
    """

    project_key: int
    user_id: str
    round: str
    state: QualificationState
    trained: int
    attempt: int
    right_cases: int
    cases: int
    changed_ms: int


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

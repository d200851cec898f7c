"""The JSON of quality rules, crossings and pauses under /manage/v1."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct


class RuleList(Struct, kw_only=True):
    """The rules of a project."""

    rules: list[dict[str, Any]]


class PersonPause(Struct, omit_defaults=True, kw_only=True):
    """A person's pause in a project, until `ended_at`.

    `why` is what the person reads. `rule` with its figures is there where a rule paused them.
    """

    pause_id: str
    user_id: str
    cause: Literal["rule", "manager"]
    why: str
    rule: dict[str, Any] | None = None
    right: int | None = None
    cases: int | None = None
    paused_at: str
    appeal: str | None = None
    appealed_at: str | None = None
    answer: str | None = None
    answered_at: str | None = None
    ended_at: str | None = None


class PausePage(Struct, kw_only=True):
    """One page of pauses, newest first."""

    pauses: list[PersonPause]
    next_token: str | None = None


class Crossing(Struct, omit_defaults=True, kw_only=True):
    """A rule that a person crossed, with the figures of that moment.

    `taken_back` counts the submissions that the action `redo_last` has taken back so far.
    """

    crossing_id: str
    user_id: str
    rule: dict[str, Any]
    right: int
    cases: int
    why: str
    crossed_at: str
    seen_at: str | None = None
    taken_back: int | None = None


class CrossingPage(Struct, kw_only=True):
    """One page of crossings, newest first."""

    crossings: list[Crossing]
    next_token: str | None = None


class Qualification(Struct, omit_defaults=True, kw_only=True):
    """Qualification of a project; without `settings` everybody may work.

    `training_tasks` and `gold_tasks` are how many there are to be drawn from, up to 10,000.
    """

    settings: dict[str, Any] | None = None
    training_tasks: int
    gold_tasks: int


class QualifiedPerson(Struct, kw_only=True):
    """Standing of a person; `is_current` is false for an earlier round, which begins anew."""

    user_id: str
    state: Literal["training", "test", "passed", "failed"]
    trained: int
    attempt: int
    right: int
    cases: int
    is_current: bool
    changed_at: str


class QualifiedPage(Struct, kw_only=True):
    """One page of people who have begun, by `user_id`."""

    people: list[QualifiedPerson]
    next_token: str | None = None


class BegunAnew(Struct, kw_only=True):
    """A person who begins anew."""

    user_id: str

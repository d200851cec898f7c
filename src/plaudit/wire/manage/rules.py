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

"""Requests and answers about gold: tasks with expected answers."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit.wire.v2.task import Thread


class ExpectedAnswer(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The expected answer to one question, addressed like a vote: responses by `source_id`.

    Instead of `value` there may be `not_applicable` or `cannot_assess`. A number is right within
    `tolerance` (0), marked text where its F1 is at least `threshold` (0.5).
    """

    at: str
    source_id: str | None = None
    chunk: int | None = None
    criterion: str | None = None
    key: str
    value: Any = None
    not_applicable: bool = False
    cannot_assess: bool = False
    tolerance: float = 0
    threshold: float = 0.5


class NewGold(Struct, forbid_unknown_fields=True, kw_only=True):
    """A gold task to create: a conversation of its own, or a copy of that of a project's task.

    `reason` says why the expected answers are right, to whoever is told. A `training` task is for
    those who learn, and never among their work.
    """

    content: list[dict[str, Any]] | None = None
    task_id: str | None = None
    expected: list[ExpectedAnswer]
    training: bool = False
    reason: str | None = None


class CreateGold(Struct, forbid_unknown_fields=True, kw_only=True):
    """Gold tasks to create: all of them, or none."""

    tasks: list[NewGold]


class CreatedGold(Struct):
    """A gold task that was created."""

    task_id: str


class GoldCreated(Struct):
    """The gold tasks that were created, in the order in which they were sent."""

    tasks: list[CreatedGold]


class GoldQuestionResult(Struct, omit_defaults=True, kw_only=True):
    """How people answered one expected answer: `low` and `high` bound the share (Wilson 95 %)."""

    at: str
    key: str
    answered: int
    right: int
    share: float | None = None
    low: float | None = None
    high: float | None = None


class GoldTask(Struct, omit_defaults=True, kw_only=True):
    """A gold task with its expected answers, and how people answered.

    `excerpt` is the beginning of its prompt. `answered` counts people. `is_outdated` if the form
    has changed so that it asks or takes an expected answer no longer. `is_doubtful` if most people
    fail: it may be wrong itself.
    """

    task_id: str
    created_at: str
    excerpt: str = ""
    expected: list[ExpectedAnswer]
    training: bool = False
    reason: str | None = None
    answered: int
    questions: list[GoldQuestionResult]
    is_outdated: bool = False
    is_doubtful: bool = False


class GoldTaskContent(GoldTask, omit_defaults=True, kw_only=True):
    """A gold task with its conversation as well."""

    content: list[Thread]


class GoldEnded(Struct):
    """A gold task that nobody is given any more."""

    task_id: str
    ended: bool = True


class GoldPage(Struct, omit_defaults=True, kw_only=True):
    """One page of gold; `next_token` is present while more follow."""

    tasks: list[GoldTask]
    next_token: str | None = None

"""JSON of lists of tasks for managers, and of actions on many tasks."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

OrderWord = Literal["arrival", "newest", "completed", "disagreement", "flags"]
KindWord = Literal["cancel", "reopen", "priority", "batch", "assign"]
DoneWord = Literal["cancel", "reopen", "priority", "batch", "assign", "accept"]


class ListedPerson(Struct, omit_defaults=True, kw_only=True):
    """Somebody who has a task (`open`, `returned`), or has submitted it."""

    user_id: str
    status: str


class ListedTask(Struct, omit_defaults=True, kw_only=True):
    """A task of a list; `disagreement` (0 to 1) is there while it is in review."""

    task_id: str
    status: str
    batch_id: str | None = None
    created_at: str
    completed_at: str | None = None
    excerpt: str
    flags: int = 0
    people: list[ListedPerson] = []
    submitted: int | None = None
    needed: int | None = None
    priority: int | None = None
    disagreement: float | None = None


class ListedTasks(Struct, omit_defaults=True, kw_only=True):
    """A page of tasks; `unread` were not searched, because their words are still to be read."""

    tasks: list[ListedTask]
    next_token: str | None = None
    unread: int = 0
    is_cut: bool = False
    """Only the newest tasks that match were sorted."""


class TaskConditionsBody(Struct, forbid_unknown_fields=True, kw_only=True):
    """Conditions of the tasks that an action is for; all of them are to be met."""

    q: str | None = None
    status: Literal["pending", "completed", "canceled", "error"] | None = None
    batch_id: str | None = None
    user_id: str | None = None
    flagged: bool = False
    in_review: bool = False


class ActOnTasks(Struct, forbid_unknown_fields=True, kw_only=True):
    """An action: on tasks by their ids, or on all that meet conditions."""

    action: KindWord
    task_ids: list[str] | None = None
    conditions: TaskConditionsBody | None = None
    priority: int | None = None
    batch_id: str | None = None
    people: list[str] = []


class TaskActionAnswer(Struct, omit_defaults=True, kw_only=True):
    """An action on many tasks: how many were looked at, changed, and skipped by reason.

    Undone, `restored` is how many are again as they were, and `kept` how many are not, by reason.
    """

    id: str
    action: DoneWord
    state: Literal["running", "done", "broken", "cancelled", "undoing", "undone"]
    created_at: str
    by: str
    priority: int | None = None
    batch_id: str | None = None
    people: list[str] = []
    looked: int
    changed: int
    restored: int = 0
    skipped: dict[str, int] = {}
    kept: dict[str, int] = {}


class TaskActions(Struct, kw_only=True):
    """The last actions of a project, newest first."""

    actions: list[TaskActionAnswer]

"""Nouns of managers' work on many tasks: conditions and orders of lists, actions."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from plaudit.model.core import TaskStatus


class TaskOrder(StrEnum):
    """Order of a list of tasks; the last three leave out tasks that have no place in them."""

    arrival = "arrival"
    newest = "newest"
    completed = "completed"
    """Completed tasks, the last one first."""
    disagreement = "disagreement"
    """Tasks in review, those first on which people disagree most."""
    flags = "flags"
    """Flagged tasks, those with most flags first."""


class TaskConditions(Struct, frozen=True, kw_only=True):
    """Conditions that the tasks of a list meet; times are exclusive bounds in milliseconds."""

    text: str | None = None
    """Words that the task says, all of them, in any order."""
    status: TaskStatus | None = None
    batch_id: str | None = None
    user_id: str | None = None
    """Somebody who was ever given the task."""
    is_flagged: bool = False
    is_in_review: bool = False
    created_after: int | None = None
    created_before: int | None = None
    completed_after: int | None = None
    completed_before: int | None = None


class ActionKind(StrEnum):
    """Kind of an action on many tasks."""

    cancel = "cancel"
    reopen = "reopen"
    priority = "priority"
    batch = "batch"
    assign = "assign"
    accept = "accept"
    """Accept tasks in review as they are, after a sample of them."""


class ActionState(StrEnum):
    """State of an action on many tasks."""

    running = "running"
    done = "done"
    broken = "broken"
    """Its process was stopped; what it had changed stays, and can be undone."""
    undoing = "undoing"
    undone = "undone"

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
    cancelled = "cancelled"
    """Somebody cancelled it, or its undo; what was done by then stays, and can be undone."""
    undoing = "undoing"
    undone = "undone"


class TalkSide(StrEnum):
    """Side of a talk: the annotator whom it concerns, or the project's managers and reviewers."""

    person = "person"
    staff = "staff"


class Talk(Struct, frozen=True):
    """Messages about one task between the person of an assignment and managers.

    They are numbered from 1; `person_last` and `staff_last` are the numbers of each side's last
    one, 0 without any, and `person_read` and `staff_read` those up to which each side has read.
    """

    project_key: int
    assignment_id: str
    task_key: int
    """The project's key, or that of its control tasks."""
    seq: int
    user_id: str
    message_count: int = 0
    last_ms: int = 0
    person_last: int = 0
    staff_last: int = 0
    person_read: int = 0
    staff_read: int = 0

    def is_unread(self, side: TalkSide) -> bool:
        """True if the other side has written something that this one has not read."""
        if side is TalkSide.person:
            return self.staff_last > self.person_read
        return self.person_last > self.staff_read


class TalkMessage(Struct, frozen=True):
    """One message of a talk; `text` is untrusted."""

    number: int
    user_id: str
    is_staff: bool
    text: str
    created_ms: int

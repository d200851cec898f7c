"""Rows of the work on tasks: the queue, leases, submissions and notes."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct


def control_key(project_key: int) -> int:
    """Key of a project's control tasks, gold and repeats (docs/adr/0039-gold-tasks.md).

    The tables of work have rows under it, and nothing else refers to it, so that what reads a
    project's tasks never meets them. Of such a key it is the project's own.
    """
    return -project_key


class WorkState(StrEnum):
    """State of a task in the work queue."""

    open = "open"
    in_review = "in_review"
    """All submissions are there; a reviewer decides."""
    quarantined = "quarantined"
    """Reported as sensitive; a manager decides."""
    nothing_to_ask = "nothing_to_ask"
    """The form asks nothing about its conversation, so that nobody can work on it."""


class AcceptanceState(StrEnum):
    """State of an acceptance of many tasks after a sample."""

    sampling = "sampling"
    """Its reviewer looks at the sample."""
    accepting = "accepting"
    """The others are accepted, or have been, by an action on many tasks."""
    given_up = "given_up"


class DisagreementReason(StrEnum):
    """Reason why people disagreed on a question, as the reviewer who settled it says."""

    guideline = "guideline"
    """The guidelines do not say, or can be read in several ways."""
    ambiguous = "ambiguous"
    """The task itself has several good answers."""
    error = "error"
    """Somebody made a mistake."""


class LeaseStatus(StrEnum):
    """State of a lease; an open or returned one takes up a slot of its task."""

    open = "open"
    returned = "returned"
    """Sent back by a reviewer; its slot is reserved for the same person."""
    submitted = "submitted"
    skipped = "skipped"
    expired = "expired"
    released = "released"
    closed = "closed"
    """Ended from outside: the task has ended or was taken off the queue, or the person left."""


class QueuedTask(Struct, frozen=True):
    """A pending task in the work queue, ordered by rank, since_ms, seq."""

    project_key: int
    seq: int
    batch_id: str | None
    rank: int
    """The batch's priority, negated."""
    since_ms: int
    """Creation time of the batch, or of the task if it has none."""
    needed: int
    """Slots of the task, one for each submission that it needs."""
    submitted_count: int
    open_count: int
    """Slots that are leased. The rest of `needed` is free."""
    state: WorkState
    is_on_hold: bool
    """The batch is staging, paused or cancelled."""
    reason: str | None
    """Reason for which the task is in review or quarantined; None while it is open."""
    pool: str = ""
    """Pool of tasks that ask the same of people; empty where it asks nothing."""


class Lease(Struct, frozen=True):
    """A person's lease of a task until `expires_ms` (table `assignment`).

    There is one for each person and task, for good; `lease_version` grows each time it is acquired
    again, and requests with an older one are refused (a fencing token). `leased_ms` is the time of
    the last acquisition, `created_ms` of the first. `display` is JSON: for each turn, by its path,
    the indexes of its responses in the order of display. `draft` is the JSON that the page saved
    last, None if it never did.
    """

    project_key: int
    assignment_id: str
    seq: int
    user_id: str
    status: LeaseStatus
    lease_version: int
    created_ms: int
    leased_ms: int
    expires_ms: int
    ended_ms: int | None
    active_ms: int
    display: bytes
    draft: bytes | None
    draft_revision: int
    draft_ms: int | None


class LeaseRef(Struct, frozen=True):
    """Reference to a lease that an annotator's request carries, valid for one lease_version."""

    user_id: str
    assignment_id: str
    lease_version: int


class SubmissionRow(Struct, frozen=True):
    """One person's answers to a task; `answers` is JSON (see answers.py) and never changes.

    `client_key` is the page's idempotency key, `given_hash` the hash of the answers as sent.
    `supersedes` is the submission_id of revision - 1. Only a current one counts for the task.
    `form_version` is that of the form that was answered (core/tasks/form_version.py), None where
    nobody knows.
    """

    project_key: int
    submission_id: str
    assignment_id: str
    seq: int
    user_id: str
    revision: int
    supersedes: str | None
    client_key: str
    given_hash: bytes
    answers: bytes
    display: bytes
    submitted_ms: int
    active_ms: int
    is_current: bool
    reviewed_ms: int | None
    form_version: str | None = None


class TaskNote(Struct, frozen=True):
    """A note on a task: kind is skip, flag or report of an annotator, see_flag or offer_again of a
    manager, or the name of a reviewer's decision."""

    project_key: int
    note_id: str
    seq: int
    user_id: str
    kind: str
    detail: bytes
    """JSON object."""
    created_ms: int


class Fault(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Error of one answer: a JSON pointer into the answers, a message, and the question concerned.

    The pointer is empty for a question that has no answer.
    """

    pointer: str
    message: str
    at: str | None = None
    position: int | None = None
    message_index: int | None = None
    chunk: int | None = None
    criterion: str | None = None
    key: str | None = None

    @property
    def address(self) -> dict[str, Any]:
        """The address of the question, as an answer to it has it."""
        parts = {
            "at": self.at,
            "position": self.position,
            "message": self.message_index,
            "chunk": self.chunk,
            "criterion": self.criterion,
            "key": self.key,
        }
        return {name: part for name, part in parts.items() if part is not None}

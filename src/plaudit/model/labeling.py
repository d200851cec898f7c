"""Who works on what: leases, submissions and what is said about a task."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class WorkState(StrEnum):
    """How far the work on a pending task is."""

    open = "open"
    in_review = "in_review"
    """Everybody has answered; a reviewer decides."""
    quarantined = "quarantined"
    """Reported as sensitive; a manager decides."""


class LeaseStatus(StrEnum):
    """How an assignment stands; it takes up a place of its task while open or returned."""

    open = "open"
    returned = "returned"
    """Sent back by a reviewer; waits for the same person."""
    submitted = "submitted"
    skipped = "skipped"
    expired = "expired"
    released = "released"
    closed = "closed"
    """Ended from outside: the task has ended or was taken off the queue, or the person left."""


class Work(Struct, frozen=True):
    """A pending task that people can work on."""

    project_key: int
    seq: int
    batch_id: str | None
    rank: int
    since_ms: int
    needed: int
    submitted_count: int
    open_count: int
    state: WorkState
    is_on_hold: bool
    reason: str | None


class Lease(Struct, frozen=True):
    """An assignment: this person holds this task until then, under this fencing number.

    `display` is JSON: for each turn, by its path, the indexes of its responses as they are shown.
    `draft` is the JSON that the page saved last, None if it never did.
    """

    project_key: int
    assignment_id: str
    seq: int
    user_id: str
    status: LeaseStatus
    lease_version: int
    created_ms: int
    claimed_ms: int
    expires_ms: int
    ended_ms: int | None
    active_ms: int
    display: bytes
    draft: bytes | None
    draft_revision: int
    draft_ms: int | None


class Hold(Struct, frozen=True):
    """Which lease a request of an annotator is about: whose, and its lease_version."""

    user_id: str
    assignment_id: str
    lease_version: int


class SubmissionRow(Struct, frozen=True):
    """What one person answered; `answers` is JSON (see answers.py) and never changes."""

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


class TaskNote(Struct, frozen=True):
    """What somebody said about a task: kind is skip, flag, report or a reviewer's verdict."""

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

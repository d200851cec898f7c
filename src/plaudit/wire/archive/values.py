"""Values of the lines of an archive that the operator alone imports: people, work and history.

Each value names the objects it belongs to by the ids that clients use, and times as ISO 8601 text.
Numbers are bounded so that either engine can hold them.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from plaudit.model.core import PersonRole, PersonStatus
from plaudit.model.labeling import LeaseStatus, WorkState
from plaudit.model.webhooks import AttemptStatus, EventType, MessageState

Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
"""A number that fits an INTEGER of either engine."""

LongCount = Annotated[int, Meta(ge=0, le=2**53)]
"""A number of versions, bytes or milliseconds; readers of JSON keep it exactly."""

Hash = Annotated[str, Meta(pattern="^([0-9a-f]{2}){1,64}$")]
"""1 to 64 bytes in lowercase hex digits."""

Reason = Annotated[str, Meta(max_length=10_000)]
"""A few words about a state, by the server or by a person."""


class ArchivedUser(Struct, omit_defaults=True, kw_only=True):
    """A user of the organization, without password and sessions."""

    ACCEPTED: ClassVar[dict[str, Any]] = {"role": PersonRole, "status": PersonStatus}

    id: str
    email: str
    name: str | None = None
    role: PersonRole
    status: PersonStatus
    created_at: str
    guest: bool = False


class ArchivedWork(Struct, omit_defaults=True, kw_only=True):
    """A pending task's place in the work queue, where it differs from that of a new task.

    `needed` is the number of slots; `reason` says why the task is in review or quarantined.
    """

    ACCEPTED: ClassVar[dict[str, Any]] = {"state": WorkState}

    task: str
    needed: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    state: WorkState
    reason: Reason | None = None
    is_undecided: bool = False


class ArchivedLease(Struct, omit_defaults=True, kw_only=True):
    """A person's lease of a task, with the draft that the page saved last."""

    ACCEPTED: ClassVar[dict[str, Any]] = {"status": LeaseStatus}

    id: str
    task: str
    user: str
    status: LeaseStatus
    version: LongCount
    created_at: str
    leased_at: str
    expires_at: str
    ended_at: str | None = None
    active_ms: LongCount
    display: dict[str, list[Count]] | Raw
    """For each turn, by its path, the indexes of its responses in the order of display."""
    draft: Any | Raw | UnsetType = UNSET
    draft_revision: LongCount = 0
    draft_at: str | None = None


class ArchivedSubmission(Struct, omit_defaults=True, kw_only=True):
    """One person's answers to a task; `given_hash` is the hash of the answers as sent.

    `form_version` is that of the form that was answered, None where nobody knows.
    """

    id: str
    lease: str
    task: str
    user: str
    revision: Count
    supersedes: str | None = None
    client_key: str
    given_hash: Hash
    answers: list[Any] | Raw
    display: dict[str, list[Count]] | Raw
    submitted_at: str
    active_ms: LongCount
    is_current: bool
    reviewed_at: str | None = None
    form_version: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")] | None = None


class ArchivedNote(Struct, omit_defaults=True, kw_only=True):
    """A note on a task: a skip, flag or report, or (on a line of kind `review`) a decision.

    `is_unseen` is true for a flag that no manager has seen.
    """

    id: str
    task: str
    user: str
    kind: str
    detail: dict[str, Any] | Raw
    created_at: str
    is_unseen: bool = False


class ArchivedEndpoint(Struct, omit_defaults=True, kw_only=True):
    """A webhook endpoint without its secret; `reason` says why it is disabled."""

    id: str
    url: str
    events: list[str]
    is_active: bool
    reason: Reason = ""
    created_at: str


class ArchivedEvent(Struct, omit_defaults=True, kw_only=True):
    """A webhook event with the payload that every attempt carries."""

    ACCEPTED: ClassVar[dict[str, Any]] = {"type": EventType}

    id: str
    project: str | None = None
    type: EventType
    created_at: str
    payload: dict[str, Any] | Raw


class ArchivedAttempt(Struct, omit_defaults=True, kw_only=True):
    """One delivery attempt of a webhook message; attempts are numbered from 1 by their order."""

    at: str
    outcome: AttemptStatus
    status: Count | None = None
    duration_ms: Count


class ArchivedMessage(Struct, omit_defaults=True, kw_only=True):
    """A webhook message: its event, its receiver, and how far its delivery has come.

    `next_at` is the next attempt while it is pending, else its end; `since_at` and `retry_count`
    are those of its creation or last replay.
    """

    ACCEPTED: ClassVar[dict[str, Any]] = {"state": MessageState, "outcome": AttemptStatus}

    id: str
    project: str | None = None
    event: str
    endpoint: str | None = None
    target: str
    state: MessageState
    outcome: AttemptStatus | None = None
    created_at: str
    next_at: str
    since_at: str
    retry_count: Count = 0
    lease_count: Count = 0
    attempts: Annotated[list[ArchivedAttempt], Meta(max_length=10_000)] = []


class ArchivedFile(Struct, omit_defaults=True, kw_only=True):
    """A piece of an attachment from the byte `offset` on, in base64; all else is on each piece."""

    id: str
    name: str | None = None
    mime_type: str | None = None
    created_at: str
    size: LongCount
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    offset: LongCount = 0
    content: str = ""


class ArchivedAuditEntry(Struct, omit_defaults=True, kw_only=True):
    """An entry of the audit log; `project` is None for an object outside projects."""

    id: str
    project: str | None = None
    at: str
    actor_kind: str
    actor_id: str
    request_id: str = ""
    action: str
    object_kind: str
    object_id: str
    detail: dict[str, Any] | Raw = {}

"""What an organization is told of: events, notices of them, and attempts to tell."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class AttemptStatus(StrEnum):
    """What became of one attempt to send something, in words fit for customers to read."""

    ok = "ok"
    bad_url = "bad_url"
    refused_address = "refused_address"
    dns_failed = "dns_failed"
    connect_failed = "connect_failed"
    connect_timeout = "connect_timeout"
    tls_failed = "tls_failed"
    timeout = "timeout"
    reset = "reset"
    protocol_error = "protocol_error"
    status = "status"
    """The other side answered, and its answer was no."""
    mail_off = "mail_off"
    """It would have to be mail, and the server has no PLAUDIT_SMTP_URL."""
    endpoint_disabled = "endpoint_disabled"
    endpoint_deleted = "endpoint_deleted"


class AttemptResult(Struct, frozen=True, kw_only=True):
    """One attempt, without a word of what the other side wrote."""

    outcome: AttemptStatus
    status: int | None = None
    """HTTP status, or code of the mail server's reply; None if it did not come to that."""
    duration_ms: int
    byte_count: int = 0
    """How much of the answer's body was read before it was thrown away."""
    retry_after_s: int | None = None
    """How long the other side asked us to wait; bounded, None if it did not say."""


class EventType(StrEnum):
    """What an organization can be told of."""

    task_created = "task.created"
    task_completed = "task.completed"
    task_canceled = "task.canceled"
    task_error = "task.error"
    batch_completed = "batch.completed"
    delivery_created = "delivery.created"
    ping = "ping"
    """A test that was asked for; nobody chooses it, and it goes to the one endpoint."""


CHOOSABLE = tuple(one for one in EventType if one is not EventType.ping)
"""The events that an endpoint can choose."""

EVERY_EVENT = "*"
"""Chosen instead of a list: all of them, those of later versions too."""


class MessageState(StrEnum):
    """Whether a notice is to be sent (again), has arrived, or was given up."""

    waiting = "waiting"
    done = "done"
    dead = "dead"

    @property
    def code(self) -> int:
        """The small number that stands for this state in the store."""
        return NOTICE_STATES.index(self)


NOTICE_STATES = tuple(MessageState)


class Event(Struct, frozen=True):
    """Something that happened; its id is the same in every attempt to tell of it."""

    project_key: int
    event_id: str
    environment_id: str
    type: EventType
    created_ms: int
    payload: bytes
    """JSON object."""


class WebhookMessageRow(Struct, frozen=True):
    """One receiver of one event: an endpoint, or the callback of a task or batch (no endpoint)."""

    project_key: int
    notice_id: str
    environment_id: str
    event_id: str
    endpoint_id: str | None
    target: str
    queue: str
    created_ms: int


class StoredMessage(Struct, frozen=True):
    """A notice as it stands, with the type of its event."""

    project_key: int
    notice_id: str
    event_id: str
    endpoint_id: str | None
    target: str
    state: MessageState
    outcome: str | None
    created_ms: int
    next_ms: int
    attempt_count: int


class Attempt(Struct, frozen=True):
    """One try to tell a receiver, and how it went."""

    number: int
    at_ms: int
    outcome: str
    status: int | None
    duration_ms: int

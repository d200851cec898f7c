"""Webhook events, the messages that carry them to receivers, and delivery attempts."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class AttemptStatus(StrEnum):
    """Result of one delivery attempt, as customers see it in the API and on the page."""

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
    """The receiver answered with an HTTP status other than 2xx, or the mail server refused."""
    mail_off = "mail_off"
    """The target is an e-mail address, and PLAUDIT_SMTP_URL is not set."""
    endpoint_disabled = "endpoint_disabled"
    endpoint_deleted = "endpoint_deleted"


class AttemptResult(Struct, frozen=True, kw_only=True):
    """Result of one attempt; nothing that the receiver wrote is kept."""

    outcome: AttemptStatus
    status: int | None = None
    """HTTP status, or SMTP reply code; None if there was no answer."""
    duration_ms: int
    byte_count: int = 0
    """Bytes of the answer's body that were read and discarded."""
    retry_after_s: int | None = None
    """Seconds asked for by Retry-After, capped at a day; None without that header."""


class EventType(StrEnum):
    """Type of an event, as in `type` of the payload."""

    task_created = "task.created"
    task_completed = "task.completed"
    task_canceled = "task.canceled"
    task_error = "task.error"
    batch_completed = "batch.completed"
    delivery_created = "delivery.created"
    annotator_paused = "annotator.paused"
    annotator_resumed = "annotator.resumed"
    ping = "ping"
    """Test event, sent on request to one endpoint; endpoints cannot subscribe to it."""


CHOOSABLE = tuple(event for event in EventType if event is not EventType.ping)
"""Event types that an endpoint can subscribe to."""

EVERY_EVENT = "*"
"""Subscription to all events, including types that later versions add."""


class MessageState(StrEnum):
    """State of a webhook message: to be sent (again), accepted by its receiver, or given up."""

    pending = "pending"
    delivered = "delivered"
    failed = "failed"

    @property
    def code(self) -> int:
        """Number of this state in the store: 0 pending, 1 delivered, 2 failed."""
        return MESSAGE_STATES.index(self)


MESSAGE_STATES = tuple(MessageState)


class Event(Struct, frozen=True):
    """Event with its frozen payload; `event_id` is the `webhook-id` of every attempt."""

    project_key: int
    event_id: str
    environment_id: str
    type: EventType
    created_ms: int
    payload: bytes
    """JSON object."""


class WebhookMessageRow(Struct, frozen=True):
    """New message: one event for one receiver.

    The receiver is an endpoint, or the callback URL or e-mail address of a task or batch
    (`endpoint_id` None). Messages with equal `queue` go to the same receiver.
    """

    project_key: int
    message_id: str
    environment_id: str
    event_id: str
    endpoint_id: str | None
    target: str
    queue: str
    created_ms: int


class StoredMessage(Struct, frozen=True):
    """Stored message. `next_ms`: next attempt while pending, time of the end afterwards."""

    project_key: int
    message_id: str
    event_id: str
    endpoint_id: str | None
    target: str
    state: MessageState
    outcome: str | None
    created_ms: int
    next_ms: int
    attempt_count: int


class Attempt(Struct, frozen=True):
    """One delivery attempt of a message; `number` counts from 1 over all replays."""

    number: int
    at_ms: int
    outcome: str
    status: int | None
    duration_ms: int

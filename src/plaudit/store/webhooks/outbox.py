"""Outbox of webhook events and messages: insert, list what is due, lease, record results.

There is no global queue. A worker that looks for due messages reads across projects; one that takes
a message updates that one row under a condition. A lease is a time (`next_ms`) and a number
(`lease_no`): after that time anybody may lease the message again, and the earlier holder can change
nothing any more, because the number is part of every later condition.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.webhooks import Attempt, Event, EventType, MessageState, WebhookMessageRow
from plaudit.store.engine.engine import Transaction

_LEASED = (
    "project_key, message_id, environment_id, event_id, endpoint_id, target, queue, attempt_count,"
    " retry_no, since_ms, lease_no"
)


class LeasedMessage(Struct, frozen=True):
    """Message leased until `until_ms` (0 before it is leased), with its attempts so far."""

    project_key: int
    message_id: str
    environment_id: str
    event_id: str
    endpoint_id: str | None
    target: str
    queue: str
    attempt_count: int
    """All attempts ever; `retry_no` counts those since its creation or last replay."""
    retry_no: int
    since_ms: int
    lease_no: int
    until_ms: int


class RecordedResult(Struct, frozen=True):
    """State of a message after an attempt.

    `next_ms` is the next attempt while pending, else when it ended; `retry_no` and `since_ms` count
    attempts and name the first one since the creation or last replay.
    """

    state: MessageState
    next_ms: int
    retry_no: int
    since_ms: int


async def list_subscribed(tx: Transaction, environment_id: str) -> list[tuple[str, str, bytes]]:
    """List active endpoints of an environment as (id, URL, JSON list of event types)."""
    rows = await tx.all(
        "SELECT endpoint_id, url, events FROM webhook_endpoint"
        " WHERE environment_id = :environment_id AND status = 'active' ORDER BY endpoint_id",
        {"environment_id": environment_id},
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def insert_events(tx: Transaction, events: Sequence[Event]) -> None:
    """Insert events into the outbox."""
    await tx.add(
        "event",
        ("project_key", "event_id", "environment_id", "type", "created_ms", "payload"),
        [
            (
                event.project_key,
                event.event_id,
                event.environment_id,
                event.type,
                event.created_ms,
                event.payload,
            )
            for event in events
        ],
    )


async def insert_messages(tx: Transaction, messages: Sequence[WebhookMessageRow]) -> None:
    """Insert pending messages, due at once."""
    await tx.add(
        "webhook_message",
        (
            "project_key",
            "message_id",
            "environment_id",
            "event_id",
            "endpoint_id",
            "target",
            "queue",
            "state",
            "created_ms",
            "next_ms",
            "since_ms",
            "retry_no",
            "attempt_count",
            "lease_no",
        ),
        [
            (
                message.project_key,
                message.message_id,
                message.environment_id,
                message.event_id,
                message.endpoint_id,
                message.target,
                message.queue,
                0,
                message.created_ms,
                message.created_ms,
                message.created_ms,
                0,
                0,
                0,
            )
            for message in messages
        ],
    )


async def list_queues(tx: Transaction, *, after: str, limit: int) -> list[tuple[str, int]]:
    """List (queue, due time) of up to `limit` pending messages of queues greater than `after`.

    Ordered by queue, then time. Calling it again with the last queue of each answer visits every
    queue, its earliest message first, however many are pending in it: one index range per call.
    """
    rows = await tx.all(
        "SELECT queue, next_ms FROM webhook_message WHERE state = 0 AND queue > :after"
        " ORDER BY queue, next_ms LIMIT :row_limit",
        {"after": after, "row_limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


async def list_due(tx: Transaction, queue: str, *, now: int, limit: int) -> list[LeasedMessage]:
    """List up to `limit` due messages of a queue, earliest first; none of them is leased."""
    rows = await tx.all(
        f"SELECT {_LEASED} FROM webhook_message"
        " WHERE state = 0 AND queue = :queue AND next_ms <= :now ORDER BY next_ms LIMIT :row_limit",
        {"queue": queue, "now": now, "row_limit": limit},
    )
    return [LeasedMessage(*(*row, 0)) for row in rows]


async def lease(tx: Transaction, message: LeasedMessage, *, now: int, until: int) -> bool:
    """Lease a due message until a time in milliseconds; False if another worker has taken it."""
    return bool(
        await tx.run(
            "UPDATE webhook_message SET lease_no = lease_no + 1, next_ms = :until"
            " WHERE project_key = :project_key AND message_id = :message_id AND state = 0"
            " AND lease_no = :lease_no AND next_ms <= :now",
            {
                "project_key": message.project_key,
                "message_id": message.message_id,
                "lease_no": message.lease_no,
                "now": now,
                "until": until,
            },
        )
    )


async def record_result(
    tx: Transaction, message: LeasedMessage, attempt: Attempt, result: RecordedResult
) -> bool:
    """Insert an attempt and set the message's state; False, and no change, if the lease is lost."""
    key = {"project_key": message.project_key, "message_id": message.message_id}
    has_lease = await tx.run(
        "UPDATE webhook_message SET state = :state, outcome = :outcome, next_ms = :next_ms,"
        " since_ms = :since_ms, retry_no = :retry_no, attempt_count = :number"
        " WHERE project_key = :project_key AND message_id = :message_id AND state = 0"
        " AND lease_no = :lease_no",
        key
        | {
            "lease_no": message.lease_no,
            "state": result.state.code,
            "outcome": attempt.outcome,
            "next_ms": result.next_ms,
            "since_ms": result.since_ms,
            "retry_no": result.retry_no,
            "number": attempt.number,
        },
    )
    if has_lease:
        await tx.run(
            "INSERT INTO webhook_attempt (project_key, message_id, number, at_ms, outcome, status,"
            " duration_ms) VALUES (:project_key, :message_id, :number, :at_ms, :outcome, :status,"
            " :duration_ms)",
            key
            | {
                "number": attempt.number,
                "at_ms": attempt.at_ms,
                "outcome": attempt.outcome,
                "status": attempt.status,
                "duration_ms": attempt.duration_ms,
            },
        )
    return bool(has_lease)


async def discard(tx: Transaction, queue: str, *, outcome: str, now: int, limit: int) -> int:
    """Fail up to `limit` pending messages of a queue, leased ones too; return the count."""
    rows = await tx.all(
        "SELECT project_key, message_id FROM webhook_message WHERE state = 0 AND queue = :queue"
        " ORDER BY next_ms LIMIT :row_limit",
        {"queue": queue, "row_limit": limit},
    )
    await tx.many(
        "UPDATE webhook_message SET state = 2, outcome = :outcome, next_ms = :now,"
        " lease_no = lease_no + 1"
        " WHERE project_key = :project_key AND message_id = :message_id AND state = 0",
        [
            {"project_key": row[0], "message_id": row[1], "outcome": outcome, "now": now}
            for row in rows
        ],
    )
    return len(rows)


async def get_event(tx: Transaction, project_key: int, event_id: str) -> Event:
    """Return the event of a message, which exists as long as the message does."""
    row = await tx.one(
        "SELECT project_key, event_id, environment_id, type, created_ms, payload FROM event"
        " WHERE project_key = :project_key AND event_id = :event_id",
        {"project_key": project_key, "event_id": event_id},
    )
    assert row is not None
    return Event(row[0], row[1], row[2], EventType(row[3]), row[4], row[5])

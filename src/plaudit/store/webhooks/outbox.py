"""Events that were committed, and the notices that tell of them: written, due, leased, settled.

There is no global queue. Who looks for work reads across projects; who takes a notice does so by
a conditional update of that one row. A lease is a time (`next_ms`) and a number (`lease_no`): once
the time is over anybody may take the notice again, and whoever held it before changes nothing any
more, because the number is part of every later condition.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.webhooks import Attempt, Event, EventType, MessageState, WebhookMessageRow
from plaudit.store.engine.engine import Transaction

_LEASED = (
    "project_key, notice_id, environment_id, event_id, endpoint_id, target, queue, attempt_count,"
    " retry_no,"
    " since_ms, lease_no"
)


class LeasedMessage(Struct, frozen=True):
    """A notice that somebody may send until `until_ms`; what was tried so far in this round."""

    project_key: int
    notice_id: str
    environment_id: str
    event_id: str
    endpoint_id: str | None
    target: str
    queue: str
    attempt_count: int
    """All tries ever; `retry_no` counts those since it was created or replayed."""
    retry_no: int
    since_ms: int
    lease_no: int
    until_ms: int


class RecordedResult(Struct, frozen=True):
    """What is written of a notice after an attempt."""

    state: MessageState
    next_ms: int
    retry_no: int
    since_ms: int


async def list_subscribed(tx: Transaction, environment_id: str) -> list[tuple[str, str, bytes]]:
    """The active endpoints of a world: id, URL, and the chosen events as a JSON list."""
    rows = await tx.all(
        "SELECT endpoint_id, url, events FROM webhook_endpoint"
        " WHERE environment_id = :environment_id AND status = 'active' ORDER BY endpoint_id",
        {"environment_id": environment_id},
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def insert_events(tx: Transaction, events: Sequence[Event]) -> None:
    """Add events to the outbox."""
    await tx.add(
        "event",
        ("project_key", "event_id", "environment_id", "type", "created_ms", "payload"),
        [
            (
                one.project_key,
                one.event_id,
                one.environment_id,
                one.type,
                one.created_ms,
                one.payload,
            )
            for one in events
        ],
    )


async def insert_notices(tx: Transaction, notices: Sequence[WebhookMessageRow]) -> None:
    """Add notices that wait for their first attempt."""
    await tx.add(
        "notice",
        (
            "project_key",
            "notice_id",
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
                one.project_key,
                one.notice_id,
                one.environment_id,
                one.event_id,
                one.endpoint_id,
                one.target,
                one.queue,
                0,
                one.created_ms,
                one.created_ms,
                one.created_ms,
                0,
                0,
                0,
            )
            for one in notices
        ],
    )


async def list_lines(tx: Transaction, *, after: str, limit: int) -> list[tuple[str, int]]:
    """Queue and time of up to `limit` waiting notices of the queues after one, in that order.

    Going on after the last queue of each answer meets every queue with its earliest time first,
    however much waits in it, for one range of the index a step.
    """
    rows = await tx.all(
        "SELECT queue, next_ms FROM notice WHERE state = 0 AND queue > :after"
        " ORDER BY queue, next_ms LIMIT :row_limit",
        {"after": after, "row_limit": limit},
    )
    return [(row[0], row[1]) for row in rows]


async def list_due(tx: Transaction, queue: str, *, now: int, limit: int) -> list[LeasedMessage]:
    """Up to `limit` notices of a queue that are due, as they stand; nobody has leased them yet."""
    rows = await tx.all(
        f"SELECT {_LEASED} FROM notice WHERE state = 0 AND queue = :queue AND next_ms <= :now"
        " ORDER BY next_ms LIMIT :row_limit",
        {"queue": queue, "now": now, "row_limit": limit},
    )
    return [LeasedMessage(*(*row, 0)) for row in rows]


async def lease(tx: Transaction, notice: LeasedMessage, *, now: int, until: int) -> bool:
    """Take a notice until a moment; False if somebody else has, or it is not due any more."""
    return bool(
        await tx.run(
            "UPDATE notice SET lease_no = lease_no + 1, next_ms = :until"
            " WHERE project_key = :project_key AND notice_id = :notice_id AND state = 0"
            " AND lease_no = :lease_no AND next_ms <= :now",
            {
                "project_key": notice.project_key,
                "notice_id": notice.notice_id,
                "lease_no": notice.lease_no,
                "now": now,
                "until": until,
            },
        )
    )


async def settle(
    tx: Transaction, notice: LeasedMessage, attempt: Attempt, settled: RecordedResult
) -> bool:
    """Record an attempt and what follows from it; False, and no change, if the lease is gone."""
    key = {"project_key": notice.project_key, "notice_id": notice.notice_id}
    is_ours = await tx.run(
        "UPDATE notice SET state = :state, outcome = :outcome, next_ms = :next_ms,"
        " since_ms = :since_ms, retry_no = :retry_no, attempt_count = :number"
        " WHERE project_key = :project_key AND notice_id = :notice_id AND state = 0"
        " AND lease_no = :lease_no",
        key
        | {
            "lease_no": notice.lease_no,
            "state": settled.state.code,
            "outcome": attempt.outcome,
            "next_ms": settled.next_ms,
            "since_ms": settled.since_ms,
            "retry_no": settled.retry_no,
            "number": attempt.number,
        },
    )
    if is_ours:
        await tx.run(
            "INSERT INTO notice_attempt (project_key, notice_id, number, at_ms, outcome, status,"
            " duration_ms) VALUES (:project_key, :notice_id, :number, :at_ms, :outcome, :status,"
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
    return bool(is_ours)


async def bury(tx: Transaction, queue: str, *, outcome: str, now: int, limit: int) -> int:
    """Give up to `limit` waiting notices of a queue up, leased ones too; return how many."""
    rows = await tx.all(
        "SELECT project_key, notice_id FROM notice WHERE state = 0 AND queue = :queue"
        " ORDER BY next_ms LIMIT :row_limit",
        {"queue": queue, "row_limit": limit},
    )
    await tx.many(
        "UPDATE notice SET state = 2, outcome = :outcome, next_ms = :now, lease_no = lease_no + 1"
        " WHERE project_key = :project_key AND notice_id = :notice_id AND state = 0",
        [
            {"project_key": row[0], "notice_id": row[1], "outcome": outcome, "now": now}
            for row in rows
        ],
    )
    return len(rows)


async def get_event(tx: Transaction, project_key: int, event_id: str) -> Event:
    """An event of which a notice tells, so that it must be there."""
    row = await tx.one(
        "SELECT project_key, event_id, environment_id, type, created_ms, payload FROM event"
        " WHERE project_key = :project_key AND event_id = :event_id",
        {"project_key": project_key, "event_id": event_id},
    )
    assert row is not None
    return Event(row[0], row[1], row[2], EventType(row[3]), row[4], row[5])

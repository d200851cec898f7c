"""Statements for webhook events and messages with their attempts, as archives carry them."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.webhooks import Attempt, Event, EventType
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction

IDS_AT_ONCE = 1000
"""Ids in one statement; an event has a message for each endpoint."""

_MESSAGE = (
    "project_key, message_id, environment_id, event_id, endpoint_id, target, queue, state,"
    " outcome, created_ms, next_ms, since_ms, retry_no, attempt_count, lease_no"
)


class ArchivedMessageRow(Struct, frozen=True):
    """Every value of a webhook message; see the comment on table `webhook_message`."""

    project_key: int
    message_id: str
    environment_id: str
    event_id: str
    endpoint_id: str | None
    target: str
    queue: str
    state: int
    outcome: str | None
    created_ms: int
    next_ms: int
    since_ms: int
    retry_no: int
    attempt_count: int
    lease_no: int


async def list_event_sizes(
    tx: Transaction, project_key: int, environment_id: str, *, after: str, limit: int
) -> list[int]:
    """Bytes of the payloads of up to `limit` events of an environment after an id, by id."""
    rows = await tx.all(
        "SELECT event_id, LENGTH(payload) FROM event WHERE project_key = :project_key"
        " AND environment_id = :environment_id AND event_id > :after"
        " ORDER BY event_id LIMIT :row_limit",
        {
            "project_key": project_key,
            "environment_id": environment_id,
            "after": after,
            "row_limit": limit,
        },
    )
    return [int(size) for _, size in rows]


async def list_events(
    tx: Transaction, project_key: int, environment_id: str, *, after: str, limit: int
) -> list[Event]:
    """List up to `limit` events of a project and environment after an id, by id."""
    rows = await tx.all(
        "SELECT project_key, event_id, environment_id, type, created_ms, payload FROM event"
        " WHERE project_key = :project_key AND environment_id = :environment_id"
        " AND event_id > :after ORDER BY event_id LIMIT :row_limit",
        {
            "project_key": project_key,
            "environment_id": environment_id,
            "after": after,
            "row_limit": limit,
        },
    )
    return [Event(row[0], row[1], row[2], EventType(row[3]), row[4], row[5]) for row in rows]


async def list_messages(
    tx: Transaction, project_key: int, event_ids: Sequence[str]
) -> list[ArchivedMessageRow]:
    """List all messages of events of a project, by id."""
    if not event_ids:
        return []
    listed, args = value_lists.in_list("id", event_ids)
    rows = await tx.all(
        f"SELECT {_MESSAGE} FROM webhook_message WHERE project_key = :project_key"
        f" AND event_id IN {listed} ORDER BY message_id",
        args | {"project_key": project_key},
    )
    return [ArchivedMessageRow(*row) for row in rows]


async def list_attempts(
    tx: Transaction, project_key: int, message_ids: Sequence[str]
) -> dict[str, list[Attempt]]:
    """All attempts of messages by message_id, oldest first; those without one are left out."""
    attempts: dict[str, list[Attempt]] = {}
    for start in range(0, len(message_ids), IDS_AT_ONCE):
        listed, args = value_lists.in_list("id", message_ids[start : start + IDS_AT_ONCE])
        rows = await tx.all(
            "SELECT message_id, number, at_ms, outcome, status, duration_ms FROM webhook_attempt"
            f" WHERE project_key = :project_key AND message_id IN {listed}"
            " ORDER BY message_id, number",
            args | {"project_key": project_key},
        )
        for message_id, *attempt in rows:
            attempts.setdefault(message_id, []).append(Attempt(*attempt))
    return attempts


async def find_event(tx: Transaction, project_key: int, event_id: str) -> Event | None:
    """Find an event of a project by its id, in any environment."""
    row = await tx.one(
        "SELECT project_key, event_id, environment_id, type, created_ms, payload FROM event"
        " WHERE project_key = :project_key AND event_id = :event_id",
        {"project_key": project_key, "event_id": event_id},
    )
    return Event(row[0], row[1], row[2], EventType(row[3]), row[4], row[5]) if row else None


async def find_message(
    tx: Transaction, project_key: int, message_id: str
) -> ArchivedMessageRow | None:
    """Find a message of a project by its id, in any environment."""
    row = await tx.one(
        f"SELECT {_MESSAGE} FROM webhook_message WHERE project_key = :project_key"
        " AND message_id = :message_id",
        {"project_key": project_key, "message_id": message_id},
    )
    return ArchivedMessageRow(*row) if row else None


async def find_environments_of_endpoint(tx: Transaction, endpoint_id: str) -> list[str]:
    """List the environment_ids that have an endpoint of this id; normally at most one."""
    rows = await tx.all(
        "SELECT environment_id FROM webhook_endpoint WHERE endpoint_id = :endpoint_id",
        {"endpoint_id": endpoint_id},
    )
    return [row[0] for row in rows]


async def insert_event(tx: Transaction, event: Event) -> bool:
    """Insert an event; False if there is one of its id."""
    return bool(
        await tx.run(
            "INSERT INTO event (project_key, event_id, environment_id, type, created_ms, payload)"
            " VALUES (:project_key, :event_id, :environment_id, :type, :created_ms, :payload)"
            " ON CONFLICT DO NOTHING",
            {
                "project_key": event.project_key,
                "event_id": event.event_id,
                "environment_id": event.environment_id,
                "type": event.type.value,
                "created_ms": event.created_ms,
                "payload": event.payload,
            },
        )
    )


async def insert_message(
    tx: Transaction, message: ArchivedMessageRow, attempts: Sequence[Attempt]
) -> bool:
    """Insert a message with its attempts; False if there is one of its id."""
    values = {name: getattr(message, name) for name in message.__struct_fields__}
    placed = ", ".join(f":{name}" for name in values)
    is_new = await tx.run(
        f"INSERT INTO webhook_message ({_MESSAGE}) VALUES ({placed}) ON CONFLICT DO NOTHING", values
    )
    if is_new:
        await tx.many(
            "INSERT INTO webhook_attempt (project_key, message_id, number, at_ms, outcome, status,"
            " duration_ms) VALUES (:project_key, :message_id, :number, :at_ms, :outcome, :status,"
            " :duration_ms)",
            [
                {
                    "project_key": message.project_key,
                    "message_id": message.message_id,
                    "number": attempt.number,
                    "at_ms": attempt.at_ms,
                    "outcome": attempt.outcome,
                    "status": attempt.status,
                    "duration_ms": attempt.duration_ms,
                }
                for attempt in attempts
            ],
        )
    return bool(is_new)

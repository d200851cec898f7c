"""Webhook messages of an environment: list, replay, and delete after their retention."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.webhooks import MESSAGE_STATES, Attempt, MessageState, StoredMessage
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = (
    "project_key, message_id, event_id, endpoint_id, target, state, outcome, created_ms, next_ms,"
    " attempt_count"
)


async def list_messages(
    tx: Transaction,
    environment_id: str,
    *,
    state: MessageState,
    endpoint_id: str | None,
    before: str | None,
    limit: int,
) -> list[StoredMessage]:
    """List up to `limit` messages in one state, newest first, with ids less than `before`."""
    conditions = "environment_id = :environment_id AND state = :state"
    args: dict[str, object] = {
        "environment_id": environment_id,
        "state": state.code,
        "row_limit": limit,
    }
    if endpoint_id is not None:
        conditions += " AND endpoint_id = :endpoint_id"
        args["endpoint_id"] = endpoint_id
    if before is not None:
        conditions += " AND message_id < :before"
        args["before"] = before
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM webhook_message WHERE {conditions}"
        " ORDER BY message_id DESC LIMIT :row_limit",
        args,
    )
    return [_message(row) for row in rows]


async def find_message(
    tx: Transaction, environment_id: str, message_id: str
) -> StoredMessage | None:
    """Return a message of this environment by its id; None if there is none."""
    for state in MESSAGE_STATES:
        row = await tx.one(
            f"SELECT {_COLUMNS} FROM webhook_message"
            " WHERE environment_id = :environment_id AND state = :state"
            " AND message_id = :message_id",
            {"environment_id": environment_id, "state": state.code, "message_id": message_id},
        )
        if row:
            return _message(row)
    return None


async def list_attempts(tx: Transaction, listed: Sequence[StoredMessage]) -> list[list[Attempt]]:
    """List all attempts of each of up to SELECTS_MAX messages, oldest first."""
    attempts: list[list[Attempt]] = [[] for _ in listed]
    if listed:
        sql, args = value_lists.union_all(
            "SELECT :number, number, at_ms, outcome, status, duration_ms FROM webhook_attempt"
            " WHERE project_key = :project AND message_id = :message",
            project=[message.project_key for message in listed],
            message=[message.message_id for message in listed],
        )
        for number, *attempt in sorted(await tx.all(sql, args), key=lambda row: row[:2]):
            attempts[number].append(Attempt(*attempt))
    return attempts


async def list_event_types(tx: Transaction, listed: Sequence[StoredMessage]) -> list[str]:
    """Types of the events of up to SELECTS_MAX messages, such as `task.completed`."""
    if not listed:
        return []
    sql, args = value_lists.union_all(
        "SELECT :number, type FROM event WHERE project_key = :project AND event_id = :event",
        project=[message.project_key for message in listed],
        event=[message.event_id for message in listed],
    )
    return [event_type for _, event_type in sorted(await tx.all(sql, args))]


async def get_event_type(tx: Transaction, message: StoredMessage) -> str:
    """Return the type of a message's event, such as `task.completed`."""
    [event_type] = await list_event_types(tx, [message])
    return event_type


async def replay(tx: Transaction, message: StoredMessage, *, now: int) -> bool:
    """Make a delivered or failed message pending, with all its retries; False if it is pending."""
    return bool(
        await tx.run(
            "UPDATE webhook_message SET state = 0, next_ms = :now, since_ms = :now, retry_no = 0,"
            " lease_no = lease_no + 1"
            " WHERE project_key = :project_key AND message_id = :message_id AND state <> 0",
            {"project_key": message.project_key, "message_id": message.message_id, "now": now},
        )
    )


async def delete_ended(tx: Transaction, *, before: int, limit: int) -> int:
    """Delete up to `limit` messages that ended before a time in milliseconds; return the count.

    Their attempts are deleted with them, and events that no message refers to any more.
    """
    rows = await tx.all(
        "SELECT project_key, message_id, event_id FROM webhook_message"
        " WHERE state <> 0 AND next_ms < :before ORDER BY next_ms LIMIT :row_limit",
        {"before": before, "row_limit": limit},
    )
    keys = [{"project_key": row[0], "message_id": row[1]} for row in rows]
    await tx.many(
        "DELETE FROM webhook_attempt WHERE project_key = :project_key AND message_id = :message_id",
        keys,
    )
    await tx.many(
        "DELETE FROM webhook_message"
        " WHERE project_key = :project_key AND message_id = :message_id AND state <> 0",
        keys,
    )
    await tx.many(
        "DELETE FROM event WHERE project_key = :project_key AND event_id = :event_id"
        " AND NOT EXISTS (SELECT 1 FROM webhook_message"
        " WHERE project_key = :project_key AND event_id = :event_id)",
        [{"project_key": row[0], "event_id": row[2]} for row in rows],
    )
    return len(rows)


def _message(row: Row) -> StoredMessage:
    project_key, message_id, event_id, endpoint_id, target, state, *rest = row
    return StoredMessage(
        project_key, message_id, event_id, endpoint_id, target, MESSAGE_STATES[state], *rest
    )

"""Notices as those who ask about them see them: listed, replayed, and deleted when they are old."""

from __future__ import annotations

from plaudit.model.webhooks import NOTICE_STATES, Attempt, MessageState, StoredMessage
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = (
    "project_key, notice_id, event_id, endpoint_id, target, state, outcome, created_ms, next_ms,"
    " attempt_count"
)


async def list_notices(
    tx: Transaction,
    environment_id: str,
    *,
    state: MessageState,
    endpoint_id: str | None,
    before: str | None,
    limit: int,
) -> list[StoredMessage]:
    """Up to `limit` notices of a world in one state, newest first, older than `before`."""
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
        conditions += " AND notice_id < :before"
        args["before"] = before
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM notice WHERE {conditions}"
        " ORDER BY notice_id DESC LIMIT :row_limit",
        args,
    )
    return [_notice(row) for row in rows]


async def find_notice(tx: Transaction, environment_id: str, notice_id: str) -> StoredMessage | None:
    """A notice of this world by its id."""
    for state in NOTICE_STATES:
        row = await tx.one(
            f"SELECT {_COLUMNS} FROM notice"
            " WHERE environment_id = :environment_id AND state = :state AND notice_id = :notice_id",
            {"environment_id": environment_id, "state": state.code, "notice_id": notice_id},
        )
        if row:
            return _notice(row)
    return None


async def list_attempts(tx: Transaction, notice: StoredMessage) -> list[Attempt]:
    """All attempts of a notice, in their order."""
    rows = await tx.all(
        "SELECT number, at_ms, outcome, status, duration_ms FROM notice_attempt"
        " WHERE project_key = :project_key AND notice_id = :notice_id ORDER BY number",
        {"project_key": notice.project_key, "notice_id": notice.notice_id},
    )
    return [Attempt(*row) for row in rows]


async def get_event_type(tx: Transaction, notice: StoredMessage) -> str:
    """What a notice tells of."""
    row = await tx.one(
        "SELECT type FROM event WHERE project_key = :project_key AND event_id = :event_id",
        {"project_key": notice.project_key, "event_id": notice.event_id},
    )
    assert row is not None
    return str(row[0])


async def replay(tx: Transaction, notice: StoredMessage, *, now: int) -> bool:
    """Let a notice that is over wait again, with all its tries; False if it is not over."""
    return bool(
        await tx.run(
            "UPDATE notice SET state = 0, next_ms = :now, since_ms = :now, retry_no = 0,"
            " lease_no = lease_no + 1"
            " WHERE project_key = :project_key AND notice_id = :notice_id AND state <> 0",
            {"project_key": notice.project_key, "notice_id": notice.notice_id, "now": now},
        )
    )


async def forget(tx: Transaction, *, before: int, limit: int) -> int:
    """Delete up to `limit` notices that ended before a moment; return how many.

    Their attempts go with them, and each event with the last notice that tells of it.
    """
    rows = await tx.all(
        "SELECT project_key, notice_id, event_id FROM notice WHERE state <> 0 AND next_ms < :before"
        " ORDER BY next_ms LIMIT :row_limit",
        {"before": before, "row_limit": limit},
    )
    keys = [{"project_key": row[0], "notice_id": row[1]} for row in rows]
    await tx.many(
        "DELETE FROM notice_attempt WHERE project_key = :project_key AND notice_id = :notice_id",
        keys,
    )
    await tx.many(
        "DELETE FROM notice"
        " WHERE project_key = :project_key AND notice_id = :notice_id AND state <> 0",
        keys,
    )
    await tx.many(
        "DELETE FROM event WHERE project_key = :project_key AND event_id = :event_id"
        " AND NOT EXISTS (SELECT 1 FROM notice"
        " WHERE project_key = :project_key AND event_id = :event_id)",
        [{"project_key": row[0], "event_id": row[2]} for row in rows],
    )
    return len(rows)


def _notice(row: Row) -> StoredMessage:
    project_key, notice_id, event_id, endpoint_id, target, state, *rest = row
    return StoredMessage(
        project_key, notice_id, event_id, endpoint_id, target, NOTICE_STATES[state], *rest
    )

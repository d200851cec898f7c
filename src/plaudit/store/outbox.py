"""Events that were committed, and the notices that tell of them."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model import Event, Notice
from plaudit.store.engine import Transaction


async def list_subscribed(tx: Transaction, org_id: str) -> list[tuple[str, str, bytes]]:
    """The active endpoints of a world: id, URL, and the chosen events as a JSON list."""
    rows = await tx.all(
        "SELECT endpoint_id, url, events FROM webhook_endpoint"
        " WHERE org_id = :org_id AND status = 'active' ORDER BY endpoint_id",
        {"org_id": org_id},
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def insert_events(tx: Transaction, events: Sequence[Event]) -> None:
    """Add events to the outbox."""
    await tx.add(
        "event",
        ("project_id", "event_id", "org_id", "type", "created_ms", "payload"),
        [
            (one.project_id, one.event_id, one.org_id, one.type, one.created_ms, one.payload)
            for one in events
        ],
    )


async def insert_notices(tx: Transaction, notices: Sequence[Notice]) -> None:
    """Add notices that wait for their first attempt."""
    await tx.add(
        "notice",
        (
            "project_id",
            "notice_id",
            "org_id",
            "event_id",
            "endpoint_id",
            "target",
            "queue",
            "state",
            "created_ms",
            "next_ms",
            "attempt_count",
            "lease_no",
        ),
        [
            (
                one.project_id,
                one.notice_id,
                one.org_id,
                one.event_id,
                one.endpoint_id,
                one.target,
                one.queue,
                0,
                one.created_ms,
                one.created_ms,
                0,
                0,
            )
            for one in notices
        ],
    )

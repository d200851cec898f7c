"""Export webhook endpoints without their secrets, and events with their messages.

An event is read with its messages and their attempts in one snapshot, so that each message is in an
archive once, in one state.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from plaudit import clock
from plaudit.core.common.audit import OUTSIDE
from plaudit.core.transfer.archive_line import archive_line
from plaudit.model.core import ProjectRow
from plaudit.model.webhooks import MESSAGE_STATES, Attempt, AttemptStatus, Event
from plaudit.store.common import pages
from plaudit.store.engine.engine import Database
from plaudit.store.transfer import archived_webhooks
from plaudit.store.transfer.archived_webhooks import ArchivedMessageRow
from plaudit.store.webhooks import endpoints
from plaudit.wire.archive import values as wire

EVENTS_PER_READ = 100
READ_BYTES = 4 * 1024 * 1024
"""Bytes of events read at once, unless a single one has more."""

_encode = msgspec.json.Encoder().encode
_decode_events = msgspec.json.Decoder(list[str]).decode


async def endpoint_lines(db: Database, environment_id: str) -> AsyncIterator[bytes]:
    """The lines of an environment's webhook endpoints, oldest first."""
    async with db.read() as tx:
        listed = await endpoints.list_endpoints(tx, environment_id)
    for endpoint in listed:
        value = wire.ArchivedEndpoint(
            id=endpoint.endpoint_id,
            url=endpoint.url,
            events=_decode_events(endpoint.events),
            is_active=endpoint.is_active,
            reason=endpoint.reason,
            created_at=clock.format_ms(endpoint.created_ms),
        )
        yield archive_line("endpoint", _encode(value))


async def message_lines(
    db: Database, environment_id: str, projects: Sequence[ProjectRow]
) -> AsyncIterator[bytes]:
    """The lines of all events, project by project, each followed by those of its messages."""
    places: list[tuple[int, str | None]] = [(OUTSIDE, None)]
    places += [(project.project_key, project.project_id) for project in projects]
    for project_key, project_id in places:
        after = ""
        while True:
            async with db.read() as tx:
                where: dict[str, Any] = {"after": after, "limit": EVENTS_PER_READ}
                sizes = await archived_webhooks.list_event_sizes(
                    tx, project_key, environment_id, **where
                )
                where["limit"] = pages.count_fitting(sizes, READ_BYTES)
                page = []
                if sizes:
                    page = await archived_webhooks.list_events(
                        tx, project_key, environment_id, **where
                    )
                messages = await archived_webhooks.list_messages(
                    tx, project_key, [event.event_id for event in page]
                )
                attempts = await archived_webhooks.list_attempts(
                    tx, project_key, [message.message_id for message in messages]
                )
            for event in page:
                yield archive_line("event", _encode(_event_value(project_id, event)))
                for message in messages:
                    if message.event_id == event.event_id:
                        of_message = attempts.get(message.message_id, [])
                        value = _message_value(project_id, message, of_message)
                        yield archive_line("message", _encode(value))
            if len(sizes) < EVENTS_PER_READ and len(page) == len(sizes):
                break
            after = page[-1].event_id


def _event_value(project_id: str | None, event: Event) -> wire.ArchivedEvent:
    return wire.ArchivedEvent(
        id=event.event_id,
        project=project_id,
        type=event.type,
        created_at=clock.format_ms(event.created_ms),
        payload=Raw(event.payload),
    )


def _message_value(
    project_id: str | None, message: ArchivedMessageRow, attempts: Sequence[Attempt]
) -> wire.ArchivedMessage:
    return wire.ArchivedMessage(
        id=message.message_id,
        project=project_id,
        event=message.event_id,
        endpoint=message.endpoint_id,
        target=message.target,
        state=MESSAGE_STATES[message.state],
        outcome=None if message.outcome is None else AttemptStatus(message.outcome),
        created_at=clock.format_ms(message.created_ms),
        next_at=clock.format_ms(message.next_ms),
        since_at=clock.format_ms(message.since_ms),
        retry_count=message.retry_no,
        lease_count=message.lease_no,
        attempts=[
            wire.ArchivedAttempt(
                at=clock.format_ms(attempt.at_ms),
                outcome=AttemptStatus(attempt.outcome),
                status=attempt.status,
                duration_ms=attempt.duration_ms,
            )
            for attempt in attempts
        ],
    )

"""Import webhook endpoints, which get new secrets, and events with their messages.

What is pending is sent by this server from then on, signed with the new secrets. Messages to an
endpoint are queued by its id, so an endpoint of another organization of the store keeps its id.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import msgspec

from plaudit.core.common.audit import OUTSIDE
from plaudit.core.outbound.url_length import check_url_length
from plaudit.core.transfer.row_group import (
    RowGroup,
    RowResult,
    RowScope,
    check_ids,
    find_project_keys,
    required_moment,
    unknown_project,
)
from plaudit.core.webhooks import events
from plaudit.errors import Conflict, InvalidContent
from plaudit.model.webhooks import Attempt, Event
from plaudit.store.engine.engine import Transaction
from plaudit.store.transfer import archived_webhooks
from plaudit.store.transfer.archived_webhooks import ArchivedMessageRow
from plaudit.store.webhooks import endpoints as endpoints_store
from plaudit.wire.archive import values as wire
from plaudit.wire.v2.parse import convert

_encode = msgspec.json.Encoder().encode

_Row = wire.ArchivedEndpoint | wire.ArchivedEvent | wire.ArchivedMessage


def _read_endpoint(value: Any) -> wire.ArchivedEndpoint:
    endpoint: wire.ArchivedEndpoint = convert(value, wire.ArchivedEndpoint)
    check_ids(id=endpoint.id)
    urls, endpoints = _load("outbound.urls"), _load("webhooks.endpoints")
    urls.parse_url(endpoint.url, pointer="/url")
    endpoints.check_events(endpoint.events)
    required_moment(endpoint.created_at, "/created_at")
    return endpoint


def _read_event(value: Any) -> wire.ArchivedEvent:
    event: wire.ArchivedEvent = convert(value, wire.ArchivedEvent)
    check_ids(id=event.id, project=event.project)
    required_moment(event.created_at, "/created_at")
    return event


def _read_message(value: Any) -> wire.ArchivedMessage:
    message: wire.ArchivedMessage = convert(value, wire.ArchivedMessage)
    check_ids(
        id=message.id, project=message.project, event=message.event, endpoint=message.endpoint
    )
    check_url_length(message.target, "/target")
    try:
        events.callback_queue("", message.target)
    except ValueError as exc:
        raise InvalidContent("expected a URL or an e-mail address", pointer="/target") from exc
    for name in ("created_at", "next_at", "since_at"):
        required_moment(getattr(message, name), f"/{name}")
    for number, attempt in enumerate(message.attempts):
        required_moment(attempt.at, f"/attempts/{number}/at")
    return message


async def _store_webhooks(
    tx: Transaction, scope: RowScope, rows: Sequence[_Row]
) -> list[RowResult]:
    keys = await find_project_keys(
        tx, scope, [None if isinstance(row, wire.ArchivedEndpoint) else row.project for row in rows]
    )
    elsewhere: dict[str, bool] = {}
    results: list[RowResult] = []
    for row in rows:
        if isinstance(row, wire.ArchivedEndpoint):
            results.append(await _store_endpoint(tx, scope, row))
            continue
        if row.project is not None and row.project not in keys:
            results.append(unknown_project(row.project))
            continue
        project_key = OUTSIDE if row.project is None else keys[row.project]
        if isinstance(row, wire.ArchivedEvent):
            results.append(await _store_event(tx, scope, project_key, row))
            continue
        if row.endpoint is not None and row.endpoint not in elsewhere:
            elsewhere[row.endpoint] = await _is_elsewhere(tx, scope, row.endpoint)
        if row.endpoint is not None and elsewhere[row.endpoint]:
            results.append(_endpoint_elsewhere(row.endpoint))
        else:
            results.append(await _store_message(tx, scope, project_key, row))
    return results


async def _store_endpoint(
    tx: Transaction, scope: RowScope, endpoint: wire.ArchivedEndpoint
) -> RowResult:
    created_ms = required_moment(endpoint.created_at, "/created_at")
    stored = await endpoints_store.find_endpoint(tx, scope.environment_id, endpoint.id)
    if stored is None:
        if await _is_elsewhere(tx, scope, endpoint.id):
            return _endpoint_elsewhere(endpoint.id)
        try:
            await _load("webhooks.endpoints").restore_endpoint(
                tx,
                scope.secret,
                scope.environment_id,
                endpoint_id=endpoint.id,
                url=endpoint.url,
                events=endpoint.events,
                reason=None if endpoint.is_active else endpoint.reason,
                created_ms=created_ms,
            )
        except Conflict as problem:
            return problem
        return "added"
    stored_values = (stored.url, stored.events, stored.is_active, stored.created_ms)
    if stored_values == (endpoint.url, _encode(endpoint.events), endpoint.is_active, created_ms):
        return "unchanged"
    return Conflict(f"webhook {endpoint.id!r} is stored with other values")


async def _store_event(
    tx: Transaction, scope: RowScope, project_key: int, row: wire.ArchivedEvent
) -> RowResult:
    event = Event(
        project_key=project_key,
        event_id=row.id,
        environment_id=scope.environment_id,
        type=row.type,
        created_ms=required_moment(row.created_at, "/created_at"),
        payload=_encode(row.payload),
    )
    if await archived_webhooks.insert_event(tx, event):
        return "added"
    if await archived_webhooks.find_event(tx, project_key, row.id) == event:
        return "unchanged"
    return Conflict(f"event {row.id!r} is stored with other values, or in another organization")


async def _store_message(
    tx: Transaction, scope: RowScope, project_key: int, row: wire.ArchivedMessage
) -> RowResult:
    event = await archived_webhooks.find_event(tx, project_key, row.event)
    if event is None or event.environment_id != scope.environment_id:
        return InvalidContent(f"there is no event {row.event!r}", pointer="/event")
    queue = row.endpoint or events.callback_queue(scope.environment_id, row.target)
    message = ArchivedMessageRow(
        project_key=project_key,
        message_id=row.id,
        environment_id=scope.environment_id,
        event_id=row.event,
        endpoint_id=row.endpoint,
        target=row.target,
        queue=queue,
        state=row.state.code,
        outcome=None if row.outcome is None else row.outcome.value,
        created_ms=required_moment(row.created_at, "/created_at"),
        next_ms=required_moment(row.next_at, "/next_at"),
        since_ms=required_moment(row.since_at, "/since_at"),
        retry_no=row.retry_count,
        attempt_count=len(row.attempts),
        lease_no=row.lease_count,
    )
    attempts = [
        Attempt(
            number=number,
            at_ms=required_moment(attempt.at, "/at"),
            outcome=attempt.outcome.value,
            status=attempt.status,
            duration_ms=attempt.duration_ms,
        )
        for number, attempt in enumerate(row.attempts, 1)
    ]
    if await archived_webhooks.insert_message(tx, message, attempts):
        return "added"
    stored = await archived_webhooks.find_message(tx, project_key, row.id)
    compared = ("environment_id", "event_id", "endpoint_id", "target", "created_ms")
    if stored is not None and all(
        getattr(stored, name) == getattr(message, name) for name in compared
    ):
        return "unchanged"  # how far its delivery has come since is kept
    return Conflict(f"message {row.id!r} is stored with other values, or in another organization")


def _load(name: str) -> Any:
    """Module of core that is loaded with the first endpoint: few imports need what it loads."""
    return import_module(f"plaudit.core.{name}")


async def _is_elsewhere(tx: Transaction, scope: RowScope, endpoint_id: str) -> bool:
    """True if another environment of the store has an endpoint of this id."""
    found = await archived_webhooks.find_environments_of_endpoint(tx, endpoint_id)
    return any(environment_id != scope.environment_id for environment_id in found)


def _endpoint_elsewhere(endpoint_id: str) -> Conflict:
    return Conflict(f"another organization of this store has the webhook {endpoint_id!r}")


WEBHOOKS = RowGroup(
    readers={"endpoint": _read_endpoint, "event": _read_event, "message": _read_message},
    store=_store_webhooks,
)

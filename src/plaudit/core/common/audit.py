"""Audit log: entries are written in the transaction of the change itself, and listed in pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock, ids
from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.errors import InvalidPageToken
from plaudit.model.core import Actor, AuditEntryRow
from plaudit.store.common import audit
from plaudit.store.engine.engine import Transaction
from plaudit.wire.manage import resources

OUTSIDE = 0
"""`project_key` of entries that belong to no project, such as those of API keys."""


class _EntryCursor(Struct, frozen=True, array_like=True, tag="audit"):
    """Content of a page token: the filter, and the last entry of the page before."""

    object_id: str | None
    entry_id: str


async def record(
    tx: Transaction,
    environment_id: str,
    actor: Actor,
    action: str,
    object_kind: str,
    object_id: str,
    *,
    project_key: int = OUTSIDE,
    detail: dict[str, Any] | None = None,
) -> None:
    """Write an entry for one change. `detail` holds values before and after, never secrets."""
    entry = _entry(environment_id, actor, action, object_kind, object_id, project_key, detail or {})
    await audit.insert_entry(tx, entry)


async def record_many(
    tx: Transaction,
    environment_id: str,
    actor: Actor,
    action: str,
    object_kind: str,
    object_ids: Sequence[str],
    *,
    project_key: int = OUTSIDE,
) -> None:
    """Write an entry without detail for one action on each of several objects."""
    entries = [
        _entry(environment_id, actor, action, object_kind, object_id, project_key, {})
        for object_id in object_ids
    ]
    await audit.insert_entries(tx, entries)


async def list_entries_page(
    tx: Transaction,
    secret: ServerSecret,
    environment_id: str,
    *,
    object_id: str | None,
    limit: int,
    next_token: str | None,
) -> resources.AuditPage:
    """List one page of an environment's audit log, newest first; None is any object.

    Raises InvalidPageToken, also for a token of a list with another object_id.
    """
    before = None
    if next_token is not None:
        cursor = page_tokens.decode(secret, environment_id, next_token, _EntryCursor)
        if object_id not in (None, cursor.object_id):
            raise InvalidPageToken
        object_id, before = cursor.object_id, cursor.entry_id
    rows, has_more = await audit.list_entries(
        tx, environment_id, before=before, object_id=object_id, limit=limit
    )
    token = None
    if has_more:
        cursor = _EntryCursor(object_id, rows[-1].entry_id)
        token = page_tokens.encode(secret, environment_id, cursor)
    entries = [
        resources.AuditEntry(
            entry_id=row.entry_id,
            created_at=clock.format_ms(row.at_ms),
            actor=resources.Acting(kind=row.actor.kind, id=row.actor.id),
            action=row.action,
            object_kind=row.object_kind,
            object_id=row.object_id,
            request_id=row.actor.request_id or None,
            detail=_as_stored(row.detail),
        )
        for row in rows
    ]
    return resources.AuditPage(entries=entries, next_token=token)


def _as_stored(detail: bytes) -> Any:
    """Stored JSON that is written as it is; None for an empty object."""
    return None if detail == b"{}" else msgspec.Raw(detail)


def _entry(
    environment_id: str,
    actor: Actor,
    action: str,
    object_kind: str,
    object_id: str,
    project_key: int,
    detail: dict[str, Any],
) -> AuditEntryRow:
    return AuditEntryRow(
        project_key=project_key,
        entry_id=ids.mint("audit"),
        environment_id=environment_id,
        at_ms=clock.now_ms(),
        actor=actor,
        action=action,
        object_kind=object_kind,
        object_id=object_id,
        detail=msgspec.json.encode(detail),
    )

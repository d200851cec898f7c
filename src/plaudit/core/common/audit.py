"""Audit log: entries are written in the transaction of the change they record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit import clock, ids
from plaudit.model.core import Actor, AuditEntryRow
from plaudit.store.common import audit
from plaudit.store.engine.engine import Transaction

OUTSIDE = 0
"""`project_key` of entries that belong to no project, such as those of API keys."""


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

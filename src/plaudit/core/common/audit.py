"""Write into the audit log, in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit import clock, ids
from plaudit.model.core import Actor, AuditEntryRow
from plaudit.store.common import audit
from plaudit.store.engine.engine import Transaction

OUTSIDE = 0
"""The project number of what no project holds, such as keys."""


async def record(
    tx: Transaction,
    org_id: str,
    actor: Actor,
    action: str,
    object_kind: str,
    object_id: str,
    *,
    project_id: int = OUTSIDE,
    detail: dict[str, Any] | None = None,
) -> None:
    """Note one change: who, when, what. `detail` says what was before and after, no secrets."""
    entry = _entry(org_id, actor, action, object_kind, object_id, project_id, detail or {})
    await audit.insert_entry(tx, entry)


async def record_many(
    tx: Transaction,
    org_id: str,
    actor: Actor,
    action: str,
    object_kind: str,
    object_ids: Sequence[str],
    *,
    project_id: int = OUTSIDE,
) -> None:
    """Note the same change of each of several things."""
    entries = [
        _entry(org_id, actor, action, object_kind, object_id, project_id, {})
        for object_id in object_ids
    ]
    await audit.insert_entries(tx, entries)


def _entry(
    org_id: str,
    actor: Actor,
    action: str,
    object_kind: str,
    object_id: str,
    project_id: int,
    detail: dict[str, Any],
) -> AuditEntryRow:
    return AuditEntryRow(
        project_id=project_id,
        entry_id=ids.mint("audit"),
        org_id=org_id,
        at_ms=clock.now_ms(),
        actor=actor,
        action=action,
        object_kind=object_kind,
        object_id=object_id,
        detail=msgspec.json.encode(detail),
    )

"""Write into the audit log, in the transaction of the change itself."""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit import clock, ids
from plaudit.model import Actor, AuditEntry
from plaudit.store import audit
from plaudit.store.engine import Transaction

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
    entry = AuditEntry(
        project_id=project_id,
        entry_id=ids.mint("audit"),
        org_id=org_id,
        at_ms=clock.now_ms(),
        actor=actor,
        action=action,
        object_kind=object_kind,
        object_id=object_id,
        detail=msgspec.json.encode(detail or {}),
    )
    await audit.insert_entry(tx, entry)

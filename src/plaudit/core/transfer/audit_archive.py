"""The audit log in archives: entries that are added where they are missing, and never changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from plaudit import clock
from plaudit.core.common.audit import OUTSIDE
from plaudit.core.transfer.archive_line import archive_line
from plaudit.core.transfer.row_group import (
    RowGroup,
    RowResult,
    RowScope,
    check_ids,
    find_project_keys,
    required_moment,
    unknown_project,
)
from plaudit.errors import Conflict
from plaudit.model.core import Actor, AuditEntryRow, ProjectRow
from plaudit.store.common import audit
from plaudit.store.engine.engine import Database, Transaction
from plaudit.wire.archive.values import ArchivedAuditEntry
from plaudit.wire.v2.parse import convert

ENTRIES_PER_READ = 500

_encode = msgspec.json.Encoder().encode


async def audit_lines(
    db: Database, environment_id: str, projects: Sequence[ProjectRow]
) -> AsyncIterator[bytes]:
    """The lines of the audit log, oldest first, without entries of projects not listed."""
    project_ids: dict[int, str | None] = {OUTSIDE: None}
    project_ids.update({project.project_key: project.project_id for project in projects})
    after = ""
    while True:
        async with db.read() as tx:
            page = await audit.list_entries_after(
                tx, environment_id, after=after, limit=ENTRIES_PER_READ
            )
        for entry in page:
            if entry.project_key in project_ids:
                value = _entry_value(project_ids[entry.project_key], entry)
                yield archive_line("audit_entry", _encode(value))
        if len(page) < ENTRIES_PER_READ:
            return
        after = page[-1].entry_id


def _entry_value(project_id: str | None, entry: AuditEntryRow) -> ArchivedAuditEntry:
    return ArchivedAuditEntry(
        id=entry.entry_id,
        project=project_id,
        at=clock.format_ms(entry.at_ms),
        actor_kind=entry.actor.kind,
        actor_id=entry.actor.id,
        request_id=entry.actor.request_id,
        action=entry.action,
        object_kind=entry.object_kind,
        object_id=entry.object_id,
        detail=Raw(entry.detail),
    )


def _read_entry(value: Any) -> ArchivedAuditEntry:
    entry: ArchivedAuditEntry = convert(value, ArchivedAuditEntry)
    check_ids(
        id=entry.id,
        project=entry.project,
        actor_kind=entry.actor_kind,
        actor_id=entry.actor_id,
        request_id=entry.request_id or None,
        action=entry.action,
        object_kind=entry.object_kind,
        object_id=entry.object_id,
    )
    required_moment(entry.at, "/at")
    return entry


async def _store_entries(
    tx: Transaction, scope: RowScope, rows: Sequence[ArchivedAuditEntry]
) -> list[RowResult]:
    keys = await find_project_keys(tx, scope, [row.project for row in rows])
    results: list[RowResult] = []
    for row in rows:
        if row.project is not None and row.project not in keys:
            results.append(unknown_project(row.project))
            continue
        entry = AuditEntryRow(
            project_key=OUTSIDE if row.project is None else keys[row.project],
            entry_id=row.id,
            environment_id=scope.environment_id,
            at_ms=required_moment(row.at, "/at"),
            actor=Actor(row.actor_kind, row.actor_id, row.request_id),
            action=row.action,
            object_kind=row.object_kind,
            object_id=row.object_id,
            detail=_encode(row.detail),
        )
        if await audit.insert_entry(tx, entry):
            results.append("added")
        elif await audit.find_entry(tx, entry.project_key, row.id) == entry:
            results.append("unchanged")
        else:
            results.append(Conflict(f"entry {row.id!r} is stored with other values, or elsewhere"))
    return results


AUDIT = RowGroup(readers={"audit_entry": _read_entry}, store=_store_entries)

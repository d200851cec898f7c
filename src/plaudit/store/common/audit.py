"""Audit log entries: inserted and listed, never changed."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.core import Actor, AuditEntryRow
from plaudit.store.common import pages
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = (
    "project_key, entry_id, environment_id, at_ms, actor_kind, actor_id, request_id, action,"
    " object_kind, object_id, detail"
)


async def insert_entry(tx: Transaction, entry: AuditEntryRow) -> bool:
    """Insert an entry; False if there is one of its id, which only an import can bring."""
    is_new = await tx.run(
        f"INSERT INTO audit_entry ({_COLUMNS}) VALUES (:project_key, :entry_id, :environment_id,"
        " :at_ms,"
        " :actor_kind, :actor_id, :request_id, :action, :object_kind, :object_id, :detail)"
        " ON CONFLICT DO NOTHING",
        {
            "project_key": entry.project_key,
            "entry_id": entry.entry_id,
            "environment_id": entry.environment_id,
            "at_ms": entry.at_ms,
            "actor_kind": entry.actor.kind,
            "actor_id": entry.actor.id,
            "request_id": entry.actor.request_id,
            "action": entry.action,
            "object_kind": entry.object_kind,
            "object_id": entry.object_id,
            "detail": entry.detail,
        },
    )
    return bool(is_new)


async def insert_entries(tx: Transaction, entries: Sequence[AuditEntryRow]) -> None:
    """Insert many entries in bulk."""
    await tx.add(
        "audit_entry",
        _COLUMNS.split(", "),
        [
            (
                entry.project_key,
                entry.entry_id,
                entry.environment_id,
                entry.at_ms,
                entry.actor.kind,
                entry.actor.id,
                entry.actor.request_id,
                entry.action,
                entry.object_kind,
                entry.object_id,
                entry.detail,
            )
            for entry in entries
        ],
    )


async def list_entries(
    tx: Transaction, environment_id: str, *, before: str | None, object_id: str | None, limit: int
) -> tuple[list[AuditEntryRow], bool]:
    """A page of up to `limit` entries of an environment, newest first, and if more follow.

    It is bounded in bytes (`store/common/pages.py`). Only those older than the entry `before`, and
    of one object, where these are not None.
    """
    conditions = "environment_id = :environment_id"
    args: dict[str, object] = {"environment_id": environment_id}
    if before is not None:
        conditions += " AND entry_id < :before"
        args["before"] = before
    if object_id is not None:
        conditions += " AND object_id = :object_id"
        args["object_id"] = object_id
    rows, has_more = await pages.read_page(
        tx,
        _COLUMNS.split(", "),
        ["detail"],
        f"FROM audit_entry WHERE {conditions} ORDER BY entry_id DESC LIMIT :row_limit",
        args,
        limit=limit,
    )
    return [_entry(row[:-1]) for row in rows], has_more


async def list_history(
    tx: Transaction,
    environment_id: str,
    *,
    project_key: int | None,
    actor_id: str | None,
    object_id: str | None,
    before_id: str,
    limit: int,
) -> list[AuditEntryRow]:
    """Up to `limit` entries with an entry_id before `before_id`, newest first.

    They are without their details. Each of the other conditions may be None; of these the most
    selective has an index, and the caller looks at the others: one object's entries, else those of
    one actor, else those of a project or of the environment.
    """
    conditions = "environment_id = :environment_id"
    if object_id is not None:
        conditions += " AND object_id = :object_id"
    elif actor_id is not None:
        conditions += " AND actor_id = :actor_id"
    elif project_key is not None:
        conditions = "project_key = :project_key"
    names = _COLUMNS.removesuffix(", detail")
    rows = await tx.all(
        f"SELECT {names} FROM audit_entry WHERE {conditions} AND entry_id < :before_id"
        " ORDER BY entry_id DESC LIMIT :row_limit",
        {
            "environment_id": environment_id,
            "project_key": project_key,
            "actor_id": actor_id,
            "object_id": object_id,
            "before_id": before_id,
            "row_limit": limit,
        },
    )
    return [_entry((*row, b"{}")) for row in rows]


async def list_entries_after(
    tx: Transaction, environment_id: str, *, after: str, limit: int
) -> list[AuditEntryRow]:
    """List up to `limit` entries of an environment after an entry_id, oldest first."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM audit_entry WHERE environment_id = :environment_id"
        " AND entry_id > :after ORDER BY entry_id LIMIT :row_limit",
        {"environment_id": environment_id, "after": after, "row_limit": limit},
    )
    return [_entry(row) for row in rows]


async def find_entry(tx: Transaction, project_key: int, entry_id: str) -> AuditEntryRow | None:
    """Find an entry of a project by its id, in any environment."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM audit_entry WHERE project_key = :project_key"
        " AND entry_id = :entry_id",
        {"project_key": project_key, "entry_id": entry_id},
    )
    return _entry(row) if row else None


def _entry(row: Row) -> AuditEntryRow:
    project_key, entry_id, environment_id, at_ms, kind, actor_id, request_id, *rest = row
    return AuditEntryRow(
        project_key, entry_id, environment_id, at_ms, Actor(kind, actor_id, request_id), *rest
    )

"""Statements for the names of one kind beside one another."""

from __future__ import annotations

from enum import Enum

from plaudit.store.engine.engine import Transaction


class Named(Enum):
    """Rows with a name: their table, the column of its lookup key, the column of their owner."""

    project = ("project", "name_key", "environment_id")
    dataset = ("dataset", "name_key", "environment_id")
    person = ("person", "email_key", "organization_id")
    organization = ("organization", "name_key", None)


async def list_name_keys(
    tx: Transaction, named: Named, owner_id: str | None, *, peculiar: bool, limit: int
) -> list[str]:
    """List up to `limit` lookup keys of one owner's names; the peculiar ones alone, or all.

    Peculiar is what goes beyond ASCII, or has a run of spaces.
    """
    table, key, owner = named.value
    conditions = [] if owner is None else [f"{owner} = :owner_id"]
    if peculiar:
        conditions.append(f"(octet_length({key}) > length({key}) OR {key} LIKE '%  %')")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    rows = await tx.all(
        f"SELECT {key} FROM {table}{where} ORDER BY {key} LIMIT :row_limit",
        {"owner_id": owner_id, "row_limit": limit},
    )
    return [row[0] for row in rows]

"""Statements for the names of one kind beside one another."""

from __future__ import annotations

import re
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


_SHOWN = {
    Named.project: ("project_id", "name", "name"),
    Named.person: ("user_id", "email", "COALESCE(name, '') || ' ' || email"),
}


async def find_by_part(
    tx: Transaction, named: Named, owner_id: str, part: str, limit: int
) -> list[tuple[str, str]]:
    """Ids and names of up to `limit` projects or people whose name contains `part`, by name.

    ASCII letters are the same in both cases. A person is found by name and e-mail address.
    """
    table, _, owner = named.value
    key, name, searched = _SHOWN[named]
    pattern = re.sub(r"([!%_])", r"!\1", part.lower())
    rows = await tx.all(
        f"SELECT {key}, {name} FROM {table} WHERE {owner} = :owner_id"
        f" AND LOWER({searched}) LIKE :pattern ESCAPE '!' ORDER BY {name}, {key} LIMIT :row_limit",
        {"owner_id": owner_id, "pattern": f"%{pattern}%", "row_limit": limit},
    )
    return [(row[0], row[1]) for row in rows]

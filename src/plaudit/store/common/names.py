"""Statements for the names of one kind beside one another."""

from __future__ import annotations

import re
from enum import Enum

from plaudit.store.engine.engine import Transaction

LAST_CHARACTER = "\U0010ffff"


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


SCANNED_MAX = 2000
"""Rows whose names are looked through, the newest ones; older ones are found by their beginning."""

_SEEN_PROJECTS = (
    " AND ((is_members_only = 0 AND NOT EXISTS (SELECT 1 FROM person AS g"
    " WHERE g.organization_id = :organization_id AND g.user_id = :user_id AND g.is_guest = 1))"
    " OR project_key IN (SELECT m.project_key FROM project_member AS m"
    " WHERE m.member_id = :user_id OR m.member_id IN (SELECT t.team_id FROM team_member AS t"
    " WHERE t.organization_id = :organization_id AND t.user_id = :user_id)))"
)
_SHOWN = {
    Named.project: ("project_id", "name", "name"),
    Named.person: ("user_id", "email", "COALESCE(name, '') || ' ' || email"),
}


async def find_by_part(
    tx: Transaction,
    named: Named,
    owner_id: str,
    part: str,
    limit: int,
    *,
    seen_by: tuple[str, str] | None = None,
) -> list[tuple[str, str]]:
    """Ids and names of up to `limit` projects or people whose name contains `part`, by name.

    Of the SCANNED_MAX newest any part is found, ASCII letters the same in both cases; of older ones
    the beginning of the lookup key. A person is found by name and e-mail address. `seen_by` is the
    organization and the id of a person to whom projects of members alone are shown only if they are
    one.
    """
    table, key, owner = named.value
    id_column, name, searched = _SHOWN[named]
    pattern = re.sub(r"([!%_])", r"!\1", part.lower())
    args: dict[str, object] = {"owner_id": owner_id, "row_limit": limit}
    seen = ""
    if seen_by is not None:
        seen = _SEEN_PROJECTS
        args |= {"organization_id": seen_by[0], "user_id": seen_by[1]}
    newest = await tx.all(
        f"SELECT {id_column}, {name} FROM (SELECT * FROM {table} WHERE {owner} = :owner_id{seen}"
        f" ORDER BY created_ms DESC, {id_column} DESC LIMIT :scanned_max) AS newest"
        f" WHERE LOWER({searched}) LIKE :pattern ESCAPE '!' ORDER BY {name}, {id_column}"
        " LIMIT :row_limit",
        args | {"pattern": f"%{pattern}%", "scanned_max": SCANNED_MAX},
    )
    older = await tx.all(
        f"SELECT {id_column}, {name} FROM {table} WHERE {owner} = :owner_id{seen}"
        f" AND {key} >= :part AND {key} < :behind ORDER BY {key} LIMIT :row_limit",
        args | {"part": part, "behind": part + LAST_CHARACTER},
    )
    found = {row[0]: row[1] for row in (*newest, *older)}
    return sorted(found.items(), key=lambda one: (one[1], one[0]))[:limit]

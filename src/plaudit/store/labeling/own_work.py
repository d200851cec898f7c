"""Counts of a person's own work, project by project."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction


class OwnCounts(Struct, frozen=True):
    """Tasks of a person in a project, by what became of them; each is counted up to a bound."""

    submitted: int
    returned: int
    skipped: int


async def count_by_project(
    tx: Transaction, project_keys: Sequence[int], user_id: str, *, most: int
) -> dict[int, OwnCounts]:
    """Counts, each up to `most`, in those of some projects where a person ever took a task."""
    if not project_keys:
        return {}
    counted = ", ".join(
        "(SELECT COUNT(*) FROM (SELECT 1 FROM assignment AS a"
        " WHERE a.project_key = w.project_key AND a.user_id = :user_id"
        f" AND a.status = '{status}' LIMIT :most) AS found)"
        for status in OwnCounts.__struct_fields__
    )
    listed, args = value_lists.in_list("key", project_keys)
    rows = await tx.all(
        f"SELECT w.project_key, {counted} FROM lease_lock AS w"
        f" WHERE w.user_id = :user_id AND w.project_key IN {listed}",
        args | {"user_id": user_id, "most": most},
    )
    return {int(row[0]): OwnCounts(*map(int, row[1:])) for row in rows}

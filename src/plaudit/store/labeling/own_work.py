"""Counts of a person's own work, project by project."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.labeling import LeaseStatus
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction

PROJECTS_MAX = 60
"""Projects in one statement."""


class OwnCounts(Struct, frozen=True):
    """Tasks of a person in a project by what became of them, each counted up to a bound."""

    open: int
    submitted: int
    returned: int
    skipped: int


_STATUSES = [LeaseStatus(name) for name in OwnCounts.__struct_fields__]


async def count_by_project(
    tx: Transaction, project_keys: Sequence[int], user_id: str, *, most: int
) -> list[OwnCounts]:
    """Counts of a person in each of up to PROJECTS_MAX projects, each up to `most`."""
    if not project_keys:
        return []
    pairs = [(key, status.value) for key in project_keys for status in _STATUSES]
    sql, args = value_lists.union_all(
        "SELECT :number, COUNT(*) FROM (SELECT 1 FROM assignment WHERE project_key = :key"
        " AND user_id = :user_id AND status = :status LIMIT :most) AS found",
        key=[key for key, _ in pairs],
        status=[status for _, status in pairs],
    )
    rows = await tx.all(sql, args | {"user_id": user_id, "most": most})
    counts = [int(count) for _, count in sorted(rows)]
    width = len(_STATUSES)
    return [OwnCounts(*counts[at : at + width]) for at in range(0, len(counts), width)]

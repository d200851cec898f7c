"""A person's own work, project by project: its counts, what is open, what was done of late.

Control tasks (`control_key`) are among it: by numbers without them people could tell them apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.labeling import LeaseStatus, control_key
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
        "SELECT :number, COUNT(*) FROM (SELECT 1 FROM assignment"
        " WHERE project_key IN (:key, :control_key)"
        " AND user_id = :user_id AND status = :status LIMIT :most) AS found",
        key=[key for key, _ in pairs],
        control_key=[control_key(key) for key, _ in pairs],
        status=[status for _, status in pairs],
    )
    rows = await tx.all(sql, args | {"user_id": user_id, "most": most})
    counts = [int(count) for _, count in sorted(rows)]
    width = len(_STATUSES)
    return [OwnCounts(*counts[at : at + width]) for at in range(0, len(counts), width)]


class OpenWork(Struct, frozen=True):
    """A task that a person holds, or that was sent back to them.

    `task_key` is the key under which the task stands: the project's, or that of control tasks.
    """

    project_key: int
    task_key: int
    assignment_id: str
    seq: int
    leased_ms: int
    is_returned: bool


async def list_open(
    tx: Transaction, project_keys: Sequence[int], user_id: str, *, limit: int
) -> list[OpenWork]:
    """Up to `limit` open and returned tasks of a person in these projects, taken latest first."""
    if not project_keys:
        return []
    keys, args = value_lists.in_list("key", [*project_keys, *map(control_key, project_keys)])
    rows = await tx.all(
        "SELECT project_key, assignment_id, seq, leased_ms, status FROM assignment"
        f" WHERE project_key IN {keys} AND user_id = :user_id AND status IN ('open', 'returned')"
        " ORDER BY leased_ms DESC, assignment_id LIMIT :row_limit",
        args | {"user_id": user_id, "row_limit": limit},
    )
    return [
        OpenWork(abs(key), key, assignment_id, seq, leased_ms, status == LeaseStatus.returned)
        for key, assignment_id, seq, leased_ms, status in rows
    ]


class RecentWork(Struct, frozen=True):
    """A person's submissions in a project of late: the latest, how many, and their active time."""

    project_key: int
    latest_ms: int
    submitted: int
    active_ms: int


async def list_recent(
    tx: Transaction, project_keys: Sequence[int], user_id: str, *, since_ms: int, most: int
) -> list[RecentWork]:
    """Submissions of a person in these projects since `since_ms`, the latest project first.

    A submission that was corrected counts once; of each project up to `most` are counted.
    """
    if not project_keys:
        return []
    keys = [*project_keys, *map(control_key, project_keys)]
    sql, args = value_lists.union_all(
        "SELECT :number, MAX(submitted_ms), COUNT(*), COALESCE(SUM(active_ms), 0) FROM"
        " (SELECT submitted_ms, active_ms FROM submission WHERE project_key = :key"
        " AND user_id = :user_id AND is_current = 1 AND submitted_ms > :since_ms"
        " ORDER BY submitted_ms DESC LIMIT :most) AS found HAVING COUNT(*) > 0",
        key=keys,
    )
    rows = await tx.all(sql, args | {"user_id": user_id, "since_ms": since_ms, "most": most})
    found: dict[int, RecentWork] = {}
    for number, latest_ms, submitted, active_ms in rows:
        key = abs(keys[number])
        one = found.get(key, RecentWork(key, 0, 0, 0))
        found[key] = RecentWork(
            key,
            max(one.latest_ms, int(latest_ms)),
            one.submitted + int(submitted),
            one.active_ms + int(active_ms),
        )
    return sorted(found.values(), key=lambda one: (-one.latest_ms, one.project_key))

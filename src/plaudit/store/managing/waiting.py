"""Statements for the reasons why tasks wait: batches on hold, states of the queue, and people."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.core import BatchStatus, TaskStatus
from plaudit.model.labeling import WorkState, control_key
from plaudit.model.staffing import TaskQuota
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction


class HeldBatch(Struct, frozen=True):
    """A batch that is staging or paused, with its pending tasks."""

    batch_id: str
    name: str
    status: BatchStatus
    pending: int


class StaffRow(Struct, frozen=True):
    """Memberships of a person in a project, with what decides about their role and quota."""

    user_id: str
    role: str
    status: str
    is_guest: bool
    own: tuple[int, TaskQuota] | None
    """Role rank and quota of the person's own membership."""
    teams: tuple[tuple[int, TaskQuota], ...]
    """Those of their teams' memberships."""


async def count_statuses(
    tx: Transaction, project_key: int, statuses: Sequence[TaskStatus], *, most: int
) -> dict[TaskStatus, int]:
    """Number of tasks in each of these statuses, each counted up to `most`."""
    sql, args = value_lists.union_all(
        "SELECT :number, COUNT(*) FROM (SELECT 1 FROM task WHERE project_key = :project_key"
        " AND status = :status LIMIT :most) AS found",
        status=[status.code for status in statuses],
    )
    rows = await tx.all(sql, args | {"project_key": project_key, "most": most})
    return {statuses[int(number)]: int(count) for number, count in sorted(rows)}


async def count_states(
    tx: Transaction, project_key: int, states: Sequence[WorkState], *, most: int
) -> dict[WorkState, int]:
    """Number of tasks of the queue in each of these states but `open`, each up to `most`."""
    sql, args = value_lists.union_all(
        "SELECT :number, COUNT(*) FROM (SELECT 1 FROM task_work WHERE project_key = :project_key"
        " AND state = :state AND state <> 'open' LIMIT :most) AS found",
        state=[state.value for state in states],
    )
    rows = await tx.all(sql, args | {"project_key": project_key, "most": most})
    return {states[int(number)]: int(count) for number, count in sorted(rows)}


async def list_held_batches(tx: Transaction, project_key: int, *, limit: int) -> list[HeldBatch]:
    """Up to `limit` batches with pending tasks of which nobody is given one, oldest first."""
    rows = await tx.all(
        "SELECT b.batch_id, b.name, b.status, p.pending FROM batch AS b JOIN batch_progress AS p"
        " ON p.project_key = :project_key AND p.batch_id = b.batch_id"
        " WHERE b.project_key = :project_key AND b.status IN ('paused', 'staging')"
        " AND p.pending > 0 ORDER BY b.created_ms, b.batch_id LIMIT :row_limit",
        {"project_key": project_key, "row_limit": limit},
    )
    return [
        HeldBatch(batch_id, name, BatchStatus(status), int(pending))
        for batch_id, name, status, pending in rows
    ]


async def list_staff(
    tx: Transaction, project_key: int, organization_id: str, user_ids: Sequence[str]
) -> list[StaffRow]:
    """Memberships of these people of an organization in a project, by user id."""
    if not user_ids:
        return []
    listed, args = value_lists.in_list("id", user_ids)
    rows = await tx.all(
        "SELECT a.user_id, a.role, a.status, a.is_guest, m.member_id, m.role_rank,"
        " m.tasks_per_day, m.tasks_in_all FROM person AS a LEFT JOIN project_member AS m"
        " ON m.project_key = :project_key AND (m.member_id = a.user_id OR m.member_id IN"
        " (SELECT t.team_id FROM team_member AS t WHERE t.organization_id = :organization_id"
        " AND t.user_id = a.user_id))"
        f" WHERE a.organization_id = :organization_id AND a.user_id IN {listed}"
        " ORDER BY a.user_id",
        args | {"project_key": project_key, "organization_id": organization_id},
    )
    people: dict[str, tuple[str, str, bool]] = {}
    own: dict[str, tuple[int, TaskQuota]] = {}
    teams: dict[str, list[tuple[int, TaskQuota]]] = {}
    for user_id, role, status, is_guest, member_id, rank, per_day, in_all in rows:
        people[user_id] = role, status, bool(is_guest)
        if member_id == user_id:
            own[user_id] = int(rank), TaskQuota(per_day, in_all)
        elif member_id is not None:
            teams.setdefault(user_id, []).append((int(rank), TaskQuota(per_day, in_all)))
    return [
        StaffRow(user_id, *person, own.get(user_id), tuple(teams.get(user_id, ())))
        for user_id, person in people.items()
    ]


async def count_given_each(
    tx: Transaction, project_key: int, asked: Sequence[tuple[str, int, int]]
) -> list[int]:
    """Tasks that people hold or have submitted, for each of up to SELECTS_MAX.

    Asked are a user id, the time in milliseconds since when the tasks were given, and the most that
    is counted, as `store/labeling/quotas.py` does for one person.
    """
    if not asked:
        return []
    sql, args = value_lists.union_all(
        "SELECT :number, COUNT(*) FROM (SELECT 1 FROM assignment WHERE project_key IN"
        " (:key, :control_key) AND user_id = :user_id AND status IN ('open', 'returned',"
        " 'submitted') AND leased_ms >= :since_ms LIMIT :most) AS given",
        user_id=[user_id for user_id, _, _ in asked],
        since_ms=[since_ms for _, since_ms, _ in asked],
        most=[most for _, _, most in asked],
    )
    keys = {"key": project_key, "control_key": control_key(project_key)}
    return [int(count) for _, count in sorted(await tx.all(sql, args | keys))]

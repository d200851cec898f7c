"""Statements for members of projects (table `project_member`), which are people or teams."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.core import ProjectRow
from plaudit.model.staffing import TaskQuota
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

MEMBER_IDS = (
    "(m.member_id = :user_id OR m.member_id IN (SELECT t.team_id FROM team_member AS t"
    " WHERE t.organization_id = :organization_id AND t.user_id = :user_id))"
)
"""Condition on `project_member AS m`: rows of a person, and of the teams that they are in."""
_PROJECT = "p.project_key, p.environment_id, p.project_id, p.name, p.created_ms, p.detail"


class SeatRow(Struct, frozen=True):
    """Memberships and roles of a person in a project; role and status are None for a stranger."""

    organization_id: str
    role: str | None
    status: str | None
    is_guest: bool
    is_members_only: bool
    project_quota: TaskQuota
    own: tuple[int, TaskQuota] | None
    """Role rank and quota of the person's own membership."""
    teams: tuple[tuple[int, TaskQuota], ...]
    """Those of their teams' memberships."""


class StoredMember(Struct, frozen=True):
    """A row of `project_member`."""

    member_id: str
    role_rank: int
    quota: TaskQuota
    added_ms: int


async def find_seat(tx: Transaction, project_key: int, user_id: str) -> SeatRow | None:
    """Find how a person stands in a project; None if there is no such project."""
    rows = await tx.all(
        "SELECT e.organization_id, person.role, person.status, person.is_guest, p.is_members_only,"
        " p.tasks_per_day, p.tasks_in_all, m.member_id, m.role_rank, m.tasks_per_day,"
        " m.tasks_in_all FROM project AS p JOIN environment AS e"
        " ON e.environment_id = p.environment_id"
        " LEFT JOIN person ON person.organization_id = e.organization_id"
        " AND person.user_id = :user_id"
        " LEFT JOIN project_member AS m ON m.project_key = p.project_key"
        " AND (m.member_id = :user_id OR m.member_id IN (SELECT t.team_id FROM team_member AS t"
        " WHERE t.organization_id = e.organization_id AND t.user_id = :user_id))"
        " WHERE p.project_key = :project_key",
        {"project_key": project_key, "user_id": user_id},
    )
    if not rows:
        return None
    organization_id, role, status, is_guest, is_members_only, per_day, in_all, *_ = rows[0]
    members = [
        (member_id, (int(rank), TaskQuota(day, most)))
        for *_, member_id, rank, day, most in rows
        if member_id is not None
    ]
    return SeatRow(
        organization_id,
        role,
        status,
        bool(is_guest),
        bool(is_members_only),
        TaskQuota(per_day, in_all),
        next((seat for member_id, seat in members if member_id == user_id), None),
        tuple(seat for member_id, seat in members if member_id != user_id),
    )


async def put_member(
    tx: Transaction,
    project_key: int,
    member_id: str,
    *,
    role_rank: int,
    quota: TaskQuota,
    now: int,
) -> None:
    """Add a member, or change the role and the quota of one."""
    await tx.run(
        "INSERT INTO project_member (project_key, member_id, role_rank, tasks_per_day,"
        " tasks_in_all, added_ms) VALUES (:project_key, :member_id, :role_rank, :per_day, :in_all,"
        " :now) ON CONFLICT (project_key, member_id) DO UPDATE SET role_rank = :role_rank,"
        " tasks_per_day = :per_day, tasks_in_all = :in_all",
        {
            "project_key": project_key,
            "member_id": member_id,
            "role_rank": role_rank,
            "per_day": quota.per_day,
            "in_all": quota.in_all,
            "now": now,
        },
    )


async def copy_members(tx: Transaction, project_key: int, *, to_key: int, now: int) -> int:
    """Make all members of a project members of another one that has none; their number."""
    return await tx.run(
        "INSERT INTO project_member (project_key, member_id, role_rank, tasks_per_day,"
        " tasks_in_all, added_ms) SELECT CAST(:to_key AS BIGINT), member_id, role_rank,"
        " tasks_per_day, tasks_in_all, CAST(:now AS BIGINT) FROM project_member"
        " WHERE project_key = :project_key",
        {"project_key": project_key, "to_key": to_key, "now": now},
    )


async def delete_member(tx: Transaction, project_key: int, member_id: str) -> bool:
    """Delete a member; False if they were none."""
    return bool(
        await tx.run(
            "DELETE FROM project_member WHERE project_key = :project_key"
            " AND member_id = :member_id",
            {"project_key": project_key, "member_id": member_id},
        )
    )


async def list_members(
    tx: Transaction, project_key: int, *, after: str, limit: int
) -> list[StoredMember]:
    """List up to `limit` members of a project by id, those after the id `after`."""
    rows = await tx.all(
        "SELECT member_id, role_rank, tasks_per_day, tasks_in_all, added_ms FROM project_member"
        " WHERE project_key = :project_key AND member_id > :after"
        " ORDER BY member_id LIMIT :row_limit",
        {"project_key": project_key, "after": after, "row_limit": limit},
    )
    return [_member(row) for row in rows]


async def find_member(tx: Transaction, project_key: int, member_id: str) -> StoredMember | None:
    """Find a member of a project by id, a person's or a team's."""
    row = await tx.one(
        "SELECT member_id, role_rank, tasks_per_day, tasks_in_all, added_ms FROM project_member"
        " WHERE project_key = :project_key AND member_id = :member_id",
        {"project_key": project_key, "member_id": member_id},
    )
    return None if row is None else _member(row)


async def list_projects_of(tx: Transaction, member_id: str, *, limit: int) -> list[int]:
    """List up to `limit` project_keys of projects that a person or a team is a member of."""
    rows = await tx.all(
        "SELECT m.project_key FROM project_member AS m WHERE m.member_id = :member_id"
        " ORDER BY m.project_key LIMIT :row_limit",
        {"member_id": member_id, "row_limit": limit},
    )
    return [int(row[0]) for row in rows]


async def set_access(
    tx: Transaction, project_key: int, *, is_members_only: bool, quota: TaskQuota
) -> None:
    """Set whether members alone see a project, and the quota of people without one of their own."""
    await tx.run(
        "UPDATE project SET is_members_only = :is_members_only, tasks_per_day = :per_day,"
        " tasks_in_all = :in_all WHERE project_key = :project_key",
        {
            "project_key": project_key,
            "is_members_only": int(is_members_only),
            "per_day": quota.per_day,
            "in_all": quota.in_all,
        },
    )


async def find_access(tx: Transaction, project_key: int) -> tuple[bool, TaskQuota]:
    """True if members alone see a project, and the quota of people without one of their own."""
    row = await tx.one(
        "SELECT is_members_only, tasks_per_day, tasks_in_all FROM project"
        " WHERE project_key = :project_key",
        {"project_key": project_key},
    )
    assert row is not None
    return bool(row[0]), TaskQuota(row[1], row[2])


async def list_visible(
    tx: Transaction,
    environment_id: str,
    organization_id: str,
    user_id: str,
    limit: int,
    *,
    open_too: bool,
    rank_min: int,
    before: tuple[int, str] | None = None,
) -> list[ProjectRow]:
    """List up to `limit` projects of a person, newest first, from before that cursor.

    They are those that the person, or a team of theirs, is a member of with a role of at least
    `rank_min`, their own membership before those of teams; and with `open_too` the projects that
    are open to all and not theirs by membership.
    """
    position = ""
    args: dict[str, object] = {
        "environment_id": environment_id,
        "organization_id": organization_id,
        "user_id": user_id,
        "row_limit": limit,
        "rank_min": rank_min,
    }
    if before is not None:
        position = " AND (p.created_ms, p.project_id) < (:before_ms, :before_id)"
        args["before_ms"], args["before_id"] = before
    rank = (
        "COALESCE((SELECT m.role_rank FROM project_member AS m"
        " WHERE m.project_key = p.project_key AND m.member_id = :user_id),"
        " (SELECT MAX(m.role_rank) FROM project_member AS m JOIN team_member AS t"
        " ON t.team_id = m.member_id WHERE m.project_key = p.project_key"
        " AND t.organization_id = :organization_id AND t.user_id = :user_id), 0)"
    )
    ranges = [
        f"SELECT {_PROJECT} FROM project AS p WHERE p.environment_id = :environment_id{position}"
        f" AND p.project_key IN (SELECT m.project_key FROM project_member AS m WHERE {MEMBER_IDS})"
        f" AND {rank} >= :rank_min"
    ]
    if open_too:
        ranges.append(
            f"SELECT {_PROJECT} FROM project AS p WHERE p.environment_id = :environment_id"
            f" AND p.is_members_only = 0{position} AND {rank} = 0"
        )
    sql = value_lists.merge(ranges, "created_ms DESC, project_id DESC")
    return [ProjectRow(*row) for row in await tx.all(sql, args)]


async def list_names(
    tx: Transaction, organization_id: str, member_ids: Sequence[str]
) -> dict[str, tuple[str | None, str]]:
    """Names of members by id: (None, name) of a team, (address or user name, name) of a person."""
    if not member_ids:
        return {}
    listed, args = value_lists.in_list("id", member_ids)
    rows = await tx.all(
        "SELECT user_id, email, COALESCE(name, '') FROM person"
        f" WHERE organization_id = :organization_id AND user_id IN {listed} UNION ALL"
        " SELECT team_id, NULL, name FROM team"
        f" WHERE organization_id = :organization_id AND team_id IN {listed}",
        args | {"organization_id": organization_id},
    )
    return {member_id: (email, name) for member_id, email, name in rows}


def _member(row: Row) -> StoredMember:
    member_id, rank, per_day, in_all, added_ms = row
    return StoredMember(member_id, int(rank), TaskQuota(per_day, in_all), int(added_ms))

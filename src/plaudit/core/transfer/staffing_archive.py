"""Staffing in archives: teams, skills of people, members of projects, requirements of tasks.

Lines refer to people, projects, batches and tasks, which come before them. What a line says that is
stored with other values is refused, save with --replace.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from plaudit import clock
from plaudit.core.accounts import project_members, teams
from plaudit.core.accounts.users import find_live_organization
from plaudit.core.common import names
from plaudit.core.staffing import pools, requirements, roles
from plaudit.core.staffing.requirements import ANYBODY
from plaudit.core.tasks import work_queue
from plaudit.core.transfer.archive_line import archive_line
from plaudit.core.transfer.row_group import (
    RowGroup,
    RowResult,
    RowScope,
    check_ids,
    find_project_keys,
    find_user_ids,
    required_moment,
    unknown_project,
    unknown_user,
)
from plaudit.errors import Conflict, InvalidContent, Problem
from plaudit.model.core import ProjectRow, StoredTask, TaskStatus
from plaudit.model.staffing import Requirement, TaskQuota, TeamRow
from plaudit.store.accounts import organizations
from plaudit.store.accounts import project_members as members_store
from plaudit.store.accounts import teams as teams_store
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.tasks import batches, tasks, work_pools
from plaudit.wire.archive import staffing as wire
from plaudit.wire.v2.parse import convert

ROWS_PER_READ = 500

_encode = msgspec.json.Encoder().encode


async def organization_lines(db: Database, environment_id: str) -> AsyncIterator[bytes]:
    """Lines of an organization's teams, with the people in each, and of what people can.

    None for a test environment: teams are of the live data, as people are.
    """
    async with db.read() as tx:
        organization_id = await find_live_organization(tx, environment_id)
    if organization_id is None:
        return
    async with db.read() as tx:
        listed = await teams_store.list_teams(tx, organization_id, after="", limit=teams.TEAMS_MAX)
    for team, _ in listed:
        async with db.read() as tx:
            user_ids = await teams_store.list_people_of(
                tx, organization_id, team.team_id, limit=project_members.PEOPLE_MAX
            )
        value = wire.ArchivedTeam(
            id=team.team_id, name=team.name, created_at=clock.format_ms(team.created_ms)
        )
        yield archive_line("team", _encode(value))
        for user_id in user_ids:
            in_team = wire.ArchivedTeamMember(team=team.team_id, user=user_id)
            yield archive_line("team_member", _encode(in_team))
    after = ""
    while True:
        async with db.read() as tx:
            page = await teams_store.list_people_with_skills(
                tx, organization_id, after=after, limit=ROWS_PER_READ
            )
            skills = [await teams_store.find_skills(tx, organization_id, one) for one in page]
        for person in skills:
            value_of_person = wire.ArchivedSkills(
                user=person.user_id,
                languages=sorted(person.languages),
                tags=sorted(person.tags),
            )
            yield archive_line("skills", _encode(value_of_person))
        if len(page) < ROWS_PER_READ:
            return
        after = page[-1]


async def member_lines(db: Database, projects: Sequence[ProjectRow]) -> AsyncIterator[bytes]:
    """Lines of the members of projects."""
    for project in projects:
        after = ""
        while True:
            async with db.read() as tx:
                page = await members_store.list_members(
                    tx, project.project_key, after=after, limit=ROWS_PER_READ
                )
            for row in page:
                value = wire.ArchivedMember(
                    project=project.project_id,
                    member=row.member_id,
                    role=roles.role_of_rank(row.role_rank),
                    tasks_per_day=row.quota.per_day,
                    tasks_in_all=row.quota.in_all,
                    added_at=clock.format_ms(row.added_ms),
                )
                yield archive_line("member", _encode(value))
            if len(page) < ROWS_PER_READ:
                break
            after = page[-1].member_id


def batch_team_line(batch_id: str, team_id: str) -> bytes:
    """Line of the team that alone works on a batch."""
    return archive_line("batch_team", _encode(wire.ArchivedBatchTeam(batch=batch_id, team=team_id)))


def requirement_lines(task: StoredTask, stored: bytes | None) -> Iterator[bytes]:
    """The line of what a task asks of people, if an import would not read it from its metadata."""
    own = ANYBODY if stored is None else requirements.decode(stored)
    is_pending = task.status is TaskStatus.pending
    if own != (_asked_at_first(task) if is_pending else ANYBODY):
        value = wire.ArchivedRequirement(
            task=task.task_id,
            languages=list(own.languages),
            tags=list(own.tags),
            people=list(own.people),
        )
        yield archive_line("requirement", _encode(value))


def _asked_at_first(task: StoredTask) -> Requirement:
    """Requirement of the metadata; none where it is stated wrongly, as older versions stored."""
    try:
        return pools.requirement_of_metadata(task)
    except InvalidContent:
        return ANYBODY


def _read_team(value: Any) -> wire.ArchivedTeam:
    team: wire.ArchivedTeam = convert(value, wire.ArchivedTeam)
    check_ids(id=team.id)
    names.check_name(team.name, "/name")
    required_moment(team.created_at, "/created_at")
    return team


def _read_team_member(value: Any) -> wire.ArchivedTeamMember:
    row: wire.ArchivedTeamMember = convert(value, wire.ArchivedTeamMember)
    check_ids(team=row.team, user=row.user)
    return row


def _read_skills(value: Any) -> wire.ArchivedSkills:
    row: wire.ArchivedSkills = convert(value, wire.ArchivedSkills)
    check_ids(user=row.user)
    requirements.checked_languages(row.languages, "/languages")
    requirements.checked_tags(row.tags, "/tags")
    return row


def _read_member(value: Any) -> wire.ArchivedMember:
    row: wire.ArchivedMember = convert(value, wire.ArchivedMember)
    check_ids(project=row.project, member=row.member)
    if row.role not in project_members.PROJECT_ROLES:
        raise InvalidContent("a member is annotator, reviewer or manager", pointer="/role")
    project_members.check_quota(TaskQuota(row.tasks_per_day, row.tasks_in_all))
    required_moment(row.added_at, "/added_at")
    return row


def _read_batch_team(value: Any) -> wire.ArchivedBatchTeam:
    row: wire.ArchivedBatchTeam = convert(value, wire.ArchivedBatchTeam)
    check_ids(batch=row.batch, team=row.team)
    return row


def _read_requirement(value: Any) -> wire.ArchivedRequirement:
    row: wire.ArchivedRequirement = convert(value, wire.ArchivedRequirement)
    check_ids(task=row.task)
    _wanted(row)
    return row


def _wanted(row: wire.ArchivedRequirement) -> Requirement:
    return requirements.read_requirement(
        {"languages": row.languages, "tags": row.tags, "people": row.people}
    )


async def _store_rows(tx: Transaction, scope: RowScope, rows: Sequence[Any]) -> list[RowResult]:
    results: list[RowResult] = []
    for row in rows:
        try:
            results.append(await _STORES[type(row)](tx, scope, row))
        except Problem as exc:
            results.append(exc)
    return results


async def _store_team(tx: Transaction, scope: RowScope, row: wire.ArchivedTeam) -> RowResult:
    organization_id = _live(scope)
    wanted = TeamRow(
        organization_id, row.id, row.name.strip(), required_moment(row.created_at, "/created_at")
    )
    name_key = names.check_name(row.name).casefold()
    stored = await teams_store.find_team(tx, organization_id, row.id)
    if stored == wanted:
        return "unchanged"
    if stored is None:
        if await teams_store.count_teams(tx, organization_id) >= teams.TEAMS_MAX:
            raise Conflict(f"an organization has at most {teams.TEAMS_MAX} teams")
        if not await teams_store.insert_team(tx, wanted, name_key):
            raise Conflict(f"there is a team named {row.name!r} already")
        return "added"
    if stored.created_ms != wanted.created_ms:
        raise Conflict(f"team {row.id!r} is stored with another time")
    _require_replace(scope, f"team {row.id!r} is stored with other values; see --replace")
    await teams.rename_team(tx, organization_id, row.id, row.name)
    return "updated"


async def _store_team_member(
    tx: Transaction, scope: RowScope, row: wire.ArchivedTeamMember
) -> RowResult:
    organization_id = _live(scope)
    await _require_team(tx, organization_id, row.team)
    if not await find_user_ids(tx, scope, [row.user]):
        raise unknown_user(row.user)
    most = project_members.PEOPLE_MAX
    listed = await teams_store.list_people_of(tx, organization_id, row.team, limit=most + 1)
    if row.user in listed:
        return "unchanged"
    if len(listed) >= most:
        raise Conflict(f"a team has at most {most} people")
    await teams_store.add_people(tx, organization_id, row.team, [row.user])
    return "added"


async def _store_skills(tx: Transaction, scope: RowScope, row: wire.ArchivedSkills) -> RowResult:
    organization_id = _live(scope)
    if not await find_user_ids(tx, scope, [row.user]):
        raise unknown_user(row.user)
    stored = await teams_store.find_skills(tx, organization_id, row.user)
    wanted = (
        frozenset(requirements.checked_languages(row.languages, "/languages")),
        frozenset(requirements.checked_tags(row.tags, "/tags")),
    )
    if (stored.languages, stored.tags) == wanted:
        return "unchanged"
    is_new = not stored.languages and not stored.tags
    if not is_new:
        _require_replace(scope, f"user {row.user!r} is stored with other values; see --replace")
    await teams.set_skills(tx, organization_id, row.user, languages=row.languages, tags=row.tags)
    return "added" if is_new else "updated"


async def _store_member(tx: Transaction, scope: RowScope, row: wire.ArchivedMember) -> RowResult:
    keys = await find_project_keys(tx, scope, [row.project])
    if row.project not in keys:
        raise unknown_project(row.project)
    key = keys[row.project]
    account = await organizations.find_organization(tx, scope.environment_id)
    organization_id = "" if account is None else account[0]
    if row.member not in await members_store.list_names(tx, organization_id, [row.member]):
        raise InvalidContent(
            f"the organization has no user and no team {row.member!r}", pointer="/member"
        )
    wanted = members_store.StoredMember(
        row.member,
        roles.RANKS[row.role],
        TaskQuota(row.tasks_per_day, row.tasks_in_all),
        required_moment(row.added_at, "/added_at"),
    )
    stored = await members_store.find_member(tx, key, row.member)
    if stored == wanted:
        return "unchanged"
    if stored is not None:
        _require_replace(scope, f"member {row.member!r} is stored with other values; see --replace")
    await members_store.put_member(
        tx,
        key,
        row.member,
        role_rank=wanted.role_rank,
        quota=wanted.quota,
        now=wanted.added_ms,
    )
    return "added" if stored is None else "updated"


async def _store_batch_team(
    tx: Transaction, scope: RowScope, row: wire.ArchivedBatchTeam
) -> RowResult:
    batch = await batches.find_batch(tx, scope.environment_id, row.batch)
    if batch is None:
        raise InvalidContent(f"there is no batch {row.batch!r}", pointer="/batch")
    account = await organizations.find_organization(tx, scope.environment_id)
    await _require_team(tx, "" if account is None else account[0], row.team)
    await batches.add_progress(tx, batch.project_key, batch.batch_id, {})  # the lock
    handed = await work_pools.find_batch_teams(tx, batch.project_key, [batch.batch_id])
    stored = handed.get(batch.batch_id)
    if stored == row.team:
        return "unchanged"
    if stored is not None:
        _require_replace(scope, f"batch {row.batch!r} is stored with other values; see --replace")
    await pools.hand_batch(tx, batch.project_key, batch.batch_id, row.team)
    return "added" if stored is None else "updated"


async def _store_requirement(
    tx: Transaction, scope: RowScope, row: wire.ArchivedRequirement
) -> RowResult:
    task = await tasks.find_task(tx, scope.environment_id, row.task)
    if task is None:
        raise InvalidContent(f"there is no task {row.task!r}", pointer="/task")
    wanted, key = _wanted(row), task.project_key
    if task.batch_id is not None:
        await batches.add_progress(tx, key, task.batch_id, {})  # the lock
    await work_queue.lock_work(tx, task)
    found = await work_pools.find_requirement(tx, key, task.seq)
    stored = ANYBODY if found is None else requirements.decode(found)
    if stored == wanted:
        return "unchanged"
    is_new = found is None or stored == _asked_at_first(task)
    if not is_new:
        _require_replace(scope, f"task {row.task!r} is stored with other values; see --replace")
    await pools.change_requirement(tx, key, task, wanted)
    return "added" if is_new else "updated"


def _live(scope: RowScope) -> str:
    if scope.organization_id is None:
        raise Conflict("teams and people belong to an organization's live data")
    return scope.organization_id


async def _require_team(tx: Transaction, organization_id: str, team_id: str) -> None:
    if await teams_store.find_team(tx, organization_id, team_id) is None:
        raise InvalidContent(f"the organization has no team {team_id!r}", pointer="/team")


def _require_replace(scope: RowScope, message: str) -> None:
    if not scope.replace:
        raise Conflict(message)


_STORES: Mapping[type, Callable[[Transaction, RowScope, Any], Awaitable[RowResult]]] = {
    wire.ArchivedTeam: _store_team,
    wire.ArchivedTeamMember: _store_team_member,
    wire.ArchivedSkills: _store_skills,
    wire.ArchivedMember: _store_member,
    wire.ArchivedBatchTeam: _store_batch_team,
    wire.ArchivedRequirement: _store_requirement,
}

STAFFING = RowGroup(
    readers={
        "team": _read_team,
        "team_member": _read_team_member,
        "skills": _read_skills,
        "member": _read_member,
        "batch_team": _read_batch_team,
        "requirement": _read_requirement,
    },
    store=_store_rows,
)

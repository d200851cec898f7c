"""Members of a project, who are people or teams: added, changed, taken out; and who sees it.

Whoever loses their access gives their tasks back at once, with their drafts kept; what they
submitted stays. All functions take the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from plaudit.core.quality_control.pauses import release_leases
from plaudit.core.staffing import roles, seats
from plaudit.core.staffing.quotas import QUOTA_MAX
from plaudit.errors import InvalidContent, NotFound
from plaudit.model.core import PersonRole, PersonStatus, ProjectRow
from plaudit.model.staffing import MemberRow, TaskQuota
from plaudit.store.accounts import organizations, project_members, teams, users
from plaudit.store.accounts.project_members import StoredMember
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import given_back
from plaudit.store.labeling import leases as leases_store
from plaudit.store.tasks import projects

PAGE_MAX = 100
PEOPLE_MAX = 1000
"""People of a team, and people whose leases one change gives back."""
PROJECT_ROLES = (PersonRole.annotator, PersonRole.reviewer, PersonRole.manager)


async def set_member(
    tx: Transaction,
    project: ProjectRow,
    member_id: str,
    *,
    role: PersonRole,
    quota: TaskQuota,
) -> MemberRow:
    """Make a person or a team a member of a project, or change what one is.

    Raises NotFound for an unknown person or team, InvalidContent for the role admin, and for a
    quota out of 1 to QUOTA_MAX.
    """
    check_quota(quota)
    if role not in PROJECT_ROLES:
        raise InvalidContent("a member is annotator, reviewer or manager", pointer="/role")
    organization_id = await organization_of(tx, project)
    await require_member_id(tx, organization_id, member_id)
    now = await tx.now_ms()
    await project_members.put_member(
        tx, project.project_key, member_id, role_rank=roles.RANKS[role], quota=quota, now=now
    )
    return await get_member(tx, project, member_id)


async def remove_member(tx: Transaction, project: ProjectRow, member_id: str) -> None:
    """Take a person or a team out of a project; raises NotFound if they are no member."""
    if not await project_members.delete_member(tx, project.project_key, member_id):
        raise NotFound("there is no such member")
    organization_id = await organization_of(tx, project)
    people = await teams.list_people_of(tx, organization_id, member_id, limit=PEOPLE_MAX)
    await give_back_of(tx, project, [*people, member_id])


async def set_access(
    tx: Transaction, project: ProjectRow, *, is_members_only: bool, quota: TaskQuota
) -> None:
    """Set who sees a project, and the quota of everybody without one of their own.

    Raises InvalidContent for a quota out of 1 to QUOTA_MAX.
    """
    check_quota(quota)
    await project_members.set_access(
        tx, project.project_key, is_members_only=is_members_only, quota=quota
    )
    if is_members_only:
        holders = await given_back.list_holders(tx, project.project_key, limit=PEOPLE_MAX)
        await give_back_of(tx, project, holders)


async def give_back_of(tx: Transaction, project: ProjectRow, user_ids: Iterable[str]) -> int:
    """Give back the leases of those people who have no access to a project any more.

    Returns how many they are. All of them are locked before any task is, in the order of their
    ids, so that nobody who is given a task at this moment waits in a circle.
    """
    without = []
    for user_id in sorted(set(user_ids)):
        await leases_store.lock_annotator(tx, project.project_key, user_id)
        if (await seats.find_seat(tx, project, user_id)).role is None:
            without.append(user_id)
    for user_id in without:
        await release_leases(tx, project, user_id)
    return len(without)


async def give_back_everywhere(tx: Transaction, organization_id: str, user_id: str) -> None:
    """Give back a person's leases of all projects that they have no access to any more."""
    for environment_id in await organizations.list_environments(tx, organization_id):
        await leases_store.lock_annotator_everywhere(tx, environment_id, user_id)
        leased = await leases_store.list_leased_tasks(tx, environment_id, user_id)
        for key in sorted({abs(project_key) for project_key, _ in leased}):
            await give_back_of(tx, await projects.get_project(tx, key), [user_id])


async def get_member(tx: Transaction, project: ProjectRow, member_id: str) -> MemberRow:
    """A member of a project; raises NotFound. Needs no write transaction."""
    stored = await project_members.find_member(tx, project.project_key, member_id)
    if stored is None:
        raise NotFound("there is no such member")
    return _row(project, stored)


async def list_members(
    tx: Transaction, project: ProjectRow, *, after: str = "", limit: int = PAGE_MAX
) -> list[MemberRow]:
    """List up to `limit` members by id, those after the id `after`. Needs no write transaction."""
    listed = await project_members.list_members(tx, project.project_key, after=after, limit=limit)
    return [_row(project, stored) for stored in listed]


async def name_members(
    tx: Transaction, project: ProjectRow, listed: Sequence[str]
) -> dict[str, tuple[str | None, str]]:
    """Names of members by id: (login, name) of a person, (None, name) of a team."""
    organization_id = await organization_of(tx, project)
    return await project_members.list_names(tx, organization_id, listed)


async def organization_of(tx: Transaction, project: ProjectRow) -> str:
    """Organization of a project, whose people and teams may be members of it."""
    account = await organizations.find_organization(tx, project.environment_id)
    if account is None:
        raise NotFound("there is no such project")
    return account[0]


async def require_member_id(tx: Transaction, organization_id: str, member_id: str) -> None:
    """Raise NotFound unless an id is that of a team, or of a person who was not removed."""
    person = await users.find_person(tx, organization_id, member_id)
    if person is not None and person.status is not PersonStatus.removed:
        return
    if await teams.find_team(tx, organization_id, member_id) is None:
        raise NotFound("there is no such person or team")


async def add_annotator(
    tx: Transaction, project_key: int, user_id: str, quota: TaskQuota, now: int
) -> None:
    """Make somebody who has just come by a study link a member of its project."""
    rank = roles.RANKS[PersonRole.annotator]
    await project_members.put_member(tx, project_key, user_id, role_rank=rank, quota=quota, now=now)


async def drop_member(tx: Transaction, project: ProjectRow, user_id: str) -> None:
    """Delete a person's own membership if they have one; `give_back_of` is for the caller."""
    await project_members.delete_member(tx, project.project_key, user_id)


def check_quota(quota: TaskQuota) -> None:
    """Raise InvalidContent for a bound that is not 1 to QUOTA_MAX."""
    for name, most in (("per_day", quota.per_day), ("in_all", quota.in_all)):
        if most is not None and not 1 <= most <= QUOTA_MAX:
            raise InvalidContent(f"a quota is 1 to {QUOTA_MAX}", pointer=f"/tasks_{name}")


def _row(project: ProjectRow, stored: StoredMember) -> MemberRow:
    return MemberRow(
        project.project_key,
        stored.member_id,
        roles.role_of_rank(stored.role_rank),
        stored.quota,
        stored.added_ms,
    )

"""Members of projects, what tasks ask of people, and batches for teams, under /manage/v1."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.api.http.operation import Call, WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.api.manage.common import LIMIT, NEXT_TOKEN, PAGE_MAX, declare
from plaudit.core.accounts import project_members, teams
from plaudit.core.common import page_tokens
from plaudit.core.quality_control.listing import get_project
from plaudit.core.staffing import pools, requirements
from plaudit.core.tasks import work_queue
from plaudit.errors import InvalidPageToken, NotFound
from plaudit.model.core import ProjectRow, Role, StoredTask
from plaudit.model.staffing import MemberRow, Requirement, TaskQuota
from plaudit.store.accounts import project_members as members_store
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches, tasks, work_pools
from plaudit.wire.manage.resources import Nothing
from plaudit.wire.manage.staffing import (
    BatchTeam,
    Member,
    MemberPage,
    MemberRemoved,
    ProjectAccess,
    SetMember,
    TaskRequirement,
)


class ListMembers(Struct, frozen=True):
    """Query of GET …/members."""

    limit: Annotated[int, LIMIT] = PAGE_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


class _MemberCursor(Struct, frozen=True, array_like=True, tag="members"):
    """The project, and the last member of a page."""

    project_key: int
    member_id: str


async def get_access(call: Call[NoQuery]) -> ProjectAccess:
    """GET …/access: who sees a project, and the quota of each person."""
    async with call.services.db.read() as tx:
        project = await _project(tx, call)
        is_members_only, quota = await members_store.find_access(tx, project.project_key)
    return ProjectAccess(
        members_only=is_members_only, tasks_per_day=quota.per_day, tasks_in_all=quota.in_all
    )


async def set_access(
    call: Call[NoQuery], body: ProjectAccess, context: WriteContext
) -> ProjectAccess:
    """PUT …/access: set who sees a project, and the quota of each person."""
    project = await _project(context.tx, call)
    quota = TaskQuota(body.tasks_per_day, body.tasks_in_all)
    await project_members.set_access(
        context.tx, project, is_members_only=body.members_only, quota=quota
    )
    await context.note(
        "project",
        project.project_id,
        project_key=project.project_key,
        detail=msgspec.to_builtins(body),
    )
    return body


async def list_members(call: Call[ListMembers]) -> MemberPage:
    """GET …/members: one page of members, by id."""
    query, secret = call.query, call.services.secret
    async with call.services.db.read() as tx:
        project = await _project(tx, call)
        after = ""
        if query.next_token is not None:
            cursor = page_tokens.decode(
                secret, project.environment_id, query.next_token, _MemberCursor
            )
            if cursor.project_key != project.project_key:
                raise InvalidPageToken
            after = cursor.member_id
        rows = await project_members.list_members(tx, project, after=after, limit=query.limit + 1)
        names = await project_members.name_members(
            tx, project, [row.member_id for row in rows[: query.limit]]
        )
    token = None
    if len(rows) > query.limit:
        last = _MemberCursor(project.project_key, rows[query.limit - 1].member_id)
        token = page_tokens.encode(secret, project.environment_id, last)
    shown = [_member(row, names) for row in rows[: query.limit]]
    return MemberPage(members=shown, next_token=token)


async def set_member(call: Call[NoQuery], body: SetMember, context: WriteContext) -> Member:
    """PUT …/members/{member_id}: add a member, or change one; raises NotFound."""
    project, member_id = await _project(context.tx, call), call.path["member_id"]
    quota = TaskQuota(body.tasks_per_day, body.tasks_in_all)
    row = await project_members.set_member(
        context.tx, project, member_id, role=body.role, quota=quota
    )
    await context.note(
        "member", member_id, project_key=project.project_key, detail=msgspec.to_builtins(body)
    )
    return _member(row, await project_members.name_members(context.tx, project, [member_id]))


async def remove_member(call: Call[NoQuery], body: Nothing, context: WriteContext) -> MemberRemoved:
    """DELETE …/members/{member_id}: take a member out; raises NotFound."""
    project, member_id = await _project(context.tx, call), call.path["member_id"]
    await project_members.remove_member(context.tx, project, member_id)
    await context.note("member", member_id, project_key=project.project_key)
    return MemberRemoved(member_id=member_id)


async def get_requirement(call: Call[NoQuery]) -> TaskRequirement:
    """GET …/tasks/{task_id}/requirement: what a task asks of people by itself."""
    async with call.services.db.read() as tx:
        task = await _task(tx, call)
        stored = await work_pools.find_requirement(tx, task.project_key, task.seq)
    return _requirement(Requirement() if stored is None else requirements.decode(stored))


async def set_requirement(
    call: Call[NoQuery], body: TaskRequirement, context: WriteContext
) -> TaskRequirement:
    """PUT …/tasks/{task_id}/requirement: set what a task asks of people; raises NotFound."""
    task = await _task(context.tx, call)
    wanted = requirements.read_requirement(msgspec.to_builtins(body))
    if task.batch_id is not None:
        await batches.add_progress(context.tx, task.project_key, task.batch_id, {})  # the lock
    await work_queue.lock_work(context.tx, task)
    await pools.change_requirement(context.tx, task.project_key, task, wanted)
    await context.note(
        "task", task.task_id, project_key=task.project_key, detail=pools.words(wanted)
    )
    return _requirement(wanted)


async def set_batch_team(call: Call[NoQuery], body: BatchTeam, context: WriteContext) -> BatchTeam:
    """PUT /batches/{batch_id}/team: hand a batch to a team, or to everybody; raises NotFound."""
    tx, environment_id = context.tx, context.environment_id
    batch = await batches.find_batch(tx, environment_id, call.path["batch_id"])
    if batch is None:
        raise NotFound("there is no such batch")
    if body.team_id is not None:
        organization_id = await teams.organization_of(tx, environment_id)
        await teams.get_team(tx, organization_id, body.team_id)
    await batches.add_progress(tx, batch.project_key, batch.batch_id, {})  # the lock
    await pools.hand_batch(tx, batch.project_key, batch.batch_id, body.team_id)
    await context.note(
        "batch", batch.batch_id, project_key=batch.project_key, detail={"team_id": body.team_id}
    )
    return body


async def _project(tx: Transaction, call: Call[Any]) -> ProjectRow:
    return await get_project(tx, call.caller.environment_id, call.path["project_id"])


async def _task(tx: Transaction, call: Call[Any]) -> StoredTask:
    task = await tasks.find_task(tx, call.caller.environment_id, call.path["task_id"])
    if task is None:
        raise NotFound("there is no such task")
    return task


def _member(row: MemberRow, names: dict[str, tuple[str | None, str]]) -> Member:
    login, name = names.get(row.member_id, (None, ""))
    is_address = login is not None and "@" in login
    return Member(
        member_id=row.member_id,
        kind="team" if login is None else "person",
        email=login if is_address else None,
        user_name=None if is_address else login,
        name=name or None,
        role=row.role,
        tasks_per_day=row.quota.per_day,
        tasks_in_all=row.quota.in_all,
        added_at=clock.format_ms(row.added_ms),
    )


def _requirement(requirement: Requirement) -> TaskRequirement:
    return TaskRequirement(
        languages=list(requirement.languages),
        tags=list(requirement.tags),
        people=list(requirement.people),
    )


_MEMBER: dict[str, Any] = {
    "member_id": "user_0193e8c1b2a4f0e1d2c3b4a5968778ac",
    "kind": "person",
    "email": "ada@example.com",
    "name": "Ada",
    "role": "annotator",
    "tasks_per_day": 50,
    "added_at": "2025-01-03T08:00:00.000Z",
}
_ACCESS = {"members_only": True, "tasks_per_day": 50, "tasks_in_all": None}
_REQUIREMENT: dict[str, Any] = {"languages": ["es"], "tags": ["law"], "people": []}
_PROJECT = "/projects/{project_id}"
_ONE = f"{_PROJECT}/members/{{member_id}}"

OPERATIONS = (
    declare(
        "get_access", "GET", f"{_PROJECT}/access", role=Role.admin, handler=get_access,
        summary="Get who sees a project, and the quota of each person",
        answer=ProjectAccess, answer_description="Access and quotas.", example=_ACCESS,
        errors=(404,),
    ),
    declare(
        "set_access", "PUT", f"{_PROJECT}/access", role=Role.admin, handler=set_access,
        body=ProjectAccess, summary="Set who sees a project, and the quota of each person",
        description="With `members_only` nobody but its members, managers and admins sees the "
        "project, and tasks that others hold go back. `tasks_per_day` and `tasks_in_all` are the "
        "most that each person is given, in a day (UTC) and in all; a member's own come before "
        "them. What is absent is not bounded.",
        answer=ProjectAccess, answer_description="Access and quotas as they now are.",
        example=_ACCESS, body_example=_ACCESS, errors=(404,),
    ),
    declare(
        "list_members", "GET", f"{_PROJECT}/members", role=Role.admin, handler=list_members,
        query=ListMembers, summary="List the members of a project",
        answer=MemberPage, answer_description="One page of members, by id.",
        example={"members": [_MEMBER]}, errors=(404,),
    ),
    declare(
        "set_member", "PUT", _ONE, role=Role.admin, handler=set_member, body=SetMember,
        summary="Make a person or a team a member of a project, or change what one is",
        description="`member_id` is the id of a user or of a team; `role` (annotator, reviewer, "
        "manager) holds in this project alone. A person's own membership comes before those of "
        "their teams, whose highest role and greatest quotas hold. Managers and admins of the "
        "organization keep their role everywhere.",
        answer=Member, answer_description="The member.", example=_MEMBER,
        body_example={"role": "annotator", "tasks_per_day": 50}, errors=(404,),
    ),
    declare(
        "remove_member", "DELETE", _ONE, role=Role.admin, handler=remove_member, body=Nothing,
        summary="Take a person or a team out of a project",
        description="Whoever has no access afterwards gives back the tasks that they hold; drafts "
        "and submissions stay.",
        answer=MemberRemoved, answer_description="That they are out.",
        example={"member_id": _MEMBER["member_id"], "removed": True}, body_example={},
        errors=(404,),
    ),
    declare(
        "get_requirement", "GET", "/tasks/{task_id}/requirement", role=Role.read,
        handler=get_requirement, summary="Get what a task asks of people",
        answer=TaskRequirement, answer_description="The requirement; empty lists ask nothing.",
        example=_REQUIREMENT, errors=(404,),
    ),
    declare(
        "set_requirement", "PUT", "/tasks/{task_id}/requirement", role=Role.write,
        handler=set_requirement, body=TaskRequirement, summary="Set what a task asks of people",
        description="All of the `languages` and `tags`, and to be one of the `people` (user ids). "
        "Who knows `es-mx` knows `es`. New tasks say the same in `metadata`, under "
        "`plaudit_requires`. Who holds the task keeps it.",
        answer=TaskRequirement, answer_description="The requirement as it now is.",
        example=_REQUIREMENT, body_example={"languages": ["es"], "tags": ["law"]}, errors=(404,),
    ),
    declare(
        "set_batch_team", "PUT", "/batches/{batch_id}/team", role=Role.admin,
        handler=set_batch_team, body=BatchTeam, summary="Hand a batch to a team",
        description="Nobody else is given its tasks, those that come later included; null hands "
        "it to everybody again. Who holds a task of it keeps it.",
        answer=BatchTeam, answer_description="The batch's team.",
        example={"team_id": "team_0193e8c1b2a4f0e1d2c3b4a5968778ad"},
        body_example={"team_id": "team_0193e8c1b2a4f0e1d2c3b4a5968778ad"}, errors=(404,),
    ),
)  # fmt: skip

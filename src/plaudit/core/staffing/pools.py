"""Pools of a project's queue: which of them a person is given tasks of, and how tasks get there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from plaudit.core.staffing import requirements
from plaudit.core.staffing.requirements import ANYBODY, METADATA_KEY, OPEN_POOL
from plaudit.errors import InvalidContent
from plaudit.model.core import StoredTask
from plaudit.model.staffing import Requirement
from plaudit.store.accounts import organizations, teams
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import work_pools
from plaudit.wire.v2 import render

POOLS_MAX = 200
"""Different requirements of a project that name nobody, and that name one person."""

_MARK = f'"{METADATA_KEY}"'.encode()


async def list_pools(
    tx: Transaction, environment_id: str, project_keys: Sequence[int], user_id: str
) -> dict[int, list[str]]:
    """Pools that a person may be given tasks of, by project, OPEN_POOL first."""
    pools = await work_pools.list_pools(tx, project_keys, user_id)
    if not pools:
        return {key: [OPEN_POOL] for key in project_keys}
    account = await organizations.find_organization(tx, environment_id)
    person = await teams.find_skills(tx, "" if account is None else account[0], user_id)
    return {key: requirements.pools_for(person, pools.get(key, ())) for key in project_keys}


async def may_do(
    tx: Transaction, environment_id: str, project_key: int, seq: int, user_id: str
) -> bool:
    """True if a person meets what a task of the queue asks."""
    pool = await work_pools.find_pool_of_task(tx, project_key, seq)
    if pool == OPEN_POOL:
        return True
    found = await list_pools(tx, environment_id, [project_key], user_id)
    return pool in found[project_key]


def requirement_of_metadata(task: StoredTask) -> Requirement:
    """Requirement that a new task states in its metadata; raises InvalidContent."""
    if _MARK not in task.head:
        return ANYBODY
    return requirements.check_metadata(render.read_head(task.head).metadata)


async def pools_of_tasks(
    tx: Transaction, project_key: int, tasks: Sequence[StoredTask], *, is_new: bool
) -> list[str]:
    """Pools of tasks that come into the queue, in their order; made where there are none yet.

    New tasks say in their metadata what they ask; those that come back keep what they asked.
    Raises InvalidContent for metadata that says it wrongly, or beyond POOLS_MAX.
    """
    own: dict[int, Requirement] = {}
    for task in tasks:
        if is_new:
            requirement = requirement_of_metadata(task)
        else:
            stored = await work_pools.find_requirement(tx, project_key, task.seq)
            requirement = ANYBODY if stored is None else requirements.decode(stored)
        if requirement != ANYBODY:
            own[task.seq] = requirement
    if is_new and own:
        stored_by_seq = {seq: requirements.encode(one) for seq, one in own.items()}
        await work_pools.put_requirements(tx, project_key, stored_by_seq)
    batch_ids = sorted({task.batch_id for task in tasks if task.batch_id is not None})
    handed = await work_pools.find_batch_teams(tx, project_key, batch_ids)
    asked = [
        requirements.with_team(own.get(task.seq, ANYBODY), handed.get(task.batch_id or ""))
        for task in tasks
    ]
    return await _ensure(tx, project_key, asked)


async def change_requirement(
    tx: Transaction, project_key: int, task: StoredTask, requirement: Requirement
) -> None:
    """Set what a task asks of people from now on; who holds it keeps it.

    The caller has locked the task's row of the queue. Raises InvalidContent beyond POOLS_MAX, with
    nothing changed.
    """
    handed = await work_pools.find_batch_teams(
        tx, project_key, [] if task.batch_id is None else [task.batch_id]
    )
    whole = requirements.with_team(requirement, handed.get(task.batch_id or ""))
    [pool] = await _ensure(tx, project_key, [whole])
    stored = b"" if requirement == ANYBODY else requirements.encode(requirement)
    await work_pools.put_requirements(tx, project_key, {task.seq: stored})
    await work_pools.set_pool(tx, project_key, task.seq, pool)


async def hand_batch(tx: Transaction, project_key: int, batch_id: str, team_id: str | None) -> None:
    """Hand a batch to a team, or with None to everybody again; who holds a task of it keeps it.

    The caller has locked the batch. Raises InvalidContent beyond POOLS_MAX, with nothing changed.
    """
    before = await work_pools.list_pools_of_batch(tx, project_key, batch_id)
    asked = []
    for pool in before:
        requirement = ANYBODY
        if pool != OPEN_POOL:
            stored = await work_pools.find_requirement_of_pool(tx, project_key, pool)
            assert stored is not None, "tasks stand in pools that are stored"
            requirement = requirements.decode(stored)
        asked.append(requirements.with_team(requirement, team_id))
    after = await _ensure(tx, project_key, asked)
    await work_pools.set_batch_team(tx, project_key, batch_id, team_id)
    for pool, to in zip(before, after, strict=True):
        if to != pool:
            await work_pools.move_batch(tx, project_key, batch_id, pool=pool, to=to)


async def _ensure(tx: Transaction, project_key: int, asked: Sequence[Requirement]) -> list[str]:
    """Names of the pools of requirements, which are stored afterwards.

    Raises InvalidContent beyond POOLS_MAX, with none stored: an import goes on after it.
    """
    by_pool: Mapping[str, Requirement] = {requirements.pool_of(one): one for one in asked}
    new: dict[str, Requirement] = {}
    for pool, requirement in by_pool.items():
        first = requirement.people[0] if requirement.people else work_pools.NOBODY
        if pool != OPEN_POOL and not await work_pools.has_pool(tx, project_key, first, pool):
            new[pool] = requirement
    named = Counter(one for each in new.values() for one in each.people or (work_pools.NOBODY,))
    for user_id, count in named.items():
        if await work_pools.count_pools(tx, project_key, user_id) + count > POOLS_MAX:
            raise InvalidContent(
                f"a project has at most {POOLS_MAX} different requirements, and as many that "
                "name one person"
            )
    for pool, requirement in new.items():
        await work_pools.put_pool(
            tx, project_key, pool, requirements.encode(requirement), requirement.people
        )
    return [requirements.pool_of(one) for one in asked]


def words(requirement: Requirement) -> dict[str, object]:
    """Requirement as JSON for an answer."""
    found: dict[str, object] = msgspec.to_builtins(requirement)
    return found

"""Demand: what the waiting tasks of a project ask of people, and how many people meet it."""

from __future__ import annotations

from msgspec import Struct

from plaudit.core.staffing import requirements
from plaudit.model.core import PersonStatus, ProjectRow
from plaudit.model.staffing import Requirement, Skills
from plaudit.store.accounts import teams, users
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import work_pools

COUNTED_MAX = 1000
"""Tasks of a requirement that are counted."""
POOLS_MAX = 200
SKILLS_MAX = 20_000
"""Languages, tags and memberships in teams that are looked through."""


class Demand(Struct, frozen=True):
    """Requirement of waiting tasks, how many they are, and how many active people meet it.

    `names` are those of the people and of the team that it names, by id.
    """

    requirement: Requirement
    waiting: int
    people: int
    names: dict[str, str]


async def list_demand(tx: Transaction, project: ProjectRow, organization_id: str) -> list[Demand]:
    """List what waiting tasks ask, those first that nobody can do, then by their number.

    Whether people have access to the project is not asked. Needs no write transaction.
    """
    key = project.project_key
    pools = await work_pools.list_requirements(tx, key, limit=POOLS_MAX)
    if not pools:
        return []
    counts = await work_pools.count_free_in_pools(
        tx, [(key, pool) for pool, _ in pools], limit_max=COUNTED_MAX
    )
    waiting = [
        (requirements.decode(stored), count)
        for (_, stored), count in zip(pools, counts, strict=True)
        if count
    ]
    named = {user_id for requirement, _ in waiting for user_id in requirement.people}
    people = await users.find_people(tx, organization_id, named)
    found = await teams.list_skills(tx, organization_id, limit=SKILLS_MAX)
    skilled = {one.user_id: one for one in found}
    for user_id, person in people.items():
        if person.status is PersonStatus.active:
            skilled.setdefault(user_id, Skills(user_id))
    names = {user_id: person.name or person.email for user_id, person in people.items()}
    for team, _ in await teams.list_teams(tx, organization_id, after="", limit=POOLS_MAX):
        names[team.team_id] = team.name
    demand = [
        Demand(
            requirement,
            count,
            sum(requirements.is_met(requirement, person) for person in skilled.values()),
            names,
        )
        for requirement, count in waiting
    ]
    return sorted(demand, key=lambda one: (one.people > 0, -one.waiting))

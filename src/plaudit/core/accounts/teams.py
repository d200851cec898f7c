"""Teams of an organization, and the languages and tags of its people.

All functions take the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from plaudit import clock, ids
from plaudit.core.accounts import project_members
from plaudit.core.common import names
from plaudit.core.staffing import requirements
from plaudit.errors import Conflict, InvalidContent, NotFound
from plaudit.model.core import PersonStatus
from plaudit.model.staffing import Skills, TeamRow
from plaudit.store.accounts import organizations, teams, users
from plaudit.store.accounts import project_members as members_store
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects

TEAMS_MAX = 200
PROJECTS_MAX = 200
"""Projects that a team is looked for in when somebody leaves it."""
SKILLS_MAX = 50
"""Languages of a person, and tags."""


async def create_team(tx: Transaction, organization_id: str, name: str) -> TeamRow:
    """Add a team; raises InvalidContent for a bad name, Conflict for one that is taken."""
    name_key = names.check_name(name).casefold()
    if await teams.count_teams(tx, organization_id) >= TEAMS_MAX:
        raise Conflict(f"an organization has at most {TEAMS_MAX} teams")
    team = TeamRow(organization_id, ids.mint("team"), name.strip(), clock.now_ms())
    if not await teams.insert_team(tx, team, name_key):
        raise Conflict(f"there is a team named {name!r} already")
    return team


async def rename_team(tx: Transaction, organization_id: str, team_id: str, name: str) -> TeamRow:
    """Rename a team; raises NotFound, InvalidContent, Conflict for a name that is taken."""
    await get_team(tx, organization_id, team_id)
    name_key = names.check_name(name).casefold()
    if not await teams.rename_team(tx, organization_id, team_id, name.strip(), name_key):
        raise Conflict(f"there is a team named {name!r} already")
    return await get_team(tx, organization_id, team_id)


async def get_team(tx: Transaction, organization_id: str, team_id: str) -> TeamRow:
    """A team of an organization; raises NotFound. Needs no write transaction."""
    team = await teams.find_team(tx, organization_id, team_id)
    if team is None:
        raise NotFound("there is no such team")
    return team


async def add_people(
    tx: Transaction, organization_id: str, team_id: str, user_ids: Sequence[str]
) -> None:
    """Put people into a team.

    Raises NotFound for an unknown team or person, InvalidContent beyond PEOPLE_MAX people.
    """
    await get_team(tx, organization_id, team_id)
    known = await users.find_people(tx, organization_id, user_ids)
    for user_id in user_ids:
        person = known.get(user_id)
        if person is None or person.status is PersonStatus.removed:
            raise NotFound("there is no such user")
    await teams.add_people(tx, organization_id, team_id, user_ids)
    most = project_members.PEOPLE_MAX
    listed = await teams.list_people_of(tx, organization_id, team_id, limit=most + 1)
    if len(listed) > most:
        raise InvalidContent(f"a team has at most {most} people", pointer="/user_ids")


async def remove_person(tx: Transaction, organization_id: str, team_id: str, user_id: str) -> None:
    """Take a person out of a team; what they hold where they have no access any more goes back.

    Raises NotFound if they are not in it.
    """
    await get_team(tx, organization_id, team_id)
    if not await teams.remove_person(tx, organization_id, team_id, user_id):
        raise NotFound("this person is not in the team")
    keys = await members_store.list_projects_of(tx, team_id, limit=PROJECTS_MAX)
    for key in keys:
        await project_members.give_back_of(tx, await projects.get_project(tx, key), [user_id])


async def set_skills(
    tx: Transaction,
    organization_id: str,
    user_id: str,
    *,
    languages: Sequence[str] | None = None,
    tags: Sequence[str] | None = None,
) -> Skills:
    """Replace a person's languages or tags, None leaves them; return what they now have.

    Raises NotFound, and InvalidContent for a bad word or beyond SKILLS_MAX; nothing changes then.
    """
    if await users.find_person(tx, organization_id, user_id) is None:
        raise NotFound("there is no such user")
    checked = {
        kind: check(words, f"/{kind}s")
        for kind, words, check in (
            ("language", languages, requirements.checked_languages),
            ("tag", tags, requirements.checked_tags),
        )
        if words is not None
    }
    for kind, found in checked.items():
        if len(found) > SKILLS_MAX:
            raise InvalidContent(f"at most {SKILLS_MAX}", pointer=f"/{kind}s")
    for kind, found in checked.items():
        await teams.replace_skills(tx, organization_id, user_id, kind, found)
    return await teams.find_skills(tx, organization_id, user_id)


async def find_team_by_name(tx: Transaction, organization_id: str, name: str) -> TeamRow | None:
    """Find a team by its name, capitals aside. Needs no write transaction."""
    return await teams.find_team_by_name(tx, organization_id, names.normalize_name(name).casefold())


async def organization_of(tx: Transaction, environment_id: str) -> str:
    """Organization of an environment; raises NotFound."""
    account = await organizations.find_organization(tx, environment_id)
    if account is None:
        raise NotFound("there is no such organization")
    return account[0]

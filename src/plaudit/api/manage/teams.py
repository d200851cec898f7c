"""Teams of an organization, and the languages and tags of its people, under /manage/v1."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Struct

from plaudit import clock
from plaudit.api.http.operation import Call, WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.api.manage.common import LIMIT, NEXT_TOKEN, PAGE_MAX, declare
from plaudit.core.accounts import project_members, teams, users
from plaudit.core.common import page_tokens
from plaudit.errors import Forbidden, NotFound
from plaudit.model.core import Role
from plaudit.model.staffing import Skills, TeamRow
from plaudit.store.accounts import teams as teams_store
from plaudit.store.accounts import users as users_store
from plaudit.store.engine.engine import Transaction
from plaudit.wire.manage.resources import Nothing
from plaudit.wire.manage.staffing import (
    PersonSkills,
    SetSkills,
    Team,
    TeamName,
    TeamPage,
    TeamPeople,
)


class ListTeams(Struct, frozen=True):
    """Query of GET /manage/v1/teams."""

    limit: Annotated[int, LIMIT] = PAGE_MAX
    next_token: Annotated[str | None, NEXT_TOKEN] = None


class _TeamCursor(Struct, frozen=True, array_like=True, tag="teams"):
    """The last team of a page."""

    team_id: str


async def list_teams(call: Call[ListTeams]) -> TeamPage:
    """GET /manage/v1/teams: one page of teams, by id; raises Forbidden for test keys."""
    query, secret, environment_id = call.query, call.services.secret, call.caller.environment_id
    after = ""
    if query.next_token is not None:
        after = page_tokens.decode(secret, environment_id, query.next_token, _TeamCursor).team_id
    async with call.services.db.read() as tx:
        organization_id = await users.find_live_organization(tx, environment_id)
        if organization_id is None:
            raise Forbidden(_LIVE_ALONE)
        rows = await teams_store.list_teams(tx, organization_id, after=after, limit=query.limit + 1)
    token = None
    if len(rows) > query.limit:
        last = _TeamCursor(rows[query.limit - 1][0].team_id)
        token = page_tokens.encode(secret, environment_id, last)
    shown = [_team(row, count) for row, count in rows[: query.limit]]
    return TeamPage(teams=shown, next_token=token)


async def create_team(call: Call[NoQuery], body: TeamName, context: WriteContext) -> Team:
    """POST /manage/v1/teams: add a team; raises Forbidden for test keys, Conflict."""
    organization_id = await users.find_live_organization(context.tx, context.environment_id)
    if organization_id is None:
        raise Forbidden(_LIVE_ALONE)
    row = await teams.create_team(context.tx, organization_id, body.name)
    await context.note("team", row.team_id)
    return _team(row, 0)


async def get_team(call: Call[NoQuery]) -> Team:
    """GET /manage/v1/teams/{team_id}: a team with the ids of its people; raises NotFound."""
    async with call.services.db.read() as tx:
        organization_id = await _organization(tx, call)
        return await _whole(tx, organization_id, call.path["team_id"])


async def rename_team(call: Call[NoQuery], body: TeamName, context: WriteContext) -> Team:
    """PATCH /manage/v1/teams/{team_id}: rename a team; raises NotFound, Conflict."""
    organization_id = await _organization(context.tx, call)
    await teams.rename_team(context.tx, organization_id, call.path["team_id"], body.name)
    await context.note("team", call.path["team_id"])
    return await _whole(context.tx, organization_id, call.path["team_id"])


async def add_to_team(call: Call[NoQuery], body: TeamPeople, context: WriteContext) -> Team:
    """POST /manage/v1/teams/{team_id}/people: put people into a team; raises NotFound."""
    organization_id = await _organization(context.tx, call)
    await teams.add_people(context.tx, organization_id, call.path["team_id"], body.user_ids)
    await context.note("team", call.path["team_id"], detail={"user_ids": body.user_ids})
    return await _whole(context.tx, organization_id, call.path["team_id"])


async def remove_from_team(call: Call[NoQuery], body: Nothing, context: WriteContext) -> Team:
    """DELETE /manage/v1/teams/{team_id}/people/{user_id}: take a person out; raises NotFound."""
    organization_id, team_id = await _organization(context.tx, call), call.path["team_id"]
    await teams.remove_person(context.tx, organization_id, team_id, call.path["user_id"])
    await context.note("team", team_id, detail={"user_id": call.path["user_id"]})
    return await _whole(context.tx, organization_id, team_id)


async def get_skills(call: Call[NoQuery]) -> PersonSkills:
    """GET /manage/v1/users/{user_id}/skills: languages, tags and teams; raises NotFound."""
    async with call.services.db.read() as tx:
        organization_id = await users.find_live_organization(tx, call.caller.environment_id)
        user_id = call.path["user_id"]
        if organization_id is None or (
            await users_store.find_person(tx, organization_id, user_id) is None
        ):
            raise NotFound("there is no such user")
        return _skills(await teams_store.find_skills(tx, organization_id, user_id))


async def set_skills(call: Call[NoQuery], body: SetSkills, context: WriteContext) -> PersonSkills:
    """PUT /manage/v1/users/{user_id}/skills: set languages or tags; raises NotFound."""
    organization_id = await users.find_live_organization(context.tx, context.environment_id)
    if organization_id is None:
        raise NotFound("there is no such user")
    skills = await teams.set_skills(
        context.tx,
        organization_id,
        call.path["user_id"],
        languages=None if body.languages is UNSET else body.languages,
        tags=None if body.tags is UNSET else body.tags,
    )
    await context.note("user", call.path["user_id"])
    return _skills(skills)


async def _organization(tx: Transaction, call: Call[Any]) -> str:
    found = await users.find_live_organization(tx, call.caller.environment_id)
    if found is None:
        raise NotFound("there is no such team")
    return found


async def _whole(tx: Transaction, organization_id: str, team_id: str) -> Team:
    row = await teams.get_team(tx, organization_id, team_id)
    user_ids = await teams_store.list_people_of(
        tx, organization_id, team_id, limit=project_members.PEOPLE_MAX
    )
    return _team(row, len(user_ids), user_ids)


def _team(row: TeamRow, people: int, user_ids: list[str] | None = None) -> Team:
    return Team(
        team_id=row.team_id,
        name=row.name,
        created_at=clock.format_ms(row.created_ms),
        people=people,
        user_ids=user_ids,
    )


def _skills(skills: Skills) -> PersonSkills:
    return PersonSkills(
        user_id=skills.user_id,
        languages=sorted(skills.languages),
        tags=sorted(skills.tags),
        team_ids=sorted(skills.teams),
    )


_LIVE_ALONE = "people are managed with a live key; a test key opens test data alone"
_TEAM: dict[str, Any] = {
    "team_id": "team_0193e8c1b2a4f0e1d2c3b4a5968778ad",
    "name": "Poets",
    "created_at": "2025-01-03T08:00:00.000Z",
    "people": 1,
}
_PERSON = "user_0193e8c1b2a4f0e1d2c3b4a5968778ac"
_WHOLE = _TEAM | {"user_ids": [_PERSON]}
_SKILLS = {"user_id": _PERSON, "languages": ["en", "es"], "tags": ["law"], "team_ids": []}
_ONE = "/teams/{team_id}"

OPERATIONS = (
    declare(
        "list_teams", "GET", "/teams", role=Role.admin, handler=list_teams, query=ListTeams,
        summary="List the teams of the organization",
        answer=TeamPage, answer_description="One page of teams, by id.",
        example={"teams": [_TEAM]},
    ),
    declare(
        "create_team", "POST", "/teams", role=Role.admin, handler=create_team, body=TeamName,
        summary="Create a team", description="A name that another team has is a 409.",
        answer=Team, answer_description="The team.", example=_TEAM | {"people": 0},
        body_example={"name": "Poets"},
    ),
    declare(
        "get_team", "GET", _ONE, role=Role.admin, handler=get_team,
        summary="Get a team with its people",
        answer=Team, answer_description="The team.", example=_WHOLE, errors=(404,),
    ),
    declare(
        "rename_team", "PATCH", _ONE, role=Role.admin, handler=rename_team, body=TeamName,
        summary="Rename a team", answer=Team, answer_description="The team as it now is.",
        example=_WHOLE, body_example={"name": "Poets"}, errors=(404,),
    ),
    declare(
        "add_to_team", "POST", f"{_ONE}/people", role=Role.admin, handler=add_to_team,
        body=TeamPeople, summary="Put people into a team",
        description="A team has at most 1,000 people; who is in it stays.",
        answer=Team, answer_description="The team as it now is.", example=_WHOLE,
        body_example={"user_ids": [_PERSON]}, errors=(404,),
    ),
    declare(
        "remove_from_team", "DELETE", f"{_ONE}/people/{{user_id}}", role=Role.admin,
        handler=remove_from_team, body=Nothing, summary="Take a person out of a team",
        description="In projects that they see by this team alone they give back what they hold.",
        answer=Team, answer_description="The team as it now is.",
        example=_TEAM | {"people": 0, "user_ids": []}, body_example={}, errors=(404,),
    ),
    declare(
        "get_skills", "GET", "/users/{user_id}/skills", role=Role.admin, handler=get_skills,
        summary="Get the languages and tags of a user",
        answer=PersonSkills, answer_description="Languages, tags and teams.", example=_SKILLS,
        errors=(404,),
    ),
    declare(
        "set_skills", "PUT", "/users/{user_id}/skills", role=Role.admin, handler=set_skills,
        body=SetSkills, summary="Set the languages and tags of a user",
        description="Languages are tags such as `en` or `pt-br`, tags are words of your own; "
        "capitals do not count. Tasks that ask for them are given to nobody else.",
        answer=PersonSkills, answer_description="Languages, tags and teams as they now are.",
        example=_SKILLS, body_example={"languages": ["en", "es"], "tags": ["law"]}, errors=(404,),
    ),
)  # fmt: skip

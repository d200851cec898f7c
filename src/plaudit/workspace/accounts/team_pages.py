"""Managers' page of teams, and of the languages and tags of people."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.core.accounts import project_members, teams, users
from plaudit.errors import InvalidContent
from plaudit.model.core import Person, PersonRole
from plaudit.store.accounts import teams as teams_store
from plaudit.store.accounts import users as users_store
from plaudit.store.engine.engine import Transaction
from plaudit.texts import N_
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.speech import say

TEAMS = "/teams"
TEAM = "/teams/{team_id}"
SKILLS = "/skills"
TEAMS_SHOWN_MAX = 200


class SkillsQuery(Struct, frozen=True):
    """Query of GET /skills."""

    login: Annotated[str | None, Text(description="E-mail address or user name.")] = None


class TeamForm(Struct):
    """Form of a team's name."""

    name: str


class LoginForm(Struct):
    """Form that names a person by what they sign in with."""

    login: str


class SkillsForm(Struct):
    """Form of a person's languages and tags, with commas between them."""

    login: str
    languages: str | None = None
    tags: str | None = None


async def show_teams(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /teams: all teams, with the number of their people."""
    async with request.db.read() as tx:
        listed = await teams_store.list_teams(
            tx, request.user.organization_id, after="", limit=TEAMS_SHOWN_MAX
        )
    return {"teams": sorted(listed, key=lambda one: one[0].name.casefold())}


async def create_team(
    request: PageRequest[NoQuery], submitted: TeamForm, context: WriteContext
) -> Redirect:
    """POST /teams: make a team; raises Conflict for a taken name."""
    team = await teams.create_team(context.tx, request.user.organization_id, submitted.name)
    await context.note("team", team.team_id)
    return Redirect(to=f"{TEAMS}/{team.team_id}", flash=say("The team is there."))


async def show_team(request: PageRequest[Any]) -> dict[str, Any]:
    """GET /teams/{team_id}: a team with its people; raises NotFound."""
    owner = request.user.organization_id
    async with request.db.read() as tx:
        team = await teams.get_team(tx, owner, request.path["team_id"])
        user_ids = await teams_store.list_people_of(
            tx, owner, team.team_id, limit=project_members.PEOPLE_MAX
        )
        people = await users_store.find_people(tx, owner, user_ids)
    return {
        "team": team,
        "people": sorted(people.values(), key=lambda one: (one.name or one.email).casefold()),
    }


async def add_to_team(
    request: PageRequest[NoQuery], submitted: LoginForm, context: WriteContext
) -> Redirect:
    """POST /teams/{team_id}/people: put a person into a team; raises InvalidContent."""
    owner, team_id = request.user.organization_id, request.path["team_id"]
    person = await _find(context.tx, owner, submitted.login)
    await teams.add_people(context.tx, owner, team_id, [person.user_id])
    await context.note("team", team_id, detail={"user_ids": [person.user_id]})
    return Redirect(to=f"{TEAMS}/{team_id}", flash=say("They are in the team."))


async def remove_from_team(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST /teams/{team_id}/people/{user_id}/remove: take a person out; raises NotFound."""
    owner, team_id = request.user.organization_id, request.path["team_id"]
    await teams.remove_person(context.tx, owner, team_id, request.path["user_id"])
    await context.note("team", team_id, detail={"user_id": request.path["user_id"]})
    return Redirect(to=f"{TEAMS}/{team_id}", flash=say("They are out of the team."))


async def show_skills(request: PageRequest[Any]) -> dict[str, Any]:
    """GET /skills: the languages and tags of one person, found by what they sign in with."""
    login = (getattr(request.query, "login", None) or "").strip()
    person = skills = None
    if login:
        async with request.db.read() as tx:
            owner = request.user.organization_id
            person = await users_store.find_person_by_email(tx, owner, users.email_key(login))
            if person is not None:
                skills = await teams_store.find_skills(tx, owner, person.user_id)
    return {
        "login": login,
        "person": person,
        "own_languages": "" if skills is None else ", ".join(sorted(skills.languages)),
        "tags": "" if skills is None else ", ".join(sorted(skills.tags)),
    }


async def save_skills(
    request: PageRequest[NoQuery], submitted: SkillsForm, context: WriteContext
) -> Redirect:
    """POST /skills: set the languages and tags of a person; raises InvalidContent."""
    owner = request.user.organization_id
    person = await _find(context.tx, owner, submitted.login)
    await teams.set_skills(
        context.tx,
        owner,
        person.user_id,
        languages=_words(submitted.languages),
        tags=_words(submitted.tags),
    )
    await context.note("user", person.user_id)
    return Redirect(to=SKILLS, flash=say("Saved."))


def _words(said: str | None) -> list[str]:
    return [word for part in (said or "").split(",") if (word := part.strip())]


async def _find(tx: Transaction, organization_id: str, login: str) -> Person:
    person = await users_store.find_person_by_email(
        tx, organization_id, users.email_key(login.strip())
    )
    if person is None:
        raise InvalidContent(N_("nobody has this address or user name"), pointer="/login")
    return person


PAGES = (
    Page(
        page_id="show_teams",
        path=TEAMS,
        role=PersonRole.manager,
        handler=show_teams,
        template="accounts/teams.html",
        nav=N_("Teams"),
        nav_order=71,
        nav_section=N_("Settings"),
    ),
    Page(
        page_id="create_team_on_page",
        path=TEAMS,
        method="POST",
        role=PersonRole.manager,
        handler=create_team,
        form=TeamForm,
        form_page="show_teams",
    ),
    Page(
        page_id="show_team",
        path=TEAM,
        role=PersonRole.manager,
        handler=show_team,
        template="accounts/team.html",
    ),
    Page(
        page_id="add_to_team_on_page",
        path=f"{TEAM}/people",
        method="POST",
        role=PersonRole.manager,
        handler=add_to_team,
        form=LoginForm,
        form_page="show_team",
    ),
    Page(
        page_id="remove_from_team_on_page",
        path=f"{TEAM}/people/{{user_id}}/remove",
        method="POST",
        role=PersonRole.manager,
        handler=remove_from_team,
        form=NoFields,
    ),
    Page(
        page_id="show_skills",
        path=SKILLS,
        role=PersonRole.manager,
        handler=show_skills,
        query=SkillsQuery,
        template="accounts/skills.html",
        nav=N_("Languages and tags"),
        nav_order=72,
        nav_section=N_("Settings"),
    ),
    Page(
        page_id="save_skills",
        path=SKILLS,
        method="POST",
        role=PersonRole.manager,
        handler=save_skills,
        form=SkillsForm,
        form_page="show_skills",
    ),
)

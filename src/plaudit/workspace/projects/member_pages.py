"""Managers' page of a project's people: access, members and quotas, teams of batches, studies."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.core.accounts import project_members, study_links, teams, users
from plaudit.core.accounts.study_links import NewStudyLink
from plaudit.core.staffing import pools
from plaudit.core.staffing.demand import COUNTED_MAX, list_demand
from plaudit.core.staffing.quotas import QUOTA_MAX
from plaudit.core.tasks.listing import BatchQuery, batch_rows_page
from plaudit.core.tasks.resolve import ScopeNames
from plaudit.errors import InvalidContent, NotFound
from plaudit.model.core import BatchStatus, PersonRole, ProjectRow
from plaudit.model.staffing import MemberRow, TaskQuota
from plaudit.store.accounts import project_members as members_store
from plaudit.store.accounts import teams as teams_store
from plaudit.store.accounts import users as users_store
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import batches, work_pools
from plaudit.texts import N_
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect, TemplateResponse
from plaudit.workspace.language.speech import say
from plaudit.workspace.projects.project_pages import PROJECT

PEOPLE = f"{PROJECT}/people"
MEMBER = f"{PEOPLE}/{{member_id}}"
STUDIES = f"{PROJECT}/studies"
TEMPLATE = "projects/members.html"
SHOWN_MAX = 100
"""Members on a page, and the newest studies."""
BATCHES_MAX = 100
TEAMS_SHOWN_MAX = 200


class MembersQuery(Struct, frozen=True):
    """Query of GET /projects/{project_id}/people."""

    after: Annotated[str | None, Text(description="The last member of the page before.")] = None


class AccessForm(Struct, kw_only=True):
    """Form of who sees the project, and the quota of each person."""

    members_only: bool = False
    tasks_per_day: int | None = None
    tasks_in_all: int | None = None


class MemberForm(Struct, kw_only=True):
    """Form of a member's role and quota; `who` is the login of a person, or a team's name."""

    who: str = ""
    role: PersonRole = PersonRole.annotator
    tasks_per_day: int | None = None
    tasks_in_all: int | None = None


class BatchForm(Struct, kw_only=True):
    """Form that hands a batch to a team; an empty team is everybody."""

    batch_id: str
    team_id: str = ""


class NewStudyForm(Struct, kw_only=True):
    """Form of a new study link."""

    name: str
    tasks: int
    people_max: int
    days: int
    completion_code: str
    completion_url: str | None = None


class MemberView(Struct, frozen=True):
    """Member with the name that a page shows; `login` is None for a team."""

    row: MemberRow
    name: str
    login: str | None


async def show_members(request: PageRequest[Any]) -> dict[str, Any]:
    """GET /projects/{project_id}/people: access, members, teams of batches and study links."""
    async with request.db.read() as tx:
        return await _shown(tx, request)


async def _shown(tx: Transaction, request: PageRequest[Any]) -> dict[str, Any]:
    project = await get_project(tx, request)
    organization_id = request.user.organization_id
    is_members_only, quota = await members_store.find_access(tx, project.project_key)
    after = getattr(request.query, "after", None) or ""
    rows = await project_members.list_members(tx, project, after=after, limit=SHOWN_MAX + 1)
    names = await project_members.name_members(tx, project, [one.member_id for one in rows])
    listed_teams = await teams_store.list_teams(
        tx, organization_id, after="", limit=TEAMS_SHOWN_MAX
    )
    open_batches, _ = await batch_rows_page(
        tx,
        request.secret,
        project.environment_id,
        BatchQuery(
            scope=ScopeNames(project_id=project.project_id),
            status=BatchStatus.in_progress,
            limit=BATCHES_MAX,
        ),
    )
    handed = await work_pools.find_batch_teams(
        tx, project.project_key, [batch.batch_id for batch in open_batches]
    )
    return {
        "project": project,
        "is_members_only": is_members_only,
        "quota": quota,
        "members": [_view(row, names) for row in rows[:SHOWN_MAX]],
        "after": rows[SHOWN_MAX - 1].member_id if len(rows) > SHOWN_MAX else None,
        "roles": project_members.PROJECT_ROLES,
        "quota_max": QUOTA_MAX,
        "teams": [team for team, _ in listed_teams],
        "team_names": {team.team_id: team.name for team, _ in listed_teams},
        "batches": open_batches,
        "handed": handed,
        "demand": await list_demand(tx, project, organization_id),
        "demand_max": COUNTED_MAX,
        "studies": await study_links.list_links(tx, project, limit=SHOWN_MAX),
        "people_max": study_links.PEOPLE_MAX,
        "days_max": study_links.DAYS_MAX,
        "study_url": None,
        "about": request.path.get("member_id"),
    }


async def save_access(
    request: PageRequest[NoQuery], submitted: AccessForm, context: WriteContext
) -> Redirect:
    """POST …/people/access: set who sees the project, and the quota of each person."""
    project = await get_project(context.tx, request)
    quota = TaskQuota(submitted.tasks_per_day, submitted.tasks_in_all)
    await project_members.set_access(
        context.tx, project, is_members_only=submitted.members_only, quota=quota
    )
    await context.note(
        "project",
        project.project_id,
        project_key=project.project_key,
        detail={"members_only": submitted.members_only},
    )
    return _back(project, say("Saved."))


async def add_member(
    request: PageRequest[NoQuery], submitted: MemberForm, context: WriteContext
) -> Redirect:
    """POST …/people: make a person or a team a member; raises InvalidContent for nobody's name."""
    project = await get_project(context.tx, request)
    member_id = await _find(context.tx, request.user.organization_id, submitted.who)
    return await _set(context, project, member_id, submitted)


async def change_member(
    request: PageRequest[NoQuery], submitted: MemberForm, context: WriteContext
) -> Redirect:
    """POST …/people/{member_id}: change a member's role and quota; raises NotFound."""
    project = await get_project(context.tx, request)
    await project_members.get_member(context.tx, project, request.path["member_id"])
    return await _set(context, project, request.path["member_id"], submitted)


async def remove_member(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/people/{member_id}/remove: take a member out; raises NotFound."""
    project, member_id = await get_project(context.tx, request), request.path["member_id"]
    await project_members.remove_member(context.tx, project, member_id)
    await context.note("member", member_id, project_key=project.project_key)
    return _back(project, say("They are out of the project."))


async def hand_batch(
    request: PageRequest[NoQuery], submitted: BatchForm, context: WriteContext
) -> Redirect:
    """POST …/people/batch: hand a batch to a team, or to everybody; raises NotFound."""
    tx, project = context.tx, await get_project(context.tx, request)
    batch = await batches.find_batch(tx, project.environment_id, submitted.batch_id)
    if batch is None or batch.project_key != project.project_key:
        raise NotFound(N_("there is no such batch"))
    team_id = submitted.team_id or None
    if team_id is not None:
        await teams.get_team(tx, request.user.organization_id, team_id)
    await batches.add_progress(tx, project.project_key, batch.batch_id, {})  # the lock
    await pools.hand_batch(tx, project.project_key, batch.batch_id, team_id)
    await context.note(
        "batch", batch.batch_id, project_key=project.project_key, detail={"team_id": team_id}
    )
    return _back(project, say("Saved."))


async def make_study(
    request: PageRequest[NoQuery], submitted: NewStudyForm, context: WriteContext
) -> TemplateResponse:
    """POST …/studies: make a study link, and show it this once."""
    project = await get_project(context.tx, request)
    wanted = NewStudyLink(
        name=submitted.name,
        tasks=submitted.tasks,
        people_max=submitted.people_max,
        days=submitted.days,
        completion_code=submitted.completion_code,
        completion_url=submitted.completion_url,
    )
    link, token = await study_links.create_link(context.tx, request.secret, project, wanted)
    await context.note("study_link", link.link_id, project_key=project.project_key)
    base = request.settings.public_url or request.origin
    shown = await _shown(context.tx, request)
    return TemplateResponse(
        template=TEMPLATE, context=shown | {"study_url": study_links.link_url(base, token)}
    )


async def revoke_study(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/studies/{link_id}/revoke: end a study link; raises NotFound, Conflict."""
    project = await get_project(context.tx, request)
    link = await study_links.revoke(context.tx, project, request.path["link_id"])
    await context.note("study_link", link.link_id, project_key=project.project_key)
    return _back(project, say("The link is revoked; who came by it is signed out."))


async def _set(
    context: WriteContext, project: ProjectRow, member_id: str, submitted: MemberForm
) -> Redirect:
    await project_members.set_member(
        context.tx,
        project,
        member_id,
        role=submitted.role,
        quota=TaskQuota(submitted.tasks_per_day, submitted.tasks_in_all),
    )
    await context.note(
        "member", member_id, project_key=project.project_key, detail={"role": submitted.role}
    )
    return _back(project, say("Saved."))


async def _find(tx: Transaction, organization_id: str, who: str) -> str:
    """Id of the person with this login, or of the team with this name; raises InvalidContent."""
    person = await users_store.find_person_by_email(
        tx, organization_id, users.email_key(who.strip())
    )
    if person is not None:
        return person.user_id
    team = await teams.find_team_by_name(tx, organization_id, who)
    if team is None:
        raise InvalidContent(
            N_("nobody has this address or user name, and no team this name"), pointer="/who"
        )
    return team.team_id


def _view(row: MemberRow, names: dict[str, tuple[str | None, str]]) -> MemberView:
    login, name = names.get(row.member_id, (None, row.member_id))
    return MemberView(row, name or login or row.member_id, login)


def _back(project: ProjectRow, flash: str) -> Redirect:
    path = links.fill_path(PEOPLE, project_id=project.project_id)
    return Redirect(to=path, flash=flash)


PAGES = (
    Page(
        page_id="show_members",
        path=PEOPLE,
        role=PersonRole.manager,
        handler=show_members,
        query=MembersQuery,
        template=TEMPLATE,
        tab=N_("People"),
        tab_order=45,
    ),
    *(
        Page(
            page_id=page_id,
            path=path,
            method="POST",
            role=PersonRole.manager,
            handler=handler,
            form=form,
            form_page="show_members",
        )
        for page_id, path, handler, form in (
            ("add_member_on_page", PEOPLE, add_member, MemberForm),
            ("save_access", f"{PEOPLE}/access", save_access, AccessForm),
            ("hand_batch_on_page", f"{PEOPLE}/batch", hand_batch, BatchForm),
            ("change_member_on_page", MEMBER, change_member, MemberForm),
            ("remove_member_on_page", f"{MEMBER}/remove", remove_member, NoFields),
            ("make_study", STUDIES, make_study, NewStudyForm),
            ("revoke_study", f"{STUDIES}/{{link_id}}/revoke", revoke_study, NoFields),
        )
    ),
)

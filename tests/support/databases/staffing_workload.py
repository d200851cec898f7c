"""Everything that is done about who works on what, for rules about statements."""

from __future__ import annotations

from typing import Any

from plaudit.core.accounts import project_members, study_links, teams
from plaudit.core.accounts.study_links import NewStudyLink, StudyEntry
from plaudit.core.labeling import leases
from plaudit.core.staffing import demand, seats
from plaudit.model.core import PersonRole
from plaudit.store.accounts import project_members as members_store
from plaudit.store.accounts import study_links as links_store
from plaudit.store.accounts import teams as teams_store
from plaudit.store.common import names
from plaudit.store.common.names import Named
from tests.support.harness import World
from tests.support.staffing.people import as_user
from tests.support.staffing.staffed_project import StaffedProject


def put_through_staffing(world: World) -> None:
    """Members, teams, quotas, requirements and study links, made, used and taken away."""
    staffed = StaffedProject(world, "Staffed")
    ana, organization_id = staffed.person("Ana"), staffed.organization()
    team, batch = staffed.team("Poets", ana), staffed.batch()
    staffed.access(members_only=True, per_day=5, in_all=50)
    staffed.member(ana, per_day=3)
    staffed.member(team)
    staffed.skills(ana, languages=["es"], tags=["law"])
    staffed.ask(languages=["es"], batch=batch)
    [asked] = staffed.ask(people=[ana])
    staffed.change_asked(asked, tags=["law"])
    staffed.change_asked(asked)
    staffed.hand(batch, team)
    held = staffed.take(ana)
    staffed.do(leases.release, held)
    staffed.resume(staffed.lease(held))

    async def look(tx: Any) -> None:
        project = staffed.project
        user = as_user(staffed.environment_id, ana, organization_id=organization_id)
        await seats.list_projects(tx, user, 5)
        await seats.list_projects(tx, user, 5, role=PersonRole.manager, before=(9, "x"))
        listed = await project_members.list_members(tx, project)
        await project_members.name_members(tx, project, [one.member_id for one in listed])
        await demand.list_demand(tx, project, organization_id)
        await members_store.find_access(tx, project.project_key)
        await teams_store.list_teams(tx, organization_id, after="", limit=5)
        await teams.find_team_by_name(tx, organization_id, "poets")
        await links_store.list_links(tx, project.project_key, before="x", limit=5)
        await study_links.list_links(tx, project)
        await links_store.find_link_of_person(tx, ana)
        await names.find_by_part(
            tx, Named.project, staffed.environment_id, "s", 5, seen_by=(organization_id, ana)
        )

    staffed.write(look)
    staffed.write(lambda tx: teams.rename_team(tx, organization_id, team, "Bards"))
    wanted = NewStudyLink(name="S", tasks=2, people_max=3, days=1, completion_code="C")

    async def study(tx: Any) -> None:
        link, token = await study_links.create_link(tx, world.secret, staffed.project, wanted)
        found = await study_links.find_by_token(tx, world.secret, token)
        entry = StudyEntry("p1", "s1")
        for _ in range(2):
            await study_links.enter(tx, world.secret, found, entry, user_id=None, agent="a")
        await study_links.revoke(tx, staffed.project, link.link_id)

    staffed.write(study)
    staffed.hand(batch, None)
    staffed.leave_team(team, ana)
    staffed.leave(team)
    staffed.leave(ana)

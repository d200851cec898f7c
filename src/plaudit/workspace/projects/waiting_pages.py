"""Managers' page of why tasks wait: counts of tasks and of people, each with what mends it."""

from __future__ import annotations

from typing import Any

from plaudit.api.http.parameters import NoQuery
from plaudit.core.labeling.statistics import COUNTED_MAX
from plaudit.core.managing import waiting
from plaudit.core.staffing.demand import COUNTED_MAX as DEMAND_MAX
from plaudit.model.core import PersonRole, TaskStatus
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http.page import Page, PageRequest
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.projects.pseudonyms import shown_names

WAITING = f"{PROJECT}/waiting"


async def show_waiting(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/waiting: what pending tasks wait for."""
    organization_id = request.user.organization_id
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        tasks = await waiting.waiting_tasks(tx, project, organization_id)
        people = await waiting.waiting_people(tx, project, organization_id)
        named = {user_id for some in people.some.values() for user_id in some}
        names = await shown_names(tx, request, project, named)
    return {
        "project": project,
        "tasks": tasks,
        "pending": tasks.progress.statuses[TaskStatus.pending],
        "people": people,
        "counts": {one.value: count for one, count in people.counts.items()},
        "some": {one.value: [names[i] for i in ids] for one, ids in people.some.items()},
        "most": COUNTED_MAX,
        "demand_max": DEMAND_MAX,
        "people_max": waiting.PEOPLE_MAX,
    }


PAGES = (
    Page(
        page_id="show_waiting",
        path=WAITING,
        role=PersonRole.manager,
        handler=show_waiting,
        template="projects/waiting.html",
    ),
)

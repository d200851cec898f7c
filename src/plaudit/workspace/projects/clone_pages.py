"""Managers' page that clones a project: what is set for it, by parts, without its tasks."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.core.managing import clones
from plaudit.core.managing.clones import ClonePart
from plaudit.errors import InvalidContent
from plaudit.model.core import PersonRole
from plaudit.model.labeling import control_key
from plaudit.store.accounts import project_members
from plaudit.store.quality_control import gold
from plaudit.texts import N_
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.speech import say
from plaudit.workspace.projects.project_pages import PROJECT

CLONE = f"{PROJECT}/clone"
PARTS = {
    ClonePart.questions: N_("Questions, kinds of work and models"),
    ClonePart.guidelines: N_("Guidelines"),
    ClonePart.conversation: N_("Opening conversation, and how tables are read"),
    ClonePart.work: N_("How it is worked on: people per task, review, times, names"),
    ClonePart.quality: N_("Quality control: rules, test, how often gold is given"),
    ClonePart.members: N_("People and teams, with their roles and quotas"),
    ClonePart.views: N_("Saved lists"),
    ClonePart.gold: N_("Gold tasks, with their expected answers"),
}
"""Titles of the parts in the order in which they are shown."""
MEMBERS_COUNTED_MAX = 1000


class CloneForm(Struct):
    """Form of a clone: its name, and the parts that it takes along."""

    name: str
    part: list[str] = []


async def show_clone(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/clone: form of a clone, with what there is to take along."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        key = project.project_key
        members = await project_members.list_members(tx, key, after="", limit=MEMBERS_COUNTED_MAX)
        gold_count = await gold.count_gold(tx, control_key(key), limit_max=clones.GOLD_MAX)
        is_members_only, _ = await project_members.find_access(tx, key)
    return {
        "project": project,
        "name": say("Copy of %(name)s", name=project.name),
        "parts": [(part.value, title) for part, title in PARTS.items()],
        "usual": {part.value for part in clones.USUAL},
        "counts": {ClonePart.members.value: len(members), ClonePart.gold.value: gold_count},
        "is_members_only": is_members_only,
    }


async def clone_project(
    request: PageRequest[NoQuery], submitted: CloneForm, context: WriteContext
) -> Redirect:
    """POST …/clone: clone a project, and go to the clone; raises InvalidContent, Conflict."""
    if not set(submitted.part) <= set(ClonePart):
        raise InvalidContent(N_("there is no such part"), pointer="/part")
    parts = {ClonePart(one) for one in submitted.part}
    project = await get_project(context.tx, request)
    clone = await clones.clone_project(context.tx, project, name=submitted.name, parts=parts)
    await context.note(
        "project",
        clone.project_id,
        project_key=clone.project_key,
        detail={"from": project.project_id, "parts": sorted(parts)},
    )
    return Redirect(
        to=links.fill_path(PROJECT, project_id=clone.project_id),
        flash=N_("The clone is there. It has no tasks yet."),
    )


PAGES = (
    Page(
        page_id="show_clone",
        path=CLONE,
        role=PersonRole.manager,
        handler=show_clone,
        template="projects/clone.html",
    ),
    Page(
        page_id="clone_project_on_page",
        method="POST",
        path=CLONE,
        role=PersonRole.manager,
        handler=clone_project,
        form=CloneForm,
        form_page="show_clone",
    ),
)

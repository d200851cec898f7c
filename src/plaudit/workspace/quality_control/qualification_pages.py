"""Managers' page of qualification: what people have to pass, and who has."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Struct

from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.core.quality_control import qualification, qualified_people
from plaudit.core.tasks.quality_rules import QUALIFICATION_BOUNDS
from plaudit.model.core import PersonRole, ProjectRow
from plaudit.model.quality_control import QualificationSettings
from plaudit.texts import N_
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.accounts.sign_in_pages import NoFields
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.language.speech import say
from plaudit.workspace.projects.project_pages import PROJECT
from plaudit.workspace.projects.pseudonyms import shown_names

QUALIFICATION = f"{PROJECT}/qualification"
PAGE_MAX = 50


class QualificationQuery(Struct, frozen=True):
    """Query of GET /projects/{project_id}/qualification."""

    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class QualificationForm(Struct, kw_only=True):
    """Form of the settings; `pass_percent` is the pass mark. Without `is_on` there is no test."""

    is_on: bool = False
    training: int = 0
    test: int = 10
    pass_percent: float = 80
    attempts: int = 3
    wait_hours: int = 24
    asks_again: bool = False


async def show_qualification(request: PageRequest[QualificationQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/qualification: settings, and one page of people."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        found = await qualified_people.get_qualification(tx, project)
        page = await qualified_people.people_page(
            tx,
            request.secret,
            project,
            limit=PAGE_MAX,
            next_token=getattr(request.query, "next_token", None),
        )
        names = await shown_names(tx, request, project, [one.user_id for one in page.people])
    stored = project_detail(project).qualification
    return {
        "project": project,
        "is_on": stored is not None,
        "settings": stored or QualificationSettings(),
        "found": found,
        "people": page.people,
        "next_token": page.next_token,
        "names": names,
        "bounds": QUALIFICATION_BOUNDS,
    }


async def save_qualification(
    request: PageRequest[NoQuery], submitted: QualificationForm, context: WriteContext
) -> Redirect:
    """POST /projects/{project_id}/qualification: save the settings; raises InvalidContent."""
    project = await get_project(context.tx, request)
    wanted = QualificationSettings(
        training=submitted.training,
        test=submitted.test,
        pass_mark=round(submitted.pass_percent / 100, 6),
        attempts=submitted.attempts,
        wait_hours=submitted.wait_hours,
        asks_again=submitted.asks_again,
    )
    changed = await qualified_people.set_qualification(
        context.tx, project, wanted if submitted.is_on else None
    )
    return await _noted(context, changed, say("The test is saved."))


async def ask_again(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/qualification/ask-again: have everybody begin anew; raises Conflict."""
    project = await get_project(context.tx, request)
    changed = await qualified_people.ask_again(context.tx, project)
    return await _noted(context, changed, say("Everybody begins anew."))


async def begin_anew(
    request: PageRequest[NoQuery], submitted: NoFields, context: WriteContext
) -> Redirect:
    """POST …/qualification/people/{user_id}/begin-anew: all attempts again; raises NotFound."""
    project = await get_project(context.tx, request)
    user_id = request.path["user_id"]
    await qualification.begin_anew(context.tx, project, user_id)
    await context.note("user", user_id, project_key=project.project_key)
    return _to_page(project, say("They begin anew, with all attempts."))


async def _noted(context: WriteContext, project: ProjectRow, flash: str) -> Redirect:
    found = await qualified_people.get_qualification(context.tx, project)
    await context.note(
        "project",
        project.project_id,
        project_key=project.project_key,
        detail={"settings": found.settings},
    )
    return _to_page(project, flash)


def _to_page(project: ProjectRow, flash: str) -> Redirect:
    return Redirect(to=links.fill_path(QUALIFICATION, project_id=project.project_id), flash=flash)


PAGES = (
    Page(
        page_id="show_qualification",
        path=QUALIFICATION,
        role=PersonRole.manager,
        handler=show_qualification,
        query=QualificationQuery,
        template="quality_control/qualification.html",
        tab=N_("Test"),
        tab_order=49,
    ),
    *(
        Page(
            page_id=page_id,
            method="POST",
            path=path,
            role=PersonRole.manager,
            handler=handler,
            form=form,
            form_page="show_qualification",
        )
        for page_id, path, handler, form in (
            ("save_qualification", QUALIFICATION, save_qualification, QualificationForm),
            ("ask_again_on_page", f"{QUALIFICATION}/ask-again", ask_again, NoFields),
            (
                "begin_anew_on_page",
                f"{QUALIFICATION}/people/{{user_id}}/begin-anew",
                begin_anew,
                NoFields,
            ),
        )
    ),
)

"""Managers' pages of projects: list, new project, overview and charts."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import Struct

from plaudit import clock
from plaudit.api.http.bodies import TEXT_BODY
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.core.labeling import answer_charts, answer_samples, dashboard, statistics
from plaudit.core.tasks import projects
from plaudit.core.tasks.forms import PRESETS, form_of
from plaudit.core.tasks.overlap import OVERLAP_MAX
from plaudit.model.core import PersonRole, Review
from plaudit.texts import N_
from plaudit.wire.v2.resources import ProjectDetail, project_detail
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import form_data, links
from plaudit.workspace.http.page import Page, PageRequest, Redirect
from plaudit.workspace.render import charts

PROJECTS = "/projects"
NEW = "/new-project"
PROJECT = f"{PROJECTS}/{{project_id}}"
EMPTY = "empty"
"""Choice of a form without questions, beside the presets."""


class ProjectsQuery(Struct, frozen=True):
    """Query of GET /projects."""

    next_token: Annotated[str | None, Text(description="Where the page starts.")] = None


class NewProject(Struct, kw_only=True):
    """Form of a new project. `form` is a preset's name or EMPTY; `template` is JSON."""

    ACCEPTED: ClassVar[dict[str, Any]] = {"review": Review}

    name: str
    types: str | None = None
    models: str | None = None
    overlap: int | None = None
    review: Review | None = None
    review_percent: int | None = None
    lease_seconds: int | None = None
    blind: bool = False
    pseudonyms: bool = False
    self_review: bool = False
    form: str = EMPTY
    guidelines: str | None = None
    template: str | None = None


async def show_projects(request: PageRequest[ProjectsQuery]) -> dict[str, Any]:
    """GET /projects: one page of projects with their counts, newest first."""
    async with request.db.read() as tx:
        standings, next_token = await dashboard.list_summaries_page(
            tx, request.secret, request.user, request.query.next_token
        )
    return {
        "standings": standings,
        "is_first": request.query.next_token is None,
        "next_token": next_token,
        "most": dashboard.COUNTED_MAX,
    }


async def show_new_project(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /new-project: form of a new project."""
    return {
        "presets": list(PRESETS),
        "empty": EMPTY,
        "overlap_max": OVERLAP_MAX,
        "values": general_values("", ProjectDetail()) | {"form": next(iter(PRESETS))},
    }


def general_values(name: str, detail: ProjectDetail) -> dict[str, Any]:
    """Initial values of the form fields of a project's name and rules."""
    numbers = {
        name: "" if value is None else str(value)
        for name in ("overlap", "review_percent", "lease_seconds")
        for value in [getattr(detail, name)]
    }
    return numbers | {
        "name": name,
        "types": "\n".join(detail.types or ()),
        "models": "\n".join(detail.models or ()),
        "review": (detail.review or Review.none).value,
        "blind": detail.blind is not False,
        "pseudonyms": bool(detail.pseudonyms),
        "self_review": bool(detail.self_review),
    }


async def create_project(
    request: PageRequest[NoQuery], submitted: NewProject, context: WriteContext
) -> Redirect:
    """POST /projects: create a project and redirect to its questions; raises Conflict."""
    detail = ProjectDetail(
        types=form_data.split_lines(submitted.types),
        models=form_data.split_lines(submitted.models),
        form=None if submitted.form == EMPTY else submitted.form,  # type: ignore[arg-type]
        template=None
        if submitted.template is None
        else form_data.parse_json_field(submitted.template, "/template"),
        overlap=submitted.overlap,
        guidelines=submitted.guidelines,
        review=submitted.review,
        review_percent=submitted.review_percent,
        lease_seconds=submitted.lease_seconds,
        blind=submitted.blind,
        pseudonyms=submitted.pseudonyms or None,
        self_review=submitted.self_review or None,
    )
    project = await projects.create_project(
        context.tx,
        context.environment_id,
        name=submitted.name,
        detail=projects.checked_detail(detail),
    )
    await context.note("project", project.project_id, project_key=project.project_key)
    to = links.fill_path(f"{PROJECT}/settings/form", project_id=project.project_id)
    return Redirect(
        to=f"{to}?start={EMPTY}" if submitted.form == EMPTY else to,
        flash=N_("The project is there. Now look at its questions."),
    )


async def show_charts(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /projects/{project_id}/charts: charts of pace, times per task and answer values."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        pace = await statistics.pace(tx, project, clock.now_ms())
        sample = await answer_samples.load_sample(tx, project)
    form = form_of(project_detail(project))
    sampled = await request.run_in_thread(lambda: answer_charts.sampled(form, sample))
    return {
        "project": project,
        "pace": pace,
        "pace_chart": charts.days_chart(pace),
        "sampled": sampled,
        "times_chart": charts.bars_chart(sampled.times),
        "spreads": [
            (spread, charts.row_widths(spread.bars, spread.answered)) for spread in sampled.spreads
        ],
        "sample": answer_samples.SAMPLE,
        "most": statistics.COUNTED_MAX,
    }


PAGES = (
    Page(
        page_id="show_projects",
        path=PROJECTS,
        role=PersonRole.manager,
        handler=show_projects,
        query=ProjectsQuery,
        template="projects/projects.html",
        nav=N_("Projects"),
        spans_projects=True,
        nav_order=30,
        nav_section=N_("Data"),
    ),
    Page(
        page_id="show_new_project",
        path=NEW,
        role=PersonRole.manager,
        handler=show_new_project,
        template="projects/new_project.html",
        nav_below=PROJECTS,
    ),
    Page(
        page_id="create_project_on_page",
        method="POST",
        path=PROJECTS,
        role=PersonRole.manager,
        handler=create_project,
        form=NewProject,
        body_limit=TEXT_BODY,
        form_page="show_new_project",
    ),
    Page(
        page_id="show_charts",
        path=f"{PROJECT}/charts",
        role=PersonRole.manager,
        handler=show_charts,
        template="projects/charts.html",
        tab=N_("Charts"),
        tab_order=40,
    ),
)

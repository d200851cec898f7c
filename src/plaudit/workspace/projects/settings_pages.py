"""Settings pages of a project: name and rules, guidelines, opening conversation.

Each page writes its own fields only, so that concurrent changes of other fields are kept. Previews
are POST requests because drafts do not fit into a URL; they write nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from plaudit.api.http.bodies import TEXT_BODY
from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery
from plaudit.core.labeling.questions import own_order
from plaudit.core.tasks import projects, templates
from plaudit.core.tasks.forms import (
    Form,
    form_of,
    titles_of,
)
from plaudit.core.tasks.overlap import OVERLAP_MAX, countable_keys
from plaudit.errors import Conflict, InvalidContent
from plaudit.model.core import PersonRole, ProjectRow, Review
from plaudit.texts import N_
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.annotate import annotation_view
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import form_data, links
from plaudit.workspace.http.page import Page, PageRequest, Redirect, TemplateResponse
from plaudit.workspace.language.speech import say
from plaudit.workspace.language.words import built_in_titles
from plaudit.workspace.projects import judges_form
from plaudit.workspace.projects.judges_form import JudgesForm
from plaudit.workspace.projects.project_pages import PROJECT, general_values
from plaudit.workspace.render.text_batch import TextBatch

SETTINGS = f"{PROJECT}/settings"
GUIDELINES = f"{SETTINGS}/guidelines"
TEMPLATE = f"{SETTINGS}/template"

_encode = msgspec.json.Encoder(order="deterministic").encode

PREVIEW = "projects/preview.html"
"""Template of every preview: a whole document, whose body the page's script inserts."""


class GeneralForm(JudgesForm, kw_only=True):
    """Form of a project's name and rules; `types` and `models` have one entry per line."""

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


class GuidelinesForm(Struct):
    """Form of the guidelines in markdown; blank removes them."""

    guidelines: str | None = None


class TemplateForm(Struct):
    """Form of the template as JSON; blank removes it."""

    template: str | None = None
    version: str | None = None
    """Version of what was stored when the page was loaded."""


class GuidelinesTyped(Struct, forbid_unknown_fields=True):
    """Draft of the guidelines, for a preview."""

    text: str


class TemplateTyped(Struct, forbid_unknown_fields=True):
    """Draft of a template and of values for its variables, both JSON, for a preview."""

    template: str
    variables: str


async def show_settings(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/settings: form of the name and rules."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
    detail = project_detail(project)
    return {
        "project": project,
        "overlap_max": OVERLAP_MAX,
        "values": general_values(project.name, detail) | judges_form.shown_values(detail),
        "judges_questions": countable_keys(detail),
        "titles": built_in_titles(titles_of(form_of(detail))),
    }


async def save_settings(
    request: PageRequest[NoQuery], submitted: GeneralForm, context: WriteContext
) -> Redirect:
    """POST …/settings: save name and rules; raises InvalidContent, Conflict."""
    changes = {
        name: getattr(submitted, name)
        for name in submitted.__struct_fields__
        if not name.startswith(judges_form.PREFIX)
    }
    for name in ("types", "models"):
        changes[name] = form_data.split_lines(changes[name])
    for name in ("pseudonyms", "self_review"):
        changes[name] = changes[name] or None
    changes["judges"] = judges_form.read_judges(submitted)
    with judges_form.own_pointers():
        return await save_changes(
            request, context, changes, SETTINGS, say("The settings are saved.")
        )


async def show_guidelines(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/settings/guidelines: form of the guidelines and their rendering."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
    text = project_detail(project).guidelines or ""
    return {
        "project": project,
        "text": text,
        "chars_max": projects.GUIDELINES_CHARS_MAX,
        "rendered": await request.render(text),
    }


async def save_guidelines(
    request: PageRequest[NoQuery], submitted: GuidelinesForm, context: WriteContext
) -> Redirect:
    """POST …/settings/guidelines: save the guidelines."""
    changes = {"guidelines": submitted.guidelines}
    return await save_changes(
        request, context, changes, GUIDELINES, say("The guidelines are saved.")
    )


async def preview_guidelines(
    request: PageRequest[NoQuery], submitted: GuidelinesTyped
) -> TemplateResponse:
    """POST …/settings/guidelines/preview: render a draft."""
    await require_project(request)
    text = submitted.text[: projects.GUIDELINES_CHARS_MAX]
    rendered = await request.render(text)
    return preview_of(markdown=rendered)


async def show_template(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/settings/template: form of the template, with example values."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
    value = project_detail(project).template
    template = templates.read_template(value)
    return {
        "project": project,
        "has_own": value is not None,
        "version": _template_version(value),
        "text": pretty(msgspec.to_builtins(template)),
        "variables": template.variables,
        "optional": template.optional,
        "responses": template.responses,
        "values": pretty(
            {name: say("(a value for %(name)s)", name=name) for name in template.variables}
            | {template.responses: [say("A response."), say("Another response.")]}
        ),
    }


async def save_template(
    request: PageRequest[NoQuery], submitted: TemplateForm, context: WriteContext
) -> Redirect:
    """POST …/settings/template: save the template for tasks created from now on.

    Raises InvalidContent, or Conflict where somebody else saved another one meanwhile.
    """
    value = (
        None
        if submitted.template is None
        else form_data.parse_json_field(submitted.template, "/template")
    )

    def require_known(replaced: ProjectRow) -> None:
        stored = project_detail(replaced).template
        if submitted.version not in (None, _template_version(stored)):
            raise Conflict(
                "somebody else saved another opening conversation while you changed this one; "
                "save again to replace it"
            )

    return await save_changes(
        request,
        context,
        {"template": value},
        TEMPLATE,
        say("The opening conversation is saved."),
        check=require_known,
    )


async def preview_template(
    request: PageRequest[NoQuery], submitted: TemplateTyped
) -> TemplateResponse:
    """POST …/settings/template/preview: render the conversation that a draft makes."""
    await require_project(request)

    def layout(texts: TextBatch) -> Any:
        try:
            template = templates.read_template(form_data.parse_json_field(submitted.template, ""))
        except InvalidContent as exc:
            raise InvalidContent(exc.message, pointer=f"/template{exc.pointer or ''}") from exc
        values = form_data.parse_json_field(submitted.variables, "/variables")
        if not isinstance(values, dict):
            raise InvalidContent("expected an object: a value for each name", pointer="/variables")
        try:
            content = templates.fill_template(template, values)
        except InvalidContent as exc:
            raise InvalidContent(exc.message, pointer="/variables") from exc
        return annotation_view.build(
            Form(fields=[]), content or [], own_order(content or []), texts=texts
        )

    try:
        return preview_of(view=await request.build(layout))
    except InvalidContent as exc:
        return preview_of(fault=exc)


async def save_changes(
    request: PageRequest[NoQuery],
    context: WriteContext,
    changes: dict[str, Any],
    path: str,
    flash: str,
    *,
    check: Callable[[ProjectRow], None] | None = None,
) -> Redirect:
    """Save changes of a project, note them, and lead to a page.

    `check` is called with the project as it was replaced, and may raise a Problem: who saves at
    the same moment has changed it after any earlier look.
    """
    public_id = request.path["project_id"]
    before, project = await projects.change_project(
        context.tx, context.environment_id, public_id, changes
    )
    if check is not None:
        check(before)
    await context.note(
        "project",
        project.project_id,
        project_key=project.project_key,
        detail=projects.audit_detail(before, project, changes),
    )
    return Redirect(to=links.fill_path(path, project_id=public_id), flash=flash)


async def require_project(request: PageRequest[NoQuery]) -> None:
    """Raise NotFound unless the user may see the project."""
    async with request.db.read(snapshot=False) as tx:
        await get_project(tx, request)


def preview_of(
    *,
    view: Any = None,
    markdown: Any = None,
    fault: InvalidContent | None = None,
    unasked: list[str] | None = None,
) -> TemplateResponse:
    """Response with a preview, or with what is wrong with the draft."""
    index, texts = "", ""
    if view is not None and view.questions is not None:
        index, texts = annotation_view.as_json(view.questions), annotation_view.as_json(view.texts)
    context = {"view": view, "markdown": markdown, "fault": fault, "unasked": unasked or []}
    context |= {"index": index, "texts": texts}
    return TemplateResponse(template=PREVIEW, context=context)


def _template_version(value: Any) -> str:
    return hashlib.blake2b(_encode(value), digest_size=8).hexdigest()


def pretty(value: Any) -> str:
    """Indented JSON of a value."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def editor_page(page_id: str, path: str, handler: Any, template: str, **fields: Any) -> Page:
    """Declaration of a page that edits a part of the settings."""
    return Page(
        page_id=page_id,
        path=path,
        role=PersonRole.manager,
        handler=handler,
        template=template,
        **fields,
    )


def saving_page(page_id: str, path: str, handler: Any, form: type[Struct], form_page: str) -> Page:
    """Declaration of the POST that saves such a part."""
    return Page(
        page_id=page_id,
        method="POST",
        path=path,
        role=PersonRole.manager,
        handler=handler,
        form=form,
        body_limit=TEXT_BODY,
        form_page=form_page,
    )


def previewing_page(page_id: str, path: str, handler: Any, body: type[Struct]) -> Page:
    """Declaration of the POST that draws a draft."""
    return Page(
        page_id=page_id,
        method="POST",
        path=f"{path}/preview",
        role=PersonRole.manager,
        handler=handler,
        body=body,
        body_limit=TEXT_BODY,
        opens_transactions=True,
    )


PAGES = (
    editor_page(
        "show_settings",
        SETTINGS,
        show_settings,
        "projects/settings.html",
        tab=N_("Settings"),
        tab_order=90,
    ),
    saving_page("save_settings", SETTINGS, save_settings, GeneralForm, "show_settings"),
    editor_page("show_guidelines", GUIDELINES, show_guidelines, "projects/guidelines.html"),
    saving_page("save_guidelines", GUIDELINES, save_guidelines, GuidelinesForm, "show_guidelines"),
    previewing_page("preview_guidelines", GUIDELINES, preview_guidelines, GuidelinesTyped),
    editor_page("show_template", TEMPLATE, show_template, "projects/template.html"),
    saving_page("save_template", TEMPLATE, save_template, TemplateForm, "show_template"),
    previewing_page("preview_template", TEMPLATE, preview_template, TemplateTyped),
)

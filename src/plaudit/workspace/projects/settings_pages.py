"""What is set for a project: its name and rules, guidelines, opening conversation, and questions.

Each page changes its own fields alone, so that what others change at the same moment stays. The
previews take a POST because what is typed does not fit into an address; they open no transaction
to write in, and change nothing.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Struct

from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.core.labeling.questions import own_order, questions
from plaudit.core.tasks import projects, templates
from plaudit.core.tasks.forms import (
    LIKERT,
    PRESETS,
    RULES,
    Form,
    Level,
    ScaleDirection,
    TextUse,
    form_of,
    read_form,
)
from plaudit.core.tasks.projects import OVERLAP_MAX
from plaudit.errors import InvalidContent
from plaudit.model.core import PersonRole, Review
from plaudit.wire.v2.annotation import POSSIBLE_VALUES
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import MessageRole
from plaudit.workspace.annotate import annotation_view
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http import form_data, links
from plaudit.workspace.http.page import Page, PageRequest, Redirect, TemplateResponse
from plaudit.workspace.projects import sample
from plaudit.workspace.projects.project_pages import EMPTY, PROJECT, general_values
from plaudit.workspace.render import rich_text

SETTINGS = f"{PROJECT}/settings"
FORM = f"{SETTINGS}/form"
GUIDELINES = f"{SETTINGS}/guidelines"
TEMPLATE = f"{SETTINGS}/template"

PREVIEW = "projects/preview.html"
"""The template of every preview: a whole document, of which the page's script takes the body."""


class GeneralForm(Struct, kw_only=True):
    """A project's name and the rules of working on it; types and models are one a line."""

    ACCEPTED: ClassVar[dict[str, Any]] = {"review": Review}

    name: str
    types: str | None = None
    models: str | None = None
    overlap: int | None = None
    review: Review | None = None
    review_percent: int | None = None
    lease_seconds: int | None = None
    blind: bool = False


class GuidelinesForm(Struct):
    """Guidelines in markdown; blank takes them away."""

    guidelines: str | None = None


class TemplateForm(Struct):
    """The template as JSON; blank takes it away."""

    template: str | None = None


class QuestionsForm(Struct):
    """The questions as JSON; blank takes the project's own ones away."""

    form: str | None = None


class QuestionsQuery(Struct, frozen=True):
    """Query of the page of questions."""

    start: Annotated[str | None, Text(description="`empty` begins without questions.")] = None


class GuidelinesTyped(Struct, forbid_unknown_fields=True):
    """Guidelines as they are being typed."""

    text: str


class TemplateTyped(Struct, forbid_unknown_fields=True):
    """A template and values for its variables as they are being typed, both JSON."""

    template: str
    variables: str


class QuestionsTyped(Struct, forbid_unknown_fields=True):
    """Questions as they are being put together, and on how many responses to try them."""

    form: Any
    responses: int = 2


async def show_settings(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/settings: the name and the rules of working."""
    async with visit.db.read() as tx:
        project = await get_project(tx, visit)
    return {
        "project": project,
        "overlap_max": OVERLAP_MAX,
        "was": general_values(project.name, project_detail(project)),
    }


async def save_settings(
    visit: PageRequest[NoQuery], sent: GeneralForm, change: WriteContext
) -> Redirect:
    """POST …/settings: these fields, and nothing else."""
    changes = {name: getattr(sent, name) for name in sent.__struct_fields__}
    for name in ("types", "models"):
        changes[name] = form_data.lines_in(changes[name])
    return await _save(visit, change, changes, SETTINGS, "The settings are saved.")


async def show_guidelines(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/settings/guidelines: the text, and how it looks."""
    async with visit.db.read() as tx:
        project = await get_project(tx, visit)
    text = project_detail(project).guidelines or ""
    return {
        "project": project,
        "text": text,
        "chars_max": projects.GUIDELINES_CHARS_MAX,
        "drawn": await asyncio.to_thread(rich_text.render_markdown, text),
    }


async def save_guidelines(
    visit: PageRequest[NoQuery], sent: GuidelinesForm, change: WriteContext
) -> Redirect:
    """POST …/settings/guidelines: what annotators read from now on."""
    changes = {"guidelines": sent.guidelines}
    return await _save(visit, change, changes, GUIDELINES, "The guidelines are saved.")


async def preview_guidelines(
    visit: PageRequest[NoQuery], sent: GuidelinesTyped
) -> TemplateResponse:
    """POST …/settings/guidelines/preview: how the text looks. Changes nothing."""
    await _require_project(visit)
    text = sent.text[: projects.GUIDELINES_CHARS_MAX]
    drawn = await asyncio.to_thread(rich_text.render_markdown, text)
    return _preview(markdown=drawn)


async def show_template(visit: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET …/settings/template: from `template_variables` to the opening conversation."""
    async with visit.db.read() as tx:
        project = await get_project(tx, visit)
    value = project_detail(project).template
    template = templates.read_template(value)
    return {
        "project": project,
        "has_own": value is not None,
        "text": _pretty(msgspec.to_builtins(template)),
        "variables": template.variables,
        "optional": template.optional,
        "responses": template.responses,
        "values": _pretty(
            {name: f"(a value for {name})" for name in template.variables}
            | {template.responses: ["A response.", "Another response."]}
        ),
    }


async def save_template(
    visit: PageRequest[NoQuery], sent: TemplateForm, change: WriteContext
) -> Redirect:
    """POST …/settings/template: for tasks that are created from now on."""
    value = None if sent.template is None else form_data.json_in(sent.template, "/template")
    return await _save(
        visit, change, {"template": value}, TEMPLATE, "The opening conversation is saved."
    )


async def preview_template(visit: PageRequest[NoQuery], sent: TemplateTyped) -> TemplateResponse:
    """POST …/settings/template/preview: the conversation it makes. Changes nothing."""
    await _require_project(visit)

    def draw() -> Any:
        try:
            template = templates.read_template(form_data.json_in(sent.template, ""))
        except InvalidContent as exc:
            raise InvalidContent(exc.message, pointer=f"/template{exc.pointer or ''}") from exc
        values = form_data.json_in(sent.variables, "/variables")
        if not isinstance(values, dict):
            raise InvalidContent("expected an object: a value for each name", pointer="/variables")
        try:
            content = templates.fill_template(template, values)
        except InvalidContent as exc:
            raise InvalidContent(exc.message, pointer="/variables") from exc
        return annotation_view.build(Form(fields=[]), content or [], own_order(content or []))

    try:
        return _preview(shown=await asyncio.to_thread(draw))
    except InvalidContent as exc:
        return _preview(fault=exc)


async def show_questions(visit: PageRequest[QuestionsQuery]) -> dict[str, Any]:
    """GET …/settings/form: the editor of the questions, with a preview beside it."""
    async with visit.db.read() as tx:
        project = await get_project(tx, visit)
    detail = project_detail(project)
    form = form_of(detail)
    if visit.query.start == EMPTY and detail.form is None:
        form = Form(fields=[])
    return {
        "project": project,
        "has_own_form": detail.form is not None,
        "text": _pretty(msgspec.to_builtins(form)),
        "levels": list(Level),
        "types": list(RULES),
        "roles": list(MessageRole),
        "scales": list(ScaleDirection),
        "uses": list(TextUse),
        "presets": list(PRESETS),
        "vocabulary": annotation_view.as_json(
            {
                "rules": RULES,
                "valued": list(POSSIBLE_VALUES),
                "presets": msgspec.to_builtins(PRESETS),
                "likert": LIKERT,
            }
        ),
    }


async def save_questions(
    visit: PageRequest[NoQuery], sent: QuestionsForm, change: WriteContext
) -> Redirect:
    """POST …/settings/form: what is asked from now on."""
    value = None if sent.form is None else form_data.json_in(sent.form, "/form")
    said = "The questions are saved." if value is not None else "The usual questions are asked."
    return await _save(visit, change, {"form": value}, FORM, said)


async def preview_questions(visit: PageRequest[NoQuery], sent: QuestionsTyped) -> TemplateResponse:
    """POST …/settings/form/preview: the page that annotators would see. Changes nothing."""
    await _require_project(visit)
    count = max(0, min(sample.RESPONSES_MAX, sent.responses))

    def draw() -> tuple[Any, list[str]]:
        form = read_form(sent.form)
        content = sample.conversation(form, count)
        asked = {id(one.field) for one in questions(form, content)}
        left = [one.title or one.key for one in form.fields if id(one) not in asked]
        return annotation_view.build(form, content, own_order(content)), left

    try:
        shown, left = await asyncio.to_thread(draw)
    except InvalidContent as exc:
        return _preview(fault=exc)
    return _preview(shown=shown, left=left)


async def _save(
    visit: PageRequest[NoQuery], change: WriteContext, changes: dict[str, Any], path: str, said: str
) -> Redirect:
    public_id = visit.path["project_id"]
    was, project = await projects.change_project(
        change.tx, change.environment_id, public_id, changes
    )
    await change.note(
        "project",
        project.project_id,
        project_key=project.project_key,
        detail=projects.audit_detail(was, project, changes),
    )
    return Redirect(to=links.filled(path, project_id=public_id), said=said)


async def _require_project(visit: PageRequest[NoQuery]) -> None:
    async with visit.db.read(snapshot=False) as tx:
        await get_project(tx, visit)


def _preview(
    *,
    shown: Any = None,
    markdown: Any = None,
    fault: InvalidContent | None = None,
    left: list[str] | None = None,
) -> TemplateResponse:
    context = {"shown": shown, "markdown": markdown, "fault": fault, "left": left or []}
    return TemplateResponse(template=PREVIEW, context=context)


def _pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _editor(page_id: str, path: str, handler: Any, template: str, **fields: Any) -> Page:
    return Page(
        page_id=page_id,
        path=path,
        role=PersonRole.manager,
        handler=handler,
        template=template,
        **fields,
    )


def _saving(page_id: str, path: str, handler: Any, form: type[Struct], again: str) -> Page:
    return Page(
        page_id=page_id,
        method="POST",
        path=path,
        role=PersonRole.manager,
        handler=handler,
        form=form,
        again=again,
    )


def _previewing(page_id: str, path: str, handler: Any, body: type[Struct]) -> Page:
    return Page(
        page_id=page_id,
        method="POST",
        path=f"{path}/preview",
        role=PersonRole.manager,
        handler=handler,
        body=body,
        opens_own=True,
    )


PAGES = (
    _editor(
        "show_settings",
        SETTINGS,
        show_settings,
        "projects/settings.html",
        tab="Settings",
        tab_place=90,
    ),
    _saving("save_settings", SETTINGS, save_settings, GeneralForm, "show_settings"),
    _editor("show_guidelines", GUIDELINES, show_guidelines, "projects/guidelines.html"),
    _saving("save_guidelines", GUIDELINES, save_guidelines, GuidelinesForm, "show_guidelines"),
    _previewing("preview_guidelines", GUIDELINES, preview_guidelines, GuidelinesTyped),
    _editor("show_template", TEMPLATE, show_template, "projects/template.html"),
    _saving("save_template", TEMPLATE, save_template, TemplateForm, "show_template"),
    _previewing("preview_template", TEMPLATE, preview_template, TemplateTyped),
    _editor(
        "show_questions", FORM, show_questions, "projects/form_editor.html", query=QuestionsQuery
    ),
    _saving("save_questions", FORM, save_questions, QuestionsForm, "show_questions"),
    _previewing("preview_questions", FORM, preview_questions, QuestionsTyped),
)

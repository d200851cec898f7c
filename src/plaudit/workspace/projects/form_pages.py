"""Page of a project's questions: the editor, its preview, and what two managers save at once."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Struct

from plaudit.api.http.operation import WriteContext
from plaudit.api.http.parameters import NoQuery, Text
from plaudit.core.labeling.questions import own_order, questions
from plaudit.core.tasks.form_checks import read_form
from plaudit.core.tasks.form_version import form_version
from plaudit.core.tasks.forms import LIKERT, PRESETS, RULES, Form, form_of
from plaudit.errors import Conflict, InvalidContent
from plaudit.model.core import ProjectRow
from plaudit.wire.v2.annotation import POSSIBLE_VALUES
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import MessageRole
from plaudit.workspace.annotate import annotation_view
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.annotate.portions import Plan
from plaudit.workspace.http import form_data
from plaudit.workspace.http.page import PageRequest, Redirect, TemplateResponse
from plaudit.workspace.language.speech import say
from plaudit.workspace.language.words import built_in
from plaudit.workspace.projects import sample
from plaudit.workspace.projects.project_pages import EMPTY
from plaudit.workspace.projects.settings_pages import (
    SETTINGS,
    editor_page,
    pretty,
    preview_of,
    previewing_page,
    require_project,
    save_changes,
    saving_page,
)
from plaudit.workspace.render.text_batch import TextBatch

FORM = f"{SETTINGS}/form"
NO_FORM = "none"
"""Version of the questions of a project that has none of its own."""


class QuestionsForm(Struct):
    """Form of the questions as JSON; blank removes the project's own ones."""

    form: str | None = None
    version: str | None = None
    """Version of what was stored when the page was loaded."""


class QuestionsQuery(Struct, frozen=True):
    """Query of GET …/settings/form."""

    start: Annotated[str | None, Text(description="`empty` begins without questions.")] = None


class QuestionsTyped(Struct, forbid_unknown_fields=True):
    """Draft of the questions, and the number of sample responses, for a preview."""

    form: Any
    responses: int = 2


async def show_questions(request: PageRequest[QuestionsQuery]) -> dict[str, Any]:
    """GET …/settings/form: editor of the questions with a preview."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
    detail = project_detail(project)
    form = form_of(detail)
    if request.query.start == EMPTY and detail.form is None:
        form = Form(fields=[])
    return {
        "project": project,
        "has_own_form": detail.form is not None,
        "version": _stored_version(project),
        "text": pretty(msgspec.to_builtins(form)),
        "roles": list(MessageRole),
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
    request: PageRequest[NoQuery], submitted: QuestionsForm, context: WriteContext
) -> Redirect:
    """POST …/settings/form: save the questions; raises InvalidContent, Conflict.

    Of two who change them at the same time the later one is told, and sees what was saved.
    """

    def require_known(replaced: ProjectRow) -> None:
        if submitted.version not in (None, _stored_version(replaced)):
            raise Conflict(
                "somebody else saved other questions while you changed these; save again to "
                "replace them"
            )

    value = None if submitted.form is None else form_data.parse_json_field(submitted.form, "/form")
    flash = (
        say("The questions are saved.")
        if value is not None
        else say("The usual questions are asked.")
    )
    return await save_changes(request, context, {"form": value}, FORM, flash, check=require_known)


async def preview_questions(
    request: PageRequest[NoQuery], submitted: QuestionsTyped
) -> TemplateResponse:
    """POST …/settings/form/preview: render the annotation page of a draft."""
    await require_project(request)
    count = max(0, min(sample.RESPONSES_MAX, submitted.responses))

    def layout(texts: TextBatch) -> tuple[Any, list[str]]:
        form = read_form(submitted.form)
        content = sample.conversation(form, count)
        asked = {id(question.field) for question in questions(form, content)}
        unasked = [
            built_in(field.title or field.key) for field in form.fields if id(field) not in asked
        ]
        view = annotation_view.build(
            form, content, own_order(content), texts=texts, choose=Plan.first_portion
        )
        return view, unasked

    try:
        view, unasked = await request.build(layout)
    except InvalidContent as exc:
        return preview_of(fault=exc)
    return preview_of(view=view, unasked=unasked)


def _stored_version(project: ProjectRow) -> str:
    """Version of the questions that a project has, of its own or by its kind of work."""
    form = project_detail(project).form
    return NO_FORM if form is None else form_version(msgspec.convert(form, Form))


PAGES = (
    editor_page(
        "show_questions", FORM, show_questions, "projects/form_editor.html", query=QuestionsQuery
    ),
    saving_page("save_questions", FORM, save_questions, QuestionsForm, "show_questions"),
    previewing_page("preview_questions", FORM, preview_questions, QuestionsTyped),
)

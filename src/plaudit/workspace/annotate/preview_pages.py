"""Preview of what an annotator writes, drawn while they write it."""

from __future__ import annotations

from msgspec import Struct

from plaudit.api.http.bodies import TEXT_BODY
from plaudit.api.http.parameters import NoQuery
from plaudit.core.labeling import leases
from plaudit.core.labeling.type_rules import ANSWER_CHARS_MAX
from plaudit.model.core import PersonRole
from plaudit.store.datasets.attachments import find_attachments
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.annotate.files import Files, list_named_in
from plaudit.workspace.annotate.message_parts import rendered
from plaudit.workspace.http.page import Page, PageRequest, TemplateResponse


class TextTyped(Struct, forbid_unknown_fields=True):
    """A rewrite or a response on its way."""

    text: str


async def preview_text(request: PageRequest[NoQuery], submitted: TextTyped) -> TemplateResponse:
    """POST …/preview: render a text as its message will be shown; raises NotFound."""
    text = submitted.text[:ANSWER_CHARS_MAX]
    async with request.db.read(snapshot=False) as tx:
        project = await get_project(tx, request)
        await leases.get_lease(tx, project, request.user.user_id, request.path["assignment_id"])
        named = list_named_in([text])
        files = Files(await find_attachments(tx, request.user.environment_id, named))
    body = await request.build(lambda texts: rendered(text, files, texts))
    return TemplateResponse(template="annotate/preview.html", context={"body": body})


PAGES = (
    Page(
        page_id="preview_text",
        path="/work/{project_id}/tasks/{assignment_id}/preview",
        method="POST",
        role=PersonRole.annotator,
        handler=preview_text,
        body=TextTyped,
        body_limit=TEXT_BODY,
        opens_transactions=True,
    ),
)

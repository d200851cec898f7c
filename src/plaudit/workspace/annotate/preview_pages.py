"""Preview of what an annotator writes, drawn while they write it.

Of the files that a text names, those of the person's own task alone are shown.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from plaudit.api.http.bodies import TEXT_BODY
from plaudit.api.http.parameters import NoQuery
from plaudit.core.labeling import leases
from plaudit.core.labeling.type_rules import ANSWER_CHARS_MAX
from plaudit.core.quality_control.control_tasks import on_either_side
from plaudit.model.core import PersonRole, StoredTask
from plaudit.store.tasks import tasks
from plaudit.wire.v2.task import Thread
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.annotate.files import Files, list_named_in, read_conversation
from plaudit.workspace.annotate.message_parts import rendered
from plaudit.workspace.http.page import Page, PageRequest, TemplateResponse

_decode_content = msgspec.json.Decoder(list[Thread]).decode


class TextTyped(Struct, forbid_unknown_fields=True):
    """A rewrite or a response on its way."""

    text: str


async def preview_text(request: PageRequest[NoQuery], submitted: TextTyped) -> TemplateResponse:
    """POST …/preview: render a text as its message will be shown; raises NotFound."""
    text = submitted.text[:ANSWER_CHARS_MAX]
    task: StoredTask | None = None
    async with request.db.read(snapshot=False) as tx:
        project = await get_project(tx, request)
        lease = await on_either_side(
            tx,
            project,
            lambda tx, side: leases.get_lease(
                tx, side, request.user.user_id, request.path["assignment_id"]
            ),
        )
        if list_named_in([text]):
            task = await tasks.get_task(tx, lease.project_key, lease.seq)
    files = Files()
    if task is not None:
        content = task.content or b"[]"
        _, files = await read_conversation(request, lambda: _decode_content(content))
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

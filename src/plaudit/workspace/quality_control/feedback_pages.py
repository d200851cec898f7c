"""Annotators' page of feedback: their answers to a gold task, the expected ones, and why."""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit.api.http.parameters import NoQuery
from plaudit.core.labeling.questions import Display
from plaudit.core.quality_control import gold_feedback
from plaudit.core.tasks import excerpts
from plaudit.core.tasks.forms import form_of
from plaudit.model.core import PersonRole
from plaudit.wire.v2.resources import project_detail
from plaudit.workspace.annotate.annotation_pages import get_project
from plaudit.workspace.http.page import Page, PageRequest
from plaudit.workspace.quality_control.gold_words import AnswerDescriber

_decode_display = msgspec.json.Decoder(Display).decode


async def show_feedback(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /work/{project_id}/tasks/{assignment_id}/feedback: one's own answers, and the right."""
    async with request.db.read() as tx:
        project = await get_project(tx, request)
        found = await gold_feedback.get_feedback(
            tx, project, request.user.user_id, request.path["assignment_id"]
        )
    display = _decode_display(found.lease.display)
    describer = AnswerDescriber(form_of(project_detail(project)), found.content, display)
    reason = await request.render(found.row.reason or "")
    return {
        "project": project,
        "assignment_id": found.lease.assignment_id,
        "excerpt": excerpts.excerpt(found.content),
        "rows": [
            (
                describer.expected(found.expected[result.number]),
                describer.given(found.expected[result.number], result.given),
                result.is_right,
            )
            for result in found.results
        ],
        "reason": reason if found.row.reason else None,
    }


PAGES = (
    Page(
        page_id="show_feedback",
        path="/work/{project_id}/tasks/{assignment_id}/feedback",
        role=PersonRole.annotator,
        handler=show_feedback,
        template="quality_control/feedback.html",
    ),
)

"""Style guide: every component of the workspace on one page, drawn by the templates that use it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from plaudit.api.http.parameters import NoQuery
from plaudit.core.labeling.questions import own_order
from plaudit.core.tasks.forms import Field, Form, FormSection, Level, ScaleDirection, TextUse
from plaudit.model.core import PersonRole
from plaudit.workspace.annotate import annotation_view
from plaudit.workspace.http.page import Page, PageRequest
from plaudit.workspace.projects import sample
from plaudit.workspace.render import plots
from plaudit.workspace.render.text_batch import TextBatch

_TOKENS = Path(__file__).parents[1] / "static" / "shared" / "tokens.css"

_FORM = Form(
    fields=[
        Field(
            key="clear",
            level=Level.message,
            type="integer",
            title="Clarity",
            description="Is it understood when read once?",
            possible_values=[1, 2, 3],
            labels=["Hard to follow", "Clear enough", "Clear"],
            required=True,
            not_applicable=True,
        ),
        Field(key="safe", level=Level.message, type="boolean", title="Free of harm"),
        Field(
            key="tone",
            level=Level.message,
            type="category_multiple",
            title="Tone",
            possible_values=["warm", "dry", "rude"],
        ),
        Field(
            key="mistakes",
            level=Level.message,
            type="labeled_text",
            title="Mistakes",
            labels=["Wrong", "Unclear"],
        ),
        Field(key="better", level=Level.message, type="text", title="Rewrite", use=TextUse.rewrite),
        Field(
            key="verdict",
            level=Level.turn,
            type="integer",
            title="Which response is better?",
            scale=ScaleDirection.low_is_first,
            possible_values=list(range(1, 8)),
            required=True,
        ),
        Field(key="order", level=Level.turn, type="ranked_groups", title="Order of the responses"),
        Field(
            key="why",
            level=Level.turn,
            type="text",
            title="Why?",
            names_responses=True,
            chars_min=20,
        ),
        Field(
            key="topic",
            level=Level.thread,
            type="category",
            title="Topic",
            possible_values=["cooking", "travel", "something else"],
            cannot_assess=True,
            section="topics",
        ),
    ],
    sections=[FormSection(key="topics", title="Topics", description="What it is about.")],
)
"""A question for each widget of the annotation page."""

_PLOT = (
    plots.PlotRow("Clarity", 0.72, 0.64, 0.79, "0.72"),
    plots.PlotRow("Free of harm", 0.41, 0.2, 0.6, "0.41"),
)


@cache
def token_names() -> dict[str, list[str]]:
    """Names of the design tokens in the order of the style sheet: colours, and responses' hues."""
    names = re.findall(r"--([\w-]+): light-dark\(#", _TOKENS.read_text("utf-8"))
    every = list(dict.fromkeys(names))
    hues = [name for name in every if name.startswith("response-")]
    return {"colours": [name for name in every if name not in hues], "hues": hues}


async def show_styleguide(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /styleguide: the design tokens, and each component as pages show it."""

    def layout(texts: TextBatch) -> Any:
        content = sample.conversation(_FORM, 2)
        return annotation_view.build(_FORM, content, own_order(content), texts=texts)

    return {
        "view": await request.build(layout),
        "tokens": token_names(),
        "plot": plots.forest_plot(
            "Agreement on two questions", _PLOT, [plots.PlotLine(0.667, "0.667")]
        ),
    }


PAGES = (
    Page(
        page_id="show_styleguide",
        path="/styleguide",
        role=PersonRole.admin,
        handler=show_styleguide,
        template="projects/styleguide.html",
        nav_below="/keys",
    ),
)

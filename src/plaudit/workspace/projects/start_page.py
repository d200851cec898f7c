"""Start page after sign-in: the organization's projects with their counts."""

from __future__ import annotations

from typing import Any

from plaudit.api.http.parameters import NoQuery
from plaudit.core.labeling import dashboard
from plaudit.model.core import PersonRole
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest


async def show_start(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /work: the newest projects with their counts."""
    async with request.db.read() as tx:
        standings, has_more = await dashboard.list_summaries(tx, request.user.environment_id)
    return {
        "standings": standings,
        "has_more": has_more,
        "most": dashboard.COUNTED_MAX,
    }


PAGES = (
    Page(
        page_id="show_start",
        path=links.START,
        role=PersonRole.annotator,
        handler=show_start,
        template="projects/start.html",
        nav="Queues",
        nav_order=10,
        nav_section="Work",
    ),
)

"""Check of all page declarations, when the application is made."""

from __future__ import annotations

import re
from collections.abc import Sequence

from plaudit.api.http.bodies import OPEN_BODY
from plaudit.model.core import PersonRole
from plaudit.workspace.http.page import ANYONE, Page


def check_pages(pages: Sequence[Page]) -> None:
    """Raise ValueError for declarations that are unsafe, contradictory or duplicate."""
    seen: set[tuple[str, str]] = set()
    ids = {page.page_id: page for page in pages}
    if len(ids) != len(pages):
        raise ValueError("two pages have the same page_id")
    for page in pages:
        if not isinstance(page.role, PersonRole) and page.role != ANYONE:
            raise ValueError(f"{page.page_id} does not say who may use it")
        if (page.method in ("GET", "HEAD")) == page.changes:
            raise ValueError(f"{page.page_id}: what changes has a form or body, and no GET does")
        if sum(bool(kind) for kind in (page.form, page.body, page.streams)) > 1:
            raise ValueError(f"{page.page_id} takes a form, JSON or a stream, not several")
        if page.role == ANYONE and page.changes and not page.opens_transactions:
            raise ValueError(f"{page.page_id} is open, so nobody is there to make a change for")
        if page.role == ANYONE and page.body_limit != OPEN_BODY and page.changes:
            raise ValueError(f"{page.page_id} is open, so its body has the limit of OPEN_BODY")
        if page.is_compressed and (
            page.method != "GET" or page.role == ANYONE or not (page.is_large and page.template)
        ):
            raise ValueError(f"{page.page_id} is no large page of somebody, so it stays as it is")
        if page.form_page is not None and (
            page.form_page not in ids or not ids[page.form_page].template
        ):
            raise ValueError(
                f"{page.page_id} names form_page {page.form_page}, which has no template"
            )
        if page.tab is not None and (
            page.method != "GET" or re.findall(r"{(\w+)}", page.path) != ["project_id"]
        ):
            raise ValueError(f"{page.page_id} is no page of one project, so it is none of its tabs")
        if page.nav_below is not None and (
            "{" in page.path or page.nav_below not in {one.path for one in pages if one.nav}
        ):
            raise ValueError(f"{page.page_id} is below {page.nav_below}, no page of the navigation")
        if (page.method, page.path) in seen:
            raise ValueError(f"{page.method} {page.path} is declared twice")
        seen.add((page.method, page.path))

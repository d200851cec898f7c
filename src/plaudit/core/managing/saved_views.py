"""Saved views: lists of tasks that managers of a project keep under a name."""

from __future__ import annotations

from plaudit import clock, ids
from plaudit.core.common import names
from plaudit.errors import Conflict, InvalidContent
from plaudit.model.core import ProjectRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.managing import saved_views
from plaudit.store.managing.saved_views import SavedView
from plaudit.texts import N_

VIEWS_MAX = 50
NAME_CHARS_MAX = 60
QUERY_CHARS_MAX = 2_000


async def save_view(
    tx: Transaction, project: ProjectRow, user_id: str, *, name: str, query: str
) -> SavedView:
    """Save a list under a name, in the place of the one that has it; return it.

    Raises InvalidContent for the name, or Conflict if there are VIEWS_MAX already.
    """
    if len(name.strip()) > NAME_CHARS_MAX:
        raise InvalidContent(
            N_("a name has at most %(most)s characters", most=NAME_CHARS_MAX), pointer="/name"
        )
    if len(query) > QUERY_CHARS_MAX:
        raise InvalidContent(N_("this list has too many conditions to be saved"), pointer="/name")
    name_key = names.check_name(name.strip())
    listed = await saved_views.list_views(tx, project.project_key, limit=VIEWS_MAX)
    if len(listed) >= VIEWS_MAX and name_key not in {view.name_key for view in listed}:
        raise Conflict(N_("a project has at most %(most)s saved lists; delete one", most=VIEWS_MAX))
    view = SavedView(
        project.project_key,
        ids.mint("view"),
        user_id,
        name.strip(),
        name_key,
        query,
        clock.now_ms(),
    )
    await saved_views.save_view(tx, view)
    return view

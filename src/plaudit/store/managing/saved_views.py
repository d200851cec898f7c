"""Statements for saved views: lists of tasks under a name, shared by a project's managers."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import asdict

from plaudit.store.engine.engine import Transaction


class SavedView(Struct, frozen=True):
    """A list of tasks under a name; `query` is that of its page."""

    project_key: int
    view_id: str
    user_id: str
    name: str
    name_key: str
    query: str
    created_ms: int


_COLUMNS = SavedView.__struct_fields__
_SELECTED = ", ".join(_COLUMNS)


async def save_view(tx: Transaction, view: SavedView) -> None:
    """Insert a view, or give the one of its name another query."""
    await tx.run(
        f"INSERT INTO saved_view ({_SELECTED})"
        f" VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
        " ON CONFLICT (project_key, name_key) DO UPDATE SET query = :query, user_id = :user_id",
        asdict(view),
    )


async def list_views(tx: Transaction, project_key: int, *, limit: int) -> list[SavedView]:
    """List up to `limit` views of a project by name."""
    rows = await tx.all(
        f"SELECT {_SELECTED} FROM saved_view WHERE project_key = :project_key"
        " ORDER BY name_key LIMIT :row_limit",
        {"project_key": project_key, "row_limit": limit},
    )
    return [SavedView(*row) for row in rows]


async def delete_view(tx: Transaction, project_key: int, view_id: str) -> bool:
    """Delete a view; False if there is none."""
    return bool(
        await tx.run(
            "DELETE FROM saved_view WHERE project_key = :project_key AND view_id = :view_id",
            {"project_key": project_key, "view_id": view_id},
        )
    )

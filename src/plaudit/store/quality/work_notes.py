"""Statements that read notes on tasks of a project, page by page, for statistics of people."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.labeling import TaskNote
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction


async def list_notes_of_kinds(
    tx: Transaction, project_key: int, kinds: Sequence[str], *, after_id: str, limit: int
) -> tuple[list[TaskNote], str | None]:
    """Notes of some kinds among the next `limit` of a project after an id, oldest first.

    The second value is the id to go on after; None after the last note.
    """
    listed, args = value_lists.in_list("kind", kinds)
    rows = await tx.all(
        "SELECT project_key, note_id, seq, user_id, kind,"
        f" CASE WHEN kind IN {listed} THEN detail END, created_ms FROM task_note"
        " WHERE project_key = :project_key AND note_id > :after_id"
        " ORDER BY note_id LIMIT :row_limit",
        args | {"project_key": project_key, "after_id": after_id, "row_limit": limit},
    )
    last_id = str(rows[-1][1]) if len(rows) == limit else None
    return [TaskNote(*row) for row in rows if row[4] in kinds], last_id

"""Statements that read the votes of a project, page by page, for statistics and exports."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

COLUMNS = (
    *("seq", "contributor_id", "number", "question_key", "at", "source_id", "chunk", "criterion"),
    *("submitted_ms", "active_ms", "abstention", "responses", "shown", "value"),
)
"""Columns of a page's rows."""

_LISTED = ", ".join(COLUMNS)
Cursor = tuple[int, str, int]
"""seq, contributor and number of the last vote that was read."""

START: Cursor = (-1, "", -1)


async def list_page(
    tx: Transaction, project_key: int, after: Cursor, *, limit: int, value_bytes: int
) -> list[Row]:
    """A page of a project's votes after a cursor, in the order of task, person and number.

    A value of more than `value_bytes` is left out: it is a text, and no category.
    """
    seq, contributor_id, number = after
    return await tx.all(
        f"SELECT {_LISTED.removesuffix('value')}"
        "CASE WHEN LENGTH(value) <= :value_bytes THEN value END"
        " FROM vote WHERE project_key = :project_key AND"
        " (seq, contributor_id, number) > (:seq, :contributor_id, :number)"
        " ORDER BY seq, contributor_id, number LIMIT :row_limit",
        {
            "project_key": project_key,
            "seq": seq,
            "contributor_id": contributor_id,
            "number": number,
            "row_limit": limit,
            "value_bytes": value_bytes,
        },
    )


async def list_of_tasks(
    tx: Transaction, project_key: int, seqs: Sequence[int], *, value_bytes: int
) -> list[Row]:
    """All votes on some tasks, one or more, in the order and with the columns of a page."""
    listed, args = value_lists.in_list("seq", seqs)
    return await tx.all(
        f"SELECT {_LISTED.removesuffix('value')}"
        "CASE WHEN LENGTH(value) <= :value_bytes THEN value END"
        f" FROM vote WHERE project_key = :project_key AND seq IN {listed}"
        " ORDER BY seq, contributor_id, number",
        args | {"project_key": project_key, "value_bytes": value_bytes},
    )


async def list_task_ids(
    tx: Transaction, project_key: int, *, after_seq: int, limit: int
) -> list[tuple[int, str]]:
    """seq and id of a project's tasks after one, ascending."""
    rows = await tx.all(
        "SELECT seq, task_id FROM task WHERE project_key = :project_key AND seq > :after_seq"
        " ORDER BY seq LIMIT :row_limit",
        {"project_key": project_key, "after_seq": after_seq, "row_limit": limit},
    )
    return [(row[0], row[1]) for row in rows]

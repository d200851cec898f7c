"""Statements for what older stores have without votes: submissions and threads."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.labeling import SubmissionRow
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling.submissions import COLUMNS, submission_of_row


async def list_projects_to_read(tx: Transaction, *, limit: int) -> list[int]:
    """List projects with submissions or threads whose votes are still to be written."""
    rows = await tx.all(
        "SELECT project_key FROM vote_clock WHERE unread_below > 0 ORDER BY project_key"
        " LIMIT :row_limit",
        {"row_limit": limit},
    )
    return [row[0] for row in rows]


async def has_unread(tx: Transaction, project_key: int) -> bool:
    """True while votes of a project are still to be written."""
    row = await tx.one(
        "SELECT 1 FROM vote_clock WHERE project_key = :project_key AND unread_below > 0",
        {"project_key": project_key},
    )
    return row is not None


async def lock_unread_submissions(
    tx: Transaction, project_key: int, *, limit: int
) -> list[SubmissionRow]:
    """Lock submissions of a project whose votes are still to be written, and list them.

    Those that others have locked are left out.
    """
    rows = await tx.all(
        f"SELECT {COLUMNS} FROM submission WHERE project_key = :project_key"
        " AND change_no IS NULL ORDER BY seq, submission_id LIMIT :row_limit" + tx.skip_locked,
        {"project_key": project_key, "row_limit": limit},
    )
    return [submission_of_row(row) for row in rows]


async def has_unread_submissions(tx: Transaction, project_key: int) -> bool:
    """True while votes of a project's submissions are still to be written."""
    row = await tx.one(
        "SELECT 1 FROM submission WHERE project_key = :project_key AND change_no IS NULL LIMIT 1",
        {"project_key": project_key},
    )
    return row is not None


async def set_read(tx: Transaction, project_key: int, submission_ids: Sequence[str]) -> None:
    """Note that the votes of these submissions have just been written; there is one at least."""
    listed, args = value_lists.in_list("id", submission_ids)
    await tx.run(
        "UPDATE submission SET change_no = 0 WHERE project_key = :project_key"
        f" AND submission_id IN {listed} AND change_no IS NULL",
        args | {"project_key": project_key},
    )


async def lock_unread_below(tx: Transaction, project_key: int) -> int:
    """Lock a project's reading of threads; the seq below which none has been read, 0 at its end."""
    row = await tx.one(
        "UPDATE vote_clock SET unread_below = unread_below WHERE project_key = :project_key"
        " RETURNING unread_below",
        {"project_key": project_key},
    )
    return int(row[0]) if row else 0


async def list_seqs_below(
    tx: Transaction, project_key: int, below: int, *, limit: int
) -> list[int]:
    """List the last tasks with threads below a seq, greatest first."""
    rows = await tx.all(
        "SELECT seq FROM task_body WHERE project_key = :project_key AND seq < :below"
        " ORDER BY seq DESC LIMIT :row_limit",
        {"project_key": project_key, "below": below, "row_limit": limit},
    )
    return [row[0] for row in rows]


async def are_threads_known(tx: Transaction, project_key: int, seq: int) -> bool:
    """True if the threads of a task have been read for votes since there were votes."""
    row = await tx.one(
        "SELECT 1 FROM voted_threads WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )
    return row is not None


async def set_unread_below(tx: Transaction, project_key: int, below: int) -> None:
    """Note down to which seq the threads of a project have been read; the row is locked."""
    await tx.run(
        "UPDATE vote_clock SET unread_below = :below WHERE project_key = :project_key",
        {"project_key": project_key, "below": below},
    )

"""Statements for the order of tasks in review (table `review_order`): the most disputed first.

A task has rows while it is in review, and its row in the queue is locked by whoever writes them. An
empty question_key stands for all questions, an empty user_id for everybody.
"""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.labeling import QueuedTask
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks.work_queue import QUEUED_COLUMNS, queued_of_row


async def replace_rows(
    tx: Transaction, project_key: int, seq: int, rows: Sequence[tuple[str, str, int]]
) -> None:
    """Replace the rows of a task by these: question_key, user_id and rank, in that order."""
    await delete_rows(tx, project_key, seq)
    await tx.add(
        "review_order",
        ("project_key", "seq", "question_key", "user_id", "rank"),
        [(project_key, seq, *row) for row in rows],
    )


async def delete_rows(tx: Transaction, project_key: int, seq: int) -> None:
    """Delete the rows of a task that is not in review any more."""
    await tx.run(
        "DELETE FROM review_order WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )


async def delete_rows_of_batch(tx: Transaction, project_key: int, batch_id: str) -> None:
    """Delete the rows of a batch's tasks; these are in the queue still."""
    await tx.run(
        "DELETE FROM review_order WHERE project_key = :project_key AND seq IN (SELECT w.seq"
        " FROM task_work AS w WHERE w.project_key = :project_key AND w.batch_id = :batch_id"
        " AND w.state = 'in_review')",
        {"project_key": project_key, "batch_id": batch_id},
    )


async def find_rank(
    tx: Transaction, project_key: int, seq: int, question_key: str, user_id: str
) -> int | None:
    """Find the rank of a task for a choice of question and person; None if it is not among them."""
    row = await tx.one(
        "SELECT rank FROM review_order WHERE project_key = :project_key AND seq = :seq"
        " AND question_key = :question_key AND user_id = :user_id",
        {
            "project_key": project_key,
            "seq": seq,
            "question_key": question_key,
            "user_id": user_id,
        },
    )
    return int(row[0]) if row else None


async def list_ranked(
    tx: Transaction,
    project_key: int,
    question_key: str,
    user_id: str,
    *,
    reader_id: str,
    after: tuple[int, int],
    limit: int,
) -> list[tuple[QueuedTask, int, bool]]:
    """List up to `limit` tasks in review after a rank and seq, in that order.

    With each its rank, and whether the user `reader_id` is among those who answered it.
    """
    columns = ", ".join(f"w.{name}" for name in QUEUED_COLUMNS.split(", "))
    rows = await tx.all(
        "SELECT o.rank, (SELECT COUNT(*) FROM review_order AS a WHERE a.project_key = :project_key"
        " AND a.seq = o.seq AND a.question_key = '' AND a.user_id = :reader_id"
        " AND a.user_id <> ''),"
        f" {columns} FROM review_order AS o JOIN task_work AS w"
        " ON w.project_key = o.project_key AND w.seq = o.seq WHERE o.project_key = :project_key"
        " AND o.question_key = :question_key AND o.user_id = :user_id"
        " AND (o.rank, o.seq) > (:rank, :seq) ORDER BY o.rank, o.seq LIMIT :row_limit",
        {
            "project_key": project_key,
            "question_key": question_key,
            "user_id": user_id,
            "reader_id": reader_id,
            "rank": after[0],
            "seq": after[1],
            "row_limit": limit,
        },
    )
    return [(queued_of_row(row[2:]), int(row[0]), bool(row[1])) for row in rows]


async def list_questions(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> dict[int, list[tuple[str, int]]]:
    """List the questions on which people disagree, with their ranks, of each of these tasks."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT seq, question_key, rank FROM review_order WHERE project_key = :project_key"
        f" AND seq IN {listed} AND user_id = '' AND question_key <> ''"
        " ORDER BY seq, rank, question_key",
        args | {"project_key": project_key},
    )
    found: dict[int, list[tuple[str, int]]] = {}
    for seq, question_key, rank in rows:
        found.setdefault(seq, []).append((question_key, int(rank)))
    return found

"""Statements by which actions on many tasks change them, and undo restores them."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.core import StoredTask, TaskStatus
from plaudit.model.labeling import QueuedTask
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction


async def list_heads(tx: Transaction, project_key: int, seqs: Sequence[int]) -> dict[int, bytes]:
    """Heads of existing tasks by seq."""
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        f"SELECT seq, head FROM task WHERE project_key = :project_key AND seq IN {listed}",
        args | {"project_key": project_key},
    )
    return {int(seq): bytes(head) for seq, head in rows}


async def sum_sizes(tx: Transaction, project_key: int, seqs: Sequence[int]) -> int:
    """Bytes of tasks with their threads and contents, which is what it takes to hold them all."""
    if not seqs:
        return 0
    listed, args = value_lists.in_list("seq", seqs)
    row = await tx.one(
        "SELECT CAST(COALESCE(SUM(LENGTH(t.head) + COALESCE(LENGTH(b.body), 0)"
        " + COALESCE(LENGTH(b.patches), 0) + COALESCE(LENGTH(c.content), 0)), 0) AS BIGINT)"
        " FROM task AS t"
        " LEFT JOIN task_body AS b ON b.project_key = t.project_key AND b.seq = t.seq"
        " LEFT JOIN task_content AS c ON c.project_key = t.project_key AND c.seq = t.seq"
        f" WHERE t.project_key = :project_key AND t.seq IN {listed}",
        args | {"project_key": project_key},
    )
    return int(row[0]) if row else 0


async def move_to_batch(tx: Transaction, task: StoredTask, batch_id: str | None) -> bool:
    """Move a pending task to a batch, or to none; False if it is not pending or not where it was.

    The caller has locked the counts of both batches.
    """
    return bool(
        await tx.run(
            "UPDATE task SET batch_id = :batch_id WHERE project_key = :project_key AND seq = :seq"
            " AND status = :pending AND COALESCE(batch_id, '') = COALESCE(:known, '')",
            {
                "project_key": task.project_key,
                "seq": task.seq,
                "batch_id": batch_id,
                "known": task.batch_id,
                "pending": TaskStatus.pending.code,
            },
        )
    )


async def place_work(tx: Transaction, work: QueuedTask) -> None:
    """Write a queued task's batch, its place and pool in the queue, and if it is on hold."""
    await tx.run(
        "UPDATE task_work SET batch_id = :batch_id, rank = :rank, since_ms = :since_ms,"
        " is_on_hold = :is_on_hold, pool = :pool WHERE project_key = :project_key AND seq = :seq",
        {
            "project_key": work.project_key,
            "seq": work.seq,
            "batch_id": work.batch_id,
            "rank": work.rank,
            "since_ms": work.since_ms,
            "is_on_hold": int(work.is_on_hold),
            "pool": work.pool,
        },
    )


async def mark_undecided(tx: Transaction, project_key: int, seq: int) -> None:
    """Mark a queued task, so that the worker applies the project's settings of now."""
    await tx.run(
        "UPDATE task_work SET is_undecided = 1 WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )


async def clear_reviewed(tx: Transaction, project_key: int, submission_ids: Sequence[str]) -> None:
    """Clear reviewed_ms of submissions, so that they can be retracted as before."""
    listed, args = value_lists.in_list("id", submission_ids)
    await tx.run(
        "UPDATE submission SET reviewed_ms = NULL WHERE project_key = :project_key"
        f" AND submission_id IN {listed}",
        args | {"project_key": project_key},
    )


async def was_leased_since(tx: Transaction, project_key: int, seq: int, since_ms: int) -> bool:
    """True if anybody was given a task at or after a time."""
    row = await tx.one(
        "SELECT 1 FROM assignment WHERE project_key = :project_key AND seq = :seq"
        " AND leased_ms >= :since_ms LIMIT 1",
        {"project_key": project_key, "seq": seq, "since_ms": since_ms},
    )
    return row is not None


async def restore_submissions(
    tx: Transaction, project_key: int, seq: int, submission_ids: Sequence[str]
) -> bool:
    """Make retracted submissions of a task current again; False if their leases changed since."""
    listed, args = value_lists.in_list("id", submission_ids)
    args |= {"project_key": project_key, "seq": seq}
    await tx.run(
        "UPDATE submission SET is_current = 1, change_no = 0 WHERE project_key = :project_key"
        f" AND seq = :seq AND submission_id IN {listed} AND is_current = 0",
        args,
    )
    count = await tx.run(
        "UPDATE assignment SET status = 'submitted', lease_version = lease_version + 1"
        " WHERE project_key = :project_key AND seq = :seq AND status = 'released'"
        " AND assignment_id IN (SELECT s.assignment_id FROM submission AS s"
        f" WHERE s.project_key = :project_key AND s.submission_id IN {listed})",
        args,
    )
    return count == len(submission_ids)

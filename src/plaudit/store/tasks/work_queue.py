"""Statements for the work queue (table `task_work`): pending tasks and their slots.

A task has `needed` slots, one for each submission that it needs: submitted, leased or free. A free
slot is acquired in one statement, which finds the first task with one that the person never had. On
PostgreSQL it skips rows locked by others, so that people never wait for one another; on SQLite
writers run one after the other anyway. Tasks that ask the same of people are a pool; the statement
walks one pool, in which anybody who may have one task may have all.
"""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.labeling import QueuedTask, WorkState
from plaudit.store.engine.engine import Row, Transaction

QUEUED_COLUMNS = (
    "project_key, seq, batch_id, rank, since_ms, needed, submitted_count, open_count, state,"
    " is_on_hold, reason, pool"
)
HAS_FREE_SLOT = "state = 'open' AND is_on_hold = 0 AND needed > open_count + submitted_count"
"""Condition of the index task_work_free, repeated word for word so that the index is used.

The column stands on the left: where it stands on the right, SQLite turns the comparison round, and
does not know the condition again.
"""
IS_DECIDABLE = "is_undecided = 1 AND open_count = 0 AND state <> 'quarantined'"
"""Condition of the index task_work_undecided, word for word."""


async def insert_work(tx: Transaction, rows: Sequence[QueuedTask]) -> None:
    """Insert tasks that are not in the queue."""
    await tx.add(
        "task_work",
        tuple(QUEUED_COLUMNS.split(", ")),
        [
            (
                row.project_key,
                row.seq,
                row.batch_id,
                row.rank,
                row.since_ms,
                row.needed,
                row.submitted_count,
                row.open_count,
                row.state.value,
                int(row.is_on_hold),
                row.reason,
                row.pool,
            )
            for row in rows
        ],
    )


async def acquire_next_slot(
    tx: Transaction, project_key: int, user_id: str, pool: str
) -> int | None:
    """Acquire a slot of the first task of a pool that this person never had; return its seq.

    None if no such task has a free slot.
    """
    row = await tx.one(
        "UPDATE task_work SET open_count = open_count + 1"
        " WHERE project_key = :project_key AND seq = (SELECT w.seq FROM task_work AS w"
        f" WHERE w.project_key = :project_key AND w.pool = :pool AND {HAS_FREE_SLOT}"
        " AND NOT EXISTS (SELECT 1 FROM assignment AS a WHERE a.project_key = :project_key"
        " AND a.seq = w.seq AND a.user_id = :user_id)"
        f" ORDER BY w.rank, w.since_ms, w.seq LIMIT 1{tx.skip_locked})"
        f" AND {HAS_FREE_SLOT} RETURNING seq",
        {"project_key": project_key, "user_id": user_id, "pool": pool},
    )
    return int(row[0]) if row else None


async def acquire_slot(tx: Transaction, project_key: int, seq: int) -> bool:
    """Acquire a slot of this task; False if none is free."""
    return bool(
        await tx.run(
            "UPDATE task_work SET open_count = open_count + 1"
            f" WHERE project_key = :project_key AND seq = :seq AND {HAS_FREE_SLOT}",
            {"project_key": project_key, "seq": seq},
        )
    )


async def set_aside(tx: Transaction, project_key: int, seq: int) -> None:
    """Free the acquired slot of a task that nothing is asked about, and give it to nobody."""
    await tx.run(
        "UPDATE task_work SET open_count = open_count - 1, state = 'nothing_to_ask'"
        " WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )


async def release_slots(tx: Transaction, project_key: int, seq: int, *, count: int = 1) -> None:
    """Free `count` slots that were leased."""
    await tx.run(
        "UPDATE task_work SET open_count = open_count - :count"
        " WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq, "count": count},
    )


async def find_work(tx: Transaction, project_key: int, seq: int) -> QueuedTask | None:
    """Find a task's queue row; None if it is not in the queue."""
    row = await tx.one(
        f"SELECT {QUEUED_COLUMNS} FROM task_work WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )
    return queued_of_row(row) if row else None


async def lock_work(tx: Transaction, project_key: int, seq: int) -> QueuedTask | None:
    """Lock a task's queue row until the transaction ends, and return it; None if there is none."""
    row = await tx.one(
        "UPDATE task_work SET open_count = open_count"
        f" WHERE project_key = :project_key AND seq = :seq RETURNING {QUEUED_COLUMNS}",
        {"project_key": project_key, "seq": seq},
    )
    return queued_of_row(row) if row else None


async def record_submission(
    tx: Transaction, project_key: int, seq: int, *, is_adaptive: bool
) -> QueuedTask:
    """Turn a leased slot into a submitted one; return the changed row.

    With an adaptive overlap the task is marked as undecided until its answers are counted.
    """
    row = await tx.one(
        "UPDATE task_work SET submitted_count = submitted_count + 1, open_count = open_count - 1,"
        " is_undecided = CASE WHEN :is_adaptive = 1 THEN 1 ELSE is_undecided END"
        f" WHERE project_key = :project_key AND seq = :seq RETURNING {QUEUED_COLUMNS}",
        {"project_key": project_key, "seq": seq, "is_adaptive": int(is_adaptive)},
    )
    assert row is not None, "the caller holds its lock"
    return queued_of_row(row)


async def change_needed(
    tx: Transaction, project_key: int, seq: int, needed: int, *, is_undecided: bool
) -> None:
    """Set the slots of a task, whose queue row the caller has locked, and mark it or unmark it."""
    await tx.run(
        "UPDATE task_work SET needed = :needed, is_undecided = :is_undecided"
        " WHERE project_key = :project_key AND seq = :seq",
        {
            "project_key": project_key,
            "seq": seq,
            "needed": needed,
            "is_undecided": int(is_undecided),
        },
    )


async def record_retraction(
    tx: Transaction, project_key: int, seq: int, *, judges_min: int | None
) -> None:
    """Turn a submitted slot back into a leased one, and the task's state to open.

    With an adaptive overlap of at least `judges_min` people no slot is free beyond these while the
    lease lasts; the task is marked, so that its answers are counted should the lease end without a
    submission.
    """
    adaptive = (
        ", is_undecided = 1, needed = CASE WHEN submitted_count - 1 > :judges_min"
        " THEN submitted_count - 1 ELSE :judges_min END"
    )
    await tx.run(
        "UPDATE task_work SET submitted_count = submitted_count - 1, open_count = open_count + 1,"
        f" state = 'open', reason = NULL{'' if judges_min is None else adaptive}"
        " WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq}
        | ({} if judges_min is None else {"judges_min": judges_min}),
    )


async def change_state(
    tx: Transaction,
    project_key: int,
    seq: int,
    *,
    expected: WorkState,
    state: WorkState,
    reason: str | None,
) -> bool:
    """Change a task's work state and its reason; False if the state is not `expected`."""
    return bool(
        await tx.run(
            "UPDATE task_work SET state = :state, reason = :reason"
            " WHERE project_key = :project_key AND seq = :seq AND state = :expected",
            {
                "project_key": project_key,
                "seq": seq,
                "expected": expected.value,
                "state": state.value,
                "reason": reason,
            },
        )
    )


async def release_all_slots(tx: Transaction, project_key: int, seq: int) -> None:
    """Free all leased slots of a task."""
    await tx.run(
        "UPDATE task_work SET open_count = 0 WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )


async def delete_work(tx: Transaction, project_key: int, seq: int) -> bool:
    """Delete a task from the queue; False if it was not in it."""
    return bool(
        await tx.run(
            "DELETE FROM task_work WHERE project_key = :project_key AND seq = :seq",
            {"project_key": project_key, "seq": seq},
        )
    )


async def delete_work_of_batch(tx: Transaction, project_key: int, batch_id: str) -> None:
    """Delete a batch's tasks from the queue."""
    await tx.run(
        "DELETE FROM task_work WHERE project_key = :project_key AND batch_id = :batch_id",
        {"project_key": project_key, "batch_id": batch_id},
    )


async def hold_batch(tx: Transaction, project_key: int, batch_id: str, *, is_on_hold: bool) -> None:
    """Put a batch's tasks on hold, or end that; waits for leases that are being acquired."""
    await tx.run(
        "UPDATE task_work SET is_on_hold = :is_on_hold"
        " WHERE project_key = :project_key AND batch_id = :batch_id AND is_on_hold <> :is_on_hold",
        {"project_key": project_key, "batch_id": batch_id, "is_on_hold": int(is_on_hold)},
    )


async def lock_work_of_batch(tx: Transaction, project_key: int, batch_id: str) -> None:
    """Lock the queue rows of a batch's tasks until the transaction ends, and put them on hold."""
    await tx.run(
        "UPDATE task_work SET is_on_hold = 1 WHERE project_key = :project_key AND batch_id ="
        " :batch_id",
        {"project_key": project_key, "batch_id": batch_id},
    )


async def is_on_hold(tx: Transaction, project_key: int, seq: int) -> bool:
    """True if a task is in the queue and on hold with its batch."""
    row = await tx.one(
        "SELECT is_on_hold FROM task_work WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )
    return bool(row and row[0])


async def rank_batch(tx: Transaction, project_key: int, batch_id: str, rank: int) -> None:
    """Set the rank of a batch's tasks; lower ranks are leased first."""
    await tx.run(
        "UPDATE task_work SET rank = :rank"
        " WHERE project_key = :project_key AND batch_id = :batch_id AND rank <> :rank",
        {"project_key": project_key, "batch_id": batch_id, "rank": rank},
    )


async def apply_settings(
    tx: Transaction, project_key: int, needed: int, *, is_adaptive: bool
) -> None:
    """Set the slots of a project's tasks, and mark those that its changed settings may decide.

    A task that nobody has begun has `needed` slots, one that is begun at most so many. Those that
    are in review, or have so many submissions and leases, are marked as undecided; those that were
    set aside are open again. Every task that is begun is looked at, so that one that changes at
    this moment is waited for.

    With an adaptive overlap a task with fewer than `needed` submissions has so many slots, and one
    with more has no free slot until its answers are counted.
    """
    slots = "WHEN needed > :needed THEN :needed WHEN open_count + submitted_count = 0 THEN :needed"
    if is_adaptive:
        slots = (
            "WHEN state = 'in_review' THEN needed"
            " WHEN submitted_count > :needed THEN submitted_count WHEN 1 = 1 THEN :needed"
        )
    await tx.run(
        f"UPDATE task_work SET needed = CASE {slots} ELSE needed END,"
        " is_undecided = CASE WHEN state = 'in_review' THEN 1"
        " WHEN open_count + submitted_count >= :needed THEN 1 ELSE is_undecided END,"
        " state = CASE WHEN state = 'nothing_to_ask' THEN 'open' ELSE state END"
        " WHERE project_key = :project_key"
        " AND CASE WHEN needed <> :needed THEN 1 WHEN state <> 'open' THEN 1"
        " ELSE open_count + submitted_count END > 0",
        {"project_key": project_key, "needed": needed},
    )


async def list_undecided_projects(tx: Transaction, *, limit: int) -> list[int]:
    """List up to `limit` project_keys of projects that have tasks to decide."""
    rows = await tx.all(
        f"SELECT DISTINCT project_key FROM task_work WHERE {IS_DECIDABLE} LIMIT :row_limit",
        {"row_limit": limit},
    )
    return [int(row[0]) for row in rows]


async def list_undecided(tx: Transaction, project_key: int, *, limit: int) -> list[QueuedTask]:
    """List up to `limit` tasks to decide of a project, undecided and without a lease, by seq."""
    rows = await tx.all(
        f"SELECT {QUEUED_COLUMNS} FROM task_work WHERE project_key = :project_key"
        f" AND {IS_DECIDABLE} ORDER BY seq LIMIT :row_limit",
        {"project_key": project_key, "row_limit": limit},
    )
    return [queued_of_row(row) for row in rows]


async def lock_undecided(tx: Transaction, project_key: int, seq: int) -> QueuedTask | None:
    """Lock an undecided task's queue row, unmark and return it; None if it cannot be decided now.

    A change of settings that has not locked the row yet waits, and marks it again.
    """
    row = await tx.one(
        "UPDATE task_work SET is_undecided = 0 WHERE project_key = :project_key AND seq = :seq"
        f" AND {IS_DECIDABLE} RETURNING {QUEUED_COLUMNS}",
        {"project_key": project_key, "seq": seq},
    )
    return queued_of_row(row) if row else None


def queued_of_row(row: Row) -> QueuedTask:
    """A queued task of a row of QUEUED_COLUMNS."""
    project_key, seq, batch_id, rank, since_ms, needed, submitted, leased, state, *rest = row
    is_on_hold, reason, pool = rest
    return QueuedTask(
        project_key, seq, batch_id, rank, since_ms, needed, submitted, leased,
        WorkState(state), bool(is_on_hold), reason, pool,
    )  # fmt: skip

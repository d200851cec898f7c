"""Which pending tasks people can work on, and how many places each still has.

A claim is one statement: it finds the first task with a free place that this person never had,
and takes the place. On PostgreSQL it passes over rows that other claims hold, so that claims never
wait for one another; on SQLite they run one after the other anyway.
"""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.labeling import Work, WorkState
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = (
    "project_key, seq, batch_id, rank, since_ms, needed, submitted_count, open_count, state,"
    " is_on_hold, reason"
)
FREE = "state = 'open' AND is_on_hold = 0 AND open_count + submitted_count < needed"
"""What the index of free places is made for; its words stand in every statement that uses it."""


async def insert_work(tx: Transaction, rows: Sequence[Work]) -> None:
    """Put tasks into the queue that are not in it."""
    await tx.add(
        "task_work",
        tuple(_COLUMNS.split(", ")),
        [
            (
                one.project_key,
                one.seq,
                one.batch_id,
                one.rank,
                one.since_ms,
                one.needed,
                one.submitted_count,
                one.open_count,
                one.state.value,
                int(one.is_on_hold),
                one.reason,
            )
            for one in rows
        ],
    )


async def claim_free(tx: Transaction, project_key: int, user_id: str) -> int | None:
    """Take a place of the first task that has one and that this person never had; its seq."""
    row = await tx.one(
        "UPDATE task_work SET open_count = open_count + 1"
        " WHERE project_key = :project_key AND seq = (SELECT w.seq FROM task_work AS w"
        f" WHERE w.project_key = :project_key AND {FREE}"
        " AND NOT EXISTS (SELECT 1 FROM assignment AS a WHERE a.project_key = :project_key"
        " AND a.seq = w.seq AND a.user_id = :user_id)"
        f" ORDER BY w.rank, w.since_ms, w.seq LIMIT 1{tx.skip_locked})"
        f" AND {FREE} RETURNING seq",
        {"project_key": project_key, "user_id": user_id},
    )
    return int(row[0]) if row else None


async def take_place(tx: Transaction, project_key: int, seq: int) -> bool:
    """Take a place of this task; False if none is free."""
    return bool(
        await tx.run(
            "UPDATE task_work SET open_count = open_count + 1"
            f" WHERE project_key = :project_key AND seq = :seq AND {FREE}",
            {"project_key": project_key, "seq": seq},
        )
    )


async def give_back(tx: Transaction, project_key: int, seq: int, *, count: int = 1) -> None:
    """Free places that were held."""
    await tx.run(
        "UPDATE task_work SET open_count = open_count - :count"
        " WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq, "count": count},
    )


async def find_work(tx: Transaction, project_key: int, seq: int) -> Work | None:
    """How the work on a task stands, None if nobody can work on it."""
    row = await tx.one(
        f"SELECT {_COLUMNS} FROM task_work WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )
    return _work(row) if row else None


async def lock_work(tx: Transaction, project_key: int, seq: int) -> Work | None:
    """The same, kept from all others until the transaction ends."""
    row = await tx.one(
        "UPDATE task_work SET open_count = open_count"
        f" WHERE project_key = :project_key AND seq = :seq RETURNING {_COLUMNS}",
        {"project_key": project_key, "seq": seq},
    )
    return _work(row) if row else None


async def count_submission(tx: Transaction, project_key: int, seq: int) -> Work:
    """Turn a place that is held into a submission; how the work now stands."""
    row = await tx.one(
        "UPDATE task_work SET submitted_count = submitted_count + 1, open_count = open_count - 1"
        f" WHERE project_key = :project_key AND seq = :seq RETURNING {_COLUMNS}",
        {"project_key": project_key, "seq": seq},
    )
    assert row is not None, "the caller holds its lock"
    return _work(row)


async def count_retraction(tx: Transaction, project_key: int, seq: int) -> None:
    """Turn a submission back into a place that is held; the task is open again."""
    await tx.run(
        "UPDATE task_work SET submitted_count = submitted_count - 1, open_count = open_count + 1,"
        " state = 'open', reason = NULL WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
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
    """Move the work on a task from one state to another; False if it had moved already."""
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


async def free_all_places(tx: Transaction, project_key: int, seq: int) -> None:
    """Nobody holds this task any more."""
    await tx.run(
        "UPDATE task_work SET open_count = 0 WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )


async def delete_work(tx: Transaction, project_key: int, seq: int) -> bool:
    """Take a task out of the queue; False if it was not in it."""
    return bool(
        await tx.run(
            "DELETE FROM task_work WHERE project_key = :project_key AND seq = :seq",
            {"project_key": project_key, "seq": seq},
        )
    )


async def delete_work_of_batch(tx: Transaction, project_key: int, batch_id: str) -> None:
    """Take a batch's tasks out of the queue."""
    await tx.run(
        "DELETE FROM task_work WHERE project_key = :project_key AND batch_id = :batch_id",
        {"project_key": project_key, "batch_id": batch_id},
    )


async def hold_batch(tx: Transaction, project_key: int, batch_id: str, *, is_on_hold: bool) -> None:
    """Give out no work of a batch, or do so again. Waits for claims that are being made."""
    await tx.run(
        "UPDATE task_work SET is_on_hold = :is_on_hold"
        " WHERE project_key = :project_key AND batch_id = :batch_id AND is_on_hold <> :is_on_hold",
        {"project_key": project_key, "batch_id": batch_id, "is_on_hold": int(is_on_hold)},
    )


async def lock_work_of_batch(tx: Transaction, project_key: int, batch_id: str) -> None:
    """Keep everybody from a batch's tasks until the transaction ends, held back or not."""
    await tx.run(
        "UPDATE task_work SET is_on_hold = 1 WHERE project_key = :project_key AND batch_id ="
        " :batch_id",
        {"project_key": project_key, "batch_id": batch_id},
    )


async def is_on_hold(tx: Transaction, project_key: int, seq: int) -> bool:
    """Whether a task's batch holds it back."""
    row = await tx.one(
        "SELECT is_on_hold FROM task_work WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )
    return bool(row and row[0])


async def rank_batch(tx: Transaction, project_key: int, batch_id: str, rank: int) -> None:
    """Move a batch's tasks to another place in the queue."""
    await tx.run(
        "UPDATE task_work SET rank = :rank"
        " WHERE project_key = :project_key AND batch_id = :batch_id AND rank <> :rank",
        {"project_key": project_key, "batch_id": batch_id, "rank": rank},
    )


async def set_needed(tx: Transaction, project_key: int, needed: int) -> None:
    """Let tasks that nobody has begun need another number of submissions."""
    await tx.run(
        "UPDATE task_work SET needed = :needed WHERE project_key = :project_key"
        " AND open_count = 0 AND submitted_count = 0 AND needed <> :needed",
        {"project_key": project_key, "needed": needed},
    )


async def count_free(tx: Transaction, project_key: int, *, limit_max: int) -> int:
    """How many tasks have a free place, counted no further than `limit_max`."""
    row = await tx.one(
        f"SELECT COUNT(*) FROM (SELECT 1 FROM task_work WHERE project_key = :project_key AND {FREE}"
        " LIMIT :row_limit) AS found",
        {"project_key": project_key, "row_limit": limit_max},
    )
    return int(row[0]) if row else 0


async def count_waiting(
    tx: Transaction, project_key: int, state: WorkState, *, limit_max: int
) -> int:
    """How many tasks are in review, or quarantined, counted no further than `limit_max`."""
    row = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM task_work WHERE project_key = :project_key"
        " AND state = :state AND state <> 'open' LIMIT :row_limit) AS found",
        {"project_key": project_key, "state": state.value, "row_limit": limit_max},
    )
    return int(row[0]) if row else 0


async def list_waiting(
    tx: Transaction, project_key: int, state: WorkState, *, after_seq: int, limit: int
) -> list[Work]:
    """Up to `limit` tasks in review, or quarantined, in `seq` order."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM task_work WHERE project_key = :project_key AND state = :state"
        " AND state <> 'open' AND seq > :after_seq ORDER BY seq LIMIT :row_limit",
        {
            "project_key": project_key,
            "state": state.value,
            "after_seq": after_seq,
            "row_limit": limit,
        },
    )
    return [_work(row) for row in rows]


def _work(row: Row) -> Work:
    project_key, seq, batch_id, rank, since_ms, needed, submitted, held, state, is_on_hold, why = (
        row
    )
    return Work(
        project_key, seq, batch_id, rank, since_ms, needed, submitted, held,
        WorkState(state), bool(is_on_hold), why,
    )  # fmt: skip

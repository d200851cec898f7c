"""Statements that list and count what is in the work queue."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.labeling import QueuedTask, WorkState
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks.work_queue import HAS_FREE_SLOT, QUEUED_COLUMNS, queued_of_row


async def count_free(tx: Transaction, project_key: int, *, limit_max: int) -> int:
    """Count tasks with a free slot, up to `limit_max`."""
    row = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM task_work WHERE project_key = :project_key"
        f" AND {HAS_FREE_SLOT} LIMIT :row_limit) AS found",
        {"project_key": project_key, "row_limit": limit_max},
    )
    return int(row[0]) if row else 0


async def count_free_by_project(
    tx: Transaction, project_keys: Sequence[int], *, limit_max: int
) -> list[int]:
    """Count tasks with a free slot of each of up to SELECTS_MAX projects, each to `limit_max`."""
    if not project_keys:
        return []
    sql, args = value_lists.union_all(
        "SELECT :number, COUNT(*) FROM (SELECT 1 FROM task_work WHERE project_key = :key"
        f" AND {HAS_FREE_SLOT} LIMIT :row_limit) AS found",
        key=project_keys,
    )
    rows = await tx.all(sql, args | {"row_limit": limit_max})
    return [count for _, count in sorted(rows)]


async def count_waiting_by_project(
    tx: Transaction, project_keys: Sequence[int], state: WorkState, *, limit_max: int
) -> list[int]:
    """Count tasks in a state of each of up to SELECTS_MAX projects, each to `limit_max`."""
    if not project_keys:
        return []
    sql, args = value_lists.union_all(
        "SELECT :number, COUNT(*) FROM (SELECT 1 FROM task_work WHERE project_key = :key"
        " AND state = :state AND state <> 'open' LIMIT :row_limit) AS found",
        key=project_keys,
    )
    rows = await tx.all(sql, args | {"state": state.value, "row_limit": limit_max})
    return [count for _, count in sorted(rows)]


async def list_waiting(
    tx: Transaction, project_key: int, state: WorkState, *, after_seq: int, limit: int
) -> list[QueuedTask]:
    """List up to `limit` tasks in review or quarantined with a seq over `after_seq`, by seq."""
    rows = await tx.all(
        f"SELECT {QUEUED_COLUMNS} FROM task_work WHERE project_key = :project_key"
        " AND state = :state AND state <> 'open' AND seq > :after_seq"
        " ORDER BY seq LIMIT :row_limit",
        {
            "project_key": project_key,
            "state": state.value,
            "after_seq": after_seq,
            "row_limit": limit,
        },
    )
    return [queued_of_row(row) for row in rows]


async def list_in_state(
    tx: Transaction, project_key: int, seqs: Sequence[int], state: WorkState
) -> set[int]:
    """Those of these tasks that are in the queue in a state."""
    if not seqs:
        return set()
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT seq FROM task_work WHERE project_key = :project_key AND state = :state"
        f" AND seq IN {listed}",
        args | {"project_key": project_key, "state": state.value},
    )
    return {int(row[0]) for row in rows}

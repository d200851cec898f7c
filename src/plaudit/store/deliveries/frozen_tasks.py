"""Frozen tasks: select completed tasks for a delivery and store their versions."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.core import StoredTask, TaskStatus
from plaudit.store.engine.engine import Row, Transaction
from plaudit.store.tasks.tasks import FAR, TaskCursor, TaskFilter, key_args, keys_sql

FROZEN_AT_ONCE = 200
"""Tasks per statement; each is a parameter of the statement."""

_NAMES = [f"seq_{number}" for number in range(FROZEN_AT_ONCE)]
_IN_SEQS = f"IN ({', '.join(f':{name}' for name in _NAMES)})"


async def list_selected(
    tx: Transaction, where: TaskFilter, *, after: TaskCursor, limit: int
) -> list[TaskCursor]:
    """The places of up to `limit` completed tasks, in the order of a listing with this filter."""
    rows = await tx.all(
        keys_sql(where.batch_id is not None, True, where.time_column),
        key_args(where, after, FAR, limit) | {"status": TaskStatus.completed.code},
    )
    if where.is_by_completion:
        return [TaskCursor(completed_ms, seq) for completed_ms, seq in rows]
    return [TaskCursor(0, row[0]) for row in rows]


async def list_states(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> dict[int, tuple[TaskStatus, str | None]]:
    """Status and batch of each of up to FROZEN_AT_ONCE tasks of a project, by sequence number."""
    rows = await tx.all(
        "SELECT seq, status, batch_id FROM task"
        f" WHERE project_key = :project_key AND seq {_IN_SEQS}",
        _seq_args(project_key, seqs),
    )
    return {seq: (TaskStatus.from_code(code), batch_id) for seq, code, batch_id in rows}


async def list_present(
    tx: Transaction, project_key: int, delivery_seq: int, seqs: Sequence[int]
) -> list[str]:
    """Ids of those of up to FROZEN_AT_ONCE tasks that this delivery holds already."""
    rows = await tx.all(
        "SELECT task_id FROM delivered_task WHERE project_key = :project_key"
        f" AND seq {_IN_SEQS} AND delivery_seq = :delivery_seq",
        _seq_args(project_key, seqs) | {"delivery_seq": delivery_seq},
    )
    return [row[0] for row in rows]


async def list_delivered(tx: Transaction, project_key: int, seqs: Sequence[int]) -> set[int]:
    """Sequence numbers of those of up to FROZEN_AT_ONCE tasks that a published delivery holds."""
    rows = await tx.all(
        "SELECT DISTINCT t.seq FROM delivered_task AS t JOIN delivery AS d"
        " ON d.project_key = t.project_key AND d.delivery_seq = t.delivery_seq"
        " WHERE t.project_key = :project_key AND d.delivered_ms IS NOT NULL"
        f" AND t.seq {_IN_SEQS}",
        _seq_args(project_key, seqs),
    )
    return {row[0] for row in rows}


async def list_last_delivery_seqs(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> dict[int, int]:
    """Greatest delivery_seq of the published deliveries that hold each task; none: left out."""
    rows = await tx.all(
        "SELECT t.seq, MAX(t.delivery_seq) FROM delivered_task AS t JOIN delivery AS d"
        " ON d.project_key = t.project_key AND d.delivery_seq = t.delivery_seq"
        " WHERE t.project_key = :project_key AND d.delivered_ms IS NOT NULL"
        f" AND t.seq {_IN_SEQS} GROUP BY t.seq",
        _seq_args(project_key, seqs),
    )
    return dict(rows)


async def list_sizes(tx: Transaction, project_key: int, seqs: Sequence[int]) -> dict[int, int]:
    """Bytes of threads of up to FROZEN_AT_ONCE tasks by sequence number; none: left out."""
    rows = await tx.all(
        "SELECT seq, LENGTH(body) + COALESCE(LENGTH(patches), 0) FROM task_body"
        f" WHERE project_key = :project_key AND seq {_IN_SEQS}",
        _seq_args(project_key, seqs),
    )
    return dict(rows)


async def list_completed(
    tx: Transaction, project_key: int, seqs: Sequence[int]
) -> dict[int, StoredTask]:
    """Those of up to FROZEN_AT_ONCE tasks that are completed, by sequence number."""
    rows = await tx.all(
        "SELECT t.project_key, t.seq, t.task_id, t.batch_id, t.status, t.created_ms,"
        " t.completed_ms, t.head, b.body, b.patches FROM task AS t"
        " LEFT JOIN task_body AS b ON b.project_key = t.project_key AND b.seq = t.seq"
        f" WHERE t.project_key = :project_key AND t.seq {_IN_SEQS} AND t.status = :status",
        _seq_args(project_key, seqs) | {"status": TaskStatus.completed.code},
    )
    return {row[1]: _stored(row) for row in rows}


async def insert_frozen(
    tx: Transaction, delivery_seq: int, position: int, tasks: Sequence[tuple[StoredTask, bytes]]
) -> None:
    """Put up to FROZEN_AT_ONCE tasks of one project, each with its digest, into a delivery.

    `position` is that of the first; a version that was delivered before is not stored again.
    """
    project_key = tasks[0][0].project_key
    rows = await tx.all(
        f"SELECT seq, digest FROM frozen_task WHERE project_key = :project_key AND seq {_IN_SEQS}",
        _seq_args(project_key, [task.seq for task, _ in tasks]),
    )
    known = {(seq, bytes(digest)) for seq, digest in rows}
    await tx.many(
        "INSERT INTO frozen_task (project_key, seq, digest, batch_id, completed_ms, head, body,"
        " patches) VALUES (:project_key, :seq, :digest, :batch_id, :completed_ms, :head, :body,"
        " :patches) ON CONFLICT DO NOTHING",
        [
            {
                "project_key": project_key,
                "seq": task.seq,
                "digest": digest,
                "batch_id": task.batch_id,
                "completed_ms": task.completed_ms,
                "head": task.head,
                "body": task.body,
                "patches": task.patches,
            }
            for task, digest in tasks
            if (task.seq, digest) not in known
        ],
    )
    await tx.add(
        "delivered_task",
        ("project_key", "delivery_seq", "position", "seq", "task_id", "digest"),
        [
            (project_key, delivery_seq, number, task.seq, task.task_id, digest)
            for number, (task, digest) in enumerate(tasks, position)
        ],
    )


async def delete_delivered(
    tx: Transaction, project_key: int, delivery_seq: int, *, after: int, until: int
) -> None:
    """Remove the tasks at positions after `after` and up to `until` from a delivery.

    Their frozen rows stay: another delivery may be about to share them.
    """
    await tx.run(
        "DELETE FROM delivered_task WHERE project_key = :project_key AND delivery_seq ="
        " :delivery_seq"
        " AND position > :after AND position <= :until",
        {"project_key": project_key, "delivery_seq": delivery_seq, "after": after, "until": until},
    )


def _seq_args(project_key: int, seqs: Sequence[int]) -> dict[str, object]:
    # One statement text for any number of tasks: the last one fills the unused parameters.
    values = [*seqs, *[seqs[-1]] * (FROZEN_AT_ONCE - len(seqs))]
    return {**dict(zip(_NAMES, values, strict=True)), "project_key": project_key}


def _stored(row: Row) -> StoredTask:
    project_key, seq, task_id, batch_id, status, *rest = row
    return StoredTask(project_key, seq, task_id, batch_id, TaskStatus.from_code(status), *rest)

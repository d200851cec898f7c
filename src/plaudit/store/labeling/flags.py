"""Statements for flagged tasks (table `task_flag`): one row each, until a manager has seen it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.core import TaskStatus
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction


class FlaggedRow(Struct, frozen=True):
    """A flagged task; `flagged_ms` is the time of its last flag."""

    seq: int
    task_id: str
    status: TaskStatus
    flag_count: int
    flagged_ms: int


async def add_flag(tx: Transaction, project_key: int, seq: int, now: int) -> None:
    """Count one more flag of a task, at a later time than any before it."""
    await tx.run(
        "INSERT INTO task_flag (project_key, seq, flag_count, flagged_ms)"
        " VALUES (:project_key, :seq, 1, :now) ON CONFLICT (project_key, seq)"
        " DO UPDATE SET flag_count = task_flag.flag_count + 1, flagged_ms ="
        " CASE WHEN task_flag.flagged_ms < :now THEN :now ELSE task_flag.flagged_ms + 1 END",
        {"project_key": project_key, "seq": seq, "now": now},
    )


async def count_flags(tx: Transaction, project_key: int, seqs: Sequence[int]) -> dict[int, int]:
    """Number of flags that nobody has seen, by seq; tasks without any are left out."""
    if not seqs:
        return {}
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT seq, flag_count FROM task_flag"
        f" WHERE project_key = :project_key AND seq IN {listed}",
        args | {"project_key": project_key},
    )
    return {int(seq): int(count) for seq, count in rows}


async def delete_flags(tx: Transaction, project_key: int, seq: int, *, until_ms: int) -> bool:
    """Delete a task's row; False if it has none, or was flagged after `until_ms`."""
    return bool(
        await tx.run(
            "DELETE FROM task_flag WHERE project_key = :project_key AND seq = :seq"
            " AND flagged_ms <= :until_ms",
            {"project_key": project_key, "seq": seq, "until_ms": until_ms},
        )
    )


async def find_flagged_ms(tx: Transaction, project_key: int, seq: int) -> int | None:
    """Time of a task's last flag that nobody has seen; None if there is none."""
    row = await tx.one(
        "SELECT flagged_ms FROM task_flag WHERE project_key = :project_key AND seq = :seq",
        {"project_key": project_key, "seq": seq},
    )
    return int(row[0]) if row else None


async def count_flagged(tx: Transaction, project_key: int, *, most: int) -> int:
    """Count the flagged tasks of a project, up to `most`."""
    row = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM task_flag WHERE project_key = :project_key"
        " LIMIT :most) AS found",
        {"project_key": project_key, "most": most},
    )
    return int(row[0]) if row else 0


async def list_flagged(
    tx: Transaction, project_key: int, *, after_seq: int, limit: int
) -> list[FlaggedRow]:
    """List up to `limit` flagged tasks with a seq over `after_seq`, by seq."""
    rows = await tx.all(
        "SELECT f.seq, t.task_id, t.status, f.flag_count, f.flagged_ms"
        " FROM (SELECT seq, flag_count, flagged_ms FROM task_flag"
        " WHERE project_key = :project_key AND seq > :after_seq ORDER BY seq LIMIT :row_limit)"
        " AS f JOIN task AS t ON t.project_key = :project_key AND t.seq = f.seq",
        {"project_key": project_key, "after_seq": after_seq, "row_limit": limit},
    )
    return [
        FlaggedRow(seq, task_id, TaskStatus.from_code(status), int(count), int(flagged_ms))
        for seq, task_id, status, count, flagged_ms in sorted(rows)
    ]

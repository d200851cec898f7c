"""Statements for gold tasks (table `gold_task`); every `control_key` is that of a project."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple

from plaudit.model.quality_control import GoldRow
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = GoldRow.__struct_fields__
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM gold_task WHERE project_key = :control_key"
_UNSEEN = (
    " FROM gold_task AS g JOIN task_work AS w ON w.project_key = g.project_key AND w.seq = g.seq"
    " WHERE g.project_key = :control_key AND g.ended_ms IS NULL AND g.is_training = :is_training"
    " AND w.state = 'open' AND NOT EXISTS (SELECT 1 FROM assignment AS a"
    " WHERE a.project_key = :control_key AND a.seq = g.seq AND a.user_id = :user_id)"
)


async def open_sequence(tx: Transaction, control_key: int) -> None:
    """Begin to number the control tasks of a project, unless that was done."""
    await tx.run(
        "INSERT INTO project_sequence (project_key, next_seq) VALUES (:control_key, 1)"
        " ON CONFLICT (project_key) DO NOTHING",
        {"control_key": control_key},
    )


async def insert_gold(tx: Transaction, rows: Sequence[GoldRow]) -> None:
    """Insert gold tasks."""
    await tx.add(
        "gold_task",
        _COLUMNS,
        [
            tuple(int(value) if isinstance(value, bool) else value for value in astuple(row))
            for row in rows
        ],
    )


async def find_gold(tx: Transaction, control_key: int, task_id: str) -> GoldRow | None:
    """Find a gold task by its id, ended or not."""
    row = await tx.one(
        f"{_SELECT} AND task_id = :task_id", {"control_key": control_key, "task_id": task_id}
    )
    return _gold(row) if row else None


async def find_gold_at(tx: Transaction, control_key: int, seq: int) -> GoldRow | None:
    """Find a gold task by its seq, ended or not; None for a repeat."""
    row = await tx.one(f"{_SELECT} AND seq = :seq", {"control_key": control_key, "seq": seq})
    return _gold(row) if row else None


async def list_gold(
    tx: Transaction, control_key: int, *, after_seq: int, limit: int
) -> list[GoldRow]:
    """List up to `limit` gold tasks in use with a seq over `after_seq`, by seq."""
    rows = await tx.all(
        f"{_SELECT} AND ended_ms IS NULL AND seq > :after_seq ORDER BY seq LIMIT :row_limit",
        {"control_key": control_key, "after_seq": after_seq, "row_limit": limit},
    )
    return [_gold(row) for row in rows]


async def count_gold(tx: Transaction, control_key: int, *, limit_max: int) -> int:
    """Count the gold tasks in use of a project, up to `limit_max`."""
    row = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM gold_task WHERE project_key = :control_key"
        " AND ended_ms IS NULL LIMIT :row_limit) AS found",
        {"control_key": control_key, "row_limit": limit_max},
    )
    return int(row[0]) if row else 0


async def list_unseen(
    tx: Transaction,
    control_key: int,
    user_id: str,
    *,
    from_seq: int,
    limit: int,
    is_training: bool = False,
) -> list[tuple[int, int | None]]:
    """Seq and source of up to `limit` gold tasks that a person never had, from a seq on.

    Those for work and tests, or for training.
    """
    rows = await tx.all(
        f"SELECT g.seq, g.source_seq{_UNSEEN} AND g.seq >= :from_seq ORDER BY g.seq"
        " LIMIT :row_limit",
        {
            "control_key": control_key,
            "user_id": user_id,
            "from_seq": from_seq,
            "row_limit": limit,
            "is_training": int(is_training),
        },
    )
    return [(int(seq), None if source is None else int(source)) for seq, source in rows]


async def count_unseen(
    tx: Transaction, control_key: int, user_id: str, *, limit_max: int, is_training: bool = False
) -> int:
    """Count the gold tasks that a person never had, up to `limit_max`, for work or for training."""
    row = await tx.one(
        f"SELECT COUNT(*) FROM (SELECT 1{_UNSEEN} LIMIT :row_limit) AS found",
        {
            "control_key": control_key,
            "user_id": user_id,
            "row_limit": limit_max,
            "is_training": int(is_training),
        },
    )
    return int(row[0]) if row else 0


async def end_gold(tx: Transaction, control_key: int, seq: int, now: int) -> bool:
    """End a gold task; False if it has ended."""
    return bool(
        await tx.run(
            "UPDATE gold_task SET ended_ms = :now WHERE project_key = :control_key AND seq = :seq"
            " AND ended_ms IS NULL",
            {"control_key": control_key, "seq": seq, "now": now},
        )
    )


def _gold(row: Row) -> GoldRow:
    values = list(row)
    values[_IS_TRAINING] = bool(values[_IS_TRAINING])
    values[_EXPECTED] = bytes(values[_EXPECTED])
    return GoldRow(*values)


_IS_TRAINING = _COLUMNS.index("is_training")
_EXPECTED = _COLUMNS.index("expected")

"""Statements for rules that people crossed (table `quality_crossing`)."""

from __future__ import annotations

from msgspec.structs import astuple

from plaudit.model.quality_control import CrossingRow
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = CrossingRow.__struct_fields__
_SELECTED = ", ".join(_COLUMNS)


async def insert_crossing(tx: Transaction, crossing: CrossingRow) -> None:
    """Insert a crossing."""
    row = [int(value) if isinstance(value, bool) else value for value in astuple(crossing)]
    await tx.add("quality_crossing", _COLUMNS, [tuple(row)])


async def list_crossings(
    tx: Transaction, project_key: int, *, before: str | None, limit: int
) -> list[CrossingRow]:
    """List up to `limit` crossings, newest first, those before the id `before`."""
    rows = await tx.all(
        f"SELECT {_SELECTED} FROM quality_crossing WHERE project_key = :project_key"
        + (" AND crossing_id < :before" if before is not None else "")
        + " ORDER BY crossing_id DESC LIMIT :row_limit",
        {"project_key": project_key, "row_limit": limit}
        | ({} if before is None else {"before": before}),
    )
    return [_crossing(row) for row in rows]


async def list_unseen(tx: Transaction, project_key: int, *, limit: int) -> list[CrossingRow]:
    """List up to `limit` crossings that no manager has seen, newest first."""
    rows = await tx.all(
        f"SELECT {_SELECTED} FROM quality_crossing WHERE project_key = :project_key"
        " AND seen_ms IS NULL ORDER BY crossing_id DESC LIMIT :row_limit",
        {"project_key": project_key, "row_limit": limit},
    )
    return [_crossing(row) for row in rows]


async def count_unseen(tx: Transaction, project_key: int, *, limit_max: int) -> int:
    """Count the crossings that no manager has seen, up to `limit_max`."""
    row = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM quality_crossing WHERE project_key = :project_key"
        " AND seen_ms IS NULL LIMIT :row_limit) AS found",
        {"project_key": project_key, "row_limit": limit_max},
    )
    return int(row[0]) if row else 0


async def set_seen(tx: Transaction, project_key: int, crossing_id: str, now: int) -> bool:
    """Mark a crossing as seen; False if it is, or does not exist."""
    return bool(
        await tx.run(
            "UPDATE quality_crossing SET seen_ms = :now WHERE project_key = :project_key"
            " AND crossing_id = :crossing_id AND seen_ms IS NULL",
            {"project_key": project_key, "crossing_id": crossing_id, "now": now},
        )
    )


async def list_projects_under_way(tx: Transaction, *, limit: int) -> list[int]:
    """List up to `limit` project_keys of projects with submissions to take back."""
    rows = await tx.all(
        "SELECT DISTINCT project_key FROM quality_crossing WHERE is_under_way = 1 LIMIT :row_limit",
        {"row_limit": limit},
    )
    return [int(row[0]) for row in rows]


async def lock_under_way(tx: Transaction, project_key: int) -> CrossingRow | None:
    """Lock the first crossing with submissions to take back, and return it; None if none is free.

    One that another worker has locked is skipped.
    """
    row = await tx.one(
        f"SELECT {_SELECTED} FROM quality_crossing WHERE project_key = :project_key"
        f" AND is_under_way = 1 ORDER BY crossing_id LIMIT 1{tx.skip_locked}",
        {"project_key": project_key},
    )
    return _crossing(row) if row else None


async def set_progress(
    tx: Transaction, crossing: CrossingRow, to_take_back: bytes, *, is_done: bool, taken_back: int
) -> None:
    """Set which submissions are left to take back, and count those that were taken back."""
    await tx.run(
        "UPDATE quality_crossing SET to_take_back = :to_take_back, is_under_way = :is_under_way,"
        " taken_back_count = taken_back_count + :taken_back"
        " WHERE project_key = :project_key AND crossing_id = :crossing_id",
        {
            "project_key": crossing.project_key,
            "crossing_id": crossing.crossing_id,
            "to_take_back": to_take_back,
            "is_under_way": int(not is_done),
            "taken_back": taken_back,
        },
    )


def _crossing(row: Row) -> CrossingRow:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["is_under_way"] = bool(values["is_under_way"])
    return CrossingRow(**values)

"""Statements for pauses of people (table `quality_pause`); a person has one open at the most."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import asdict

from plaudit.model.quality_control import PauseRow
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = PauseRow.__struct_fields__
_SELECTED = ", ".join(_COLUMNS)


async def insert_pause(tx: Transaction, pause: PauseRow) -> bool:
    """Insert an open pause; False if the person is paused already."""
    values = asdict(pause) | {"is_released": int(pause.is_released)}
    return bool(
        await tx.run(
            f"INSERT INTO quality_pause ({_SELECTED})"
            f" VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
            " ON CONFLICT (project_key, user_id) WHERE ended_ms IS NULL DO NOTHING",
            values,
        )
    )


async def find_open(tx: Transaction, project_key: int, user_id: str) -> PauseRow | None:
    """Find a person's open pause."""
    row = await tx.one(
        f"SELECT {_SELECTED} FROM quality_pause WHERE project_key = :project_key"
        " AND user_id = :user_id AND ended_ms IS NULL",
        {"project_key": project_key, "user_id": user_id},
    )
    return _pause(row) if row else None


async def find_pause(tx: Transaction, project_key: int, pause_id: str) -> PauseRow | None:
    """Find a pause by its id, open or ended."""
    row = await tx.one(
        f"SELECT {_SELECTED} FROM quality_pause WHERE project_key = :project_key"
        " AND pause_id = :pause_id",
        {"project_key": project_key, "pause_id": pause_id},
    )
    return _pause(row) if row else None


async def list_pauses(
    tx: Transaction, project_key: int, *, is_open: bool | None, before: str | None, limit: int
) -> list[PauseRow]:
    """List up to `limit` pauses, newest first, those before the id `before`.

    `is_open` chooses open or ended ones, None both.
    """
    state = {None: "", True: " AND ended_ms IS NULL", False: " AND ended_ms IS NOT NULL"}[is_open]
    rows = await tx.all(
        f"SELECT {_SELECTED} FROM quality_pause WHERE project_key = :project_key{state}"
        + (" AND pause_id < :before" if before is not None else "")
        + " ORDER BY pause_id DESC LIMIT :row_limit",
        {"project_key": project_key, "row_limit": limit}
        | ({} if before is None else {"before": before}),
    )
    return [_pause(row) for row in rows]


async def list_open_among(
    tx: Transaction, project_keys: Sequence[int], user_id: str
) -> list[PauseRow]:
    """Open pauses of a person in these projects, in no order."""
    if not project_keys:
        return []
    listed, args = value_lists.in_list("key", project_keys)
    rows = await tx.all(
        f"SELECT {_SELECTED} FROM quality_pause WHERE project_key IN {listed}"
        " AND user_id = :user_id AND ended_ms IS NULL",
        args | {"user_id": user_id},
    )
    return [_pause(row) for row in rows]


async def count_open(tx: Transaction, project_key: int, *, limit_max: int) -> int:
    """Count the people who are paused, up to `limit_max`."""
    row = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM quality_pause WHERE project_key = :project_key"
        " AND ended_ms IS NULL LIMIT :row_limit) AS found",
        {"project_key": project_key, "row_limit": limit_max},
    )
    return int(row[0]) if row else 0


async def set_appeal(
    tx: Transaction, project_key: int, user_id: str, appeal: str, now: int
) -> str | None:
    """Set the appeal of a person's open pause, and return its id; None if it has one already."""
    row = await tx.one(
        "UPDATE quality_pause SET appeal = :appeal, appealed_ms = :now"
        " WHERE project_key = :project_key AND user_id = :user_id AND ended_ms IS NULL"
        " AND appealed_ms IS NULL RETURNING pause_id",
        {"project_key": project_key, "user_id": user_id, "appeal": appeal, "now": now},
    )
    return str(row[0]) if row else None


async def set_answer(
    tx: Transaction, pause: PauseRow, answer: str, *, answered_by: str, now: int
) -> bool:
    """Answer the appeal of an open pause, which stays; False if that is not to be answered."""
    return bool(
        await tx.run(
            "UPDATE quality_pause SET answer = :answer, answered_ms = :now,"
            " answered_by = :answered_by WHERE project_key = :project_key AND pause_id = :pause_id"
            " AND ended_ms IS NULL AND appealed_ms IS NOT NULL AND answered_ms IS NULL",
            {
                "project_key": pause.project_key,
                "pause_id": pause.pause_id,
                "answer": answer,
                "answered_by": answered_by,
                "now": now,
            },
        )
    )


async def end_pause(
    tx: Transaction, pause: PauseRow, *, answer: str | None, answered_by: str, now: int
) -> bool:
    """End a pause, with an answer if one is given; False if it has ended already."""
    return bool(
        await tx.run(
            "UPDATE quality_pause SET ended_ms = :now, answered_by = :answered_by,"
            " answered_ms = :now, answer = COALESCE(:answer, answer)"
            " WHERE project_key = :project_key AND pause_id = :pause_id AND ended_ms IS NULL",
            {
                "project_key": pause.project_key,
                "pause_id": pause.pause_id,
                "answer": answer,
                "answered_by": answered_by,
                "now": now,
            },
        )
    )


async def list_projects_to_release(tx: Transaction, *, limit: int) -> list[int]:
    """List up to `limit` project_keys of projects where a paused person still has leases."""
    rows = await tx.all(
        "SELECT DISTINCT project_key FROM quality_pause WHERE is_released = 0 LIMIT :row_limit",
        {"row_limit": limit},
    )
    return [int(row[0]) for row in rows]


async def find_to_release(tx: Transaction, project_key: int) -> PauseRow | None:
    """Find the first pause of a project after which no lease was given back."""
    row = await tx.one(
        f"SELECT {_SELECTED} FROM quality_pause WHERE project_key = :project_key"
        " AND is_released = 0 ORDER BY pause_id LIMIT 1",
        {"project_key": project_key},
    )
    return _pause(row) if row else None


async def set_released(tx: Transaction, pause: PauseRow) -> None:
    """Note that a paused person's leases are given back."""
    await tx.run(
        "UPDATE quality_pause SET is_released = 1"
        " WHERE project_key = :project_key AND pause_id = :pause_id",
        {"project_key": pause.project_key, "pause_id": pause.pause_id},
    )


def _pause(row: Row) -> PauseRow:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["is_released"] = bool(values["is_released"])
    return PauseRow(**values)

"""Statements for the qualification of people (table `qualification`)."""

from __future__ import annotations

from msgspec.structs import asdict

from plaudit.model.quality_control import QualificationRow, QualificationState
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = QualificationRow.__struct_fields__
_SELECTED = ", ".join(_COLUMNS)


async def find_row(tx: Transaction, project_key: int, user_id: str) -> QualificationRow | None:
    """Find a person's qualification in a project, of whatever round."""
    row = await tx.one(
        f"SELECT {_SELECTED} FROM qualification"
        " WHERE project_key = :project_key AND user_id = :user_id",
        {"project_key": project_key, "user_id": user_id},
    )
    return _qualification(row) if row else None


async def lock_row(tx: Transaction, project_key: int, user_id: str) -> QualificationRow | None:
    """Lock a person's qualification until the transaction ends, and return it."""
    row = await tx.one(
        "UPDATE qualification SET cases = cases WHERE project_key = :project_key"
        f" AND user_id = :user_id RETURNING {_SELECTED}",
        {"project_key": project_key, "user_id": user_id},
    )
    return _qualification(row) if row else None


async def put_row(tx: Transaction, row: QualificationRow) -> None:
    """Insert or replace a person's qualification."""
    changed = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:])
    await tx.run(
        f"INSERT INTO qualification ({_SELECTED})"
        f" VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
        f" ON CONFLICT (project_key, user_id) DO UPDATE SET {changed}",
        asdict(row) | {"state": row.state.value},
    )


async def delete_row(tx: Transaction, project_key: int, user_id: str) -> bool:
    """Let a person begin anew; False if they have not begun."""
    return bool(
        await tx.run(
            "DELETE FROM qualification WHERE project_key = :project_key AND user_id = :user_id",
            {"project_key": project_key, "user_id": user_id},
        )
    )


async def list_rows(
    tx: Transaction, project_key: int, *, after: str, limit: int
) -> list[QualificationRow]:
    """List up to `limit` people's qualifications by user id, those after the id `after`."""
    rows = await tx.all(
        f"SELECT {_SELECTED} FROM qualification WHERE project_key = :project_key"
        " AND user_id > :after ORDER BY user_id LIMIT :row_limit",
        {"project_key": project_key, "after": after, "row_limit": limit},
    )
    return [_qualification(row) for row in rows]


async def count_gold(
    tx: Transaction, control_key: int, *, is_training: bool, limit_max: int
) -> int:
    """Count the gold tasks in use that are for training, or are not, up to `limit_max`."""
    row = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 FROM gold_task WHERE project_key = :control_key"
        " AND is_training = :is_training AND ended_ms IS NULL LIMIT :row_limit) AS found",
        {
            "control_key": control_key,
            "is_training": int(is_training),
            "row_limit": limit_max,
        },
    )
    return int(row[0]) if row else 0


def _qualification(row: Row) -> QualificationRow:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["state"] = QualificationState(values["state"])
    return QualificationRow(**values)

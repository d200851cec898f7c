"""Statements for how people answered control tasks (table `control_result`)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import astuple

from plaudit.model.quality_control import Collector, ControlResult, ResultCount
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = ControlResult.__struct_fields__
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM control_result WHERE project_key = :control_key"


async def insert_results(tx: Transaction, results: Sequence[ControlResult]) -> None:
    """Insert the results of one person on one task, which has none of theirs."""
    rows = []
    for result in results:
        values = list(astuple(result))
        values[_COLLECTOR] = result.collector.value
        values[_IS_RIGHT] = int(result.is_right)
        rows.append(tuple(values))
    await tx.add("control_result", _COLUMNS, rows)


async def list_of_person_on(
    tx: Transaction, control_key: int, seq: int, user_id: str
) -> list[ControlResult]:
    """List a person's results on one control task, by number."""
    rows = await tx.all(
        f"{_SELECT} AND seq = :seq AND user_id = :user_id ORDER BY number",
        {"control_key": control_key, "seq": seq, "user_id": user_id},
    )
    return [_result(row) for row in rows]


async def list_of_person(
    tx: Transaction,
    control_key: int,
    user_id: str,
    collector: Collector,
    *,
    after_ms: int,
    before_ms: int,
    limit: int,
) -> list[ControlResult]:
    """List a person's results of a collector submitted between the bounds, latest first."""
    rows = await tx.all(
        f"{_SELECT} AND user_id = :user_id AND collector = :collector"
        " AND submitted_ms >= :after_ms AND submitted_ms < :before_ms"
        " ORDER BY submitted_ms DESC, seq, number LIMIT :row_limit",
        {
            "control_key": control_key,
            "user_id": user_id,
            "collector": collector.value,
            "after_ms": after_ms,
            "before_ms": before_ms,
            "row_limit": limit,
        },
    )
    return [_result(row) for row in rows]


async def list_latest(
    tx: Transaction, control_key: int, collector: Collector, *, limit: int
) -> list[ControlResult]:
    """List the last `limit` results of a collector, of all people."""
    rows = await tx.all(
        f"{_SELECT} AND collector = :collector ORDER BY submitted_ms DESC, seq, user_id, number"
        " LIMIT :row_limit",
        {"control_key": control_key, "collector": collector.value, "row_limit": limit},
    )
    return [_result(row) for row in rows]


async def count_by_person(
    tx: Transaction, control_key: int, *, limit: int
) -> dict[str, dict[Collector, tuple[int, int]]]:
    """Right results and all, of up to `limit` people by collector."""
    rows = await tx.all(
        "SELECT user_id, collector, SUM(is_right), COUNT(*) FROM control_result"
        " WHERE project_key = :control_key GROUP BY user_id, collector"
        " ORDER BY user_id, collector LIMIT :row_limit",
        {"control_key": control_key, "row_limit": 2 * limit},
    )
    found: dict[str, dict[Collector, tuple[int, int]]] = {}
    for user_id, collector, right, count in rows:
        found.setdefault(user_id, {})[Collector(collector)] = int(right), int(count)
    return found


async def list_of_task(
    tx: Transaction, control_key: int, seq: int, *, limit: int
) -> list[ControlResult]:
    """List up to `limit` results of a control task, by person and number."""
    rows = await tx.all(
        f"{_SELECT} AND seq = :seq ORDER BY user_id, number LIMIT :row_limit",
        {"control_key": control_key, "seq": seq, "row_limit": limit},
    )
    return [_result(row) for row in rows]


async def count_by_number(
    tx: Transaction, control_key: int, seqs: Sequence[int]
) -> list[ResultCount]:
    """Count the answers to each expected answer of these control tasks, and the right ones."""
    if not seqs:
        return []
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT seq, number, COUNT(*), SUM(is_right) FROM control_result"
        f" WHERE project_key = :control_key AND seq IN {listed}"
        " GROUP BY seq, number ORDER BY seq, number",
        args | {"control_key": control_key},
    )
    return [ResultCount(*map(int, row)) for row in rows]


def _result(row: Row) -> ControlResult:
    values = list(row)
    values[_COLLECTOR] = Collector(values[_COLLECTOR])
    values[_IS_RIGHT] = bool(values[_IS_RIGHT])
    values[-2:] = map(bytes, values[-2:])
    return ControlResult(*values)


_COLLECTOR = _COLUMNS.index("collector")
_IS_RIGHT = _COLUMNS.index("is_right")

"""Statements for counted cases (table `quality_counter`): one row a person and collector."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.quality_control import Collector, CountedCases
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction

_COLUMNS = "cases, right_cases, cases_before, right_before, wrong_in_a_row, crossed"
LOCK_ORDER = (
    Collector.gold,
    Collector.repeats,
    Collector.skips,
    Collector.fast,
    Collector.agreement,
)
"""Order in which a transaction counts cases of several collectors."""


async def add_case(
    tx: Transaction, project_key: int, user_id: str, collector: Collector, *, right: bool
) -> CountedCases:
    """Count one case; return all, with the row locked until the transaction ends."""
    row = await tx.one(
        "INSERT INTO quality_counter (project_key, user_id, collector, cases, right_cases,"
        " cases_before, right_before, wrong_in_a_row)"
        " VALUES (:project_key, :user_id, :collector, 1, :right, 0, 0, :wrong)"
        " ON CONFLICT (project_key, user_id, collector) DO UPDATE SET"
        " cases = quality_counter.cases + 1,"
        " right_cases = quality_counter.right_cases + excluded.right_cases,"
        " wrong_in_a_row = CASE WHEN excluded.right_cases = 1 THEN 0"
        " ELSE quality_counter.wrong_in_a_row + 1 END"
        f" RETURNING {_COLUMNS}",
        {
            "project_key": project_key,
            "user_id": user_id,
            "collector": collector.value,
            "right": int(right),
            "wrong": int(not right),
        },
    )
    assert row is not None, "the row is there now"
    return _counted(row)


async def set_crossed(
    tx: Transaction, project_key: int, user_id: str, collector: Collector, crossed: bytes | None
) -> None:
    """Set the rules that a person has crossed; the caller has the row locked."""
    await tx.run(
        "UPDATE quality_counter SET crossed = :crossed WHERE project_key = :project_key"
        " AND user_id = :user_id AND collector = :collector",
        {
            "project_key": project_key,
            "user_id": user_id,
            "collector": collector.value,
            "crossed": crossed,
        },
    )


async def begin_anew(tx: Transaction, project_key: int, user_id: str) -> None:
    """Let rules look at none of a person's cases so far, and no rule be crossed.

    Locks the counters one by one, in the order in which a submission counts its cases.
    """
    for collector in LOCK_ORDER:
        await tx.run(
            "UPDATE quality_counter SET cases_before = cases, right_before = right_cases,"
            " wrong_in_a_row = 0, crossed = NULL"
            " WHERE project_key = :project_key AND user_id = :user_id AND collector = :collector",
            {"project_key": project_key, "user_id": user_id, "collector": collector.value},
        )


async def list_counts(
    tx: Transaction, project_key: int, user_ids: Sequence[str], collector: Collector
) -> dict[str, CountedCases]:
    """Counted cases of these people, by id; those without any are left out."""
    if not user_ids:
        return {}
    listed, args = value_lists.in_list("user", user_ids)
    rows = await tx.all(
        f"SELECT user_id, {_COLUMNS} FROM quality_counter WHERE project_key = :project_key"
        f" AND collector = :collector AND user_id IN {listed}",
        args | {"project_key": project_key, "collector": collector.value},
    )
    return {row[0]: _counted(row[1:]) for row in rows}


async def list_of_collector(
    tx: Transaction, project_key: int, collector: Collector, *, after_id: str, limit: int
) -> dict[str, CountedCases]:
    """Counted cases of up to `limit` people after an id, by id, which ascend."""
    rows = await tx.all(
        f"SELECT user_id, {_COLUMNS} FROM quality_counter WHERE project_key = :project_key"
        " AND collector = :collector AND user_id > :after_id ORDER BY user_id LIMIT :row_limit",
        {
            "project_key": project_key,
            "collector": collector.value,
            "after_id": after_id,
            "row_limit": limit,
        },
    )
    return {row[0]: _counted(row[1:]) for row in rows}


def _counted(row: Row) -> CountedCases:
    cases, right_cases, cases_before, right_before, wrong_in_a_row, crossed = row
    return CountedCases(cases, right_cases, cases_before, right_before, wrong_in_a_row, crossed)

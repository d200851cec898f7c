"""Statements for counted cases (table `quality_counter`): one row a person and collector."""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.model.quality_control import Collector, CountedCases
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Transaction


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
        " RETURNING cases, right_cases, cases_before, right_before, wrong_in_a_row",
        {
            "project_key": project_key,
            "user_id": user_id,
            "collector": collector.value,
            "right": int(right),
            "wrong": int(not right),
        },
    )
    assert row is not None, "the row is there now"
    return CountedCases(*map(int, row))


async def list_counts(
    tx: Transaction, project_key: int, user_ids: Sequence[str], collector: Collector
) -> dict[str, CountedCases]:
    """Counted cases of these people, by id; those without any are left out."""
    if not user_ids:
        return {}
    listed, args = value_lists.in_list("user", user_ids)
    rows = await tx.all(
        "SELECT user_id, cases, right_cases, cases_before, right_before, wrong_in_a_row"
        " FROM quality_counter WHERE project_key = :project_key AND collector = :collector"
        f" AND user_id IN {listed}",
        args | {"project_key": project_key, "collector": collector.value},
    )
    return {row[0]: CountedCases(*map(int, row[1:])) for row in rows}

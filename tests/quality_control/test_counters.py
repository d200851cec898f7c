"""Counted cases of people, by collector."""

from __future__ import annotations

from plaudit.core.quality_control.counters import count_case, counts_of
from plaudit.model.quality_control import Collector
from tests.support.labeling_project import LabelingProject


def test_cases_are_counted_for_each_person_and_collector(world):
    labeling = LabelingProject(world)

    async def count(tx):
        for user_id, right in (("ann", True), ("ann", False), ("bob", True), ("ann", True)):
            await count_case(tx, labeling.project, user_id, Collector.gold, right=right)
        await count_case(tx, labeling.project, "ann", Collector.fast, right=False)
        return await counts_of(tx, labeling.project, ["ann", "bob", "eve"], Collector.gold)

    assert labeling.write(count) == {"ann": (2, 3), "bob": (1, 1), "eve": (0, 0)}

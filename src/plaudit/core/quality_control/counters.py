"""Counters of a person's cases in a project, by collector: how many there were and were right.

A case is counted in the transaction that makes it one, in a constant number of statements, and the
rules that it crosses are acted on there too.
"""

from __future__ import annotations

from collections.abc import Sequence

from plaudit.core.quality_control import crossings
from plaudit.model.core import ProjectRow
from plaudit.model.quality_control import Collector
from plaudit.store.engine.engine import Transaction
from plaudit.store.quality_control import counters


async def count_case(
    tx: Transaction, project: ProjectRow, user_id: str, collector: Collector, *, right: bool
) -> None:
    """Count one case of a person; call it for several people in the order of their ids.

    Call it last: its locks come after those of leases, tasks and submissions.
    """
    counted = await counters.add_case(tx, project.project_key, user_id, collector, right=right)
    await crossings.notice(tx, project, user_id, collector, counted)


async def counts_of(
    tx: Transaction, project: ProjectRow, user_ids: Sequence[str], collector: Collector
) -> dict[str, tuple[int, int]]:
    """Right cases and all cases of these people, ever; (0, 0) for those without any."""
    found = await counters.list_counts(tx, project.project_key, user_ids, collector)
    return {
        user_id: (found[user_id].right_cases, found[user_id].cases) if user_id in found else (0, 0)
        for user_id in user_ids
    }

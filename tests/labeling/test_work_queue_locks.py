"""Rows that somebody holds locked are passed by on PostgreSQL; nobody waits for a commit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from plaudit.core.labeling import leases
from plaudit.store.tasks import work_queue
from tests.support.labeling_project import LabelingProject

pytestmark = pytest.mark.parametrize("settings", ["postgres"], indirect=True)

WAIT_S_MAX = 3.0
Work = Callable[[Any], Awaitable[Any]]


def beside(labeling: LabelingProject, held: Work, *others: Work) -> tuple[Any, list[Any]]:
    """Run `others` one after the other while the transaction of `held` stays open; all results.

    Raises TimeoutError if they wait for it.
    """
    db = labeling.world.db

    async def main() -> tuple[Any, list[Any]]:
        is_holding, may_end = asyncio.Event(), asyncio.Event()

        async def hold(tx: Any) -> Any:
            result = await held(tx)
            is_holding.set()
            await may_end.wait()
            return result

        holder = asyncio.create_task(db.write(hold))
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                await is_holding.wait()
                results = [await db.write(work) for work in others]
        finally:
            may_end.set()
            first = await holder
        return first, results

    found: tuple[Any, list[Any]] = labeling.world.run(main())
    return found


def test_the_next_task_is_leased_while_somebody_is_just_leasing_the_first(labeling):
    labeling.create(3)

    def lease_for(user_id: str) -> Work:
        return lambda tx: leases.lease_next(tx, labeling.project, user_id)

    first, others = beside(labeling, lease_for("ann"), lease_for("ben"), lease_for("cem"))

    seqs = [lease.seq for lease in (first, *others)]
    assert seqs == sorted(set(seqs))


def test_a_lease_that_ran_out_is_taken_back_while_another_s_task_is_locked(labeling):
    labeling.create(2)
    ann, ben = labeling.take("ann"), labeling.take("ben")
    key = labeling.project.project_key
    for lease in (ann, ben):
        labeling.age(lease)

    _, [taken_back] = beside(
        labeling,
        lambda tx: work_queue.lock_work(tx, key, ann.seq),
        lambda tx: leases.expire_leases(tx, key),
    )

    assert taken_back == 1
    assert labeling.sweep() == 1

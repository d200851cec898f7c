"""Free tasks: the next one of the queue that a person may be given, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from plaudit.core.labeling.questions import questions
from plaudit.core.staffing import pools
from plaudit.core.tasks.forms import form_of
from plaudit.model.core import ProjectRow, StoredTask
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import tasks, work_pools, work_queue
from plaudit.wire.v2.resources import project_detail
from plaudit.wire.v2.task import Thread

SET_ASIDE_MAX = 100

_decode_content = msgspec.json.Decoder(list[Thread]).decode


async def acquire_next(tx: Transaction, project: ProjectRow, user_id: str) -> StoredTask | None:
    """Acquire a slot of the first task in the queue that this person never had.

    Tasks about which the form asks nothing are set aside, up to SET_ASIDE_MAX; managers see them on
    the overview. None if no other is found.
    """
    form = form_of(project_detail(project))
    key = project.project_key
    allowed = (await pools.list_pools(tx, project.environment_id, [key], user_id))[key]
    for _ in range(SET_ASIDE_MAX):
        seq = await _acquire_in(tx, key, user_id, allowed)
        if seq is None:
            return None
        task = await tasks.get_task(tx, project.project_key, seq)
        assert task.content is not None, "only tasks with content are in the queue"
        if questions(form, _decode_content(task.content)):
            return task
        await work_queue.set_aside(tx, project.project_key, seq)
    return None


async def _acquire_in(
    tx: Transaction, project_key: int, user_id: str, allowed: Sequence[str]
) -> int | None:
    """Acquire a slot in the first of these pools by their first tasks; return the task's seq.

    With several people at once a pool's first task may be gone; then it is the next of that pool.
    """
    ranked = list(allowed)
    if len(ranked) > 1:
        firsts = await work_pools.rank_pools(tx, project_key, user_id, allowed)
        ranked = [pool for _, pool in firsts]
    for pool in ranked:
        seq = await work_queue.acquire_next_slot(tx, project_key, user_id, pool)
        if seq is not None:
            return seq
    return None


async def find_next(
    tx: Transaction, project: ProjectRow, user_id: str
) -> tuple[int, str | None] | None:
    """Seq and batch of the task that a person would be given next; None if there is none."""
    key = project.project_key
    allowed = (await pools.list_pools(tx, project.environment_id, [key], user_id))[key]
    return await work_pools.find_next(tx, key, user_id, allowed)


async def count_free_tasks(
    tx: Transaction, project: ProjectRow, user_id: str, *, limit_max: int
) -> int:
    """Count tasks with a free slot whose requirement a person meets, up to `limit_max`.

    Those that they had are among them. Needs no write transaction.
    """
    key = project.project_key
    allowed = (await pools.list_pools(tx, project.environment_id, [key], user_id))[key]
    counted = await work_pools.count_free_in_pools(
        tx, [(key, pool) for pool in allowed], limit_max=limit_max
    )
    return min(sum(counted), limit_max)

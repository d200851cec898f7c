"""Follow-up of rules that were crossed, in transactions of its own: leases and submissions.

The submission that crosses a rule holds locks of its task, which come after those of the person's
leases. So a worker gives the leases of a paused person back, and takes submissions back, one in
each transaction; a process that dies between two is followed by another that goes on.
"""

from __future__ import annotations

import msgspec

from plaudit.core.common import audit
from plaudit.core.quality_control import pauses as pauses_core
from plaudit.core.quality_control.crossings import decode_rule
from plaudit.core.quality_control.taking_back import take_back
from plaudit.errors import Problem, Unavailable
from plaudit.model.core import SERVER, ProjectRow
from plaudit.model.quality_control import CrossingRow
from plaudit.store.deliveries import frozen_tasks
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.labeling import leases as leases_store
from plaudit.store.quality_control import crossings, pauses, submissions
from plaudit.store.tasks import projects

STEPS_MAX = 500
"""Transactions in a row for one project; the next call goes on."""

SEARCHED_MAX = 1000
"""Submissions of a person among which the last undelivered ones are looked for."""

_encode = msgspec.json.Encoder().encode
_decode_ids = msgspec.json.Decoder(list[str]).decode


async def list_projects(tx: Transaction, *, limit: int) -> list[int]:
    """List project_keys of projects where something is to be done, up to `limit` of each kind."""
    found = await pauses.list_projects_to_release(tx, limit=limit)
    found += await crossings.list_projects_under_way(tx, limit=limit)
    return sorted(set(found))


async def follow_up(db: Database, project_key: int) -> int:
    """Do what is to be done in a project, up to STEPS_MAX transactions; return their number."""
    steps = 0
    for step in (_give_back, _take_back):
        while steps < STEPS_MAX:
            try:
                is_done = not await db.write(lambda tx, step=step: step(tx, project_key))  # type: ignore[misc]
            except Unavailable:
                is_done = True
            except Problem:
                # The task changes at this moment by other hands: theirs is the newer word. One that
                # can never be taken back must not keep the others waiting either.
                is_done = not await db.write(lambda tx: _take_back(tx, project_key, skips=True))
            if is_done:
                break
            steps += 1
    return steps


async def _give_back(tx: Transaction, project_key: int) -> bool:
    """Give the leases of one paused person back; False if there is nobody."""
    pause = await pauses.find_to_release(tx, project_key)
    if pause is None:
        return False
    project = await projects.get_project(tx, project_key)
    await leases_store.lock_annotator(tx, project_key, pause.user_id)
    # Whoever was allowed to go on meanwhile keeps what they have taken since.
    if await pauses.find_open(tx, project_key, pause.user_id) is not None:
        await pauses_core.release_leases(tx, project, pause.user_id)
    await pauses.set_released(tx, pause)
    return True


async def _take_back(tx: Transaction, project_key: int, *, skips: bool = False) -> bool:
    """Take one submission back, or choose those of one crossing; False if nothing is left.

    With `skips` the next one is left as it is.
    """
    crossing = await crossings.lock_under_way(tx, project_key)
    if crossing is None:
        return False
    project = await projects.get_project(tx, project_key)
    if crossing.to_take_back is None:
        chosen = await _choose(tx, crossing)
        await crossings.set_progress(
            tx, crossing, _encode(chosen), is_done=not chosen, taken_back=0
        )
        return True
    submission_id, *rest = _decode_ids(crossing.to_take_back)
    is_taken = not skips and await _take_one_back(tx, project, crossing, submission_id)
    await crossings.set_progress(
        tx, crossing, _encode(rest), is_done=not rest, taken_back=int(is_taken)
    )
    return True


async def _choose(tx: Transaction, crossing: CrossingRow) -> list[str]:
    """The last submissions before a crossing that were neither reviewed nor delivered."""
    recent = await submissions.list_unreviewed(
        tx,
        crossing.project_key,
        crossing.user_id,
        until_ms=crossing.crossed_ms,
        limit=SEARCHED_MAX,
    )
    delivered = await frozen_tasks.list_last_delivery_seqs(
        tx, crossing.project_key, [one.seq for one in recent]
    )
    open_ones = [
        one.submission_id
        for one in recent
        if one.completed_ms is None or delivered.get(one.seq, 0) <= one.completed_ms
    ]
    return open_ones[: decode_rule(crossing.rule).n]


async def _take_one_back(
    tx: Transaction, project: ProjectRow, crossing: CrossingRow, submission_id: str
) -> bool:
    task = await take_back(tx, project, submission_id, SERVER.id)
    if task is None:
        return False
    await audit.record(
        tx,
        project.environment_id,
        SERVER,
        "take_back_submission",
        "task",
        task.task_id,
        project_key=project.project_key,
        detail={"user_id": crossing.user_id, "crossing_id": crossing.crossing_id},
    )
    return True

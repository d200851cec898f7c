"""Assignment of a person's next task: every page that gives out tasks asks here.

Now and then it is a control task, leased like any other: gold, or one of the person's own tasks
again. None is given where no ordinary task is left, so that the end of the queue looks like one.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Sequence

import msgspec

from plaudit.core.labeling import free_tasks, leases
from plaudit.core.labeling.dashboard import ProjectSummary
from plaudit.core.quality_control import qualification, repeats, standing
from plaudit.core.quality_control.control_tasks import ControlRates, count_planned, is_due
from plaudit.core.quality_control.gold_tasks import gold_settings, repeat_settings
from plaudit.core.quality_control.qualification import QualificationStep
from plaudit.model.core import ProjectRow, StoredTask
from plaudit.model.labeling import Lease, control_key
from plaudit.model.quality_control import ControlTurn
from plaudit.store.engine.engine import Transaction
from plaudit.store.quality_control import control_turns, gold
from plaudit.store.tasks import projects, tasks, work_queue

CANDIDATES_MAX = 50
"""Gold tasks that are looked at for one that a person may be given."""
_SEED_BITS = 62


async def lease_next(tx: Transaction, project: ProjectRow, user_id: str) -> Lease | None:
    """Lease the next task to a person; None if the project has none for them.

    Whoever has not passed the project's test gets tasks of training and test alone. Raises Paused,
    Unqualified, LimitReached at too many open leases or the quota, Forbidden if the person was
    removed, or is no member of a project of members alone.
    """
    seat = await standing.require_standing(tx, project, user_id)
    view = await qualification.find_view(tx, project, user_id)
    if view.step is not QualificationStep.work:
        return await qualification.lease_step(tx, project, user_id, view)
    turn: ControlTurn | None = None

    async def offer(now: int) -> Lease | None:
        nonlocal turn
        rates = await _rates(tx, project)
        if rates is None:
            return None
        turn = await _turn(tx, project, user_id)
        return await _lease_control(tx, project, user_id, is_due(turn, rates), now)

    lease = await leases.lease_next(tx, project, user_id, offer=offer, quota=seat.quota)
    is_new = lease is not None and lease.lease_version == 1
    if turn is not None and is_new and lease is not None:
        if lease.project_key == project.project_key:
            await control_turns.count_ordinary(tx, control_key(project.project_key), user_id)
        else:
            await control_turns.mark_control(tx, lease.project_key, user_id)
    return lease


async def list_likely(tx: Transaction, project: ProjectRow, user_id: str) -> list[tuple[int, int]]:
    """Tasks (project_key, seq) that a person may be given next, as far as can be foreseen.

    The next one of the queue and gold that they had not, from a random place on, since nobody knows
    which of these it will be; not their own tasks again. Needs no write transaction.
    """
    ordinary = await free_tasks.find_next(tx, project, user_id)
    if ordinary is None:
        return []
    likely = [(project.project_key, ordinary[0])]
    rates = await _rates(tx, project)
    if rates is not None and rates.gold:
        key = control_key(project.project_key)
        last_seq = await projects.next_seq(tx, key)
        for from_seq in (secrets.randbelow(max(last_seq, 1)), 0):
            unseen = await gold.list_unseen(
                tx, key, user_id, from_seq=from_seq, limit=CANDIDATES_MAX
            )
            if unseen:
                break
        likely += [(key, seq) for seq, _ in unseen]
    return likely


async def count_waiting(
    tx: Transaction, project: ProjectRow, user_id: str, *, limit_max: int
) -> int:
    """Count the tasks that wait, control tasks of this person among them, up to `limit_max`.

    So that the number falls by one with each task, whatever it is. Needs no write transaction.
    """
    free = await free_tasks.count_free_tasks(tx, project, user_id, limit_max=limit_max)
    if free in (0, limit_max):
        return free
    rates = await _rates(tx, project)
    key = control_key(project.project_key)
    turn = None if rates is None else await control_turns.find_turn(tx, key, user_id)
    if rates is None or turn is None:
        return free
    gold_left = repeats_left = 0
    if rates.gold:
        gold_left = await gold.count_unseen(tx, key, user_id, limit_max=limit_max)
    if rates.repeats:
        now = await tx.now_ms()
        repeats_left = len(await repeats.list_candidates(tx, project, user_id, now))
    planned = count_planned(turn, rates, free=free, gold_left=gold_left, repeats_left=repeats_left)
    return min(free + planned, limit_max)


async def with_control_tasks(
    tx: Transaction, listed: Sequence[ProjectSummary], user_id: str, *, limit_max: int
) -> list[ProjectSummary]:
    """Projects with the number of tasks that wait for this person, as `count_waiting` says it."""
    keys = [control_key(one.project.project_key) for one in listed]
    counted = await control_turns.list_counted(tx, keys, user_id)
    return [
        msgspec.structs.replace(
            one, free=await count_waiting(tx, one.project, user_id, limit_max=limit_max)
        )
        if control_key(one.project.project_key) in counted
        else one
        for one in listed
    ]


async def _rates(tx: Transaction, project: ProjectRow) -> ControlRates | None:
    """Rates of control tasks, None if there are none to give."""
    rates = ControlRates(gold_settings(project).rate, repeat_settings(project).rate)
    if rates.gold and not await gold.count_gold(tx, control_key(project.project_key), limit_max=1):
        rates = ControlRates(0, rates.repeats)
    return rates if rates.gold or rates.repeats else None


async def _turn(tx: Transaction, project: ProjectRow, user_id: str) -> ControlTurn:
    """A person's turns, begun if need be; their leases are locked."""
    key = control_key(project.project_key)
    found = await control_turns.find_turn(tx, key, user_id)
    return found or await control_turns.insert_turn(tx, key, user_id, secrets.randbits(_SEED_BITS))


async def _lease_control(
    tx: Transaction, project: ProjectRow, user_id: str, due: tuple[bool, bool], now: int
) -> Lease | None:
    """Lease a control task of a kind that is due, if there is one and an ordinary task as well."""
    is_gold_due, is_repeat_due = due
    if not (is_gold_due or is_repeat_due):
        return None
    ordinary = await free_tasks.find_next(tx, project, user_id)
    if ordinary is None:
        return None
    task = await _acquire_gold(tx, project, user_id) if is_gold_due else None
    if task is None and is_repeat_due:
        task = await repeats.create_repeat(tx, project, user_id, now)
        if task is not None:
            await work_queue.acquire_slot(tx, task.project_key, task.seq)
    if task is None:
        return None
    lease = await leases.insert_new(tx, project, task, user_id, now)
    await control_turns.insert_place(tx, lease.project_key, lease.assignment_id, ordinary[1])
    return lease


async def _acquire_gold(tx: Transaction, project: ProjectRow, user_id: str) -> StoredTask | None:
    """Acquire a slot of a gold task that a person had neither as gold nor as an ordinary task.

    One at random: those from a random place on are looked at, then those before it.
    """
    key = control_key(project.project_key)
    last_seq = await projects.next_seq(tx, key)
    for from_seq in (secrets.randbelow(max(last_seq, 1)), 0):
        unseen = await gold.list_unseen(tx, key, user_id, from_seq=from_seq, limit=CANDIDATES_MAX)
        sources = [source for _, source in unseen if source is not None]
        had = await control_turns.list_had(tx, project.project_key, user_id, sources)
        candidates = [seq for seq, source in unseen if source not in had]
        random.SystemRandom().shuffle(candidates)
        for seq in candidates:
            if await work_queue.acquire_slot(tx, key, seq):
                return await tasks.get_task(tx, key, seq)
    return None

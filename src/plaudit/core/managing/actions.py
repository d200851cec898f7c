"""Actions on many tasks: cancel, reopen, set a priority, move to a batch; what undo needs is kept.

Tasks are changed a few in each transaction, which locks their batches, then their rows in the work
queue, and looks again: a task that has changed meanwhile is skipped, and counted by reason. Each
change is kept with what was before and what the action left (undo.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import structs

from plaudit import ids
from plaudit.core.common import audit
from plaudit.core.managing import task_list
from plaudit.core.managing.task_change import (
    CHANGES,
    ActionRequest,
    After,
    Before,
    LeftAlone,
    LockedTask,
)
from plaudit.core.staffing.requirements import PEOPLE_MAX
from plaudit.core.tasks import lifecycle, work_queue
from plaudit.errors import Conflict, InvalidContent, NotFound
from plaudit.model.core import Actor, ProjectRow, StoredTask, TaskStatus
from plaudit.model.labeling import QueuedTask
from plaudit.model.managing import ActionKind, ActionState, TaskConditions, TaskOrder
from plaudit.store.accounts import organizations, users
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.managing import actions, changed_tasks
from plaudit.store.managing.actions import TaskAction, TaskChange
from plaudit.store.managing.task_lists import START, ListPlace
from plaudit.store.tasks import batches, projects, task_summaries, tasks
from plaudit.store.tasks import work_queue as queue_store
from plaudit.texts import N_

CHANGED_AT_ONCE_MAX = 50
"""Tasks in one transaction."""

BYTES_AT_ONCE_MAX = 16 * 1024 * 1024
"""Bytes of the tasks of one transaction, or one task."""

LEASE_MS = 60_000
"""Milliseconds after which an action that says nothing more counts as broken."""

KEPT_MS = 7 * 24 * 3600 * 1000
"""Milliseconds for which an action can be undone, and is listed."""

UNDER_WAY = (ActionState.running, ActionState.undoing)

_encode = msgspec.json.Encoder().encode
_decode_counts = msgspec.json.Decoder(dict[str, int]).decode
read_request = msgspec.json.Decoder(ActionRequest).decode


async def begin(
    tx: Transaction, project: ProjectRow, user_id: str, request: ActionRequest
) -> TaskAction:
    """Begin an action; raises InvalidContent, or Conflict for a batch that takes no tasks."""
    if request.kind is ActionKind.priority:
        most = work_queue.PRIORITY_MAX
        if request.priority is None or abs(request.priority) > most:
            raise InvalidContent(
                N_("a priority is from -%(most)s to %(most)s", most=most), pointer="/priority"
            )
    if request.kind is ActionKind.batch and request.batch_id is not None:
        batch = await batches.find_batch(tx, project.environment_id, request.batch_id)
        if batch is None or batch.project_key != project.project_key:
            raise InvalidContent(N_("the project has no such batch"), pointer="/batch")
        if batch.status in lifecycle.CLOSED:
            raise Conflict(N_("the batch is closed; it takes no more tasks"))
    if request.kind is ActionKind.assign:
        await _check_people(tx, project, request.people)
    now = await tx.now_ms()
    action = TaskAction(
        project_key=project.project_key,
        action_id=ids.mint("action"),
        user_id=user_id,
        kind=request.kind,
        state=ActionState.running,
        created_ms=now,
        lease_ms=now + LEASE_MS,
        detail=_encode(request),
    )
    await actions.insert_action(tx, action)
    return action


async def _check_people(tx: Transaction, project: ProjectRow, people: Sequence[str]) -> None:
    """Raise InvalidContent for too many people, or somebody who is not of the organization."""
    if len(people) > PEOPLE_MAX:
        raise InvalidContent(N_("name at most %(most)s people", most=PEOPLE_MAX), pointer="/people")
    account = await organizations.find_organization(tx, project.environment_id)
    found = await users.find_people(tx, "" if account is None else account[0], set(people))
    if len(found) < len(set(people)):
        raise InvalidContent(N_("there is nobody with this id"), pointer="/people")


async def apply(
    tx: Transaction, project: ProjectRow, action: TaskAction, actor: Actor, seqs: Sequence[int]
) -> TaskAction:
    """Apply a running action to up to CHANGED_AT_ONCE_MAX tasks; return it with its new counts.

    Raises Conflict where a task changed at this moment, or if the action does not run any more.
    """
    request = read_request(action.detail)
    found, works = await _lock(tx, project, seqs, request)
    before: dict[int, Before] = {}
    skipped: Counter[str] = Counter(_decode_counts(action.skipped))
    skipped[N_("it is gone")] += len(seqs) - len(found)
    for task in found:
        try:
            locked = LockedTask(project, task, works.get(task.seq))
            before[task.seq] = await CHANGES[action.kind](tx, locked, request)
        except LeftAlone as reason:
            skipped[str(reason)] += 1
    if before:
        await _keep(tx, project, action, before)
        await audit.record_many(
            tx,
            project.environment_id,
            actor,
            f"{action.kind}_many",
            "task",
            [task.task_id for task in found if task.seq in before],
            project_key=project.project_key,
        )
    changed = structs.replace(
        action,
        lease_ms=await tx.now_ms() + LEASE_MS,
        looked_count=action.looked_count + len(seqs),
        changed_count=action.changed_count + len(before),
        skipped=_encode(+skipped),
    )
    if not await actions.save_action(tx, changed, expected=ActionState.running):
        raise Conflict(N_("the action was ended by somebody else"))
    return changed


async def _lock(
    tx: Transaction, project: ProjectRow, seqs: Sequence[int], request: ActionRequest
) -> tuple[list[StoredTask], dict[int, QueuedTask]]:
    """Lock batches and queue rows of tasks; return the tasks as they are now, and these rows."""
    key = project.project_key
    listed = sorted(set(seqs))
    present = await task_summaries.list_present(tx, key, listed)
    touched = {one.batch_id for one in present if one.batch_id is not None}
    if request.kind is ActionKind.batch and request.batch_id is not None:
        touched.add(request.batch_id)
    for batch_id in sorted(touched):
        await batches.add_progress(tx, key, batch_id, {})
    works = {}
    for one in present:
        work = await queue_store.lock_work(tx, key, one.seq)
        if work is not None:
            works[one.seq] = work
    await require_small(tx, key, [one.seq for one in present])
    found = await tasks.get_tasks(tx, key, [one.seq for one in present])
    known = {one.seq: one.batch_id for one in present}
    if any(task.batch_id != known[task.seq] for task in found):
        raise Conflict("a task was moved to another batch at this moment")
    return found, works


async def require_small(tx: Transaction, project_key: int, seqs: Sequence[int]) -> None:
    """Raise Conflict for several tasks that are too large to be held at once."""
    is_several = len(seqs) > 1
    if is_several and await changed_tasks.sum_sizes(tx, project_key, seqs) > BYTES_AT_ONCE_MAX:
        raise Conflict(N_("these tasks are too large to be changed at once; choose fewer"))


async def _keep(
    tx: Transaction, project: ProjectRow, action: TaskAction, before: dict[int, Before]
) -> None:
    """Keep what was before, and what the action left."""
    heads = await changed_tasks.list_heads(tx, project.project_key, list(before))
    now = await tx.now_ms()
    request = read_request(action.detail)
    rank = None if request.priority is None else -request.priority
    rows = [
        TaskChange(
            seq,
            _encode(image),
            _encode(After(head=heads[seq], batch_id=request.batch_id, rank=rank, at_ms=now)),
        )
        for seq, image in before.items()
    ]
    await actions.insert_changes(tx, project.project_key, action.action_id, rows)


async def finish(tx: Transaction, action: TaskAction) -> TaskAction:
    """End a running action; raises Conflict if it does not run any more."""
    done = structs.replace(action, state=ActionState.done)
    if not await actions.save_action(tx, done, expected=ActionState.running):
        raise Conflict(N_("the action was ended by somebody else"))
    return done


async def cancel(tx: Transaction, project: ProjectRow, action_id: str) -> bool:
    """Cancel an action, or its undo; what was done by then stays. False if it has ended.

    Raises NotFound. Whoever works on it finds out with its next tasks, which are then not changed.
    """
    await get_action(tx, project, action_id)
    stored = await actions.lock_action(tx, project.project_key, action_id)
    if stored.state not in UNDER_WAY:
        return False
    cancelled = structs.replace(stored, state=ActionState.cancelled)
    return await actions.save_action(tx, cancelled, expected=stored.state)


async def get_action(tx: Transaction, project: ProjectRow, action_id: str) -> TaskAction:
    """An action of a project, broken if it says nothing any more; raises NotFound."""
    action = await actions.find_action(tx, project.project_key, action_id)
    if action is None:
        raise NotFound(N_("there is no such action"))
    return as_of(action, await tx.now_ms())


def as_of(action: TaskAction, now: int) -> TaskAction:
    """The action as it is at a time: broken if its process has said nothing for too long."""
    if action.state in UNDER_WAY and action.lease_ms < now:
        return structs.replace(action, state=ActionState.broken)
    return action


def conditions_of(conditions: TaskConditions, order: TaskOrder) -> TaskConditions:
    """Conditions that all tasks of a list meet; some orders leave out tasks by themselves."""
    if order is TaskOrder.completed and conditions.status is None:
        return structs.replace(conditions, status=TaskStatus.completed)
    if order is TaskOrder.flags:
        return structs.replace(conditions, is_flagged=True)
    if order is TaskOrder.disagreement:
        return structs.replace(conditions, is_in_review=True)
    return conditions


async def run(
    db: Database,
    project: ProjectRow,
    action: TaskAction,
    actor: Actor,
    conditions: TaskConditions,
    report: Callable[[TaskAction], None],
    *,
    ending: Callable[[Transaction], Awaitable[None]] | None = None,
) -> TaskAction:
    """Apply an action to all tasks that meet conditions, but those that came after it began.

    `ending` is called in the transaction that ends it.
    """
    async with db.read() as tx:
        end = await projects.next_seq(tx, project.project_key)
    place: ListPlace | None = START
    while place is not None:
        async with db.read() as tx:
            page = await task_list.list_page(
                tx,
                project.project_key,
                conditions,
                TaskOrder.arrival,
                after=place,
                limit=CHANGED_AT_ONCE_MAX,
            )
        seqs = [row.seq for row in page.rows if row.seq < end]
        if seqs:
            action = await apply_surely(db, project, action, actor, seqs)
            report(action)
        place = None if page.next_place is None or page.next_place.seq >= end else page.next_place
    last = action

    async def end_it(tx: Transaction) -> TaskAction:
        if ending is not None:
            await ending(tx)
        return await finish(tx, last)

    return await db.write(end_it)


async def apply_surely(
    db: Database, project: ProjectRow, action: TaskAction, actor: Actor, seqs: Sequence[int]
) -> TaskAction:
    """Apply an action in transactions of its own: all at once or, should one conflict, each alone.

    A task that changes at that very moment is skipped.
    """
    try:
        return await db.write(lambda tx: apply(tx, project, action, actor, seqs))
    except Conflict:
        for seq in seqs:
            action = await _apply_to_one(db, project, action, actor, seq)
        return action


async def _apply_to_one(
    db: Database, project: ProjectRow, action: TaskAction, actor: Actor, seq: int
) -> TaskAction:
    try:
        return await db.write(lambda tx: apply(tx, project, action, actor, [seq]))
    except Conflict:
        skipped = Counter(_decode_counts(action.skipped))
        skipped[N_("it changed at this moment")] += 1
        counted = structs.replace(
            action, looked_count=action.looked_count + 1, skipped=_encode(skipped)
        )

        async def save(tx: Transaction) -> bool:
            return await actions.save_action(tx, counted, expected=ActionState.running)

        if not await db.write(save):
            raise
        return counted


async def delete_old(tx: Transaction, *, limit: int) -> int:
    """Delete up to `limit` actions that cannot be undone any more; return their number."""
    older = await actions.list_older(tx, before=await tx.now_ms() - KEPT_MS, limit=limit)
    for project_key, action_id in older:
        await actions.delete_action(tx, project_key, action_id)
    return len(older)

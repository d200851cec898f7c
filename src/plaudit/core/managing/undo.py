"""Undo of actions on many tasks: each task is restored as it was, unless it has changed since.

What other servers were told is not taken back: a canceled task was announced as such. A reopened
task that is restored is completed anew, under a new completion time, so that no reader misses it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec
from msgspec import structs

from plaudit.core.common import audit
from plaudit.core.labeling.counting import vote_writing
from plaudit.core.managing.actions import (
    CHANGED_AT_ONCE_MAX,
    LEASE_MS,
    as_of,
    get_action,
    require_small,
)
from plaudit.core.managing.task_change import (
    After,
    Before,
    LeftAlone,
    LockedTask,
    WorkImage,
    change_batch,
    requirement_of,
)
from plaudit.core.staffing import pools
from plaudit.core.staffing.requirements import ANYBODY
from plaudit.core.tasks import lifecycle, work_queue
from plaudit.core.tasks.annotation_lookup import threads_of
from plaudit.errors import Conflict
from plaudit.model.core import ALL_OPTS, Actor, BatchStatus, ProjectRow, StoredTask, TaskStatus
from plaudit.model.labeling import QueuedTask, WorkState
from plaudit.model.managing import ActionKind, ActionState
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.labeling import leases, review_order, skips, submissions
from plaudit.store.managing import actions, changed_tasks
from plaudit.store.managing.actions import TaskAction, TaskChange
from plaudit.store.tasks import batches, task_summaries, tasks
from plaudit.store.tasks import work_queue as queue_store
from plaudit.texts import N_
from plaudit.wire.v2 import render

REOPENED_AT_ONCE_MAX = 5
"""Reopened or accepted tasks that are restored in one transaction, each from all that it said."""

_CHANGED = N_("it has changed since")
UNDOABLE = (ActionState.done, ActionState.broken, ActionState.cancelled)

_encode = msgspec.json.Encoder().encode
_decode_before = msgspec.json.Decoder(Before).decode
_decode_after = msgspec.json.Decoder(After).decode
_decode_counts = msgspec.json.Decoder(dict[str, int]).decode


def at_once(action: TaskAction) -> int:
    """Number of tasks that are restored in one transaction."""
    is_large = action.kind in (ActionKind.reopen, ActionKind.accept)
    return REOPENED_AT_ONCE_MAX if is_large else CHANGED_AT_ONCE_MAX


async def begin_undo(tx: Transaction, project: ProjectRow, action_id: str) -> TaskAction:
    """Begin to undo an action; raises NotFound, or Conflict while it runs or if it is undone."""
    await get_action(tx, project, action_id)
    stored = await actions.lock_action(tx, project.project_key, action_id)
    now = await tx.now_ms()
    if as_of(stored, now).state not in UNDOABLE:
        raise Conflict(N_("the action cannot be undone now; look at it again"))
    undoing = structs.replace(stored, state=ActionState.undoing, lease_ms=now + LEASE_MS)
    await actions.save_action(tx, undoing, expected=stored.state)
    return undoing


async def undo_some(
    tx: Transaction,
    project: ProjectRow,
    action: TaskAction,
    actor: Actor,
    *,
    limit: int | None = None,
    keeps: bool = False,
) -> TaskAction:
    """Restore up to `limit` tasks, by itself as many as `at_once`; undone once none is left.

    With `keeps` they are left as they are.

    Raises Conflict where a task changed at this moment, or if somebody else undoes the action.
    """
    key = project.project_key
    limit = limit or at_once(action)
    changes = await actions.list_changes(tx, key, action.action_id, limit=limit)
    kept: Counter[str] = Counter(_decode_counts(action.kept))
    restored: list[str] = []
    found, works = await _lock(tx, project, changes)
    for change in changes:
        try:
            if keeps:
                raise LeftAlone(_CHANGED)
            restored.append(await _restore(tx, project, action.kind, change, found, works))
        except LeftAlone as reason:
            kept[str(reason)] += 1
    if changes:
        await actions.delete_changes(tx, key, action.action_id, [one.seq for one in changes])
    if restored:
        await audit.record_many(
            tx,
            project.environment_id,
            actor,
            f"undo_{action.kind}_many",
            "task",
            restored,
            project_key=key,
        )
    is_last = len(changes) < limit
    undone = structs.replace(
        action,
        state=ActionState.undone if is_last else ActionState.undoing,
        lease_ms=await tx.now_ms() + LEASE_MS,
        restored_count=action.restored_count + len(restored),
        kept=_encode(+kept),
    )
    if not await actions.save_action(tx, undone, expected=ActionState.undoing):
        raise Conflict("the action is undone by somebody else")
    return undone


async def run_undo(
    db: Database,
    project: ProjectRow,
    action: TaskAction,
    actor: Actor,
    report: Callable[[TaskAction], None],
) -> TaskAction:
    """Undo an action to its end, a few tasks in each transaction."""
    while action.state is ActionState.undoing:
        action = await _undo_surely(db, project, action, actor)
        report(action)
    return action


async def _undo_surely(
    db: Database, project: ProjectRow, action: TaskAction, actor: Actor
) -> TaskAction:
    """Restore some tasks, or one where some conflict; one that conflicts alone is left."""
    for limit, keeps in ((at_once(action), False), (1, False), (1, True)):
        some = partial(undo_some, project=project, action=action, actor=actor)
        try:
            return await db.write(partial(some, limit=limit, keeps=keeps))
        except Conflict:
            async with db.read(snapshot=False) as tx:
                stored = await actions.find_action(tx, project.project_key, action.action_id)
            if stored is None or stored.state is not ActionState.undoing:
                raise
    raise AssertionError("a task that is left cannot conflict")


async def _lock(
    tx: Transaction, project: ProjectRow, changes: Sequence[TaskChange]
) -> tuple[dict[int, StoredTask], dict[int, QueuedTask]]:
    key, seqs = project.project_key, [one.seq for one in changes]
    present = await task_summaries.list_present(tx, key, seqs)
    touched = {one.batch_id for one in present} | {
        _decode_before(change.before).batch_id for change in changes
    }
    for batch_id in sorted(one for one in touched if one is not None):
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
    return {task.seq: task for task in found}, works


async def _restore(
    tx: Transaction,
    project: ProjectRow,
    kind: ActionKind,
    change: TaskChange,
    found: dict[int, StoredTask],
    works: dict[int, QueuedTask],
) -> str:
    """Restore one task; return its id. Raises LeftAlone if it is to stay as it is, or Conflict."""
    locked = LockedTask(project, found[change.seq], works.get(change.seq))
    before, after = _decode_before(change.before), _decode_after(change.after)
    await _RESTORES[kind](tx, locked, before, after)
    return locked.task.task_id


async def _restore_canceled(
    tx: Transaction, locked: LockedTask, before: Before, after: After
) -> None:
    project, task = locked.project, locked.task
    if task.status is not TaskStatus.canceled or task.head != after.head:
        raise LeftAlone(_CHANGED)
    batch = None
    if task.batch_id is not None:
        batch = await batches.find_batch(tx, project.environment_id, task.batch_id)
        assert batch is not None
        if batch.status is BatchStatus.cancelled:
            raise LeftAlone(N_("its batch is cancelled"))
        change = {TaskStatus.canceled: -1, TaskStatus.pending: 1}
        await batches.add_progress(tx, task.project_key, task.batch_id, change)
    if not await tasks.change_status(
        tx,
        task,
        expected=TaskStatus.canceled,
        status=TaskStatus.pending,
        completed_ms=None,
        head=before.head,
    ):
        raise Conflict("a task changed at this moment")
    if before.work is not None:
        is_on_hold = batch is not None and batch.status in work_queue.ON_HOLD
        await _queue_again(tx, task, before.work, is_on_hold=is_on_hold)
    if before.submission_ids:
        await changed_tasks.clear_reviewed(tx, task.project_key, before.submission_ids)


async def _queue_again(
    tx: Transaction, task: StoredTask, image: WorkImage, *, is_on_hold: bool
) -> None:
    """Put a task into the queue as it was, without leases; whoever had one can go on."""
    key, seq = task.project_key, task.seq
    count = await submissions.count_current(tx, key, seq)
    [pool] = await pools.pools_of_tasks(tx, key, [task], is_new=False)
    row = QueuedTask(
        project_key=key,
        seq=seq,
        batch_id=task.batch_id,
        rank=image.rank,
        since_ms=image.since_ms,
        needed=max(image.needed, count),
        submitted_count=count,
        open_count=0,
        state=image.state,
        is_on_hold=is_on_hold,
        reason=image.reason,
        pool=pool,
    )
    await queue_store.insert_work(tx, [row])
    await leases.release_closed(tx, key, seq)
    await skips.mark_skipped(tx, key, seq)
    if image.state is WorkState.in_review:
        await review_order.replace_rows(tx, key, seq, [("", "", 0)])
    # Settings may have changed meanwhile; and the worker ranks what is in review.
    await changed_tasks.mark_undecided(tx, key, seq)


async def _restore_reopened(
    tx: Transaction, locked: LockedTask, before: Before, after: After
) -> None:
    project, task, work = locked.project, locked.task, locked.work
    key, seq = task.project_key, task.seq
    if task.status is not TaskStatus.pending or task.head != after.head:
        raise LeftAlone(_CHANGED)
    if work is not None and (work.submitted_count or work.open_count):
        raise LeftAlone(N_("somebody works on it"))
    if await changed_tasks.was_leased_since(tx, key, seq, after.at_ms):
        raise LeftAlone(N_("somebody works on it"))
    if before.submission_ids:
        if not await changed_tasks.restore_submissions(tx, key, seq, before.submission_ids):
            raise Conflict("a task changed at this moment")
        current = await submissions.list_current(tx, key, seq)
        await vote_writing.write_votes(tx, current)
    if before.body is None:
        reports = render.read_head(before.head).sensitive_content_reports
        await lifecycle.complete_reported(tx, project.environment_id, task, reports or [])
        return
    stored = structs.replace(task, body=before.body, patches=before.patches, head=before.head)
    threads = await tx.compute(
        len(before.body), lambda: msgspec.to_builtins(threads_of(stored, int(ALL_OPTS)))
    )
    await lifecycle.complete_task(
        tx, project.environment_id, task, threads, by_submissions=bool(before.submission_ids)
    )


async def _restore_priority(
    tx: Transaction, locked: LockedTask, before: Before, after: After
) -> None:
    work = locked.work
    assert before.work is not None
    if work is None or work.rank != after.rank:
        raise LeftAlone(_CHANGED)
    await changed_tasks.place_work(tx, structs.replace(work, rank=before.work.rank))


async def _restore_batch(tx: Transaction, locked: LockedTask, before: Before, after: After) -> None:
    task, work = locked.task, locked.work
    if task.status is not TaskStatus.pending or task.batch_id != after.batch_id:
        raise LeftAlone(_CHANGED)
    await change_batch(tx, locked, before.batch_id)
    if work is not None and before.work is not None:
        now = await queue_store.find_work(tx, task.project_key, task.seq)
        assert now is not None
        placed = structs.replace(now, rank=before.work.rank, since_ms=before.work.since_ms)
        await changed_tasks.place_work(tx, placed)


async def _restore_people(
    tx: Transaction, locked: LockedTask, before: Before, after: After
) -> None:
    task = locked.task
    if locked.work is None or await requirement_of(tx, task) != before.left:
        raise LeftAlone(_CHANGED)
    await pools.change_requirement(tx, task.project_key, task, before.requirement or ANYBODY)


async def _restore_accepted(
    tx: Transaction, locked: LockedTask, before: Before, after: After
) -> None:
    """Take an accepted task back into review, with its submissions as they are."""
    project, task = locked.project, locked.task
    key, seq, image = task.project_key, task.seq, before.work
    assert image is not None
    if task.status is not TaskStatus.completed or task.head != after.head:
        raise LeftAlone(_CHANGED)
    if task.batch_id is not None:
        batch = await batches.find_batch(tx, project.environment_id, task.batch_id)
        if batch is not None and batch.status is BatchStatus.cancelled:
            raise LeftAlone(N_("its batch is cancelled"))
    await lifecycle.reopen_task(tx, project.environment_id, task, keeps_submissions=True)
    work = await queue_store.find_work(tx, key, seq)
    assert work is not None
    placed = structs.replace(work, rank=image.rank, since_ms=image.since_ms)
    await changed_tasks.place_work(tx, placed)
    await queue_store.change_state(
        tx, key, seq, expected=work.state, state=WorkState.in_review, reason=image.reason
    )
    if before.submission_ids:
        await changed_tasks.clear_reviewed(tx, key, before.submission_ids)
    await review_order.replace_rows(tx, key, seq, [("", "", 0)])
    await changed_tasks.mark_undecided(tx, key, seq)  # the worker ranks what is in review


_RESTORES: dict[ActionKind, Callable[[Transaction, LockedTask, Before, After], Awaitable[None]]] = {
    ActionKind.cancel: _restore_canceled,
    ActionKind.reopen: _restore_reopened,
    ActionKind.priority: _restore_priority,
    ActionKind.batch: _restore_batch,
    ActionKind.assign: _restore_people,
    ActionKind.accept: _restore_accepted,
}

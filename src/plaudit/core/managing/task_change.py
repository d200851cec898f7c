"""Changes of one task by an action on many: what each kind does, and what undo needs of before.

The caller has locked the task's batch, and its row in the work queue.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct, structs

from plaudit.core.labeling import review_decisions
from plaudit.core.labeling.adjudication.review_order import may_decide
from plaudit.core.labeling.question_results import revision_of
from plaudit.core.staffing import pools, requirements
from plaudit.core.tasks import lifecycle, work_queue
from plaudit.errors import AnswersRejected, Conflict, InvalidContent
from plaudit.model.core import BatchRow, BatchStatus, ProjectRow, StoredTask, TaskStatus
from plaudit.model.labeling import QueuedTask, WorkState
from plaudit.model.managing import ActionKind
from plaudit.model.staffing import Requirement
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import acceptances, submissions
from plaudit.store.managing import changed_tasks
from plaudit.store.tasks import batches, task_changes, work_pools
from plaudit.texts import N_

IN_STATUS = {
    TaskStatus.pending: N_("it is pending"),
    TaskStatus.completed: N_("it is completed"),
    TaskStatus.canceled: N_("it is canceled"),
    TaskStatus.error: N_("it is in error"),
}
"""Reasons by which a task is skipped that is not in the status that an action needs."""


class ActionRequest(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Request of an action: its kind, and what it sets."""

    kind: ActionKind
    priority: int | None = None
    batch_id: str | None = None
    """The batch that tasks are moved to; None is none."""
    people: tuple[str, ...] = ()
    """User ids of those whom tasks are for; none for anybody."""
    acceptance_id: str | None = None
    reviewer_id: str | None = None
    """The acceptance after whose sample tasks are accepted, and its reviewer."""


class WorkImage(Struct, frozen=True):
    """A task's row in the work queue, without its leases."""

    rank: int
    since_ms: int
    needed: int
    state: WorkState
    reason: str | None


class Before(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task before an action, as far as undo restores it."""

    head: bytes
    batch_id: str | None = None
    work: WorkImage | None = None
    body: bytes | None = None
    patches: bytes | None = None
    submission_ids: list[str] = []
    """Submissions that counted and that a reopening retracted, or that a cancel ended review of."""
    requirement: Requirement | None = None
    """Requirement of the task by itself, and in `left` the one that naming people made of it."""
    left: Requirement | None = None


class After(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A task as an action left it, at `at_ms`."""

    head: bytes
    batch_id: str | None = None
    rank: int | None = None
    at_ms: int


class LockedTask(Struct, frozen=True):
    """A task of an action on many, whose batch and row in the queue are locked.

    `work` is that row, None for a task that is not in the queue.
    """

    project: ProjectRow
    task: StoredTask
    work: QueuedTask | None


class LeftAlone(Exception):
    """Raised inside this room: a task is left as it is, for a reason of a few words."""


async def _cancel(tx: Transaction, locked: LockedTask, request: ActionRequest) -> Before:
    project, task = locked.project, locked.task
    _require(task, TaskStatus.pending)
    current = await submissions.list_current(tx, task.project_key, task.seq)
    await lifecycle.cancel_task(tx, project.environment_id, task)
    return Before(
        head=task.head,
        work=_image(locked.work),
        submission_ids=[one.submission_id for one in current if one.reviewed_ms is None],
    )


async def _reopen(tx: Transaction, locked: LockedTask, request: ActionRequest) -> Before:
    project, task = locked.project, locked.task
    _require(task, TaskStatus.completed)
    if task.batch_id is not None:
        batch = await _get_batch(tx, project, task.batch_id)
        if batch.status is BatchStatus.cancelled:
            raise LeftAlone(N_("its batch is cancelled"))
    current = await submissions.list_current(tx, task.project_key, task.seq)
    await lifecycle.reopen_task(tx, project.environment_id, task)
    return Before(
        head=task.head,
        body=task.body,
        patches=task.patches,
        submission_ids=[one.submission_id for one in current],
    )


async def _prioritize(tx: Transaction, locked: LockedTask, request: ActionRequest) -> Before:
    task, work = locked.task, locked.work
    assert request.priority is not None
    _require(task, TaskStatus.pending)
    if work is None:
        raise LeftAlone(N_("it has nothing to work on"))
    if work.rank == -request.priority:
        raise LeftAlone(N_("it was so already"))
    await changed_tasks.place_work(tx, structs.replace(work, rank=-request.priority))
    return Before(head=task.head, work=_image(work))


async def _move(tx: Transaction, locked: LockedTask, request: ActionRequest) -> Before:
    task = locked.task
    _require(task, TaskStatus.pending)
    if task.batch_id == request.batch_id:
        raise LeftAlone(N_("it was so already"))
    await change_batch(tx, locked, request.batch_id)
    return Before(head=task.head, batch_id=task.batch_id, work=_image(locked.work))


async def _assign(tx: Transaction, locked: LockedTask, request: ActionRequest) -> Before:
    task, work = locked.task, locked.work
    _require(task, TaskStatus.pending)
    if work is None:
        raise LeftAlone(N_("it has nothing to work on"))
    known = await requirement_of(tx, task)
    left = structs.replace(known, people=request.people)
    if left == known:
        raise LeftAlone(N_("it was so already"))
    await pools.change_requirement(tx, task.project_key, task, left)
    return Before(head=task.head, requirement=known, left=left)


async def _accept(tx: Transaction, locked: LockedTask, request: ActionRequest) -> Before:
    """Accept a task in review as it is; what became of it is written to its acceptance."""
    project, task = locked.project, locked.task
    key, acceptance_id = project.project_key, request.acceptance_id
    assert acceptance_id is not None
    try:
        before = await _accept_unchanged(tx, locked, request)
    except LeftAlone as reason:
        await acceptances.set_outcome(tx, key, acceptance_id, task.seq, str(reason))
        raise
    await acceptances.set_outcome(tx, key, acceptance_id, task.seq, "accepted")
    return before


async def _accept_unchanged(tx: Transaction, locked: LockedTask, request: ActionRequest) -> Before:
    project, task, work = locked.project, locked.task, locked.work
    assert request.acceptance_id is not None
    assert request.reviewer_id is not None
    _require(task, TaskStatus.pending)
    if work is None or work.state is not WorkState.in_review:
        raise LeftAlone(N_("it is not in review any more"))
    current = await submissions.list_current(tx, task.project_key, task.seq)
    known = await acceptances.find_revision(
        tx, project.project_key, request.acceptance_id, task.seq
    )
    if revision_of(task, current) != known:
        raise LeftAlone(N_("somebody changed their answers"))
    if not may_decide(project, {one.user_id for one in current}, request.reviewer_id):
        raise LeftAlone(N_("its reviewer answered it"))
    try:
        await review_decisions.accept(tx, project, task, request.reviewer_id, kind="accept_many")
    except AnswersRejected as problem:
        raise LeftAlone(N_("a question of it is undecided")) from problem
    except InvalidContent as problem:
        raise Conflict("what people answered cannot be delivered") from problem
    return Before(
        head=task.head,
        work=_image(work),
        submission_ids=[one.submission_id for one in current if one.reviewed_ms is None],
    )


async def requirement_of(tx: Transaction, task: StoredTask) -> Requirement:
    """Requirement of a task by itself; ANYBODY if it has none."""
    stored = await work_pools.find_requirement(tx, task.project_key, task.seq)
    return requirements.ANYBODY if not stored else requirements.decode(stored)


async def change_batch(tx: Transaction, locked: LockedTask, batch_id: str | None) -> None:
    """Move a pending task to a batch, or to none, with its place in the queue.

    The caller has locked both batches and the row in the queue. Raises LeftAlone or Conflict.
    """
    project, task, work = locked.project, locked.task, locked.work
    batch = None if batch_id is None else await _get_batch(tx, project, batch_id)
    if batch is not None and batch.status in lifecycle.CLOSED:
        raise LeftAlone(N_("the batch is closed"))
    if not await changed_tasks.move_to_batch(tx, task, batch_id):
        raise Conflict("a task changed at this moment")
    key = project.project_key
    for one, count in ((task.batch_id, -1), (batch_id, 1)):
        if one is not None:
            await batches.add_progress(tx, key, one, {TaskStatus.pending: count})
    if work is not None:
        is_on_hold = batch is not None and batch.status in work_queue.ON_HOLD
        moved = structs.replace(task, batch_id=batch_id)
        [pool] = await pools.pools_of_tasks(tx, key, [moved], is_new=False)
        placed = structs.replace(
            work,
            batch_id=batch_id,
            pool=pool,
            rank=0 if batch is None else -batch.priority,
            since_ms=task.created_ms if batch is None else batch.created_ms,
            is_on_hold=is_on_hold,
        )
        await changed_tasks.place_work(tx, placed)
    await task_changes.mark_task(tx, key, task.seq)
    if task.batch_id is not None:
        await lifecycle.complete_batch_if_done(tx, project.environment_id, key, task.batch_id)


CHANGES: dict[ActionKind, Callable[[Transaction, LockedTask, ActionRequest], Awaitable[Before]]] = {
    ActionKind.cancel: _cancel,
    ActionKind.reopen: _reopen,
    ActionKind.priority: _prioritize,
    ActionKind.batch: _move,
    ActionKind.assign: _assign,
    ActionKind.accept: _accept,
}


def _require(task: StoredTask, status: TaskStatus) -> None:
    if task.status is not status:
        raise LeftAlone(IN_STATUS[task.status])


def _image(work: QueuedTask | None) -> WorkImage | None:
    if work is None:
        return None
    return WorkImage(work.rank, work.since_ms, work.needed, work.state, work.reason)


async def _get_batch(tx: Transaction, project: ProjectRow, batch_id: str) -> BatchRow:
    batch = await batches.find_batch(tx, project.environment_id, batch_id)
    assert batch is not None, "batches are never deleted"
    return batch

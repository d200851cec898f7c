"""Select the completed tasks of a delivery by ids or by a filter."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.model.core import BatchRow, ProjectRow, StoredTask, TaskStatus
from plaudit.store.deliveries import frozen_tasks
from plaudit.store.deliveries.frozen_tasks import FROZEN_AT_ONCE
from plaudit.store.engine.engine import Database
from plaudit.store.tasks import task_locators, tasks
from plaudit.store.tasks.tasks import TaskFilter

LISTED_AT_ONCE = 10_000


class TaskSelection(Struct, frozen=True, kw_only=True):
    """Tasks to deliver, by sequence number in delivery order, as of one moment.

    `is_by_id` if they were given as ids, else the filter `where` selected them.
    """

    where: TaskFilter
    seqs: Sequence[int]
    is_by_id: bool = False

    def matches(self, task: StoredTask) -> bool:
        """True if a completed task is still within the filter's bounds of completion."""
        completed_ms, where = task.completed_ms or 0, self.where
        is_late = where.completed_after is None or completed_ms > where.completed_after
        return is_late and (where.completed_before is None or completed_ms < where.completed_before)


async def select_tasks(
    db: Database,
    project: ProjectRow,
    *,
    batch: BatchRow | None = None,
    completed_after: int | None = None,
    completed_before: int | None = None,
    task_ids: Sequence[str] | None = None,
    most: int,
    advice: str = "",
) -> TaskSelection:
    """Select tasks by `task_ids`, or by batch and exclusive bounds of completion in milliseconds.

    Repeated ids count once. Raises InvalidContent for ids with a filter, an id that is no completed
    task of the project, no task at all, or more than `most`; `advice` is added to that message.
    """
    where = _filter(project, batch, completed_after, completed_before)
    if task_ids is None:
        seqs = await _list_seqs(db, where, most=most + 1)
        selection = TaskSelection(where=where, seqs=seqs)
        count = len(seqs)
    else:
        if batch is not None or where.is_by_completion:
            raise InvalidContent("give task_ids or a filter, not both", pointer="/task_ids")
        count = len(set(task_ids))
        named = await _find_seqs(db, project, task_ids) if count <= most else []
        selection = TaskSelection(where=where, seqs=named, is_by_id=True)
    if count == 0:
        raise InvalidContent(
            "there is nothing to deliver: no completed task of the project is selected",
            pointer="" if task_ids is None else "/task_ids",
        )
    if count > most:
        raise InvalidContent(
            f"at most {most:,} tasks are delivered at once here{advice}"
            if advice
            else f"at most {most:,} tasks are delivered at once here"
        )
    return selection


async def select_undelivered(
    db: Database,
    project: ProjectRow,
    *,
    batch: BatchRow | None = None,
    completed_after: int | None = None,
    completed_before: int | None = None,
) -> TaskSelection:
    """Select the tasks within a filter that no delivery holds; raises InvalidContent if none."""
    where = _filter(project, batch, completed_after, completed_before)
    seqs = await _list_seqs(db, where, most=tasks.FAR)
    kept = array("q")
    for start in range(0, len(seqs), FROZEN_AT_ONCE):
        chunk = seqs[start : start + FROZEN_AT_ONCE]
        async with db.read() as tx:
            delivered = await frozen_tasks.list_delivered(tx, project.project_key, chunk)
        kept.extend(seq for seq in chunk if seq not in delivered)
    if not kept:
        raise InvalidContent(
            "there is nothing to deliver: every completed task that is selected was delivered"
        )
    return TaskSelection(where=where, seqs=kept)


def _filter(
    project: ProjectRow,
    batch: BatchRow | None,
    completed_after: int | None,
    completed_before: int | None,
) -> TaskFilter:
    return TaskFilter(
        project_key=project.project_key,
        batch_id=None if batch is None else batch.batch_id,
        completed_after=completed_after,
        completed_before=completed_before,
    )


async def _list_seqs(db: Database, where: TaskFilter, *, most: int) -> array[int]:
    """Sequence numbers of up to `most` completed tasks of one snapshot, in the listing's order."""
    seqs = array("q")
    cursor, has_more = where.start, True
    async with db.read() as tx:
        while has_more:
            limit = min(LISTED_AT_ONCE, most - len(seqs))
            listed = await frozen_tasks.list_selected(tx, where, after=cursor, limit=limit)
            seqs.extend(task.seq for task in listed)
            cursor = listed[-1] if listed else cursor
            has_more = len(listed) == limit and len(seqs) < most
    return seqs


async def _find_seqs(db: Database, project: ProjectRow, task_ids: Sequence[str]) -> list[int]:
    """Sorted sequence numbers of completed tasks; raises InvalidContent for any other id."""
    seqs: set[int] = set()
    for start in range(0, len(task_ids), FROZEN_AT_ONCE):
        chunk = task_ids[start : start + FROZEN_AT_ONCE]
        async with db.read() as tx:
            locators = await task_locators.locate_tasks(tx, project.environment_id, chunk)
            seq_by_id = {
                task_id: place[1]
                for task_id, place in locators.items()
                if place is not None and place[0] == project.project_key
            }
            states = {}
            if seq_by_id:
                states = await frozen_tasks.list_states(
                    tx, project.project_key, [*seq_by_id.values()]
                )
        for number, task_id in enumerate(chunk, start):
            if task_id not in seq_by_id:
                raise InvalidContent(
                    f"the project has no task {task_id!r}", pointer=f"/task_ids/{number}"
                )
            status = states[seq_by_id[task_id]][0]
            if status is not TaskStatus.completed:
                raise InvalidContent(
                    f"task {task_id!r} is {status}; only completed tasks are delivered",
                    pointer=f"/task_ids/{number}",
                )
            seqs.add(seq_by_id[task_id])
    return sorted(seqs)

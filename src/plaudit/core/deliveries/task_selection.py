"""What a delivery is to hold: from ids or a filter to completed tasks, or why there are none."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.model.core import BatchRow, ProjectRow, StoredTask, TaskStatus
from plaudit.store.deliveries import frozen_tasks
from plaudit.store.deliveries.frozen_tasks import FROZEN_AT_ONCE
from plaudit.store.engine.engine import Database
from plaudit.store.tasks import tasks
from plaudit.store.tasks.tasks import TaskFilter

LISTED_AT_ONCE = 10_000


class TaskSelection(Struct, frozen=True, kw_only=True):
    """Which tasks to deliver: those at `seqs`, in that order, as one moment had them completed.

    `is_by_id` if they were named by id, else they are what `where` selected; eight bytes each.
    """

    where: TaskFilter
    seqs: Sequence[int]
    is_by_id: bool = False

    def takes(self, task: StoredTask) -> bool:
        """Whether a completed task is still within the times that were asked for."""
        done, where = task.completed_ms or 0, self.where
        is_late = where.completed_after is None or done > where.completed_after
        return is_late and (where.completed_before is None or done < where.completed_before)


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
    """Find what a delivery is to hold; raises InvalidContent if that is nothing, or over `most`.

    Ids are of completed tasks of the project, twice is once; with them there is no filter. Times
    are exclusive bounds in milliseconds.
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
        raise InvalidContent(f"at most {most:,} tasks are delivered at once here{advice}")
    return selection


async def select_undelivered(
    db: Database,
    project: ProjectRow,
    *,
    batch: BatchRow | None = None,
    completed_after: int | None = None,
    completed_before: int | None = None,
) -> TaskSelection:
    """What no delivery of the project holds of all within the filter; raises InvalidContent."""
    where = _filter(project, batch, completed_after, completed_before)
    seqs = await _list_seqs(db, where, most=tasks.FAR)
    kept = array("q")
    for start in range(0, len(seqs), FROZEN_AT_ONCE):
        some = seqs[start : start + FROZEN_AT_ONCE]
        async with db.read() as tx:
            held = await frozen_tasks.list_delivered(tx, project.project_key, some)
        kept.extend(seq for seq in some if seq not in held)
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
    """Up to `most` completed tasks within a filter, all of one moment, in the listing's order."""
    seqs = array("q")
    cursor, has_more = where.start, True
    async with db.read() as tx:
        while has_more:
            limit = min(LISTED_AT_ONCE, most - len(seqs))
            found = await frozen_tasks.list_selected(tx, where, after=cursor, limit=limit)
            seqs.extend(one.seq for one in found)
            cursor = found[-1] if found else cursor
            has_more = len(found) == limit and len(seqs) < most
    return seqs


async def _find_seqs(db: Database, project: ProjectRow, task_ids: Sequence[str]) -> list[int]:
    """Where the named tasks stand, in order; raises InvalidContent for one that cannot be."""
    seqs: set[int] = set()
    for start in range(0, len(task_ids), FROZEN_AT_ONCE):
        some = task_ids[start : start + FROZEN_AT_ONCE]
        async with db.read() as tx:
            places = await tasks.locate_tasks(tx, project.environment_id, some)
            here = {
                task_id: seq
                for task_id, (project_key, seq) in places.items()
                if project_key == project.project_key
            }
            states = {}
            if here:
                states = await frozen_tasks.list_states(tx, project.project_key, [*here.values()])
        for number, task_id in enumerate(some, start):
            if task_id not in here:
                raise InvalidContent(
                    f"the project has no task {task_id!r}", pointer=f"/task_ids/{number}"
                )
            status = states[here[task_id]][0]
            if status is not TaskStatus.completed:
                raise InvalidContent(
                    f"task {task_id!r} is {status}; only completed tasks are delivered",
                    pointer=f"/task_ids/{number}",
                )
            seqs.add(here[task_id])
    return sorted(seqs)

"""What a delivery is to hold: from ids or a filter to completed tasks, or why there are none."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.model import Batch, Project, TaskStatus
from plaudit.store import frozen, tasks
from plaudit.store.engine import Database
from plaudit.store.frozen import FROZEN_AT_ONCE
from plaudit.store.tasks import TaskFilter


class Selection(Struct, frozen=True, kw_only=True):
    """Which completed tasks to deliver: all within the filter, or those at `seqs`, in that order.

    Times are exclusive bounds in milliseconds. `count` is about how many there are.
    """

    where: TaskFilter
    seqs: list[int] | None = None
    count: int


async def select(
    db: Database,
    project: Project,
    *,
    batch: Batch | None = None,
    completed_after: int | None = None,
    completed_before: int | None = None,
    task_ids: Sequence[str] | None = None,
    most: int,
    advice: str = "",
) -> Selection:
    """Find what a delivery is to hold; raises InvalidContent if that is nothing, or over `most`.

    Ids are of completed tasks of the project, twice is once; with them there is no filter.
    """
    where = TaskFilter(
        project_id=project.project_id,
        batch_id=None if batch is None else batch.batch_id,
        completed_after=completed_after,
        completed_before=completed_before,
    )
    if task_ids is None:
        async with db.read() as tx:
            count = await frozen.count_selected(tx, where, bound=tasks.FAR, most=most + 1)
        selection = Selection(where=where, count=count)
    else:
        if batch is not None or where.is_by_completion:
            raise InvalidContent("give task_ids or a filter, not both", pointer="/task_ids")
        count, seqs = len(set(task_ids)), None
        if count <= most:
            seqs = await _seqs_of(db, project, task_ids)
        selection = Selection(where=where, seqs=seqs, count=count)
    if selection.count == 0:
        raise InvalidContent(
            "there is nothing to deliver: no completed task of the project is selected",
            pointer="" if task_ids is None else "/task_ids",
        )
    if selection.count > most:
        raise InvalidContent(f"at most {most:,} tasks are delivered at once here{advice}")
    return selection


async def select_undelivered(
    db: Database,
    project: Project,
    *,
    batch: Batch | None = None,
    completed_after: int | None = None,
    completed_before: int | None = None,
) -> Selection:
    """What no delivery of the project holds of all within the filter; raises InvalidContent."""
    where = TaskFilter(
        project_id=project.project_id,
        batch_id=None if batch is None else batch.batch_id,
        completed_after=completed_after,
        completed_before=completed_before,
    )
    seqs: list[int] = []
    place, has_more = where.start, True
    while has_more:
        async with db.read() as tx:
            found = await frozen.list_selected(
                tx, where, after=place, bound=tasks.FAR, limit=FROZEN_AT_ONCE
            )
            here = [one.seq for one in found]
            held = await frozen.list_delivered(tx, project.project_id, here) if here else set()
        seqs += [seq for seq in here if seq not in held]
        has_more = len(found) == FROZEN_AT_ONCE
        place = found[-1] if found else place
    if not seqs:
        raise InvalidContent(
            "there is nothing to deliver: every completed task that is selected was delivered"
        )
    return Selection(where=where, seqs=seqs, count=len(seqs))


async def _seqs_of(db: Database, project: Project, task_ids: Sequence[str]) -> list[int]:
    """Where the named tasks stand, in order; raises InvalidContent for one that cannot be."""
    seqs: set[int] = set()
    for start in range(0, len(task_ids), FROZEN_AT_ONCE):
        some = task_ids[start : start + FROZEN_AT_ONCE]
        async with db.read() as tx:
            places = await tasks.locate_tasks(tx, project.org_id, some)
            here = {
                task_id: seq
                for task_id, (project_id, seq) in places.items()
                if project_id == project.project_id
            }
            states = {}
            if here:
                states = await frozen.list_states(tx, project.project_id, [*here.values()])
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

"""Tasks of an export: those of a project by a filter, or those that a delivery froze."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from msgspec import Struct

from plaudit import clock
from plaudit.core.common import names
from plaudit.core.labeling.counting.vote_writing import fill_project
from plaudit.errors import NotFound
from plaudit.model.core import BatchRow, PageRow, ProjectRow, TaskStatus
from plaudit.model.votes import VoteRow
from plaudit.store.deliveries import delivered, deliveries
from plaudit.store.engine.engine import Database
from plaudit.store.labeling import votes
from plaudit.store.tasks import projects, task_locators, task_ranges, tasks
from plaudit.store.tasks.tasks import TaskCursor, TaskFilter

TASKS_PER_READ = 200


class TaskChoice(Struct, frozen=True, kw_only=True):
    """Filter of an export; bounds of completion are exclusive, in milliseconds.

    `delivery` is the name of a delivery; the members before it then stay None. `after` and `until`
    are a range of `seq`, or of positions in the delivery: more than the one, up to the other.
    """

    status: TaskStatus | None = None
    completed_after: int | None = None
    completed_before: int | None = None
    delivery: str | None = None
    after: int = 0
    until: int | None = None

    @property
    def is_filter(self) -> bool:
        """True if tasks are chosen by a member other than the delivery."""
        return (self.status, self.completed_after, self.completed_before) != (None, None, None)

    def filter_of(self, project: ProjectRow, batch: BatchRow | None) -> TaskFilter:
        """Filter of a project's tasks; the delivery and the range are not in it."""
        return TaskFilter(
            project_key=project.project_key,
            batch_id=None if batch is None else batch.batch_id,
            status=self.status,
            completed_after=self.completed_after,
            completed_before=self.completed_before,
        )

    def named(self) -> dict[str, Any]:
        """Members that are set, as a manifest names them."""
        found: dict[str, Any] = {}
        if self.status is not None:
            found["status"] = self.status.value
        for name in ("completed_after", "completed_before"):
            value = getattr(self, name)
            if value is not None:
                found[name] = clock.format_ms(value)
        if self.delivery is not None:
            found["delivery"] = self.delivery
        return found


async def choose_tasks(
    db: Database,
    project: ProjectRow,
    batch: BatchRow | None,
    choice: TaskChoice,
    *,
    per_read: int = TASKS_PER_READ,
) -> AsyncIterator[Sequence[PageRow]]:
    """Yield the tasks of a project in pieces: by `seq`, or by completion where that is bounded.

    They are read in short transactions up to a bound taken at the start. In a range they come by
    `seq` always. Raises NotFound for a delivery that the project does not have.
    """
    if choice.delivery is not None:
        async for piece in _of_delivery(db, project, choice, per_read):
            yield piece
        return
    where = choice.filter_of(project, batch)
    if choice.until is not None:
        async for piece in _of_range(db, where, choice.after, choice.until, per_read):
            yield piece
        return
    async with db.read() as tx:
        if where.is_by_completion:
            bound = await projects.last_completion_time(tx, project.project_key)
        else:
            bound = await projects.next_seq(tx, project.project_key) - 1
    cursor, has_more = where.start, True
    while has_more:
        async with db.read() as tx:
            rows, has_more = await tasks.list_tasks(
                tx, where, after=cursor, bound=bound, limit=per_read, with_patches=True
            )
        if rows:
            seq, completed_ms = rows[-1][0], rows[-1][1]
            cursor = TaskCursor(completed_ms or 0, seq)
            yield rows


def votes_of_tasks(
    db: Database, project: ProjectRow, *, writes_older: bool = True
) -> Callable[[Sequence[str]], Awaitable[dict[str, list[VoteRow]]]]:
    """Lookup of the votes of a project's tasks by task_id; tasks without votes are left out.

    What an older store has still without votes is written before, unless not `writes_older`.
    """

    async def votes_of(task_ids: Sequence[str]) -> dict[str, list[VoteRow]]:
        if writes_older:
            await fill_project(db, project.project_key)
        async with db.read() as tx:
            found = await task_locators.locate_tasks(tx, project.environment_id, task_ids)
            ids = {place[1]: task_id for task_id, place in found.items() if place is not None}
            listed: dict[str, list[VoteRow]] = {}
            for vote in await votes.list_votes(tx, project.project_key, sorted(ids)):
                listed.setdefault(ids[vote.seq], []).append(vote)
        return listed

    return votes_of


async def _of_range(
    db: Database, where: TaskFilter, after: int, until: int, per_read: int
) -> AsyncIterator[Sequence[PageRow]]:
    while after < until:
        async with db.read() as tx:
            rows, after = await task_ranges.list_range(
                tx, where, after=after, until=until, limit=per_read
            )
        if rows:
            yield rows


async def _of_delivery(
    db: Database, project: ProjectRow, choice: TaskChoice, per_read: int
) -> AsyncIterator[Sequence[PageRow]]:
    name = choice.delivery or ""
    async with db.read() as tx:
        delivery = await deliveries.find_delivery_by_name(
            tx, project.project_key, names.normalize_name(name)
        )
    if delivery is None:
        raise NotFound(f"the project has no delivery {name!r}")
    after = choice.after
    last = delivery.task_count if choice.until is None else min(choice.until, delivery.task_count)
    while after < last:
        until = min(after + per_read, last)
        async with db.read() as tx:
            rows, _ = await delivered.list_frozen(
                tx,
                project.project_key,
                delivery.delivery_seq,
                after=after,
                until=until,
                with_patches=True,
            )
        if not rows:
            return
        after = rows[-1][0]
        yield rows

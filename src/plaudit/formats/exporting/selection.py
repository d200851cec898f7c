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
from plaudit.store.tasks import projects, tasks
from plaudit.store.tasks.tasks import TaskCursor, TaskFilter

TASKS_PER_READ = 200


class TaskChoice(Struct, frozen=True, kw_only=True):
    """Filter of an export; bounds of completion are exclusive, in milliseconds.

    `delivery` is the name of a delivery; the other members then stay None.
    """

    status: TaskStatus | None = None
    completed_after: int | None = None
    completed_before: int | None = None
    delivery: str | None = None

    @property
    def is_filter(self) -> bool:
        """True if tasks are chosen by a member other than the delivery."""
        return (self.status, self.completed_after, self.completed_before) != (None, None, None)

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

    They are read in short transactions up to a bound taken at the start. Raises NotFound for a
    delivery that the project does not have.
    """
    if choice.delivery is not None:
        async for piece in _of_delivery(db, project, choice.delivery, per_read):
            yield piece
        return
    where = TaskFilter(
        project_key=project.project_key,
        batch_id=None if batch is None else batch.batch_id,
        status=choice.status,
        completed_after=choice.completed_after,
        completed_before=choice.completed_before,
    )
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
            found = await tasks.locate_tasks(tx, project.environment_id, task_ids)
            ids = {seq: task_id for task_id, (_, seq) in found.items()}
            listed: dict[str, list[VoteRow]] = {}
            for vote in await votes.list_votes(tx, project.project_key, sorted(ids)):
                listed.setdefault(ids[vote.seq], []).append(vote)
        return listed

    return votes_of


async def _of_delivery(
    db: Database, project: ProjectRow, name: str, per_read: int
) -> AsyncIterator[Sequence[PageRow]]:
    async with db.read() as tx:
        delivery = await deliveries.find_delivery_by_name(
            tx, project.project_key, names.normalize_name(name)
        )
    if delivery is None:
        raise NotFound(f"the project has no delivery {name!r}")
    after = 0
    while after < delivery.task_count:
        until = min(after + per_read, delivery.task_count)
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

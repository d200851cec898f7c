"""What a person sees first: the projects there are, and how much of each is done."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.core import ProjectRow, TaskStatus
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects, work_queue

PROJECTS_MAX = 50
COUNTED_MAX = 1000
"""More tasks than that are not counted one by one for a page that everybody opens."""


class ProjectSummary(Struct, frozen=True):
    """A project and how many of its tasks are so far, each counted up to COUNTED_MAX."""

    project: ProjectRow
    free: int
    """Tasks that somebody can take now: pending, and not held back, held, or in review."""
    pending: int
    completed: int


async def standings(tx: Transaction, environment_id: str) -> tuple[list[ProjectSummary], bool]:
    """The newest projects of a world, and whether there are more than these."""
    found = await projects.list_newest_projects(tx, environment_id, PROJECTS_MAX + 1)
    return await _standings_of(tx, found[:PROJECTS_MAX]), len(found) > PROJECTS_MAX


async def standings_page(
    tx: Transaction, environment_id: str, number: int
) -> tuple[list[ProjectSummary], int]:
    """One page of all projects, the newest first, counted from 1; and how many pages there are."""
    found = await projects.list_projects(tx, environment_id)
    found.reverse()
    first = (number - 1) * PROJECTS_MAX
    pages = max(1, -(-len(found) // PROJECTS_MAX))
    return await _standings_of(tx, found[first : first + PROJECTS_MAX]), pages


async def _standings_of(tx: Transaction, found: Sequence[ProjectRow]) -> list[ProjectSummary]:
    return [
        ProjectSummary(
            one,
            await work_queue.count_free(tx, one.project_key, limit_max=COUNTED_MAX),
            await projects.count_tasks(tx, one.project_key, TaskStatus.pending, COUNTED_MAX),
            await projects.count_tasks(tx, one.project_key, TaskStatus.completed, COUNTED_MAX),
        )
        for one in found
    ]

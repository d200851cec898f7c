"""Project lists of the start page and of managers, with how much of each project is done."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.model.core import ProjectRow, TaskStatus
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects, work_queue

PROJECTS_MAX = 50
COUNTED_MAX = 1000
"""Counting stops here, because everybody opens these pages often."""


class ProjectSummary(Struct, frozen=True):
    """A project with the number of its tasks in each state, counted up to COUNTED_MAX."""

    project: ProjectRow
    free: int
    """Pending tasks with a free slot: neither on hold, leased by enough people, nor in review."""
    pending: int
    completed: int


async def list_summaries(tx: Transaction, environment_id: str) -> tuple[list[ProjectSummary], bool]:
    """List up to PROJECTS_MAX projects of an environment, newest first.

    The second value is True if there are more.
    """
    listed = await projects.list_newest_projects(tx, environment_id, PROJECTS_MAX + 1)
    return await _summaries(tx, listed[:PROJECTS_MAX]), len(listed) > PROJECTS_MAX


async def list_summaries_page(
    tx: Transaction, environment_id: str, number: int
) -> tuple[list[ProjectSummary], int]:
    """List page `number` (from 1) of all projects, newest first; and the number of pages."""
    pages = max(1, -(-await projects.count_projects(tx, environment_id) // PROJECTS_MAX))
    listed = await projects.list_newest_projects(
        tx, environment_id, PROJECTS_MAX, skipped=(number - 1) * PROJECTS_MAX
    )
    return await _summaries(tx, listed), pages


async def _summaries(tx: Transaction, listed: Sequence[ProjectRow]) -> list[ProjectSummary]:
    keys = [project.project_key for project in listed]
    counts = zip(
        listed,
        await work_queue.count_free_by_project(tx, keys, limit_max=COUNTED_MAX),
        await projects.count_tasks_by_project(tx, keys, TaskStatus.pending, COUNTED_MAX),
        await projects.count_tasks_by_project(tx, keys, TaskStatus.completed, COUNTED_MAX),
        strict=True,
    )
    return [ProjectSummary(*summary) for summary in counts]

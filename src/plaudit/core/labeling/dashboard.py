"""Project lists of the start page and of managers, with how much of each project is done."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.core.staffing import pools, seats
from plaudit.model.core import PersonRole, ProjectRow, SignedIn, TaskStatus
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects, work_lists, work_pools

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


class _ProjectCursor(Struct, frozen=True, array_like=True, tag="projects page"):
    """The last project of a page."""

    created_ms: int
    project_id: str


async def list_summaries(tx: Transaction, user: SignedIn) -> tuple[list[ProjectSummary], bool]:
    """List up to PROJECTS_MAX projects that a user sees, newest first.

    Free are the tasks that they may be given. The second value is True if there are more projects.
    """
    listed, has_more = await list_newest(tx, user)
    keys = [project.project_key for project in listed]
    by_project = await pools.list_pools(tx, user.environment_id, keys, user.user_id)
    each = [(key, pool) for key in keys for pool in by_project[key]]
    counted = await work_pools.count_free_in_pools(tx, each, limit_max=COUNTED_MAX)
    free = dict.fromkeys(keys, 0)
    for (key, _), count in zip(each, counted, strict=True):
        free[key] = min(free[key] + count, COUNTED_MAX)
    return await _summaries(tx, listed, [free[key] for key in keys]), has_more


async def list_newest(tx: Transaction, user: SignedIn) -> tuple[list[ProjectRow], bool]:
    """List up to PROJECTS_MAX projects that a user sees, newest first; True if there are more."""
    listed = await seats.list_projects(tx, user, PROJECTS_MAX + 1)
    return listed[:PROJECTS_MAX], len(listed) > PROJECTS_MAX


async def list_summaries_page(
    tx: Transaction, secret: ServerSecret, user: SignedIn, next_token: str | None
) -> tuple[list[ProjectSummary], str | None]:
    """List one page of the projects that a user manages, newest first; and the next token.

    The token is None on the last page. Raises InvalidPageToken.
    """
    environment_id = user.environment_id
    before = None
    if next_token is not None:
        cursor = page_tokens.decode(secret, environment_id, next_token, _ProjectCursor)
        before = cursor.created_ms, cursor.project_id
    listed = await seats.list_projects(
        tx, user, PROJECTS_MAX + 1, role=PersonRole.manager, before=before
    )
    token = None
    if len(listed) > PROJECTS_MAX:
        listed.pop()
        last = _ProjectCursor(listed[-1].created_ms, listed[-1].project_id)
        token = page_tokens.encode(secret, environment_id, last)
    keys = [project.project_key for project in listed]
    free = await work_lists.count_free_by_project(tx, keys, limit_max=COUNTED_MAX)
    return await _summaries(tx, listed, free), token


async def _summaries(
    tx: Transaction, listed: Sequence[ProjectRow], free: Sequence[int]
) -> list[ProjectSummary]:
    keys = [project.project_key for project in listed]
    counts = zip(
        listed,
        free,
        await projects.count_tasks_by_project(tx, keys, TaskStatus.pending, COUNTED_MAX),
        await projects.count_tasks_by_project(tx, keys, TaskStatus.completed, COUNTED_MAX),
        strict=True,
    )
    return [ProjectSummary(*summary) for summary in counts]

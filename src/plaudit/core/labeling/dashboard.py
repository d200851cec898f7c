"""Project lists of the start page and of managers, with how much of each project is done."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from plaudit.core.common import page_tokens
from plaudit.core.common.server_secret import ServerSecret
from plaudit.model.core import ProjectRow, TaskStatus
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects, work_lists

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


async def list_summaries(tx: Transaction, environment_id: str) -> tuple[list[ProjectSummary], bool]:
    """List up to PROJECTS_MAX projects of an environment, newest first.

    The second value is True if there are more.
    """
    listed, has_more = await list_newest(tx, environment_id)
    return await _summaries(tx, listed), has_more


async def list_newest(tx: Transaction, environment_id: str) -> tuple[list[ProjectRow], bool]:
    """List up to PROJECTS_MAX projects, newest first; and True if there are more."""
    listed = await projects.list_newest_projects(tx, environment_id, PROJECTS_MAX + 1)
    return listed[:PROJECTS_MAX], len(listed) > PROJECTS_MAX


async def list_summaries_page(
    tx: Transaction, secret: ServerSecret, environment_id: str, next_token: str | None
) -> tuple[list[ProjectSummary], str | None]:
    """List one page of all projects, newest first; and the next token, None on the last page.

    Raises InvalidPageToken.
    """
    before = None
    if next_token is not None:
        cursor = page_tokens.decode(secret, environment_id, next_token, _ProjectCursor)
        before = cursor.created_ms, cursor.project_id
    listed = await projects.list_newest_projects(
        tx, environment_id, PROJECTS_MAX + 1, before=before
    )
    token = None
    if len(listed) > PROJECTS_MAX:
        listed.pop()
        last = _ProjectCursor(listed[-1].created_ms, listed[-1].project_id)
        token = page_tokens.encode(secret, environment_id, last)
    return await _summaries(tx, listed), token


async def _summaries(tx: Transaction, listed: Sequence[ProjectRow]) -> list[ProjectSummary]:
    keys = [project.project_key for project in listed]
    counts = zip(
        listed,
        await work_lists.count_free_by_project(tx, keys, limit_max=COUNTED_MAX),
        await projects.count_tasks_by_project(tx, keys, TaskStatus.pending, COUNTED_MAX),
        await projects.count_tasks_by_project(tx, keys, TaskStatus.completed, COUNTED_MAX),
        strict=True,
    )
    return [ProjectSummary(*summary) for summary in counts]

"""Home: what waits for somebody, the next task, what they did today, and the projects with work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from plaudit import clock
from plaudit.api.http.parameters import NoQuery
from plaudit.core.accounts import permissions
from plaudit.core.labeling import dashboard
from plaudit.core.labeling.dashboard import ProjectSummary
from plaudit.core.managing import talks
from plaudit.core.quality.people import review_feedback
from plaudit.core.quality.people.review_feedback import Feedback
from plaudit.core.quality_control import assigning
from plaudit.core.staffing import seats
from plaudit.core.tasks import excerpts
from plaudit.model.core import PersonRole, ProjectRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import own_work
from plaudit.store.labeling.own_work import OpenWork, RecentWork
from plaudit.store.quality_control import pauses
from plaudit.texts import N_
from plaudit.workspace.http import links
from plaudit.workspace.http.page import Page, PageRequest

DAY_MS = 24 * 60 * 60 * 1000
OPEN_MAX = 20
FEEDBACK_MAX = 3
UNREAD_MAX = 5
"""Tasks with something to read that are listed, the latest of all projects."""
DAY_TASKS_MAX = 1000
"""Tasks of a day that are counted in one project."""


class TaskAtHand(Struct, frozen=True, kw_only=True):
    """The one thing to do next: a task that is held, or the queue of a project with free ones."""

    project: ProjectSummary
    assignment_id: str | None
    """The task that is held; None where the next one is to be taken."""
    excerpt: str
    """Beginning of the held task's prompt, empty where there is none."""


async def show_start(request: PageRequest[NoQuery]) -> dict[str, Any]:
    """GET /work: what is next, what waits, and the newest projects with their counts."""
    user_id, now = request.user.user_id, clock.now_ms()
    async with request.db.read() as tx:
        standings, has_more = await dashboard.list_summaries(tx, request.user)
        standings = await assigning.with_control_tasks(
            tx, standings, user_id, limit_max=dashboard.COUNTED_MAX
        )
        by_key = {one.project.project_key: one for one in standings}
        keys = list(by_key)
        held = await own_work.list_open(tx, keys, user_id, limit=OPEN_MAX)
        recent = await own_work.list_recent(
            tx, keys, user_id, since_ms=now - DAY_MS, most=DAY_TASKS_MAX
        )
        paused = {
            pause.project_key: pause for pause in await pauses.list_open_among(tx, keys, user_id)
        }
        unread = await talks.list_unread(tx, keys, user_id, limit=UNREAD_MAX)
        asked = await _asked(tx, request)
        feedback = await _feedback(tx, by_key, recent, user_id)
        going_on = next((one for one in held if not one.is_returned), None)
        prompts = {}
        if going_on is not None:
            prompts = await excerpts.list_excerpts(tx, going_on.task_key, [going_on.seq])
    busy = [one for one in standings if one.free]
    open_to_me = [one for one in busy if one.project.project_key not in paused]
    worked_in = [one for one in recent if one.project_key not in paused]
    return {
        "next_task": _next_task(by_key, open_to_me, going_on, worked_in, prompts),
        "paused": paused,
        "pauses": [(by_key[key].project, paused[key]) for key in keys if key in paused],
        "feedback": feedback,
        "unread": [(by_key[one.project_key].project, one) for one in unread[:UNREAD_MAX]],
        "asked": asked,
        "returned": _returned(by_key, held),
        "done_today": sum(one.submitted for one in recent),
        "minutes_today": sum(one.active_ms for one in recent) // 60_000,
        "busy": busy,
        "idle": [one for one in standings if not one.free],
        "has_more": has_more,
        "most": dashboard.COUNTED_MAX,
    }


async def _asked(tx: Transaction, request: PageRequest[NoQuery]) -> list[tuple[ProjectRow, int]]:
    """Projects that the user reviews or manages in which annotators wrote, with how many talks."""
    user = request.user
    if not permissions.reaches(user, PersonRole.reviewer):
        return []
    listed = await seats.list_projects(tx, user, dashboard.PROJECTS_MAX, role=PersonRole.reviewer)
    counts = await talks.count_unread(tx, [one.project_key for one in listed])
    return [(one, counts[one.project_key]) for one in listed if counts[one.project_key]]


class FeedbackAtHand(Struct, frozen=True):
    """Latest feedback in the project that was worked in last, with the prompts of its tasks."""

    project: ProjectSummary
    items: Sequence[tuple[Feedback, str]]


async def _feedback(
    tx: Transaction,
    by_key: dict[int, ProjectSummary],
    recent: Sequence[RecentWork],
    user_id: str,
) -> FeedbackAtHand | None:
    """Newest feedback in the project that was worked in last; None without any."""
    if not recent:
        return None
    project = by_key[recent[0].project_key]
    said = await review_feedback.list_feedback(tx, project.project, user_id, limit=FEEDBACK_MAX)
    if not said:
        return None
    prompts = await excerpts.list_excerpts(
        tx, project.project.project_key, sorted({one.seq for one in said})
    )
    return FeedbackAtHand(project, [(one, prompts.get(one.seq, "")) for one in said])


def _next_task(
    by_key: dict[int, ProjectSummary],
    busy: Sequence[ProjectSummary],
    going_on: OpenWork | None,
    recent: Sequence[RecentWork],
    prompts: dict[int, str],
) -> TaskAtHand | None:
    """The task that is held; else the queue of the project worked in last, or the newest one."""
    if going_on is not None:
        return TaskAtHand(
            project=by_key[going_on.project_key],
            assignment_id=going_on.assignment_id,
            excerpt=prompts.get(going_on.seq, ""),
        )
    worked_in = [by_key[one.project_key] for one in recent]
    found = next((one for one in [*worked_in, *busy] if one.free), None)
    return None if found is None else TaskAtHand(project=found, assignment_id=None, excerpt="")


def _returned(
    by_key: dict[int, ProjectSummary], held: Sequence[OpenWork]
) -> list[tuple[ProjectSummary, int]]:
    """Projects in which tasks were sent back, with how many, the latest first."""
    counts: dict[int, int] = {}
    for one in held:
        if one.is_returned:
            counts[one.project_key] = counts.get(one.project_key, 0) + 1
    return [(by_key[key], count) for key, count in counts.items()]


PAGES = (
    Page(
        page_id="show_start",
        path=links.START,
        role=PersonRole.annotator,
        handler=show_start,
        template="projects/start.html",
        nav=N_("Home"),
        nav_order=10,
        nav_section=N_("Work"),
    ),
)

"""Reasons why tasks of a project wait, as counts of tasks and of people.

A task waits for one of several things: a reviewer, a manager, its batch, whoever holds it, or
somebody who is given it. For the last there may be nobody, so people are counted too, each by the
first thing that keeps tasks from them. Every query reads a bounded number of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from msgspec import Struct

from plaudit.core.labeling import statistics
from plaudit.core.labeling.statistics import ProjectProgress
from plaudit.core.quality_control.qualification import round_of
from plaudit.core.staffing import demand, quotas, roles
from plaudit.core.staffing.demand import Demand
from plaudit.model.core import PersonRole, PersonStatus, ProjectRow
from plaudit.model.quality_control import QualificationState
from plaudit.model.staffing import TaskQuota
from plaudit.store.accounts import project_members
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import skips
from plaudit.store.managing import waiting
from plaudit.store.managing.waiting import HeldBatch, StaffRow
from plaudit.store.quality_control import pauses, qualifications
from plaudit.wire.v2.resources import project_detail

BATCHES_MAX = 10
PEOPLE_MAX = 100
"""People who were ever given tasks of a project that are looked at, the first by id."""
NAMED_MAX = 10
"""People who are named for each reason."""
ROWS_MAX = 1000
"""Pauses and tests of a project that are looked through."""


class Obstacle(StrEnum):
    """First thing that keeps tasks of a project from somebody who worked in it."""

    none = "none"
    no_access = "no_access"
    """They were removed, or the project is not open to them any more."""
    paused = "paused"
    unqualified = "unqualified"
    """They have not passed the project's test."""
    day_used = "day_used"
    all_used = "all_used"
    """Their quota is used up, for today or for good."""


class WaitingTasks(Struct, frozen=True):
    """Counts of pending tasks by what they wait for, batches held back, and what tasks ask."""

    progress: ProjectProgress
    batches: list[HeldBatch]
    demand: list[Demand]

    @property
    def undoable(self) -> list[Demand]:
        """Requirements that no active person meets."""
        return [one for one in self.demand if not one.people]


class WaitingPeople(Struct, frozen=True):
    """People who were ever given tasks by their first obstacle, and some of each by id."""

    counts: dict[Obstacle, int]
    some: dict[Obstacle, list[str]]
    has_more: bool

    @property
    def able(self) -> int:
        """People to whom nothing is in the way."""
        return self.counts.get(Obstacle.none, 0)


async def waiting_tasks(tx: Transaction, project: ProjectRow, organization_id: str) -> WaitingTasks:
    """Find what the pending tasks of a project wait for."""
    key = project.project_key
    return WaitingTasks(
        await statistics.progress(tx, project),
        await waiting.list_held_batches(tx, key, limit=BATCHES_MAX),
        await demand.list_demand(tx, project, organization_id),
    )


async def waiting_people(
    tx: Transaction, project: ProjectRow, organization_id: str
) -> WaitingPeople:
    """Find what keeps tasks from the people who were ever given some of a project."""
    key = project.project_key
    asked = await skips.list_workers(tx, key, limit=PEOPLE_MAX + 1)
    staff = await waiting.list_staff(tx, key, organization_id, asked[:PEOPLE_MAX])
    is_members_only, quota = await project_members.find_access(tx, key)
    paused = {
        row.user_id
        for row in await pauses.list_pauses(tx, key, is_open=True, before=None, limit=ROWS_MAX)
    }
    passed = await _passed(tx, project)
    quota_of = {row.user_id: _quota(row, quota) for row in staff}
    used = await _used_up(tx, key, quota_of)
    found: dict[str, Obstacle] = {}
    for row in staff:
        if not _has_access(row, is_members_only=is_members_only):
            found[row.user_id] = Obstacle.no_access
        elif row.user_id in paused:
            found[row.user_id] = Obstacle.paused
        elif passed is not None and row.user_id not in passed:
            found[row.user_id] = Obstacle.unqualified
        else:
            found[row.user_id] = used.get(row.user_id, Obstacle.none)
    some: dict[Obstacle, list[str]] = {}
    for user_id, obstacle in found.items():
        some.setdefault(obstacle, []).append(user_id)
    return WaitingPeople(
        dict(Counter(found.values())),
        {obstacle: people[:NAMED_MAX] for obstacle, people in some.items()},
        len(asked) > PEOPLE_MAX,
    )


def _has_access(row: StaffRow, *, is_members_only: bool) -> bool:
    role = roles.role_in_project(
        PersonRole(row.role),
        None if row.own is None else row.own[0],
        max((rank for rank, _ in row.teams), default=None),
        is_open=not is_members_only and not row.is_guest,
    )
    return role is not None and row.status == PersonStatus.active


def _quota(row: StaffRow, project_quota: TaskQuota) -> TaskQuota:
    own = None if row.own is None else row.own[1]
    return roles.quota_of(project_quota, own, [quota for _, quota in row.teams])


async def _passed(tx: Transaction, project: ProjectRow) -> set[str] | None:
    """People who have passed the project's test as it is now; None where there is none."""
    settings = project_detail(project).qualification
    if settings is None:
        return None
    rows = await qualifications.list_rows(tx, project.project_key, after="", limit=ROWS_MAX)
    now = round_of(project, settings)
    return {
        row.user_id for row in rows if row.round == now and row.state is QualificationState.passed
    }


async def _used_up(
    tx: Transaction, project_key: int, quota_of: dict[str, TaskQuota]
) -> dict[str, Obstacle]:
    """People whose quota is used up, and which of the two."""
    since = quotas.day_start(await tx.now_ms())
    asked: list[tuple[str, int, int]] = []
    kinds: list[Obstacle] = []
    for user_id, quota in quota_of.items():
        bounds = ((quota.per_day, since, Obstacle.day_used), (quota.in_all, 0, Obstacle.all_used))
        for most, since_ms, kind in bounds:
            if most is not None:
                asked.append((user_id, since_ms, most))
                kinds.append(kind)
    counts = await waiting.count_given_each(tx, project_key, asked)
    return _over(asked, kinds, counts)


def _over(
    asked: Sequence[tuple[str, int, int]], kinds: Sequence[Obstacle], counts: Sequence[int]
) -> dict[str, Obstacle]:
    """Bounds that are reached; the one in all stands after that of the day, and counts."""
    return {
        user_id: kind
        for (user_id, _, most), kind, count in zip(asked, kinds, counts, strict=True)
        if count >= most
    }

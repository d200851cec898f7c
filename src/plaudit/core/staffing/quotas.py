"""Quotas: the most tasks of a project that a person is given, in a day and in all.

Counted are the tasks that the person holds or has submitted; what was skipped, given back or ran
out is not. A day is one of UTC, and a task belongs to the day on which the person was given it
last. The caller has locked the person's leases, so that of any number of requests at once none is
given one task too many.
"""

from __future__ import annotations

from msgspec import Struct

from plaudit.model.core import ProjectRow
from plaudit.model.labeling import Lease, LeaseStatus
from plaudit.model.staffing import TaskQuota
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import quotas
from plaudit.texts import N_

DAY_MS = 24 * 60 * 60 * 1000
QUOTA_MAX = 100_000
"""The greatest quota, and so the most that is counted."""
NO_QUOTA = TaskQuota()


class QuotaUse(Struct, frozen=True):
    """A quota and how much of it is used, None where there is no bound."""

    quota: TaskQuota
    today: int | None
    in_all: int | None

    @property
    def left(self) -> int | None:
        """Tasks that the person may still be given now; None for no bound."""
        bounds = [
            max(0, most - used)
            for most, used in (
                (self.quota.per_day, self.today),
                (self.quota.in_all, self.in_all),
            )
            if most is not None and used is not None
        ]
        return min(bounds, default=None)

    @property
    def is_day_used(self) -> bool:
        """True if the day's quota is used up and tomorrow there is more."""
        per_day, in_all = self.quota.per_day, self.quota.in_all
        is_over = in_all is not None and self.in_all is not None and self.in_all >= in_all
        return (
            not is_over and per_day is not None and self.today is not None and self.today >= per_day
        )


def day_start(now: int) -> int:
    """Beginning of the day (UTC) of a time, in milliseconds."""
    return now - now % DAY_MS


def is_counted(lease: Lease, now: int) -> bool:
    """True for a lease that counts already, so that going on with it uses up nothing."""
    if lease.status is LeaseStatus.returned:
        return True
    is_held = lease.status in (LeaseStatus.open, LeaseStatus.submitted)
    return is_held and lease.leased_ms >= day_start(now)


async def find_use(
    tx: Transaction, project: ProjectRow, user_id: str, quota: TaskQuota, now: int
) -> QuotaUse:
    """Use of a person's quota so far. Needs no write transaction."""
    key = abs(project.project_key)
    today = in_all = None
    if quota.per_day is not None:
        since = day_start(now)
        today = await quotas.count_given(tx, key, user_id, since_ms=since, most=quota.per_day)
    if quota.in_all is not None:
        in_all = await quotas.count_given(tx, key, user_id, since_ms=0, most=quota.in_all)
    return QuotaUse(quota, today, in_all)


async def explain_used_up(
    tx: Transaction, project: ProjectRow, user_id: str, quota: TaskQuota, now: int
) -> str | None:
    """Message for a person who may be given no further task; None while they may.

    The caller has locked their leases.
    """
    if quota == NO_QUOTA:
        return None
    use = await find_use(tx, project, user_id, quota, now)
    if use.left != 0:
        return None
    if use.is_day_used:
        return N_("you have done your tasks of today; more can be taken tomorrow (UTC)")
    return N_("you have done all tasks that you can take in this project")

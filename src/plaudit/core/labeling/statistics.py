"""Statistics of a project: its tasks by status, and its pace.

Every query reads a bounded number of rows, whatever the size of the project.
"""

from __future__ import annotations

from msgspec import Struct

from plaudit.core.labeling import task_work
from plaudit.model.core import STORED_STATUSES, ProjectRow, TaskStatus
from plaudit.model.labeling import WorkState
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import flags, statistics
from plaudit.store.managing import waiting
from plaudit.store.tasks import recent_completions, work_lists

COUNTED_MAX = 100_000
"""The most rows that are counted; a count of it means that many or more."""
UNASKED_MAX = 10
SKIPPED_MAX = 1000
"""The most tasks somebody skipped that are looked through to count those skipped by all."""
DAYS = 30
DAY_MS = 24 * 3600 * 1000


class ProjectProgress(Struct, frozen=True, kw_only=True):
    """Counts of a project's tasks by status, and of the work on the pending ones.

    Each is counted up to COUNTED_MAX. `held` are leases that run at this moment, `waiting` tasks
    with a free slot. `unasked` are pending tasks that nobody is given, for nothing is asked about
    them: they have no conversation, or one that the form asks nothing about. `flagged` are tasks
    in any status with flags that no manager has seen, `skipped` those that are skipped by all
    (task_work.py), with `has_more_skipped` perhaps more.
    """

    statuses: dict[TaskStatus, int]
    waiting: int
    held: int
    in_review: int
    quarantined: int
    unasked: int
    flagged: int
    skipped: int
    has_more_skipped: bool


class CompletionPace(Struct, frozen=True):
    """Completions on each of DAYS days in UTC, as pairs of the day's start and the count.

    The days end today, or, if `is_past`, with the day of the last completion. With `is_cut` there
    were more than COUNTED_MAX, and the earlier days lack some.
    """

    days: list[tuple[int, int]]
    is_cut: bool
    is_past: bool = False


async def progress(tx: Transaction, project: ProjectRow) -> ProjectProgress:
    """Count a project's tasks and the work on them."""
    key = project.project_key
    skipped = await task_work.list_skipped(tx, project, limit=SKIPPED_MAX)
    states = await waiting.count_states(
        tx, key, [WorkState.in_review, WorkState.quarantined], most=COUNTED_MAX
    )
    return ProjectProgress(
        statuses=await waiting.count_statuses(tx, key, STORED_STATUSES, most=COUNTED_MAX),
        waiting=await work_lists.count_free(tx, key, limit_max=COUNTED_MAX),
        held=await statistics.count_open_leases(tx, key, now=await tx.now_ms(), most=COUNTED_MAX),
        in_review=states[WorkState.in_review],
        quarantined=states[WorkState.quarantined],
        unasked=await statistics.count_unasked(tx, key, most=COUNTED_MAX),
        flagged=await flags.count_flagged(tx, key, most=COUNTED_MAX),
        skipped=len(skipped.rows),
        has_more_skipped=skipped.last_seq is not None,
    )


async def list_unasked(
    tx: Transaction, project: ProjectRow, counted: int
) -> list[tuple[str, bool]]:
    """List the oldest UNASKED_MAX tasks that nothing is asked about, of so many as were `counted`.

    Pairs of the task_id, and True if it has a conversation about which the form asks nothing.
    """
    if not counted:
        return []
    return await statistics.list_unasked(
        tx, project.project_key, most=COUNTED_MAX, limit=min(UNASKED_MAX, counted)
    )


async def pace(tx: Transaction, project: ProjectRow, now_ms: int) -> CompletionPace:
    """Count the completions by day, over the DAYS days to now or to the last completion."""
    first = (now_ms // DAY_MS - DAYS + 1) * DAY_MS
    newest = await recent_completions.list_latest_completions(tx, project.project_key, limit=1)
    is_past = bool(newest) and newest[0].at_ms < first
    if is_past:
        first = (newest[0].at_ms // DAY_MS - DAYS + 1) * DAY_MS
    counts = await statistics.count_completed_by_day(
        tx, project.project_key, since_ms=first, most=COUNTED_MAX
    )
    days = [(first + number * DAY_MS, counts.get(number, 0)) for number in range(DAYS)]
    return CompletionPace(days, sum(counts.values()) >= COUNTED_MAX, is_past)

"""Feedback on gold: none, on each answer at once, or on those of earlier days.

Of training tasks they learn at once, always.

It is a project's setting, off by default: gold that is known spreads.
"""

from __future__ import annotations

from msgspec import Struct

from plaudit.core.labeling.adjudication.task_outcome import content_of
from plaudit.core.quality_control.gold_tasks import expected_of, gold_settings
from plaudit.core.tasks import excerpts
from plaudit.errors import NotFound
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import Lease, LeaseStatus, control_key
from plaudit.model.quality_control import Collector, ControlResult, GoldFeedback, GoldRow
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import leases
from plaudit.store.quality_control import control_results, control_turns, gold
from plaudit.store.tasks import tasks
from plaudit.wire.manage.gold import ExpectedAnswer
from plaudit.wire.v2.task import Thread

DAYS = 7
"""Days of which a person's page lists their answers."""
RESULTS_MAX = 500
_DAY_MS = 24 * 3600 * 1000


class TaskFeedback(Struct, frozen=True):
    """A person's answers to a gold task, beside the expected ones."""

    lease: Lease
    row: GoldRow
    content: list[Thread]
    expected: list[ExpectedAnswer]
    results: list[ControlResult]


class AnsweredGold(Struct, frozen=True):
    """A gold task that a person answered: how many of its questions, and how many right."""

    assignment_id: str
    excerpt: str
    submitted_ms: int
    right: int
    n: int


async def get_feedback(
    tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str
) -> TaskFeedback:
    """Feedback on a person's own answers; raises NotFound where they may not see any (yet)."""
    key = control_key(project.project_key)
    lease = await leases.find_lease(tx, key, user_id, assignment_id)
    row = None if lease is None else await gold.find_gold_at(tx, key, lease.seq)
    if lease is None or row is None or lease.status is not LeaseStatus.submitted:
        raise NotFound("there is no feedback on this task")
    results = await control_results.list_of_person_on(tx, key, lease.seq, user_id)
    now = await tx.now_ms()
    until_ms = now + 1 if row.is_training else _shown_until(project, now)
    if not results or results[0].submitted_ms >= until_ms:
        raise NotFound("there is no feedback on this task")
    content = content_of(await tasks.get_task(tx, key, lease.seq))
    return TaskFeedback(lease, row, content, expected_of(row), results)


async def list_answered(tx: Transaction, project: ProjectRow, user_id: str) -> list[AnsweredGold]:
    """List the gold tasks that a person answered in the last DAYS and may know of, latest first."""
    if gold_settings(project).feedback is GoldFeedback.off:
        return []
    key, now = control_key(project.project_key), await tx.now_ms()
    results = await control_results.list_of_person(
        tx,
        key,
        user_id,
        Collector.gold,
        after_ms=now - DAYS * _DAY_MS,
        before_ms=_shown_until(project, now),
        limit=RESULTS_MAX,
    )
    by_seq: dict[int, list[ControlResult]] = {}
    for result in results:
        by_seq.setdefault(result.seq, []).append(result)
    prompts = await excerpts.list_excerpts(tx, key, list(by_seq))
    held = await control_turns.list_assignment_ids(tx, key, user_id, list(by_seq))
    return [
        AnsweredGold(
            held[seq],
            prompts.get(seq, ""),
            listed[0].submitted_ms,
            sum(result.is_right for result in listed),
            len(listed),
        )
        for seq, listed in by_seq.items()
    ]


def _shown_until(project: ProjectRow, now: int) -> int:
    """Time before which an answer was submitted that its author may know more of."""
    match gold_settings(project).feedback:
        case GoldFeedback.at_once:
            return now + 1
        case GoldFeedback.daily:
            return now - now % _DAY_MS
    return 0

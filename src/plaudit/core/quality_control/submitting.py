"""Submission of a person's answers, and what it sets off in its own transaction.

Undoing, opening again and skipping are here too, since a paused person may not, or it is counted.
"""

from __future__ import annotations

from typing import Any

from plaudit.core.labeling import leases, submissions, task_notes
from plaudit.core.labeling.submissions import Receipt
from plaudit.core.quality_control import standing
from plaudit.core.quality_control.agreement_cases import count_agreement
from plaudit.core.quality_control.counters import count_case
from plaudit.core.quality_control.paces import find_pace
from plaudit.core.tasks.quality_rules import stored_rules
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import Lease, LeaseRef
from plaudit.model.quality_control import Collector
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import statistics
from plaudit.store.labeling import submissions as submissions_store
from plaudit.wire.v2.resources import project_detail

DECIDED = ("completed", "in_review")
"""Outcomes of a submission after which the task needs no other."""


async def submit(
    tx: Transaction,
    project: ProjectRow,
    lease_ref: LeaseRef,
    answers: Any,
    *,
    client_key: str,
    active_ms: int,
) -> Receipt:
    """Store a person's answers to a task once; arguments and problems are those of labeling."""
    receipt = await submissions.submit(
        tx, project, lease_ref, answers, client_key=client_key, active_ms=active_ms
    )
    if not receipt.is_repeated:
        await _count_cases(tx, project, receipt)
    return receipt


async def undo(tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str) -> Lease:
    """Reopen a submission of this moment; raises Paused, and what labeling raises."""
    await leases.lock_annotator(tx, project, user_id)
    await standing.require_standing(tx, project, user_id)
    return await submissions.undo(tx, project, user_id, assignment_id)


async def reopen(tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str) -> Lease:
    """Reopen one of a person's last submissions; raises Paused, and what labeling raises."""
    await leases.lock_annotator(tx, project, user_id)
    await standing.require_standing(tx, project, user_id)
    return await submissions.reopen(tx, project, user_id, assignment_id)


async def skip(
    tx: Transaction, project: ProjectRow, lease_ref: LeaseRef, *, reason: str, note: str | None
) -> None:
    """End a lease because the person cannot do the task; problems are those of labeling."""
    await task_notes.skip(tx, project, lease_ref, reason=reason, note=note)
    if Collector.skips in _collectors(project):
        await count_case(tx, project, lease_ref.user_id, Collector.skips, right=False)


async def _count_cases(tx: Transaction, project: ProjectRow, receipt: Receipt) -> None:
    """Count what a submission says of its author and, if it is the last, of everybody on the task.

    Nothing is read or counted for collectors without a rule.
    """
    wanted = _collectors(project)
    if not wanted & {Collector.skips, Collector.fast, Collector.agreement}:
        return
    submission = await submissions_store.find_submission(
        tx, project.project_key, receipt.submission_id
    )
    assert submission is not None, "it was stored in this transaction"
    if Collector.skips in wanted:
        await count_case(tx, project, submission.user_id, Collector.skips, right=True)
    if Collector.fast in wanted and submission.revision == 1:
        await _count_pace(tx, project, submission.user_id, submission.seq, submission.active_ms)
    if Collector.agreement in wanted and receipt.outcome in DECIDED:
        await count_agreement(tx, project, submission.seq)


async def _count_pace(
    tx: Transaction, project: ProjectRow, user_id: str, seq: int, active_ms: int
) -> None:
    pace = await find_pace(tx, project.project_key)
    sizes = await statistics.list_content_sizes(tx, project.project_key, [seq])
    if pace is not None and seq in sizes:
        is_fast = pace.is_fast(sizes[seq], active_ms)
        await count_case(tx, project, user_id, Collector.fast, right=not is_fast)


def _collectors(project: ProjectRow) -> set[Collector]:
    return {rule.collector for rule in stored_rules(project_detail(project))}

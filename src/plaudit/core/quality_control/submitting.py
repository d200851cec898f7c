"""Submission of a person's answers, and what it sets off in its own transaction.

Skipping is here too, since it is counted.
"""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit.core.labeling import leases, submissions, task_notes
from plaudit.core.labeling.submissions import Receipt
from plaudit.core.quality_control import (
    control_scoring,
    control_tasks,
    overlap,
    qualification,
)
from plaudit.core.quality_control.agreement_cases import count_agreement
from plaudit.core.quality_control.control_tasks import on_either_side
from plaudit.core.quality_control.counters import count_case
from plaudit.core.quality_control.paces import find_pace
from plaudit.core.tasks.overlap import adaptive_overlap
from plaudit.core.tasks.quality_rules import stored_rules
from plaudit.errors import NotFound
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import LeaseRef, SubmissionRow
from plaudit.model.quality_control import Collector
from plaudit.store.engine.engine import Transaction
from plaudit.store.labeling import statistics
from plaudit.store.labeling import submissions as submissions_store
from plaudit.store.quality_control import control_results
from plaudit.store.tasks import projects, tasks, work_queue
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
    """Store a person's answers to a task once; arguments and problems are those of labeling.

    Those to a control task are scored.
    """
    try:
        receipt = await submissions.submit(
            tx, project, lease_ref, answers, client_key=client_key, active_ms=active_ms
        )
    except NotFound:
        side = control_tasks.control_side(project)
        receipt = await submissions.submit(
            tx, side, lease_ref, answers, client_key=client_key, active_ms=active_ms
        )
        await control_scoring.score(tx, project, receipt)
        await _count_cases(tx, project, side.project_key, receipt)
        return receipt
    receipt = await _settled(tx, project, lease_ref, receipt)
    await _count_cases(tx, project, project.project_key, receipt)
    return receipt


async def skip(
    tx: Transaction, project: ProjectRow, lease_ref: LeaseRef, *, reason: str, note: str | None
) -> None:
    """End a lease because the person cannot do the task; problems are those of labeling."""

    async def work(tx: Transaction, side: ProjectRow) -> None:
        await task_notes.skip(tx, side, lease_ref, reason=reason, note=note)
        if side.project_key != project.project_key:
            lease = await leases.get_lease(tx, side, lease_ref.user_id, lease_ref.assignment_id)
            # Else whoever skips what is hard passes any test. One that was submitted before, and
            # opened again, has been recorded.
            if not await control_results.list_of_person_on(
                tx, side.project_key, lease.seq, lease.user_id
            ):
                await qualification.record(tx, project, lease.user_id, lease.seq, is_right=False)

    await on_either_side(tx, project, work)
    if Collector.skips in _collectors(project):
        await count_case(tx, project, lease_ref.user_id, Collector.skips, right=False)


async def _settled(
    tx: Transaction, project: ProjectRow, lease_ref: LeaseRef, receipt: Receipt
) -> Receipt:
    """Decide whether a task has judges enough, where the overlap is adaptive; the final receipt.

    The submission has locked the task's row in the queue, and its batch if it may be the last one.
    """
    if receipt.outcome != "waiting" or receipt.is_repeated:
        return receipt
    project = await projects.get_project(tx, project.project_key)
    if adaptive_overlap(project) is None:
        return receipt
    lease = await leases.get_lease(tx, project, lease_ref.user_id, lease_ref.assignment_id)
    task = await tasks.get_task(tx, lease.project_key, lease.seq)
    queued = await work_queue.find_work(tx, lease.project_key, lease.seq)
    assert queued is not None, "a task that waits is in the queue"
    outcome = await overlap.settle(tx, project, task, queued)
    return receipt if outcome is None else msgspec.structs.replace(receipt, outcome=outcome)


async def _count_cases(
    tx: Transaction, project: ProjectRow, side_key: int, receipt: Receipt
) -> None:
    """Count what a submission says of its author and, if it is the last, of everybody on the task.

    `side_key` is the key of its task, ordinary or control. Nothing is read or counted for
    collectors without a rule, or for a submission that is repeated.
    """
    wanted = _collectors(project)
    if receipt.is_repeated or not wanted & {
        Collector.skips,
        Collector.fast,
        Collector.agreement,
    }:
        return
    submission = await submissions_store.find_submission(tx, side_key, receipt.submission_id)
    assert submission is not None, "it was stored in this transaction"
    if Collector.skips in wanted:
        await count_case(tx, project, submission.user_id, Collector.skips, right=True)
    if Collector.fast in wanted and submission.revision == 1:
        await _count_pace(tx, project, submission)
    is_ordinary = side_key == project.project_key
    if Collector.agreement in wanted and is_ordinary and receipt.outcome in DECIDED:
        await count_agreement(tx, project, submission.seq)


async def _count_pace(tx: Transaction, project: ProjectRow, submission: SubmissionRow) -> None:
    pace = await find_pace(tx, project.project_key)
    seq = submission.seq
    sizes = await statistics.list_content_sizes(tx, submission.project_key, [seq])
    if pace is not None and seq in sizes:
        is_fast = pace.is_fast(sizes[seq], submission.active_ms)
        await count_case(tx, project, submission.user_id, Collector.fast, right=not is_fast)


def _collectors(project: ProjectRow) -> set[Collector]:
    return {rule.collector for rule in stored_rules(project_detail(project))}

"""Submission of a person's answers, and what it sets off in its own transaction."""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit.core.labeling import leases, submissions
from plaudit.core.labeling.submissions import Receipt
from plaudit.core.quality_control import control_scoring, control_tasks, overlap
from plaudit.core.tasks.overlap import adaptive_overlap
from plaudit.errors import NotFound
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import LeaseRef
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects, tasks, work_queue


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
        return receipt
    return await _settled(tx, project, lease_ref, receipt)


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

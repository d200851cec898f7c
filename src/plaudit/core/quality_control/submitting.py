"""Submission of a person's answers, and what it sets off in its own transaction."""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit.core.labeling import leases, submissions
from plaudit.core.labeling.submissions import Receipt
from plaudit.core.quality_control import overlap
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import LeaseRef
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects, tasks, work_queue
from plaudit.wire.v2.resources import project_detail


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
    if receipt.outcome != "waiting" or receipt.is_repeated:
        return receipt
    outcome = await _settle(tx, project, lease_ref)
    return receipt if outcome is None else msgspec.structs.replace(receipt, outcome=outcome)


async def _settle(tx: Transaction, project: ProjectRow, lease_ref: LeaseRef) -> str | None:
    """Decide whether a task has judges enough; None where the project has a fixed overlap.

    The submission has locked the task's row in the queue, and its batch if it may be the last one.
    """
    project = await projects.get_project(tx, project.project_key)
    if project_detail(project).judges is None:
        return None
    lease = await leases.get_lease(tx, project, lease_ref.user_id, lease_ref.assignment_id)
    task = await tasks.get_task(tx, lease.project_key, lease.seq)
    queued = await work_queue.find_work(tx, lease.project_key, lease.seq)
    assert queued is not None, "a task that waits is in the queue"
    return await overlap.settle(tx, project, task, queued)

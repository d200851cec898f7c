"""Submission of a person's answers, and what it sets off in its own transaction."""

from __future__ import annotations

from typing import Any

from plaudit.core.labeling import submissions
from plaudit.core.labeling.submissions import Receipt
from plaudit.core.quality_control import control_scoring, control_tasks
from plaudit.errors import NotFound
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import LeaseRef
from plaudit.store.engine.engine import Transaction


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
        return await submissions.submit(
            tx, project, lease_ref, answers, client_key=client_key, active_ms=active_ms
        )
    except NotFound:
        side = control_tasks.control_side(project)
        receipt = await submissions.submit(
            tx, side, lease_ref, answers, client_key=client_key, active_ms=active_ms
        )
        await control_scoring.score(tx, project, receipt)
        return receipt

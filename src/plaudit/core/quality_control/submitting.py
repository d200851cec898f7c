"""Submission of a person's answers, and what it sets off in its own transaction."""

from __future__ import annotations

from typing import Any

from plaudit.core.labeling import submissions
from plaudit.core.labeling.submissions import Receipt
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
    """Store a person's answers to a task once; arguments and problems are those of labeling."""
    return await submissions.submit(
        tx, project, lease_ref, answers, client_key=client_key, active_ms=active_ms
    )

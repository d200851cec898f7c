"""Assignment of a person's next task: every page that gives out tasks asks here."""

from __future__ import annotations

from plaudit.core.labeling import leases
from plaudit.core.quality_control import standing
from plaudit.model.core import ProjectRow
from plaudit.model.labeling import Lease
from plaudit.store.engine.engine import Transaction


async def lease_next(tx: Transaction, project: ProjectRow, user_id: str) -> Lease | None:
    """Lease the next task to a person; None if the project has none for them.

    Raises Paused, LimitReached at too many open leases, Forbidden if the person was removed.
    """
    await leases.lock_annotator(tx, project, user_id)
    await standing.require_standing(tx, project, user_id)
    return await leases.lease_next(tx, project, user_id)


async def resume(tx: Transaction, project: ProjectRow, user_id: str, assignment_id: str) -> Lease:
    """Open a person's lease again; raises Paused, and what labeling raises."""
    await leases.lock_annotator(tx, project, user_id)
    await standing.require_standing(tx, project, user_id)
    return await leases.resume(tx, project, user_id, assignment_id)

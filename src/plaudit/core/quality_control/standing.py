"""Standing of a person in a project: may they be given a task?"""

from __future__ import annotations

from plaudit.core.labeling import leases
from plaudit.core.staffing import seats
from plaudit.errors import Paused
from plaudit.model.core import ProjectRow
from plaudit.model.quality_control import PauseRow
from plaudit.model.staffing import Seat
from plaudit.store.engine.engine import Transaction
from plaudit.store.quality_control import pauses


async def find_pause(tx: Transaction, project: ProjectRow, user_id: str) -> PauseRow | None:
    """A person's open pause in a project; None without one. Needs no write transaction."""
    return await pauses.find_open(tx, project.project_key, user_id)


async def explain_loss(tx: Transaction, project: ProjectRow, user_id: str) -> None:
    """Raise Paused where somebody lost a lease because they are paused."""
    if await find_pause(tx, project, user_id) is not None:
        raise Paused


async def require_standing(tx: Transaction, project: ProjectRow, user_id: str) -> Seat:
    """Lock a person's leases in a project and return their seat; raise Paused if they are paused.

    Whoever pauses them or takes their access away, and takes the same lock afterwards, sees what
    was leased before. Raises Forbidden if the person was removed or has no access.
    """
    await leases.lock_annotator(tx, project, user_id)
    seat = await seats.require_seat(tx, project, user_id)
    if await find_pause(tx, project, user_id) is not None:
        raise Paused
    return seat

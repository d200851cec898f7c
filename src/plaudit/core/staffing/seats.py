"""Seats: a person's access to a project, their quota there, and the projects that they see."""

from __future__ import annotations

from plaudit.core.staffing import roles
from plaudit.errors import Forbidden, NotFound
from plaudit.model.core import PersonRole, PersonStatus, ProjectRow, SignedIn
from plaudit.model.staffing import Seat
from plaudit.store.accounts import project_members
from plaudit.store.engine.engine import Transaction
from plaudit.store.tasks import projects


async def find_seat(tx: Transaction, project: ProjectRow, user_id: str) -> Seat:
    """Seat of a person in a project. Needs no write transaction.

    Somebody whom the organization does not know counts as an annotator of it.
    """
    stored = await project_members.find_seat(tx, abs(project.project_key), user_id)
    if stored is None:
        raise NotFound("there is no such project")
    own_role = PersonRole.annotator if stored.role is None else PersonRole(stored.role)
    role = roles.role_in_project(
        own_role,
        None if stored.own is None else stored.own[0],
        max((rank for rank, _ in stored.teams), default=None),
        is_open=not stored.is_members_only and not stored.is_guest,
    )
    quota = roles.quota_of(
        stored.project_quota,
        None if stored.own is None else stored.own[1],
        [quota for _, quota in stored.teams],
    )
    status = PersonStatus.active if stored.status is None else PersonStatus(stored.status)
    return Seat(role, quota, status)


async def require_seat(tx: Transaction, project: ProjectRow, user_id: str) -> Seat:
    """Return a person's seat in a project; raises Forbidden for one without access.

    Whoever takes a person's access away locks their leases afterwards, so that a lease is either
    refused here or given back there.
    """
    seat = await find_seat(tx, project, user_id)
    if seat.role is None:
        raise Forbidden("you are not a member of this project any more")
    return seat


async def list_projects(
    tx: Transaction,
    user: SignedIn,
    limit: int,
    *,
    role: PersonRole = PersonRole.annotator,
    before: tuple[int, str] | None = None,
) -> list[ProjectRow]:
    """List up to `limit` projects in which a user has a role or a higher one, newest first."""
    if roles.RANKS[user.org_role] >= roles.EVERYWHERE:
        return await projects.list_newest_projects(tx, user.environment_id, limit, before=before)
    rank = roles.RANKS[role]
    return await project_members.list_visible(
        tx,
        user.environment_id,
        user.organization_id,
        user.user_id,
        limit,
        open_too=not user.is_guest and roles.RANKS[user.org_role] >= rank,
        rank_min=rank,
        before=before,
    )

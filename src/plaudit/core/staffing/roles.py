"""Roles of people in a project, decided here alone (docs/adr/0044-staffing.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from plaudit.model.core import PersonRole
from plaudit.model.staffing import TaskQuota

RANKS = {
    PersonRole.annotator: 1,
    PersonRole.reviewer: 2,
    PersonRole.manager: 3,
    PersonRole.admin: 4,
}
"""Each role includes those of a smaller rank."""
EVERYWHERE = RANKS[PersonRole.manager]
"""From this rank on a person's own role holds in every project, whoever its members are."""

_BY_RANK = {rank: role for role, rank in RANKS.items()}


def role_of_rank(rank: int) -> PersonRole:
    """Role with this rank."""
    return _BY_RANK[rank]


def role_in_project(
    own_role: PersonRole, member_rank: int | None, team_rank: int | None, *, is_open: bool
) -> PersonRole | None:
    """Role of a person in a project; None if they have no access to it.

    `own_role` is the one in the organization: managers and admins keep it everywhere. Others have
    the role of their own membership, else the highest of their teams', else their own role where
    the project is open to them: to all but guests.
    """
    if RANKS[own_role] >= EVERYWHERE:
        return own_role
    rank = member_rank if member_rank is not None else team_rank
    if rank is not None:
        return _BY_RANK[rank]
    return own_role if is_open else None


def quota_of(project: TaskQuota, member: TaskQuota | None, teams: Sequence[TaskQuota]) -> TaskQuota:
    """Quota of a person: their own, else the most that a team of theirs allows, else the project's.

    Each bound is looked at by itself; one that is not set leaves it to the next.
    """

    def first(own: int | None, of_teams: Iterable[int | None], rest: int | None) -> int | None:
        if own is not None:
            return own
        return max((most for most in of_teams if most is not None), default=rest)

    own = member or TaskQuota()
    return TaskQuota(
        first(own.per_day, (team.per_day for team in teams), project.per_day),
        first(own.in_all, (team.in_all for team in teams), project.in_all),
    )

"""Permissions of users in the workspace, decided here alone.

Roles include the ones below them. Users change neither their own role nor their own access: a
mistake would lock an organization out of its users.
"""

from __future__ import annotations

from plaudit.core.staffing.roles import RANKS
from plaudit.errors import Forbidden
from plaudit.model.core import PersonRole, SignedIn


def has_role(user: SignedIn, role: PersonRole) -> bool:
    """True if a user has a role or one that includes it."""
    return RANKS[user.role] >= RANKS[role]


def reaches(user: SignedIn, role: PersonRole) -> bool:
    """True if a user has a role, or one that includes it, in the organization or in a project."""
    return RANKS[user.reach] >= RANKS[role]


def may_open(user: SignedIn, role: PersonRole, *, spans_projects: bool) -> bool:
    """True if a user may open a page outside of projects that asks for a role."""
    held = user.reach if spans_projects else user.org_role
    return RANKS[held] >= RANKS[role]


def require_role(user: SignedIn, role: PersonRole) -> None:
    """Raise Forbidden unless a user has a role or one that includes it."""
    if not has_role(user, role):
        raise Forbidden(f"only a person with the role {role} or a higher one may do this")


def may_change_access(user: SignedIn, user_id: str) -> bool:
    """True if a user may change the role of user `user_id`, remove them, or invite them again."""
    return has_role(user, PersonRole.admin) and user.user_id != user_id


def require_may_change_access(user: SignedIn, user_id: str) -> None:
    """Raise Forbidden unless `may_change_access`."""
    require_role(user, PersonRole.admin)
    if not may_change_access(user, user_id):
        raise Forbidden("nobody changes their own access; ask another admin")

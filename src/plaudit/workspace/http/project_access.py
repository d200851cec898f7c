"""Gate in front of all pages: the role that a page asks for, and projects that a user may not see.

A project that there is not and one that the user does not see are the same to whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping

from plaudit.core.accounts import permissions
from plaudit.errors import NotFound
from plaudit.model.core import PersonRole, SignedIn

_NO_PROJECT = "there is no such project"


def require_access(
    role: PersonRole, user: SignedIn, project_id: str, *, spans_projects: bool, is_reading: bool
) -> None:
    """Raise Forbidden for too low a role; of a page that reads, NotFound for a hidden project."""
    if project_id and user.project_role is None and permissions.reaches(user, role):
        if is_reading:
            raise NotFound(_NO_PROJECT)
        return
    if spans_projects and permissions.reaches(user, role):
        return
    permissions.require_role(user, role)


def require_seen(path: Mapping[str, str], user: SignedIn | None) -> None:
    """Raise NotFound for a hidden project, before anything is written.

    `path` has the parameters of the request's path.
    """
    if "project_id" in path and (user is None or user.project_role is None):
        raise NotFound(_NO_PROJECT)

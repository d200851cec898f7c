"""Gate in front of all pages: the role that a page asks for, and projects that a user may not see.

A project that there is not and one that the user does not see are the same to whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping

from plaudit.core.accounts import permissions
from plaudit.errors import NotFound
from plaudit.model.core import SignedIn
from plaudit.texts import N_
from plaudit.workspace.http.page import ANYONE, Page

_NO_PROJECT = N_("there is no such project")


def require_access(page: Page, user: SignedIn, project_id: str) -> None:
    """Raise Forbidden for too low a role; of a page that reads, NotFound for a hidden project."""
    role = page.role
    assert role != ANYONE, "open pages ask for no role"
    if project_id and user.project_role is None and permissions.reaches(user, role):
        if not page.changes:
            raise NotFound(_NO_PROJECT)
        return
    if page.spans_projects and permissions.reaches(user, role):
        return
    permissions.require_role(user, role)


def require_seen(path: Mapping[str, str], user: SignedIn | None) -> None:
    """Raise NotFound for a hidden project, before anything is written.

    `path` has the parameters of the request's path.
    """
    if "project_id" in path and (user is None or user.project_role is None):
        raise NotFound(_NO_PROJECT)

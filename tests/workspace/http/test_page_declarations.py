"""Declarations of pages that could not be safe: they stop the start."""

from __future__ import annotations

import re

import msgspec
import pytest

from plaudit.api.http.operation import Services
from plaudit.core.common import server_secret
from plaudit.core.staffing import roles
from plaudit.model.core import PersonRole
from plaudit.settings import Settings
from plaudit.workspace.http import page_checks, serving
from plaudit.workspace.http.page import ANYONE, Page
from tests.workspace.http.test_pages import ROLES


def test_a_page_that_says_not_who_may_use_it_stops_the_start(tmp_path):
    settings = Settings(data=tmp_path)
    server_secret.make(settings.secret_path)
    services = Services(settings, server_secret.load(settings.secret_path))

    async def handler(request):
        return {}

    with pytest.raises(TypeError, match="role"):
        Page(page_id="x", path="/x", handler=handler, template="start.html")  # type: ignore[call-arg]
    for wrong in (None, "", "nobody", "admin "):
        page = Page(page_id="x", path="/x", handler=handler, template="start.html", role=wrong)
        with pytest.raises(ValueError, match="does not say who may use it"):
            serving.Workspace(services, [page], re.compile("(?!)"))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"method": "POST"}, "what changes has a form or body"),
        ({"form": msgspec.Struct}, "no GET does"),
        ({"method": "POST", "form": msgspec.Struct, "body": msgspec.Struct}, "not several"),
        ({"method": "POST", "form": msgspec.Struct, "role": ANYONE}, "nobody is there"),
        ({"method": "POST", "form": msgspec.Struct, "form_page": "y"}, "has no template"),
        ({"tab": "X"}, "no page of one project"),
        ({"tab": "X", "path": "/x/{project_id}/{task_id}"}, "no page of one project"),
        ({"nav_below": "/nothing"}, "no page of the navigation"),
    ],
)
def test_a_page_that_could_not_be_safe_stops_the_start(fields, reason):
    async def handler(request):
        return {}

    page = Page(
        **{"page_id": "x", "path": "/x", "handler": handler, "role": PersonRole.admin, **fields}
    )

    with pytest.raises(ValueError, match=reason):
        page_checks.check_pages([page])


def test_roles_include_the_ones_below_them():
    assert [role.value for role in sorted(PersonRole, key=lambda one: roles.RANKS[one])] == [*ROLES]
    assert set(roles.RANKS) == set(PersonRole)

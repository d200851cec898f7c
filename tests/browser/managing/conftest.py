"""A project, its manager at Home with counted clicks, and an annotator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.managing.managed_project import ManagedProject
from tests.support.labeling_project import OVERALL
from tests.support.pages.browser_client import Somebody, add_person
from tests.support.pages.click_counter import ClickCounter


@pytest.fixture
def project(tenant: Any) -> ManagedProject:
    form = {"fields": [OVERALL]}
    return ManagedProject(tenant, f"July of {tenant.org()}", overlap=3, form=form)


@pytest.fixture
def bea(tenant: Any) -> Somebody:
    return add_person(tenant, name="Bea", email=f"bea_{tenant.org()}@example.com")


@pytest.fixture
def mia(tenant: Any, project: Any, shared_server: Any, open_context: Any) -> ClickCounter:
    """A manager on Home, whose clicks are counted from there."""
    somebody = add_person(tenant, "manager", email=f"mia_{tenant.org()}@example.com", name="Mia")
    context, _ = open_context(shared_server.url)
    mia = ClickCounter(context)
    sign_in(mia.page, shared_server, somebody)
    mia.begin(f"{shared_server.url}/work")
    return mia


@pytest.fixture
def at_home(shared_server: Any, open_context: Any) -> Callable[[Somebody], Any]:
    """Home of somebody who has signed in, in a browser of their own."""

    def enter(who: Somebody) -> Any:
        context, _ = open_context(shared_server.url)
        page = context.new_page()
        sign_in(page, shared_server, who)
        return page

    return enter


def sign_in(page: Any, server: Any, who: Somebody) -> None:
    """Go through the sign-in page."""
    page.goto(f"{server.url}/sign-in")
    page.fill("[name=email]", who.email)
    page.fill("[name=password]", who.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/work")

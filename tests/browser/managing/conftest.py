"""A project, its manager at Home with counted clicks, and an annotator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.managing.managed_project import ManagedProject
from tests.support.labeling_project import OVERALL
from tests.support.pages.browser_client import Somebody, add_person, seat
from tests.support.pages.click_counter import ClickCounter


@pytest.fixture
def project(tenant: Any) -> ManagedProject:
    form = {"fields": [OVERALL]}
    return ManagedProject(tenant, f"July of {tenant.org()}", overlap=3, form=form)


@pytest.fixture
def bea(tenant: Any) -> Somebody:
    return add_person(tenant, name="Bea", email=f"bea_{tenant.org()}@example.com")


@pytest.fixture
def at_home(
    tenant: Any, shared_server: Any, open_context: Any
) -> Callable[[Somebody], ClickCounter]:
    """Sign somebody in, in a browser of their own; their clicks are counted from Home on."""

    def enter(who: Somebody) -> ClickCounter:
        context, _ = open_context(shared_server.url)
        seat(tenant, who, context, shared_server.url)
        counter = ClickCounter(context)
        counter.begin(f"{shared_server.url}/work")
        return counter

    return enter


@pytest.fixture
def mia(tenant: Any, project: Any, at_home: Callable[[Somebody], ClickCounter]) -> ClickCounter:
    """A manager on Home."""
    return at_home(
        add_person(tenant, "manager", email=f"mia_{tenant.org()}@example.com", name="Mia")
    )

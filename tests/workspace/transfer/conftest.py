"""Fixture of a manager who imports."""

from __future__ import annotations

import pytest

from tests.support.pages.browser_client import add_person, signed_in


@pytest.fixture
def browser(world):
    with signed_in(world, add_person(world, "manager")) as browser:
        browser.get("/import")
        yield browser

"""The command palette, by keyboard."""

from __future__ import annotations

import pytest

from tests.support.harness import above_the_store
from tests.support.pages.axe_rules import faults_in_both_schemes
from tests.support.pages.browser_client import add_person

pytestmark = above_the_store


@pytest.fixture
def page(tenant, shared_server, open_context):
    """The start page of a manager, in a browser of their own."""
    somebody = add_person(tenant, "manager", email=f"{tenant.org()}@example.com")
    context, _ = open_context(shared_server.url)
    page = context.new_page()
    page.goto(f"{shared_server.url}/sign-in")
    page.fill("[name=email]", somebody.email)
    page.fill("[name=password]", somebody.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/work")
    return page


def test_pages_and_projects_are_opened_by_a_part_of_their_names(tenant, page):
    """And Escape closes the palette, where it was opened."""
    birds = tenant.project("Garden Birds").project_id
    page.click("#open-palette")
    page.wait_for_selector("#palette[open]")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "open-palette"

    page.keyboard.press("Control+k")
    page.wait_for_selector("#palette[open]")
    page.keyboard.press("ArrowUp")
    page.keyboard.type("deliv")
    page.keyboard.press("Enter")
    page.wait_for_url("**/deliveries")

    page.keyboard.press("Control+k")
    page.wait_for_selector("#palette[open]")
    page.keyboard.type("en bir")
    page.wait_for_selector("#palette-found [data-path]")
    faults = faults_in_both_schemes(page)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/projects/{birds}")

    assert faults == []

"""What a newcomer does on the managers' list of tasks, and how many clicks that takes."""

from __future__ import annotations

import pytest

from plaudit.model.core import TaskStatus
from tests.managing.managed_project import ManagedProject
from tests.support.harness import above_the_store
from tests.support.pages.browser_client import add_person

pytestmark = above_the_store


@pytest.fixture
def project(tenant):
    return ManagedProject(tenant, f"Lists of {tenant.org()}", overlap=2)


@pytest.fixture
def page(tenant, project, shared_server, open_context):
    """The list of tasks, in the browser of a manager."""
    somebody = add_person(tenant, "manager", email=f"{tenant.org()}@example.com")
    context, _ = open_context(shared_server.url)
    page = context.new_page()
    page.goto(f"{shared_server.url}/sign-in")
    page.fill("[name=email]", somebody.email)
    page.fill("[name=password]", somebody.password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/work")
    page.goto(f"{shared_server.url}/projects/{project.project.project_id}/tasks")
    return page


def test_a_bulk_cancel_is_taken_back_with_two_clicks_and_by_keyboard(project, page):
    ids = project.say("pizza", "pasta", "soup")
    page.reload()

    page.focus("#choose-page")
    page.keyboard.press("Space")
    assert page.inner_text("#chosen") == "3 tasks are chosen."
    page.focus("#act-button")
    page.keyboard.press("Enter")
    page.wait_for_url("**/actions/action_*")
    assert {project.status(one) for one in ids} == {TaskStatus.canceled}
    page.click("text=Undo")
    page.wait_for_selector("text=3 tasks are again as they were.")

    assert {project.status(one) for one in ids} == {TaskStatus.pending}


def test_the_task_about_pizza_is_found_and_a_range_is_chosen_with_shift(project, page):
    ids = project.say("pizza one", "pizza two", "pasta", "pizza three")
    project.read_words()

    page.fill("#q", "pizza")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=pizza**")
    boxes = page.locator("input[name=task]")
    assert [boxes.nth(n).get_attribute("value") for n in range(3)] == [ids[0], ids[1], ids[3]]
    assert page.is_disabled("#act-button")
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    assert page.inner_text("#chosen") == "3 tasks are chosen."
    page.select_option("#scope", "all")
    page.select_option("#action", "priority")

    assert page.is_visible("input[name=priority]")
    assert not page.is_visible("select[name=batch]")
    assert page.inner_text("#scope option[value=all]").strip() == "all 3 tasks of this list"

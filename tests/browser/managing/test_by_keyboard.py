"""A manager without a mouse: the focus is where it was after a form, and never lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.harness import above_the_store
from tests.support.pages.keyboard_walk import KeyboardWalk

pytestmark = [above_the_store, pytest.mark.slow]


@pytest.fixture
def keys(mia: Any, project: Any) -> KeyboardWalk:
    """The manager's keyboard, with the paths of the project's pages."""
    return KeyboardWalk(mia.page, f"/projects/{project.project.project_id}")


def test_members_are_put_in_given_quotas_and_taken_out_and_the_focus_is_never_lost(keys, bea):
    """After each of these forms the focus is where one goes on, and says what was done.

    What was done is seen from where the focus is, though the page says it above; quotas are set one
    after the other; what is taken away leaves the focus on what is said of it.
    """
    usual = keys.page.viewport_size
    keys.page.set_viewport_size({"width": 800, "height": 400})
    keys.open("people")
    keys.tab_to("E-mail address, user name, or name of a team")
    keys.type(f"{bea.email}\n")
    assert keys.focused() == "E-mail address, user name, or name of a team"
    keys.page.wait_for_selector("#flash.is-below")
    shown = keys.page.locator("#flash").bounding_box()
    keys.press("Tab")
    assert 0 < shown["y"] < 400
    assert keys.page.locator("#flash.is-below").count() == 0
    keys.page.set_viewport_size(usual)

    keys.tab_back_to("Tasks a day of Bea")
    keys.type("5\n")
    assert keys.focused() == "Tasks a day of Bea"
    assert keys.page.input_value(":focus") == "5"
    assert keys.told() != ""

    keys.tab_to("Take out: Bea")
    keys.follow()
    assert keys.page.evaluate("document.activeElement.id") == "flash"
    keys.press("Tab")
    assert keys.page.evaluate("document.activeElement.closest('main') !== null")


def test_a_team_is_made_and_somebody_put_into_it(keys, bea):
    keys.page.goto(keys.url("/teams"))
    keys.tab_to("Name")
    keys.type("Poets\n")
    assert keys.page.evaluate("document.activeElement.id") == "flash"

    keys.tab_to("E-mail address or user name")
    keys.type(f"{bea.email}\n")

    assert keys.focused() == "E-mail address or user name"
    assert keys.page.locator("main table").inner_text().count(bea.email) == 1


def test_a_list_is_saved_and_its_tasks_are_changed_and_the_change_is_undone(keys, project):
    project.say("pizza", "pasta")
    project.read_words()
    keys.open("tasks")
    keys.tab_to("Search in prompts and answers")
    keys.type("pizza\n")
    assert keys.focused() == "Search in prompts and answers"

    keys.tab_to("Save this list as")
    keys.type("Pizza\n")
    assert keys.focused() == "Save this list as"

    keys.tab_back_to("Choose pizza")
    keys.press("Space")
    keys.tab_to("do")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.tab_to("Priority")
    keys.type("3\n")
    keys.page.wait_for_url("**/actions/action_*")
    keys.tab_to("Undo")
    keys.follow()
    keys.page.wait_for_selector("text=again as it was")

    assert keys.page.evaluate("document.activeElement !== document.body")


def test_a_project_is_cloned(keys):
    keys.open("clone")
    keys.tab_to("Saved lists")
    keys.press("Space")
    assert not keys.page.is_checked(":focus")
    keys.follow()
    assert not keys.page.url.endswith("/clone")

    assert keys.page.evaluate("document.activeElement.id") == "flash"


def test_messages_about_a_task_are_written_read_and_answered(keys, project, bea, at_home):
    project.say("How far is the moon?")
    project.take(bea.user_id)
    question, answer = "How far is the moon?", "Your message"

    keys.open("tasks")
    for link in (question, "Write to Bea"):
        keys.tab_to(link)
        keys.follow()
    keys.tab_to(answer)
    keys.type("Why so long?")
    keys.tab_to("Send")
    keys.follow()
    sent = keys.page.evaluate("document.activeElement.closest('main') !== null")
    hers = KeyboardWalk(at_home(bea).page)
    hers.tab_to(f"A manager wrote to you in {project.project.name}")
    hers.follow()
    read = hers.page.inner_text(".talk")
    hers.tab_to(answer)
    hers.type("It is far.")
    hers.tab_to("Send")
    hers.follow()
    answered = hers.page.evaluate("document.activeElement.closest('main') !== null")

    assert sent
    assert "Why so long?" in read
    assert answered
    keys.open("messages")
    keys.tab_to(question)
    keys.follow()
    assert "It is far." in keys.page.inner_text(".talk")
    keys.tab_to("Mark as read")
    keys.follow()
    assert keys.page.evaluate("document.activeElement.closest('main') !== null")


def test_a_form_that_leads_elsewhere_leaves_the_focus_on_what_is_there(keys, project):
    """Also where the page that it leads to says nothing of what was done."""
    ids = project.say("The last one")
    keys.page.goto(keys.url("/work"))
    project.act("cancel", ids)

    keys.tab_to("Take the next task")
    keys.follow()
    keys.page.wait_for_selector("main:focus")

    assert keys.page.url.endswith(project.project.project_id)
    assert keys.page.locator("#flash").count() == 0


def test_the_history_is_filtered_where_one_stands(keys):
    keys.open("history")
    keys.tab_to("Who")
    keys.type("nobody@example.com\n")

    assert keys.focused() == "Who"
    assert keys.page.input_value(":focus") == "nobody@example.com"

"""Conversations that a manager writes as a form: a project's opening one, and that of one task."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.browser.forms.test_form_editor import Office
from tests.support.harness import on_shared_sqlite
from tests.support.pages.axe_rules import faults_in_both_schemes
from tests.support.pages.keyboard_walk import KeyboardWalk
from tests.support.pages.manager_pages import all_projects

pytestmark = on_shared_sqlite


@pytest.fixture
def office(tenant, shared_server, open_context) -> Office:
    return Office(tenant, shared_server, open_context)


def opened(office: Office, path: str) -> Any:
    project = office.team.project.project_id
    office.page.goto(f"{office.server.url}/projects/{project}{path}")
    office.page.wait_for_selector("[data-ready]", state="attached")
    return office.page


def read(page: Any, field: str) -> Any:
    return json.loads(page.input_value(field))


def test_an_opening_conversation_is_written_without_json(office):
    page = opened(office, "/settings/template")
    page.click("#messages [data-remove]")
    page.click("[data-add-message=system]")
    page.keyboard.type("You are {{who}}.")
    page.click("[data-add-message=user]")
    page.keyboard.type("{{question}}")
    page.click("[data-add-message=user]")
    page.keyboard.type("Be brief.")
    page.click("#optional label:has-text('who')")
    page.focus("#messages > li:last-child [data-drag]")
    page.keyboard.press("ArrowUp")
    page.fill("#responses-name", "answers")

    assert read(page, "#template")["optional"] == ["who"]
    page.click("#save")
    page.wait_for_selector("text=The opening conversation is saved.")
    saved = all_projects(office.world)["Eggs"].template
    assert saved == {
        "messages": [
            {"role": "system", "text": "You are {{who}}."},
            {"role": "user", "text": "Be brief."},
            {"role": "user", "text": "{{question}}", "source_id": "user_2"},
        ],
        "optional": ["who"],
        "responses": "answers",
    }
    assert office.seen.errors + office.seen.violations + office.seen.foreign == []


def test_an_opening_conversation_is_written_by_keyboard_alone(office):
    """Each field and button says which message it is of, and the focus is never lost."""
    keys = KeyboardWalk(opened(office, "/settings/template"))
    page = keys.page
    keys.tab_to("Remove Message 1 of 1")
    keys.press("Enter")
    assert page.evaluate("document.activeElement.matches('[data-add-message]')")

    for role, text in (("user", "{{question}}"), ("assistant", "Hm."), ("user", "Be brief.")):
        add = page.inner_text(f"[data-add-message={role}]").strip()
        (keys.tab_back_to if page.locator("#messages > li").count() == 0 else keys.tab_to)(add)
        keys.press("Enter")
        keys.type(text)
    assert keys.focused() == "What is said, Message 3 of 3"
    keys.press("Alt+ArrowUp")
    assert keys.focused() == "What is said, Message 2 of 3"
    assert keys.told() == "Message 2 of 3"
    keys.tab_to("Copy Message 3 of 3")
    keys.press("Enter")
    assert keys.focused() == "What is said, Message 4 of 4"
    keys.tab_to("Remove Message 4 of 4")
    keys.press("Space")
    assert keys.focused() == "What is said, Message 3 of 3"
    keys.tab_to(page.inner_text("#save").strip())
    keys.follow()

    assert [one["text"] for one in all_projects(office.world)["Eggs"].template["messages"]] == [
        "{{question}}", "Be brief.", "Hm."
    ]  # fmt: skip
    assert page.evaluate("document.activeElement !== document.body")


def test_json_of_an_opening_conversation_is_one_click_away_and_appears_as_cards(office):
    page = opened(office, "/settings/template")
    page.click("#as-json summary")
    given = {"messages": [{"role": "function", "text": "{{a}}", "source_id": "tool"}]}
    page.fill("#template", json.dumps(given | {"optional": ["a"]}))

    assert page.input_value("#messages [data-part=role]") == "function"
    assert page.is_checked("#optional input")
    page.fill("#messages [data-part=text]", "{{a}} {{b}}")
    assert read(page, "#template") == {
        "messages": [{"role": "function", "text": "{{a}} {{b}}", "source_id": "tool"}],
        "optional": ["a"],
    }


def test_a_task_of_several_turns_is_typed_and_shown_as_json(office):
    page = opened(office, "/new-task")
    page.fill("#prompt", "And for a soft one?")
    page.fill("#system", "You are a cook.")
    page.click("[data-add-message=user]")
    page.keyboard.type("How long for an egg?")
    page.click("[data-add-message=assistant]")
    page.keyboard.type("Ten minutes.")
    page.fill("#response-1", "Six.")
    page.click("#as-json summary")
    page.wait_for_function("() => document.getElementById('content').value !== ''")

    [thread] = read(page, "#content")
    said = [[(one["source_id"], one["content"]["text"]) for one in turn["messages"]]
            for turn in thread["turns"]]  # fmt: skip
    assert said == [
        [("system", "You are a cook."), ("user", "How long for an egg?"),
         ("assistant", "Ten minutes.")],
        [("user", "And for a soft one?"), ("response_1", "Six.")],
    ]  # fmt: skip

    thread["turns"][1]["messages"].append(
        {"role": "assistant", "source_id": "response_2", "content": {"text": "Seven."}}
    )
    page.fill("#content", json.dumps([thread]))
    assert page.input_value("#response-2") == "Seven."
    thread["turns"][1]["messages"][2]["source_id"] = "gpt"
    page.fill("#content", json.dumps([thread]))
    assert page.locator("#more-in-json").is_visible()
    assert page.locator("#prompt").is_hidden()
    page.click("button.main")
    page.wait_for_selector("text=The task is in the queue")
    assert "Ten minutes." in page.inner_text("main")


def test_json_that_is_no_conversation_is_not_replaced_by_what_was_typed_before(office):
    """Whatever stands there goes to the server, which says what is wrong with it."""
    page = opened(office, "/new-task")
    page.fill("#prompt", "Typed before.")
    page.click("#as-json summary")
    wrong = ({"messages": 5}, {"messages": [None]}, {"messages": [{"content": {"text": 5}}]})
    for turn in wrong:
        page.fill("#content", json.dumps([{"turns": [turn]}]))

        assert page.locator("#more-in-json").is_visible()
        assert read(page, "#content") == [{"turns": [turn]}]
    page.click("button.main")
    page.wait_for_selector("#content[aria-invalid]")
    assert read(page, "#content") == [{"turns": [wrong[-1]]}]
    assert office.seen.errors == []


def test_axe_finds_nothing_on_conversations(office):
    found = {}
    for path in ("/new-task", "/settings/template"):
        page = opened(office, path)
        page.click("[data-add-message=user]")
        page.click("#as-json summary")
        found[path] = faults_in_both_schemes(page, resultTypes=["violations"])

    assert not any(found.values()), found

"""The form editor as a newcomer uses it: in words, with few clicks, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plaudit.model.core import PersonRole
from tests.browser.forms.test_form_editor import Office, cards, wait_for_titles
from tests.support.harness import on_shared_sqlite
from tests.support.pages.axe_rules import faults_in_both_schemes
from tests.support.pages.manager_pages import all_projects

pytestmark = on_shared_sqlite

FORM = {
    "fields": [
        {"key": "verdict", "level": "turn", "type": "category", "title": "Verdict",
         "possible_values": ["good", "bad", "ugly"], "required": True},
        {"key": "reason", "level": "turn", "type": "text", "title": "Reason", "required": True},
        {"key": "grade", "level": "message", "type": "integer", "title": "Grade",
         "possible_values": [1, 2, 3], "section": "later"},
    ],
    "sections": [{"key": "later", "title": "Later", "folded": True}],
}  # fmt: skip


class Clicks:
    """A mouse whose clicks are counted."""

    def __init__(self, page: Any) -> None:
        self.page, self.count = page, 0

    def on(self, selector: str) -> None:
        self.page.click(selector)
        self.count += 1

    def choose(self, selector: str, label: str) -> None:
        """Choose in a list: a click opens it, another one takes the line."""
        self.page.select_option(selector, label=label)
        self.count += 2


@pytest.fixture
def office(tenant, shared_server, open_context) -> Office:
    return Office(tenant, shared_server, open_context, form=FORM)


@pytest.fixture
def page(office) -> Any:
    """The editor of FORM."""
    page = office.open_editor()
    wait_for_titles(page, "Verdict", "Reason", "Grade")
    return page


def form(page: Any) -> Any:
    return json.loads(page.input_value("#form"))


def card(name: str) -> str:
    return f'#fields > li:has([data-name]:text-is("{name}"))'


def keys(page: Any) -> list[str]:
    return [one["key"] for one in form(page)["fields"]]


def test_questions_stand_there_in_plain_words(page):
    words = page.eval_on_selector_all("[data-kind]", "all => all.map(one => one.textContent)")

    assert words == [
        "Choose one for the turn: good, bad, ugly · required",
        "Write a text about the turn · required",
        "Rate each response from 1 to 3",
    ]


def test_ask_for_a_reason_only_if_the_answer_is_bad(office, page):
    mouse = Clicks(page)

    mouse.on(f"{card('Reason')} [data-toggle]")
    mouse.choose(f"{card('Reason')} [data-if=source]", "only if “Verdict”")
    mouse.on(f"{card('Reason')} [data-if=values] label:has-text('good')")
    mouse.on(f"{card('Reason')} [data-if=values] label:has-text('bad')")
    assert page.evaluate("document.activeElement.matches('[data-if=values] input')")

    asked = {"key": "verdict", "operator": "is", "value": ["bad"]}
    assert form(page)["fields"][1]["ask_if"] == asked
    words = page.inner_text(f"{card('Reason')} [data-condition-words]")
    assert words == "only if “Verdict” is bad"
    page.wait_for_selector("#preview-asks:not([hidden])")
    reason = page.locator("#preview [data-key=reason]")
    assert reason.is_hidden()
    page.click("#preview [data-key=verdict] label:has(input[value=bad])")
    assert reason.is_visible()
    mouse.on("#save")
    page.wait_for_selector("text=The questions are saved.")
    assert all_projects(office.world)["Eggs"].form["fields"][1]["ask_if"] == asked
    assert mouse.count == 6


def test_move_the_question_up_by_mouse_by_buttons_and_by_keys(page):
    handle = page.locator(f"{card('Reason')} [data-drag]").bounding_box()
    first = page.locator(card("Verdict")).bounding_box()

    page.mouse.move(handle["x"] + 8, handle["y"] + 8)
    page.mouse.down()
    page.mouse.move(handle["x"] + 8, first["y"] + 4, steps=5)
    page.mouse.up()
    assert keys(page) == ["reason", "verdict", "grade"]

    page.click(f"{card('Reason')} [data-move='1']")
    assert keys(page) == ["verdict", "reason", "grade"]

    page.focus(f"{card('Reason')} [data-drag]")
    page.keyboard.press("ArrowUp")
    assert keys(page) == ["reason", "verdict", "grade"]
    assert page.evaluate("document.activeElement.matches('[data-drag]')")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert [one.get("section") for one in form(page)["fields"]] == [None, "later", "later"]


def test_a_drag_that_is_given_up_changes_nothing(page):
    handle = page.locator(f"{card('Reason')} [data-drag]").bounding_box()

    page.mouse.move(handle["x"] + 8, handle["y"] + 8)
    page.mouse.down()
    page.mouse.move(handle["x"] + 8, handle["y"] - 90, steps=5)
    page.keyboard.press("Escape")
    page.mouse.up()

    assert keys(page) == ["verdict", "reason", "grade"]


def test_add_a_question_like_this_one_and_one_of_another_kind(page):
    mouse = Clicks(page)

    mouse.on(f"{card('Verdict')} [data-copy]")
    page.keyboard.type("Second verdict")
    assert mouse.count == 1
    mouse.on("#add-field")
    mouse.on("#kinds >> text=Yes or no")
    page.keyboard.type("Safe?")

    first, second, *_, last = form(page)["fields"]
    assert second == first | {"key": "verdict_2", "title": "Second verdict"}
    assert (last["type"], last["title"], last["section"]) == ("boolean", "Safe?", "later")
    assert mouse.count == 3


def test_a_section_moves_with_its_questions_and_leaves_them_when_it_goes(page):
    page.click("#add-section")
    page.keyboard.type("At the end")
    page.click("#add-field")
    page.click("#kinds >> text=Write a text")
    page.keyboard.type("More")

    page.click("#fields > .section-card >> nth=1 >> [data-move='-1']")
    moved = form(page)
    page.click("#fields > .section-card >> nth=1 >> [data-remove]")

    assert [one["title"] for one in moved["sections"]] == ["At the end", "Later"]
    assert cards(page) == ["Verdict", "Reason", "More", "Grade"]
    assert [one.get("section") for one in form(page)["fields"]][2:] == ["section_2", "section_2"]


def test_what_depends_on_a_question_follows_its_key_and_is_named_when_it_goes(office, page):
    page.click(f"{card('Reason')} [data-toggle]")
    page.select_option(f"{card('Reason')} [data-if=source]", label="only if “Verdict”")
    page.click(f"{card('Verdict')} [data-toggle]")
    page.fill(f"{card('Verdict')} [data-field=key]", "outcome")
    assert form(page)["fields"][1]["ask_if"]["key"] == "outcome"
    page.fill(f"{card('Verdict')} [data-field=key]", "")
    page.keyboard.type("reason_why")  # which has another question's key on its way
    assert form(page)["fields"][1]["ask_if"]["key"] == "reason_why"
    page.fill(f"{card('Verdict')} [data-field=key]", "outcome")

    page.click(f"{card('Reason')} [data-move='-1']")
    page.wait_for_selector(f"{card('Reason')} [data-wrong=ask_if]:not([hidden])")
    wrong = page.inner_text(f"{card('Reason')} [data-wrong=ask_if]")
    assert "has to stand before it" in wrong

    page.click(f"{card('Verdict')} [data-remove]")
    assert "Reason" in office.seen.dialogs[0]
    assert keys(page) == ["reason", "outcome", "grade"]
    page.evaluate("window.confirm = () => true")
    page.click(f"{card('Verdict')} [data-remove]")
    assert "ask_if" not in form(page)["fields"][0]


def test_what_goes_through_json_and_back_is_the_same(tenant, shared_server, open_context):
    page = Office(tenant, shared_server, open_context).open_editor()
    page.click("#as-json summary")
    page.fill("#form", json.dumps(FORM))
    page.click("#as-json summary")
    wait_for_titles(page, "Verdict", "Reason", "Grade")
    page.click(f"{card('Grade')} [data-toggle]")
    page.fill(f"{card('Grade')} [data-field=title]", "Grades")

    changed = json.loads(json.dumps(FORM))
    changed["fields"][2]["title"] = "Grades"
    sort = {"sort_keys": True}
    assert json.dumps(form(page), **sort) == json.dumps(changed, **sort)


def test_what_was_not_saved_is_there_again(page):
    page.click(f"{card('Reason')} [data-copy]")
    page.keyboard.type("Unsaved")

    def again() -> Any:
        tab = page.context.new_page()
        tab.goto(page.url)
        tab.wait_for_selector("#editor[data-ready]", state="attached")
        return tab

    first, second = again(), again()
    first.click("[data-use-kept]")
    second.click("[data-drop-kept]")
    third = again()

    assert "Unsaved" in cards(first)
    assert "Unsaved" not in cards(second)
    assert third.locator("#kept").is_hidden()


def test_of_two_managers_the_later_one_is_told_and_loses_nothing(office, page):
    other, _ = office.browser("Ola", PersonRole.manager)
    other.goto(page.url)
    other.wait_for_selector("#editor[data-ready]", state="attached")
    page.click(f"{card('Grade')} [data-remove]")
    page.click("#save")
    page.wait_for_selector("text=The questions are saved.")

    other.click("[data-toggle] >> nth=0")
    other.fill("[data-field=title] >> nth=0", "Ola's own")
    other.click("#save")
    other.wait_for_selector("#editor[data-refused]")
    told = other.inner_text("main .notice >> nth=0")
    kept = cards(other)[0]
    saved = all_projects(office.world)["Eggs"].form["fields"][0]["title"]
    other.click("#save")
    other.wait_for_selector("text=The questions are saved.")

    assert "somebody else saved other questions" in told.lower()
    assert (kept, saved) == ("Ola's own", "Verdict")
    assert all_projects(office.world)["Eggs"].form["fields"][0]["title"] == "Ola's own"


def test_axe_finds_nothing_on_cards_conditions_and_kinds(page):
    page.click(f"{card('Reason')} [data-toggle]")
    page.select_option(f"{card('Reason')} [data-if=source]", label="only if “Verdict”")
    page.click("#add-field")

    assert faults_in_both_schemes(page, resultTypes=["violations"]) == []

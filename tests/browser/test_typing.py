"""Nothing changes an answer but its person: not the wheel, not a key that belongs to the text."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.annotators import AnnotationTeam, make_content
from tests.support.harness import on_shared_sqlite
from tests.support.pages.annotation_page import AnnotatorTab, question

pytestmark = on_shared_sqlite

FIELDS = [
    {"key": "seconds", "level": "turn", "type": "integer"},
    {"key": "rating", "level": "turn", "type": "rubric_rating"},
    {"key": "why", "level": "turn", "type": "text"},
    {"key": "order", "level": "turn", "type": "ranked_groups"},
    {"key": "issues", "level": "message", "type": "labeled_text", "labels": ["Wrong", "Odd"]},
]
WHY = f"{question('why')} textarea"
PRESS = """(init) => !document.activeElement.dispatchEvent(
  new KeyboardEvent('keydown', { bubbles: true, cancelable: true, ...init }))"""
COMPOSED: list[dict[str, Any]] = [{"isComposing": True}, {"keyCode": 229}]


@pytest.fixture
def ann(tenant, shared_server, open_context) -> AnnotatorTab:
    team = AnnotationTeam(tenant, form={"fields": FIELDS})
    team.add(make_content("One two.", "Three.", "Four."))
    return AnnotatorTab(open_context, shared_server, team, "Ann")


def test_an_arrow_with_option_stays_in_the_task_and_the_wheel_changes_no_number(ann):
    """Neither where a text is written, nor over a field of numbers that has the focus."""
    page = ann.take()
    at = page.url
    for field in (WHY, f"{question('seconds')} input", f"{question('order')} select"):
        page.focus(field)
        page.keyboard.press("Alt+ArrowLeft")
        page.keyboard.press("Alt+ArrowRight")
    page.wait_for_timeout(300)

    assert page.url == at
    assert ann.answers() == {}

    for key in ("seconds", "rating"):
        field = f"{question(key)} input[type=number]"
        page.fill(field, "5")
        ann.saved()
        before = ann.answers()

        page.hover(field)
        for _ in range(3):
            page.mouse.wheel(0, 40)
            page.wait_for_timeout(100)
        after = page.input_value(field)
        page.keyboard.type("0")
        ann.saved()

        assert (key, after) == (key, "5")
        assert ann.answers() != before, key
        assert page.input_value(field) == "50", key


MENTIONS = {
    "@\n": "@Response 1 ",
    "＠\n": "@Response 1 ",
    "@2\n": "@Response 2 ",
    "＠3\n": "@Response 3 ",
    "@Resp\n": "@Response 1 ",
    "@Response 2\n": "@Response 2 ",
    "at @2pm": "at @2pm",
    "@2 pm": "@2 pm",
    "@7\n": "@7\n",
    "＠2時": "＠2時",
}


def test_an_input_method_has_its_keys_for_itself_and_a_mention_is_chosen(ann):
    """A mention is what somebody chooses, without an input method."""
    page = ann.take()

    for composed in COMPOSED:
        page.fill(WHY, "")
        page.focus(WHY)
        page.keyboard.type("@")
        taken = [page.evaluate(PRESS, {"key": key} | composed) for key in ("Enter", "Escape", "2")]
        is_open = page.is_visible(f"{question('why')} [data-menu]")
        page.focus(f"{question('order')} select")
        taken.append(page.evaluate(PRESS, {"key": "2", "code": "Digit2"} | composed))
        page.click('[data-response="1"] [data-begin]')
        taken.append(page.evaluate(PRESS, {"key": "1", "code": "Digit1"} | composed))

        assert (composed, taken, is_open) == (composed, [False] * 5, True)
        assert page.input_value(WHY) == "@", composed
        assert page.inner_text("[data-summary]") == "", composed
        assert page.locator("[data-marks] li").count() == 0, composed

    found = {}
    for typed in MENTIONS:
        page.fill(WHY, "")
        page.focus(WHY)
        page.keyboard.type(typed)
        found[typed] = page.input_value(WHY)

    assert found == MENTIONS


def test_a_text_that_shows_nothing_is_counted_as_missing(tenant, shared_server, open_context):
    fields = [{"key": "why", "level": "turn", "type": "text", "required": True, "chars_min": 3}]
    team = AnnotationTeam(tenant, form={"fields": fields})
    team.add(make_content())
    ann = AnnotatorTab(open_context, shared_server, team, "Ann")
    page = ann.take()

    page.fill(WHY, " \u200b\u3164\u2800\ufeff")
    blank = page.inner_text("#progress"), page.inner_text(f"{question('why')} .count")
    page.fill(WHY, "\u200bone")
    told = page.inner_text("#progress"), page.inner_text(f"{question('why')} .count")
    ann.submit()

    assert blank == ("0 of 1 required answers", "0 of at least 3 characters")
    assert told == ("1 of 1 required answers", "3 of at least 3 characters")

"""Long conversations: turns are drawn when they are reached, and nothing else changes by it."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.support.annotators import AnnotationTeam
from tests.support.harness import on_shared_sqlite
from tests.support.long_chat import long_chat
from tests.support.pages.annotation_page import AnnotatorTab, tasks_of
from tests.support.pages.axe_rules import axe_rules

pytestmark = on_shared_sqlite

FIELDS = [
    {"key": "better", "level": "turn", "type": "integer", "scale": "low_is_first",
     "required": True, "title": "Which is better?"},
]  # fmt: skip
TURNS = 40
PORTION = 30
PICK_ALL = """() => {
  for (const one of document.querySelectorAll('[data-key="better"] input[value="2"]')) one.click();
}"""
FOCUSED = "() => document.activeElement.closest('.asked')?.id"


@pytest.fixture
def seat(tenant, shared_server, open_context) -> Any:
    """Seat somebody at a browser, with a task of many turns."""

    def at(content: list[Any], **options: Any) -> AnnotatorTab:
        team = AnnotationTeam(tenant, form={"fields": FIELDS})
        team.add(content)
        return AnnotatorTab(open_context, shared_server, team, "Ann", **options)

    return at


def drawn(page: Any) -> list[str]:
    found: list[str] = page.evaluate("[...document.querySelectorAll('.asked')].map(one => one.id)")
    return found


def wait_for(page: Any, count: int) -> None:
    page.wait_for_function(
        "count => document.querySelectorAll('.asked').length === count", arg=count
    )


def violations(page: Any) -> list[str]:
    result = page._run(lambda page: Axe().run(page, options=axe_rules("light")), page)
    return [f"{one['id']} {one['nodes'][0]['html'][:120]}" for one in result.response["violations"]]


def test_a_missing_answer_in_a_turn_that_is_not_drawn_is_drawn_named_and_reached(seat):
    """Scrolled to, answered by keyboard, left, and submitted from the first portion."""
    ann = seat(long_chat(TURNS))
    page = ann.take()
    at_first = drawn(page), page.inner_text("#progress"), violations(page)
    page.evaluate("document.querySelector('[data-gap]').scrollIntoView()")
    wait_for(page, TURNS)
    page.evaluate(PICK_ALL)
    page.focus('#t0u37 [data-key="better"] input:checked')
    page.keyboard.press("ArrowDown")
    skipped = page.evaluate(FOCUSED)
    page.click("#t0u38 label:has(input[value='2'])")  # takes it back
    ann.saved()

    page.evaluate("scrollTo(0, 0)")  # which a reload would come back to
    page.reload()
    ann.working()
    again = drawn(page), page.inner_text("#progress")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#t0u38 .wrong:not([hidden])")
    page.wait_for_function(f"() => ({FOCUSED})() === 't0u38'")
    said = page.inner_text("#t0u38 .wrong:not([hidden])")
    left = violations(page)
    page.keyboard.press("b")
    ann.saved()
    ann.submit()

    names = [f"t0u{number}" for number in range(TURNS)]
    assert at_first == (names[:PORTION], f"0 of {TURNS} required answers", [])
    assert skipped == "t0u38"
    assert again == (names[:PORTION], f"{TURNS - 1} of {TURNS} required answers")
    assert said == "An answer is required."
    assert left == []
    [task] = tasks_of(ann)
    assert task.status == "completed"
    assert all(len(turn.annotations) for turn in task.threads[0].turns)
    assert ann.seen.errors == ann.seen.violations == []

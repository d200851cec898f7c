"""One turn in focus: earlier ones are folded to their first line, and whole on demand."""

from __future__ import annotations

import pytest

from tests.support.annotators import AnnotationTeam
from tests.support.harness import on_shared_sqlite
from tests.support.long_chat import long_chat
from tests.support.pages.annotation_page import AnnotatorTab
from tests.support.pages.axe_rules import axe_faults, axe_rules

pytestmark = on_shared_sqlite

BETTER = {"key": "better", "level": "turn", "type": "integer", "scale": "low_is_first"}
WHOLE = {"key": "helped", "level": "thread", "type": "boolean", "required": True}
FORM = {"fields": [BETTER | {"required": True}, WHOLE]}
FOCUSED = "document.activeElement.closest('.asked')?.id"
LINES = """[...document.querySelectorAll('.is-turn-folded')]
  .map(one => [one.id, one.querySelector('.turn-line').innerText.replace(/\\s+/g, ' ')])"""

IDS = "[...document.querySelectorAll('.is-turn-folded')].map(one => one.id)"


@pytest.fixture
def seat(tenant, shared_server, open_context):
    def sit(content):
        team = AnnotationTeam(tenant, form=FORM)
        team.add(content)
        return AnnotatorTab(open_context, shared_server, team, "Ann")

    return sit


def test_a_turn_that_keys_go_on_from_folds_to_its_first_line_and_opens_again(seat):
    page = seat(long_chat(4)).take()

    page.keyboard.type("222")
    folded = page.evaluate(LINES), page.evaluate(FOCUSED)
    page.keyboard.press("ArrowUp")
    after_up = page.evaluate(IDS), page.evaluate(FOCUSED)
    page.click("#t0u0 .turn-line")
    after_click = page.evaluate(IDS), page.evaluate(FOCUSED)
    page.click("#turn-list button >> nth=3")
    page.keyboard.press("k")
    after_nav = page.evaluate(IDS), page.evaluate(FOCUSED)
    faults = axe_faults(page, axe_rules("light"))

    assert folded == (
        [[f"t0u{n}", f"Turn {n + 1} prompt {n}. ✓ 1 of 1 answers"] for n in range(3)],
        "t0u3",
    )
    assert after_up == (["t0u0", "t0u1"], "t0u2")
    assert after_click == (["t0u1"], "t0u0")
    assert after_nav == (["t0u1"], "t0u2")
    assert faults == []


def test_turns_that_led_to_one_are_folded_but_the_last_two(seat):
    page = seat(long_chat(8, every=8)).take()
    opened = (
        "[...document.querySelectorAll('.earlier[open] .turn-name')].map(one => one.textContent)"
    )
    lines = page.inner_text(".earlier >> nth=0").split("\n"), page.evaluate(opened)

    page.click("[data-unfold]")
    whole = page.evaluate(opened)
    page.click("[data-unfold]")

    assert lines == (["Turn 1", "prompt 0."], ["Turn 6", "Turn 7"])
    assert len(whole) == 7
    assert page.evaluate(opened) == []


def test_the_navigator_counts_what_is_asked_about_the_whole_conversation_at_its_last_turn(seat):
    page = seat(long_chat(3)).take()

    names = page.evaluate(
        "[...document.querySelectorAll('#turn-list button')].map(one => one.ariaLabel)"
    )

    assert names == [
        "Turn 1: 1 answer is missing",
        "Turn 2: 1 answer is missing",
        "Turn 3: 2 answers are missing",
    ]

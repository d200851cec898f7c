"""The prompt stays in sight: beside the columns, or as two lines at the top of the window."""

from __future__ import annotations

import pytest

from tests.support.annotators import make_content
from tests.support.builders import make_message, make_turn
from tests.support.harness import on_shared_sqlite
from tests.support.pages.annotation_page import AnnotatorTab
from tests.support.running.every_case import every_case

pytestmark = on_shared_sqlite

PROMPT = "How do I boil an egg so that its yolk stays soft? " + "Say it step by step. " * 20
SCROLL = """() => {
  for (const one of [document.documentElement, ...document.querySelectorAll('#task *')]) {
    if (!one.matches('.prompt, .strip *')) one.scrollTop = 1e6;
  }
}"""
SHOWN = "document.querySelectorAll('.prompt .as-rendered, .strip button')"
IS_SEEN = (
    f"() => [...{SHOWN}].some("
    + """(one) => {
  const box = one.getBoundingClientRect();
  if (box.height < 20 || !one.innerText.startsWith('How do I boil an egg')) return false;
  const hit = document.elementFromPoint(box.left + 40, box.top + 12);
  return one.contains(hit);
})"""
)


@pytest.fixture
def ann(team, annotator_tab) -> AnnotatorTab:
    """Somebody with a task that is longer than any window."""
    content = make_content("A sentence.\n\n" * 60, "Another.\n\n" * 60, prompt=PROMPT)
    earlier = [make_message("user", "Hello!\n\n" * 40), make_message("x", "Hi.\n\n" * 40)]
    content[0]["turns"][0] = make_turn("turn_0", earlier)
    team.add(content)
    ann = annotator_tab()
    ann.take()
    return ann


@every_case("size", [(1440, 900), (1024, 768), (720, 450), (390, 844), (320, 568)])
def test_the_prompt_is_in_sight_at_the_beginning_and_wherever_somebody_reads(ann, size):
    """720 x 450 is a screen of 1440 x 900 at 200 %."""
    page = ann.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.reload()
    ann.working()
    page.wait_for_function(IS_SEEN)  # a strip comes with the frame after the first
    if size[0] > 900:
        assert page.evaluate("document.documentElement.scrollHeight") == size[1]

    page.evaluate(SCROLL)
    page.wait_for_function(IS_SEEN)
    strip = page.locator(".strip button")
    lines = strip.bounding_box()["height"] if strip.is_visible() else 0
    page.keyboard.press("p")

    assert lines == (56 if size[0] < 900 else 0)
    if lines:
        assert strip.bounding_box()["height"] > 100
        assert strip.get_attribute("aria-expanded") == "true"
        page.click(".strip button")
        assert strip.bounding_box()["height"] == 56
    else:
        assert page.evaluate("document.activeElement.className") == "prompt"

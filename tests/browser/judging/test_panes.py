"""Panes: their widths are set by pointer and keys, and stay; many responses stand in a strip."""

from __future__ import annotations

from tests.support.annotators import make_content
from tests.support.harness import on_shared_sqlite

pytestmark = on_shared_sqlite

WIDE = {"width": 1440, "height": 900}
WIDTH = "selector => Math.round(document.querySelector(selector).getBoundingClientRect().width)"
IN_SIGHT = """() => {
  const strip = document.querySelector('.columns-of-responses').getBoundingClientRect();
  return [...document.querySelectorAll('.response')].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.left >= strip.left - 1 && box.right <= strip.right + 1;
  }).map((one) => Number(one.dataset.response));
}"""


def test_a_pane_is_as_wide_as_somebody_made_it_also_for_the_next_task(team, annotator_tab):
    """As it was again by a key or a double click; and it leaves room for the responses."""
    team.add(count=2)
    ann = annotator_tab(viewport=WIDE)
    page = ann.take()
    usual = page.evaluate(WIDTH, ".judge"), page.evaluate(WIDTH, ".lead")

    page.focus(".divider-judge")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    box = page.locator(".divider-lead").bounding_box()
    at = box["x"] + box["width"] / 2, box["y"] + 200
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + 40, at[1])
    page.mouse.up()
    page.mouse.move(at[0] + 90, at[1])
    made = page.evaluate(WIDTH, ".judge"), page.evaluate(WIDTH, ".lead")
    told = page.get_attribute(".divider-judge", "aria-valuenow")
    ann.fill()
    ann.submit()
    ann.ready()
    kept = page.evaluate(WIDTH, ".judge"), page.evaluate(WIDTH, ".lead")
    page.focus(".divider-judge")
    page.keyboard.press("Home")
    page.dblclick(".divider-lead")

    assert made == kept == (usual[0] + 48, usual[1] + 40)
    assert told == str(made[0])
    assert (page.evaluate(WIDTH, ".judge"), page.evaluate(WIDTH, ".lead")) == usual
    assert ann.seen.errors == ann.seen.violations == []

    page.focus(".divider-judge")
    for _ in range(60):
        page.keyboard.press("ArrowLeft")
    page.set_viewport_size({"width": 1210, "height": 700})

    assert page.evaluate(WIDTH, ".responses") >= 100
    assert page.evaluate("document.documentElement.scrollWidth") == 1210


def test_four_responses_stand_in_a_strip_that_keys_and_tabs_flip_through(team, annotator_tab):
    team.add(make_content("One. " * 90, "Two. " * 90, "Three. " * 90, "Four. " * 90))
    ann = annotator_tab(viewport=WIDE)
    page = ann.take()
    first = page.evaluate(IN_SIGHT)

    for _ in range(3):
        page.keyboard.press("]")
    page.wait_for_function(f"() => ({IN_SIGHT})().includes(4)")
    page.click("[data-tab='1']")
    page.wait_for_function(f"() => ({IN_SIGHT})().includes(1)")

    assert first == [1, 2]
    assert page.evaluate(WIDTH, ".response") >= 240

"""Differences between any two responses, on what is read of them."""

from __future__ import annotations

from tests.support.annotators import make_content
from tests.support.harness import on_shared_sqlite

pytestmark = on_shared_sqlite

TEXTS = (
    "The **quick** fox\n\n- jumps\n- over",
    "The *slow* fox\n\n- jumps\n- over",
    "The [quick](https://a.example) fox\n\n- sits",
)
IN_PLACE = """() => [...CSS.highlights.get('differs')].map(range =>
  [range.startContainer.parentElement.closest('.response').dataset.response, range.toString()])"""
PANE = """kind => [...document.querySelectorAll(`[data-difference] div ${kind}`)]
  .map(one => one.textContent)"""


def test_any_two_responses_are_compared_as_they_are_read_and_where_they_stand(team, annotator_tab):
    team.add(make_content(*TEXTS))
    ann = annotator_tab(viewport={"width": 1440, "height": 900})
    page = ann.take()
    order = page.evaluate(
        "[...document.querySelectorAll('.response')].map(one => one.innerText.includes('slow') ? 1"
        " : one.innerText.includes('sits') ? 2 : 0)"
    )
    place = [str(order.index(number) + 1) for number in range(3)]

    def choose(first: str, second: str) -> None:
        lists = page.locator(".difference-head select")
        lists.nth(0).select_option(first)
        lists.nth(1).select_option(second)

    page.click("#compare")
    choose(place[2], place[1])
    choose(place[0], place[1])
    one = page.evaluate(PANE, "del"), page.evaluate(PANE, "ins"), page.evaluate(IN_PLACE)
    choose(place[2], place[0])
    focus = page.evaluate("document.activeElement.ariaLabel")
    other = page.evaluate(PANE, "del"), page.evaluate(PANE, "ins"), page.evaluate(IN_PLACE)
    page.click("#compare")
    after = page.evaluate(IN_PLACE), page.is_visible("[data-difference]")

    assert one == (["quick"], ["slow"], [[place[0], "quick"], [place[1], "slow"]])
    assert other[:2] == (["sits"], ["jumps\nover"])
    assert other[2] == [[place[2], "sits"], [place[0], "jumps"], [place[0], "over"]]
    assert focus == "Second response to compare"
    assert after == ([], False)
    assert ann.seen.errors == ann.seen.violations == []

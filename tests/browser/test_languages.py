"""Judging in another language than English, and mirrored, in a browser that asks for it."""

from __future__ import annotations

from typing import Any

from tests.support.harness import above_the_store


def left_of(page: Any, selector: str) -> float:
    """Distance of an element from the left edge of the window."""
    return float(
        page.evaluate("one => document.querySelector(one).getBoundingClientRect().x", selector)
    )


@above_the_store
def test_a_page_and_its_scripts_speak_the_browsers_language(team, annotator_tab):
    team.add()
    page = annotator_tab(locale="de-DE").take()

    assert page.get_attribute("html", "lang") == "de"
    assert "Pflicht" in page.text_content("#progress")
    page.click("#submit")
    page.wait_for_selector("#live:not(:empty)", state="attached")
    assert "fehlen oder sind nicht richtig" in page.text_content("#live")
    assert page.text_content(".is-wrong .wrong:not([hidden]) >> nth=0") == "Eine Antwort ist nötig."


@above_the_store
def test_a_page_is_mirrored_by_its_direction_alone(team, annotator_tab):
    team.add()
    page = annotator_tab().take()
    pairs = [(".brand", "#open-help"), (".lead", ".judge"), ("#missing", "#submit")]
    before = [left_of(page, one) < left_of(page, other) for one, other in pairs]

    page.evaluate("document.documentElement.dir = 'rtl'")

    after = [left_of(page, one) < left_of(page, other) for one, other in pairs]
    assert (before, after) == ([True] * 3, [False] * 3)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

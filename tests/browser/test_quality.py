"""Pages of quality by keyboard: computed, scrolled, and read one after the other."""

from __future__ import annotations

import pytest

from tests.support.pages import gallery_stage, page_gallery

FOCUSED = """() => {
  const one = document.activeElement
  return one.pathname ?? (one.ariaLabel || one.textContent.trim())
}"""
TABS_MAX = 60


@pytest.fixture(scope="module")
def judged(demo):
    """A project in which two people have answered a task, and nobody computed its quality."""
    asked = {"types": ["RLHF: Pref Ranking"], "overlap": 2}
    project_id = demo.call("/projects", {"name": "Judged"} | asked)["id"]
    gallery_stage.add_task(demo, "How do I boil an egg?", "Judged")
    gallery_stage.answer_tasks(demo, project_id)
    return project_id


def tab_to(page, words, keys="Tab"):
    """Press Tab until something of this name has the focus, or a link with this path's end."""
    for _ in range(TABS_MAX):
        page.keyboard.press(keys)
        if str(page.evaluate(FOCUSED)).endswith(words):
            return
    raise AssertionError(f"no Tab leads to {words!r}")


@pytest.fixture(scope="module")
def page(demo, browser):
    """The page of an administrator at a phone, for one test after the other."""
    context = page_gallery.enter(demo, browser, "admin", viewport={"width": 390, "height": 844})
    yield context.new_page()
    context.close()


def test_quality_is_computed_and_read_without_a_mouse(demo, judged, page):
    page.goto(f"{demo.url}/projects/{judged}")

    tab_to(page, "/quality")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Not computed yet")
    tab_to(page, "Compute quality")
    page.keyboard.press("Enter")
    page.wait_for_selector(".as-of")
    tab_to(page, "Plot of α and AC by question, as in the table")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.plot-box').scrollLeft > 0")
    tab_to(page, "/quality/question")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Where people differ")
    for tab, title in (
        ("people", "Agreement with the others"),
        ("bias", "Place and length"),
        ("leaderboard", "Leaderboard of"),
    ):
        tab_to(page, f"/quality/{tab}")
        page.keyboard.press("Enter")
        page.wait_for_selector(f"h2 >> text={title}")


def test_a_person_is_looked_into_without_a_mouse(demo, page):
    page.goto(f"{demo.url}/projects/{demo.made['review_project']}/quality/people")
    page_gallery.computed(page)

    tab_to(page, "Table of people")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("h2 >> text=Where they differ from the others")
    assert "/quality/people/user_" in page.url
    tab_to(page, "Table of questions")
    page.keyboard.press("ArrowRight")
    tab_to(page, page.get_attribute("main a[href*='/pseudonyms/']", "href"), keys="Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("h2 >> text=Person")


def test_people_reach_their_own_figures_from_every_page_without_a_mouse(demo, browser):
    context = page_gallery.enter(demo, browser, "annotator", viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{demo.url}/work")

    tab_to(page, "/my-work")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1 >> text=My work")
    tab_to(page, "/figures")
    page.keyboard.press("Enter")
    page.wait_for_selector("h2 >> text=What reviewers said")
    context.close()

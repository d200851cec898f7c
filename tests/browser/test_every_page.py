"""What holds for every page of the workspace, as a newcomer's demonstration shows it."""

from __future__ import annotations

import pytest

from plaudit import app
from tests.support.pages import chromium, gallery_stage, page_gallery, reader_walk
from tests.support.pages.axe_rules import faults_in_both_schemes
from tests.support.pages.keyboard_walk import KeyboardWalk

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

WALKED = frozenset(
    (
        *("start", "queue", "own-messages", "review-list", "review-sample", "review-task"),
        *("project", "waiting", "history", "project-history", "messages", "talk", "clone"),
        *("tasks", "tasks-found", "actions", "action", "new-task", "template", "questions"),
        *("flagged", "skipped", "members", "teams", "team", "skills", "rules", "test", "gold"),
    )
)
"""Scenes that are walked through by Tab, from the first control to the last."""

ALIKE = frozenset(("styleguide", "account"))
"""Scenes that have the same thing several times: components, and sessions of one browser."""

SCRIPT_BYTES_MAX = 60_000
SCRIPTS = """() => performance.getEntriesByType('resource')
  .filter((one) => one.name.endsWith('.js'))
  .map((one) => [new URL(one.name).pathname.split('/').slice(3).join('/'), one.encodedBodySize,
    one.decodedBodySize])"""

MACHINE_WORDS = """() => {
  const copy = document.querySelector('main').cloneNode(true);
  const code = 'pre, code, textarea, script, template, .sr-only';
  for (const one of copy.querySelectorAll(code)) one.remove();
  const words = /\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z?|\\bNaN\\b|\\[object/g;
  return copy.textContent.match(words) ?? [];
}"""
UNNAMED = """() => [...document.querySelectorAll('.table.cards td[data-label]')]
  .filter((one) => one.checkVisibility() && !one.textContent.trim()
    && !one.querySelector('input, select, svg, progress'))
  .map((one) => one.outerHTML.slice(0, 120))"""

SMALL = """() => [...document.querySelectorAll(`button, .button, summary, select, textarea, .pill,
    .check, label:has(> [type=checkbox], > [type=radio]), nav a,
    input:not([type=hidden], [type=checkbox], [type=radio], .sr-only)`)]
  .filter(one => one.checkVisibility({ visibilityProperty: true }))
  .map(one => [one, one.getBoundingClientRect()])
  .filter(([, { width, height }]) => width > 1 && (height < 43.5 || width < 43.5))
  .map(([one, { width, height }]) =>
    `${one.outerHTML.slice(0, 120)}: ${Math.round(width)} x ${Math.round(height)}`)"""


@pytest.fixture(scope="module")
def demo():
    if chromium.program() is None:
        pytest.skip("Chromium is not installed")
    with gallery_stage.demonstration() as demo:
        yield demo


@pytest.fixture(scope="module", params=page_gallery.SCENES, ids=lambda scene: scene.name)
def scene(request):
    return request.param


@pytest.fixture(scope="module")
def rooms(demo, browser):
    """A browser of its own for each role, signed in once, and its one page."""
    found = {}

    def enter(role):
        if role not in found:
            context = page_gallery.enter(demo, browser, role)
            found[role] = (context, context.new_page())
        return found[role][1]

    yield enter
    for context, _ in found.values():
        context.close()


@pytest.fixture(scope="module")
def page(demo, rooms, scene):
    page = rooms(scene.role)
    page.set_viewport_size({"width": 1280, "height": 720})
    page.emulate_media(color_scheme="light")
    return page_gallery.visit(demo, page, scene)


def test_every_page_has_a_scene():
    shown = {page.page_id for page in app.all_pages() if page.template and page.method == "GET"}

    assert {scene.page_id for scene in page_gallery.SCENES} == shown


def test_axe_finds_nothing_and_no_text_is_faint_in_dark(page):
    page.set_viewport_size({"width": 1440, "height": 900})

    assert faults_in_both_schemes(page) == []


def test_whatever_is_pressed_on_a_phone_is_large_enough_for_a_thumb(page):
    """44 pixels, but for links inside of texts (WCAG 2.5.5)."""
    page.set_viewport_size({"width": 390, "height": 844})

    assert page.evaluate(SMALL) == []


@pytest.mark.parametrize(
    "scene",
    [one for one in page_gallery.SCENES if one.name in WALKED],
    ids=lambda scene: scene.name,
    indirect=True,
)
def test_whatever_can_be_pressed_is_reached_by_tab_and_seen_when_it_is(page):
    page.set_viewport_size({"width": 1440, "height": 900})

    assert KeyboardWalk(page).faults() == []


@pytest.mark.parametrize(
    "scene",
    [one for one in page_gallery.SCENES if one.name not in ALIKE],
    ids=lambda scene: scene.name,
    indirect=True,
)
def test_whoever_hears_a_page_can_tell_its_controls_headings_and_parts(page):
    page.set_viewport_size({"width": 1440, "height": 900})

    assert reader_walk.faults(page) == []


def test_no_page_shows_moments_and_words_as_programs_write_them(page):
    """But for JSON and what else stands there as code."""
    assert page.evaluate(MACHINE_WORDS) == []


def test_a_card_on_a_phone_names_nothing_that_is_not_there(page):
    page.set_viewport_size({"width": 390, "height": 844})

    assert page.evaluate(UNNAMED) == []


def test_a_page_loads_few_bytes_of_script_with_everything_open(page):
    """As they are sent, on every page. As they are run too, but on the pages that have one bundle,
    which is read whole: where answers are given or reviewed."""
    loaded = page.evaluate(SCRIPTS)
    is_bundle = any(name.startswith("bundles/") for name, _, _ in loaded)

    assert loaded
    assert sum(sent for _, sent, _ in loaded) <= SCRIPT_BYTES_MAX
    assert is_bundle or sum(run for _, _, run in loaded) <= SCRIPT_BYTES_MAX


def test_a_page_is_no_wider_than_the_window_and_has_one_heading_and_a_title(page):
    """A window of 1280 pixels at 200 % has the room of 640 (WCAG 1.4.4, 1.4.10)."""
    wide = []
    for width, height in [*page_gallery.WIDTHS.items(), (640, 400)]:
        page.set_viewport_size({"width": width, "height": height})
        wide += [width] * (page.evaluate(WIDER) > 0)

    assert wide == []
    assert page.locator("h1").count() == 1
    assert page.title().endswith("· Plaudit")

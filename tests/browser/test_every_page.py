"""What holds for every page of the workspace, as a newcomer's demonstration shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from plaudit import app
from tests.support.pages import page_gallery, reader_walk
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
    .check, label:has(> [type=checkbox], > [type=radio]), nav a, .table.cards tbody th > a,
    input:not([type=hidden], [type=checkbox], [type=radio], .sr-only)`)]
  .filter(one => one.checkVisibility({ visibilityProperty: true }))
  .map(one => [one, one.getBoundingClientRect()])
  .filter(([, { width, height }]) => width > 1 && (height < 43.5 || width < 43.5))
  .map(([one, { width, height }]) =>
    `${one.outerHTML.slice(0, 120)}: ${Math.round(width)} x ${Math.round(height)}`)"""


def overhang(page: Any) -> list[str]:
    """How much of a page is beside its window."""
    wider = page.evaluate(WIDER)
    return [f"{wider} pixels"] if wider > 0 else []


def bytes_of_script(page: Any) -> list[str]:
    """Too many bytes, as they are sent, on any page, and as they are run on most.

    Not on those that have one bundle, which is read whole: where answers are given or reviewed.
    """
    loaded = page.evaluate(SCRIPTS)
    is_bundle = any(name.startswith("bundles/") for name, _, _ in loaded)
    sent, run = sum(one[1] for one in loaded), sum(one[2] for one in loaded)
    is_small = sent <= SCRIPT_BYTES_MAX and (is_bundle or run <= SCRIPT_BYTES_MAX)
    return [] if loaded and is_small else [f"{sent} sent, {run} run: {loaded}"]


def headings(page: Any) -> list[str]:
    """Headings and title, unless there is one of the first and the second names the product."""
    count, title = page.evaluate("[document.querySelectorAll('h1').length, document.title]")
    return [] if count == 1 and title.endswith("· Plaudit") else [f"{count} headings, {title}"]


PROMISES: list[tuple[tuple[int, int], str, Callable[[Any], list[Any]]]] = [
    ((1440, 900), "axe finds nothing, and no text is faint in dark", faults_in_both_schemes),
    ((1440, 900), "moments and words are not as programs write them",
     lambda page: page.evaluate(MACHINE_WORDS)),
    ((1440, 900), "few bytes of script are loaded with everything open", bytes_of_script),
    ((1440, 900), "there is one heading and a title", headings),
    ((1440, 900), "no wider than 1440 pixels", overhang),
    ((1024, 768), "no wider than 1024 pixels", overhang),
    ((640, 400), "no wider than 1280 pixels at 200 % (WCAG 1.4.4, 1.4.10)", overhang),
    ((390, 844), "no wider than a phone", overhang),
    ((390, 844), "whatever is pressed on a phone has 44 pixels, but for links in texts (2.5.5)",
     lambda page: page.evaluate(SMALL)),
    ((390, 844), "a card on a phone names nothing that is not there",
     lambda page: page.evaluate(UNNAMED)),
]  # fmt: skip
"""What holds for every page: the window in which one looks, the promise, and what breaks it."""


def test_every_page_has_a_scene():
    shown = {page.page_id for page in app.all_pages() if page.template and page.method == "GET"}

    assert {scene.page_id for scene in page_gallery.SCENES} == shown


@pytest.mark.parametrize("scene", page_gallery.SCENES, ids=lambda scene: scene.name)
def test_a_page_keeps_what_all_of_them_promise(visits, scene):
    """Each fault stands beside the promise that it breaks."""
    page, size, faults = visits.open(scene), (1440, 900), {}

    if scene.name not in ALIKE:
        promise = "whoever hears it can tell controls, headings and parts"
        faults[promise] = reader_walk.faults(page)
    for window, promise, look in PROMISES:
        if window != size:
            page.set_viewport_size({"width": window[0], "height": window[1]})
            size = window
        faults[promise] = look(page)
    if scene.name in WALKED:
        page.set_viewport_size({"width": 1440, "height": 900})
        promise = "whatever can be pressed is reached by Tab, and seen when it is"
        faults[promise] = KeyboardWalk(page).faults()

    broken = [f"{promise}: {fault}" for promise, found in faults.items() for fault in found]
    assert broken == [], "\n".join(broken)

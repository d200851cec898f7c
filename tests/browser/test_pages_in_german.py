"""What holds for every page in German, and mirrored as from right to left."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import Any

import pytest

from plaudit.workspace.language.languages import FOLDER
from tests.support.pages import chromium, gallery_stage, look_sweeps, page_gallery
from tests.support.pages.axe_rules import axe_faults, axe_rules
from tests.support.pages.browser_client import Tags
from tests.support.texts.entries import read_entries

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
CUT = """() => [...document.querySelectorAll(
    'button, .button, th, td, label, summary, .tag, h1, h2, h3, legend, nav a, .pill')]
  .filter(one => one.checkVisibility() && !one.matches('.sr-only, .sr-only *')
    && getComputedStyle(one).overflowX === 'hidden' && one.scrollWidth > one.clientWidth + 1
    && getComputedStyle(one).textOverflow !== 'ellipsis'
    && getComputedStyle(one).clipPath === 'none')
  .map(one => one.outerHTML.slice(0, 120))"""
OUT = """() => [...document.querySelectorAll('td, tbody th, dd, .field, .check, .ticked, .actions')]
  .filter(one => one.checkVisibility() && !one.matches('.sr-only, .sr-only *')
    && getComputedStyle(one).overflowX === 'visible' && one.clientWidth > 1
    && one.scrollWidth > one.clientWidth + 1)
  .map(one => `out: ${one.scrollWidth} > ${one.clientWidth} ${one.outerHTML.slice(0, 120)}`)"""
CHOSEN = """() => {  // of a format its name comes first, and what it is for stands below
  const pen = document.createElement('canvas').getContext('2d');
  return [...document.querySelectorAll('select:not(#format)')].filter(one => {
    const style = getComputedStyle(one);
    const room = one.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    pen.font = style.font;
    const words = one.selectedOptions[0]?.textContent.trim() ?? '';
    return one.checkVisibility() && pen.measureText(words).width > room - 14;  // of its arrow
  }).map(one => `cut: ${one.selectedOptions[0].textContent.trim()}`);
}"""
ENGLISH = """known => {
  const own = 'bdi, [dir=auto], code, pre, textarea, script, style, template, math, kbd, svg';
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walk.nextNode()) {
    const { parentElement, textContent } = walk.currentNode;
    const text = textContent.replace(/\\s+/g, ' ').trim().replace(/[.:]$/, '');
    if (parentElement.closest(`${own}, [lang]:not(html), .field-list, .rendered`)) continue;
    found.push(...[text, ...text.split(/ [·–] /)].filter(one => known.includes(one)));
  }
  return found;
}"""
"""Texts of the catalogue that stand in a German page in English. What somebody wrote has its own
direction, the form editor shows questions as they are stored, and the style guide has samples."""
RULES = axe_rules("light") | {
    "runOnly": {
        "type": "rule",
        "values": [
            *("html-has-lang", "html-lang-valid", "html-xml-lang-mismatch", "valid-lang"),
            *("document-title", "label-content-name-mismatch", "target-size"),
            *("scrollable-region-focusable", "link-in-text-block"),
        ],
    }
}
"""Rules of axe that depend on words or on where things are; English pages are held to all."""


@pytest.fixture(scope="module")
def demo():
    if chromium.program() is None:
        pytest.skip("Chromium is not installed")
    with gallery_stage.demonstration() as demo:
        yield demo


@pytest.fixture(scope="module")
def rooms(demo, browser):
    """A browser in German for each role, signed in once, and its one page."""
    found = {}

    def enter(role):
        if role not in found:
            context = page_gallery.enter(demo, browser, role)
            cookie = {"name": "plaudit-language", "value": "de", "url": demo.url}
            context.add_cookies([cookie])
            found[role] = (context, context.new_page())
        return found[role][1]

    yield enter
    for context, _ in found.values():
        context.close()


def speak(demo: gallery_stage.Stage, page: Any, code: str) -> None:
    """Choose the language of a page's browser."""
    cookie = {"name": "plaudit-language", "value": code, "url": demo.url}
    page.context.add_cookies([cookie])


def parts_of(demo: gallery_stage.Stage, page: Any, code: str) -> Counter[tuple[str, str | None]]:
    """How often each element stands in a page as it comes in a language, and which is current."""
    speak(demo, page, code)
    found = Tags(page.context.request.get(page.url).text()).found
    return Counter(
        (tag, attrs.get("aria-current"))
        for tag, attrs in found
        if tag not in ("script", "link") and attrs.get("id") != "flash"
    )


@cache
def english_texts() -> list[str]:
    """Texts of the catalogue that are other words in German, those without values and markup."""
    return [
        text.rstrip(".:")
        for entry in read_entries((FOLDER / "de.po").read_text())[1:]
        for text in filter(None, (entry.singular, entry.plural))
        if not re.search(r"%\(|<", text)
        and text.casefold() not in (one.casefold() for one in entry.translations)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("scene", page_gallery.SCENES, ids=lambda scene: scene.name)
def test_a_page_is_whole_in_german_and_mirrored(demo, rooms, scene):
    page = rooms(scene.role)
    page.set_viewport_size({"width": 1440, "height": 900})
    page_gallery.visit(demo, page, scene)
    faults = []
    for direction in ("ltr", "rtl"):
        page.evaluate(f"document.documentElement.dir = '{direction}'")
        for width, height in page_gallery.WIDTHS.items():
            page.set_viewport_size({"width": width, "height": height})
            if page.evaluate(WIDER) > 0:
                faults.append(f"{direction}: wider than {width}")
            for kind in (CUT, OUT, CHOSEN, *look_sweeps.SWEEPS):
                faults += [f"{direction} {width}: {one}" for one in page.evaluate(kind)]
    # So tall that no bar which stays in sight lies on what could be scrolled from under it.
    tall = page.evaluate("document.documentElement.scrollHeight") + 400
    page.set_viewport_size({"width": width, "height": min(tall, 8000)})
    faults += axe_faults(page, RULES)
    german, english = (parts_of(demo, page, code) for code in ("de", "en"))
    speak(demo, page, "de")

    assert page.evaluate("document.documentElement.lang") == "de"
    assert scene.name == "styleguide" or page.evaluate(ENGLISH, english_texts()) == []
    assert faults == []
    assert german - english == english - german == Counter()

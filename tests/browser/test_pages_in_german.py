"""What holds for every page in German, and mirrored as from right to left."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest

from plaudit.workspace.language.languages import FOLDER
from tests.support.pages import look_sweeps, page_gallery
from tests.support.pages.axe_rules import axe_faults, axe_rules
from tests.support.texts.entries import read_entries

OUT = """() => [...document.querySelectorAll('td, tbody th, dd, .field, .check, .ticked, .actions')]
  .filter(one => one.checkVisibility() && !one.matches('.sr-only, .sr-only *')
    && getComputedStyle(one).overflowX === 'visible' && one.clientWidth > 1
    && one.scrollWidth > one.clientWidth + 1)
  .map(one => `out: ${one.scrollWidth} > ${one.clientWidth} ${one.outerHTML.slice(0, 120)}`)"""
CHOSEN = """() => {  // of a format its name comes first, and what it is for stands below
  const chosen = [...document.querySelectorAll('select:not(#format)')].filter(one =>
    one.checkVisibility());
  if (!chosen.length) return [];
  const pen = window.pen ??= new OffscreenCanvas(1, 1).getContext('2d');
  return chosen.filter(one => {
    const style = getComputedStyle(one);
    const room = one.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    pen.font = style.font;
    const words = one.selectedOptions[0]?.textContent.trim() ?? '';
    return pen.measureText(words).width > room - 14;  // of its arrow
  }).map(one => `cut: ${one.selectedOptions[0].textContent.trim()}`);
}"""
LOOK = f"""() => {{
  const faults = [], root = document.documentElement
  const named = `button, .button, th, td, label, summary, .tag, h1, h2, h3, legend, nav a, .pill`
  for (const direction of ['ltr', 'rtl']) {{
    root.dir = direction
    if (root.scrollWidth > root.clientWidth) faults.push(`${{direction}}: wider than the window`)
    for (const look of [{", ".join((OUT, CHOSEN, *look_sweeps.SWEEPS))}]) {{
      faults.push(...look().map((one) => `${{direction}} ${{one}}`))
    }}
    for (const one of document.querySelectorAll(`${{named}}, .ends span`)) {{
      if (one.scrollWidth <= one.clientWidth + 1) continue
      const {{ overflowX, textOverflow, clipPath }} = getComputedStyle(one)
      const isShortened = textOverflow === 'ellipsis' && !one.matches('.ends span')
      const isCut = overflowX === 'hidden' && !isShortened && clipPath === 'none'
      if (isCut && one.checkVisibility() && !one.matches('.sr-only, .sr-only *')) {{
        faults.push(`${{direction}} cut: ${{one.outerHTML.slice(0, 120)}}`)
      }}
    }}
  }}
  return faults
}}"""
"""Looks at a page in both directions, and leaves it in the one in which it was not."""

LET_BARS_GO = """() => {
  for (const one of document.body.querySelectorAll('*')) {
    if (/sticky|fixed/.test(getComputedStyle(one).position)) one.style.position = 'static'
  }
}"""
"""Lets no bar that stays in sight lie on what could be scrolled from under it."""
TEXTS = """() => {
  const own = 'bdi, [dir=auto], code, pre, textarea, script, style, template, math, kbd';
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = new Set();
  while (walk.nextNode()) {
    const { parentElement, textContent } = walk.currentNode;
    const text = textContent.replace(/\\s+/g, ' ').trim().replace(/[.:]$/, '');
    const isOwn = parentElement.closest(`${own}, [lang]:not(html), .field-list, .rendered`);
    if (!text || isOwn) continue;
    for (const one of [text, ...text.split(/ [·–] /)]) found.add(one);
  }
  return [document.documentElement.lang, [...found]];
}"""
"""The language of a page, and its texts. What somebody wrote has its own direction, the form editor
shows questions as they are stored, and the style guide has samples."""
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


PARTS = """async () => {
  const counts = {}
  const count = (root) => {
    for (const one of root.querySelectorAll('*')) {
      if (one.matches('script, link, #flash')) continue
      const part = `${one.localName} ${one.getAttribute('aria-current') ?? ''}`
      counts[part] = (counts[part] ?? 0) + 1
      if (one.content instanceof DocumentFragment) count(one.content)
    }
  }
  const text = await (await fetch(location.href)).text()
  const policy = trustedTypes.createPolicy('parts', { createHTML: (text) => text })
  count(new DOMParser().parseFromString(policy.createHTML(text), 'text/html'))
  return counts
}"""
"""How often each element stands in a page as it comes in the language of now, and is current."""


@cache
def english_texts() -> frozenset[str]:
    """Texts of the catalogue that are other words in German, those without values and markup."""
    return frozenset(
        text.rstrip(".:")
        for entry in read_entries((FOLDER / "de.po").read_text())[1:]
        for text in filter(None, (entry.singular, entry.plural))
        if not re.search(r"%\(|<", text)
        and text.casefold() not in (one.casefold() for one in entry.translations)
    )


@pytest.mark.parametrize("scene", page_gallery.SCENES, ids=lambda scene: scene.name)
def test_a_page_is_whole_in_german_and_mirrored(visits, scene):
    page = visits.open(scene, "de")
    faults = []
    for width, height in page_gallery.WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        faults += [f"{width} {one}" for one in page.evaluate(LOOK)]
    page.evaluate(LET_BARS_GO)
    faults += [f"{rule}: {elements}" for rule, elements in axe_faults(page, RULES)]
    german = Counter(page.evaluate(PARTS))
    visits.speak(page, None)
    english = Counter(page.evaluate(PARTS))
    language, texts = page.evaluate(TEXTS)

    assert language == "de"
    assert scene.name == "styleguide" or english_texts() & set(texts) == set()
    assert faults == [], "\n".join(faults)
    assert german.total() > 20
    assert german - english == english - german == Counter()

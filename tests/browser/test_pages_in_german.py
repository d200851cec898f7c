"""What holds for every page in German, and mirrored as from right to left."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.pages import page_gallery
from tests.support.pages.axe_rules import axe_faults, axe_rules

LOOK = """() => {
  const faults = [], root = document.documentElement
  const looked = `button, .button, th, td, label, summary, .tag, h1, h2, h3, legend, nav a, .pill`
  for (const direction of ['ltr', 'rtl']) {
    root.dir = direction
    if (root.scrollWidth > root.clientWidth) faults.push(`${direction}: wider than the window`)
    for (const one of document.querySelectorAll(looked)) {
      if (one.scrollWidth <= one.clientWidth + 1) continue
      const { overflowX, textOverflow, clipPath } = getComputedStyle(one)
      const isCut = overflowX === 'hidden' && textOverflow !== 'ellipsis' && clipPath === 'none'
      if (isCut && one.checkVisibility() && !one.matches('.sr-only, .sr-only *')) {
        faults.push(`${direction} cut: ${one.outerHTML.slice(0, 120)}`)
      }
    }
  }
  return faults
}"""
"""Looks at a page in both directions, and leaves it mirrored."""

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


@pytest.mark.parametrize("scene", page_gallery.SCENES, ids=lambda scene: scene.name)
def test_a_page_is_whole_in_german_and_mirrored(visits, scene):
    page = visits.open(scene, "de")
    faults = []
    for width, height in page_gallery.WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        faults += [f"{width} {one}" for one in page.evaluate(LOOK)]
    # So tall that no bar which stays in sight lies on what could be scrolled from under it.
    tall = page.evaluate("document.documentElement.scrollHeight") + 400
    page.set_viewport_size({"width": width, "height": min(tall, 8000)})
    faults += axe_faults(page, RULES)
    german = Counter(page.evaluate(PARTS))
    visits.speak(page, None)
    english = Counter(page.evaluate(PARTS))

    assert page.evaluate("document.documentElement.lang") == "de"
    assert faults == []
    assert german.total() > 20
    assert german - english == english - german == Counter()

"""Contrast as measured in a second colour scheme: it finds what axe finds, and leaves the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.browser.conftest import Open
from tests.support.pages.axe_rules import axe_faults, axe_rules
from tests.support.pages.chromium import Pages
from tests.support.pages.contrast import faint_texts

FAINT = """
<p id="grey" style="color: #999">Words</p>
<p id="inherited" style="color: #999"><b id="within">Words</b></p>
<div style="background: #222"><p id="on-dark" style="color: #555">Words</p></div>
<p id="large-faint" style="color: #aaa; font-size: 24px">Words</p>
<p id="mixed" style="background: color-mix(in srgb, #000 40%, transparent)">
  <i id="on-mixed" style="color: oklch(0.5 0.1 20)">Words</i></p>
<p id="faded" style="opacity: 0.4">Words</p>
<div style="opacity: 0.4"><p id="faded-around">Words</p></div>
<label>Field <input id="field" value="Words" style="color: #aaa; background: #fff"></label>"""
CLEAR = """
<p id="black">Words</p>
<p id="large" style="color: #8c8c8c; font-size: 24px">Words</p>
<p id="bold" style="color: #8c8c8c; font-size: 19px; font-weight: 700">Words</p>
<div style="background: #222"><p id="white" style="color: #fff">Words</p></div>
<button id="off" disabled style="color: #ccc; background: #fff">Words</button>
<label style="color: #ccc">Off <input disabled></label>
<p id="unseen" style="color: #ccc; visibility: hidden">Words</p>
<p id="gone" style="color: #ccc; display: none">Words</p>
<p id="pictured" style="color: #ccc; background: linear-gradient(#fff, #eee)">Words</p>"""


def ids(elements: Iterable[str]) -> set[str]:
    return {found[1] for one in elements if (found := re.search(r'id="([^"]+)"', one))}


def test_texts_that_are_too_faint_are_those_that_axe_finds(pages: Pages, open_context: Open):
    page = open_context()[0].new_page()
    html = f'<!doctype html><html lang="en"><title>T</title><main><h1>T</h1>{FAINT}{CLEAR}</main>'
    page.goto(pages.add("/faint", html))

    found = ids(faint_texts(page))

    wanted = {one for one in ids(re.findall("<[^>]+>", FAINT)) if one not in ("inherited", "mixed")}
    [(_, of_axe)] = axe_faults(page, axe_rules("dark"))
    assert found == ids(of_axe) == wanted


def test_a_scheme_is_looked_at_as_it_is_now(pages: Pages, open_context: Open):
    style = ":root { color-scheme: light dark } p { color: light-dark(#333, #444) }"
    page = open_context()[0].new_page()
    page.goto(pages.add("/schemes", f"<!doctype html><style>{style}</style><p id=words>Words</p>"))

    assert faint_texts(page) == []
    page.emulate_media(color_scheme="dark")

    [one] = faint_texts(page)
    assert one.endswith('<p id="words">Words</p>')

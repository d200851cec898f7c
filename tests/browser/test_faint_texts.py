"""Contrast as measured in a second colour scheme: it finds what axe finds, and leaves the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tests.browser.conftest import Open
from tests.support.pages.axe_rules import axe_faults, axe_rules, run_axe
from tests.support.pages.chromium import Pages, Remote
from tests.support.pages.contrast import RULE, faint_texts

LINK = "link-in-text-block"
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


def found_by_axe(page: Remote, rule: str) -> set[str]:
    """Elements that break a rule, as axe finds them among all."""
    options = {"runOnly": {"type": "rule", "values": [rule]}}
    return {
        one
        for fault in run_axe(page, options)["violations"]
        for one in ids(node["html"] for node in fault["nodes"])
    }


def test_texts_that_are_too_faint_are_those_that_axe_finds(pages: Pages, open_context: Open):
    page = open_context()[0].new_page()
    html = f'<!doctype html><html lang="en"><title>T</title><main><h1>T</h1>{FAINT}{CLEAR}</main>'
    page.goto(pages.add("/faint", html))

    found = ids(faint_texts(page))

    wanted = {one for one in ids(re.findall("<[^>]+>", FAINT)) if one not in ("inherited", "mixed")}
    assert found == found_by_axe(page, RULE) == wanted


def test_a_scheme_is_looked_at_as_it_is_now(pages: Pages, open_context: Open):
    style = ":root { color-scheme: light dark } p { color: light-dark(#333, #444) }"
    page = open_context()[0].new_page()
    page.goto(pages.add("/schemes", f"<!doctype html><style>{style}</style><p id=words>Words</p>"))

    assert faint_texts(page) == []
    page.emulate_media(color_scheme="dark")

    [one] = faint_texts(page)
    assert one.endswith('<p id="words">Words</p>')


TARGETS = """<style>button { padding: 0; border: 0; display: block } .small { height: 10px }</style>
<p><button id="upper" class="small">Up</button><button id="lower" class="small">Down</button></p>
<p style="margin: 40px"><button id="alone" class="small">Alone</button></p>
<p><button id="large" style="width: 90px; height: 90px">Large</button></p>
<p style="position: relative; height: 60px"><button id="below" style="width: 60px; height: 60px">B
</button><button id="above" style="position: absolute; left: 5px; top: 5px; width: 50px;
height: 50px">A</button></p>
<p style="margin-top: 40px"><button id="first" class="small">First</button></p>
<p style="margin-top: -9px"><button id="second" class="small">Second</button></p>
<p style="margin-top: 40px"><button class="small">Third</button></p>
<p style="margin-top: 14px"><button class="small">Fourth</button></p>"""
LINKS = """<style>a { color: #00f } .bare { text-decoration: none }</style>
<p>Words of a sentence <a id="bare" class="bare" href="/a">that leads</a> to a page.</p>
<p>Words of a sentence <a id="lined" href="/b">that leads</a> to a page.</p>
<p>Words of <a class="bare" href="/c" style="font-weight: 700">a sentence</a> and no more.</p>
<p style="text-decoration: underline">Words of <a id="as-around" href="/d">a sentence</a> here.</p>
<p>Words of <ins>a <a id="in-ins" href="/e">sentence</a></ins> that has been written.</p>"""
OVERLAID = """
<div style="position: relative; height: 40px">
  <div style="position: absolute; inset: 0; background: #222"></div>
  <p id="on-another" style="position: absolute; color: #444">Words</p>
</div>"""


def test_axe_finds_as_much_where_it_is_asked_of_what_may_be_at_fault(
    pages: Pages, open_context: Open
):
    """Small targets, links that look like the text around them, and faint texts.

    The elements around a text say nothing of what is painted between them and it.
    """
    page = open_context()[0].new_page()
    parts = f"{TARGETS}{LINKS}{OVERLAID}"
    html = f'<!doctype html><html lang="en"><title>T</title><main><h1>T</h1>{parts}'
    page.goto(pages.add("/narrow", html))

    found = {rule: ids(elements) for rule, elements in axe_faults(page, axe_rules("light"))}

    assert found == {rule: found_by_axe(page, rule) for rule in ("target-size", LINK, RULE)}
    assert found == {
        "target-size": {"upper", "lower", "below", "first", "second"},
        LINK: {"bare", "as-around"},
        RULE: {"on-another"},
    }
    assert faint_texts(page) == []

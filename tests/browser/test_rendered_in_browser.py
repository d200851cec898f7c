"""Hostile texts, rendered, in a real browser: nothing runs and nothing leaves.

With the policy that our pages have, and without any, so that the rendering stands alone.
"""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from plaudit.workspace.render import rich_text
from plaudit.workspace.render.rich_text import render_markdown
from plaudit.workspace.render.sanitize import sanitize_html
from plaudit.workspace.render.text_diff import render_diff
from tests.support.pages.axe_rules import run_axe
from tests.support.pages.chromium import Pages, Remote, Seen
from tests.support.pages.hostile_texts import CANARY, PAYLOADS, RUN
from tests.support.pages.markup import ATTRIBUTES, TAGS, render_too_long

Open = Callable[..., tuple[Remote, Seen]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:;"
    " connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self';"
    " require-trusted-types-for 'script'"
)
STATIC = Path(rich_text.__file__).parents[1] / "static"
STYLE = (STATIC / "shared" / "rendered.css").read_text("utf-8")

# Does by hand what a person could do by accident: points at everything, focuses and clicks it.
# Links to the outside are not followed; that they are links is no harm.
MEDDLE = """() => {
  addEventListener('click', event => {
    const link = event.target.closest?.('a[href^="http" i], a[href^="mailto:" i]')
    if (link) event.preventDefault()
  }, true)
  for (const element of document.querySelectorAll('.rendered *')) {
    for (const name of ['pointerover', 'mouseover', 'mouseenter', 'focus', 'focusin', 'blur',
                        'toggle', 'beforetoggle', 'load', 'error', 'animationstart', 'keydown'])
      element.dispatchEvent(new Event(name, {bubbles: true}))
    element.focus?.()
    element.click?.()
    element.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true}))
  }
}"""
# What the browser made of it, which may differ from what any other parser makes of it.
FAULTS = """([tags, attributes]) => {
  const faults = []
  for (const element of document.querySelectorAll('section *')) {
    const where = `${element.closest('section').id}: <${element.localName}>`
    const isMath = element.namespaceURI === 'http://www.w3.org/1998/Math/MathML'
    if (!isMath && element.namespaceURI !== 'http://www.w3.org/1999/xhtml') faults.push(where)
    if (isMath !== /^m(?!ark|eta|enu|eter|ap|ain)/.test(element.localName)) faults.push(where)
    if (!tags.includes(element.localName)) faults.push(where)
    for (const {name} of element.attributes)
      if (!attributes.includes(name)) faults.push(`${where} ${name}`)
    const scheme = element.protocol
    // The scheme ":" is an address that cannot be read, and so not be opened.
    if (scheme && !['http:', 'https:', 'mailto:', ':'].includes(scheme)) faults.push(where + scheme)
  }
  return faults
}"""


def page_of(sections: list[str]) -> str:
    body = "".join(f'<section id="s{n}">{one}</section>' for n, one in enumerate(sections))
    return (
        f'<!doctype html><html lang="en"><title>Texts</title>'
        f'<link rel="stylesheet" href="/rendered.css"><main>{body}</main></html>'
    )


def is_attachment(url: str) -> bool:
    return url.startswith("/attachments/")


def views_of(payload: str) -> list[str]:
    """All that is ever made of a text, and what the cleaner alone makes of it."""
    return [
        render_markdown(payload, is_attachment),
        render_too_long(payload),
        render_diff("a word", payload),
        *map(
            sanitize_html,
            (payload, f"<math><mtext>{payload}</mtext></math>", f"<p title='{payload}'>"),
        ),
    ]


@pytest.fixture(params=[POLICY, ""], ids=["with the policy", "without a policy"])
def show(request: pytest.FixtureRequest, pages: Pages, open_context: Open) -> Any:
    """Open a page of sections; return it and what was seen."""
    headers = {"Content_Security_Policy": request.param} if request.param else {}
    pages.add("/rendered.css", STYLE, "text/css")

    def show(sections: list[str]) -> tuple[Remote, Seen]:
        url = pages.add("/texts", page_of(sections), **headers)
        context, seen = open_context()
        page = context.new_page()
        page.goto(url, wait_until="load")
        return page, seen

    return show


@cache
def hostile_sections() -> list[str]:
    """All views of all payloads, which are the same with a policy and without."""
    return [view for payload in PAYLOADS for view in views_of(payload)]


def test_no_hostile_text_runs_or_leaves(show):
    sections = hostile_sections()

    page, seen = show(sections)
    page.evaluate(MEDDLE)
    page.wait_for_timeout(500)

    assert page.locator("main > section").count() == len(sections)
    assert page.evaluate(FAULTS, [sorted(TAGS), sorted(ATTRIBUTES)]) == []
    assert page.evaluate("window.__pwned") is None
    assert page.url.endswith("/texts")
    assert len(seen.pages) == 1
    assert (seen.dialogs, seen.foreign, seen.violations, seen.errors) == ([], [], [], [])


DOING: list[tuple[str, str]] = [
    (f"<img src=x onerror={RUN}>", "pwned"),
    (f"<script>{RUN}</script>", "pwned"),
    (f"<svg onload={RUN}>", "pwned"),
    (f"<p onmouseover={RUN}>x", "pwned"),
    (f"<p onclick={RUN}>x", "pwned"),
    (f"<a href='javascript:{RUN}'>x</a>", "pwned"),
    ("<img src=x onerror=alert(1)>", "dialogs"),
    (f"<img src={CANARY}/i.png>", "foreign"),
    (f"<p style='background:url({CANARY}/i.png)'>x", "foreign"),
    (f"<iframe src={CANARY}/></iframe>", "foreign"),
    (f"<meta http-equiv=refresh content='0;url={CANARY}/'>", "foreign"),
]
"""Texts that run or leave where nobody renders them, and where that is seen."""
WAITS_MAX = 200
"""Pauses of 50 ms, ten seconds, in which what runs or leaves has to be seen."""


def test_what_would_run_or_leave_is_seen(pages, open_context):
    """The test above means something: unrendered, these texts do what they say."""
    context, seen = open_context()
    unseen: list[str] = []

    for hostile, trace in DOING:
        url = pages.add("/unrendered", page_of([f'<div class="rendered">{hostile}</div>']))
        page = context.new_page()
        seen.forget()
        page.goto(url, wait_until="load")
        if trace == "pwned":
            page.evaluate(MEDDLE)
        for _ in range(WAITS_MAX):
            if page.evaluate("window.__pwned") == 1 if trace == "pwned" else getattr(seen, trace):
                break
            page.wait_for_timeout(50)
        else:
            unseen.append(hostile)
        page.close()

    assert unseen == []


def test_the_policy_is_seen_at_work(pages, open_context):
    body = page_of([f"<script>{RUN}</script><p style='color:red'>x</p><img src={CANARY}/i.png>"])
    url = pages.add("/violating", body, Content_Security_Policy=POLICY)
    context, seen = open_context()
    page = context.new_page()

    page.goto(url, wait_until="load")
    page.wait_for_timeout(300)

    assert page.evaluate("window.__pwned") is None
    kinds = {text.split()[0] for text in seen.violations}
    assert kinds == {"script-src-elem", "style-src-attr", "img-src"}


def test_the_text_on_the_page_is_the_text_that_was_written(show):
    """Nothing of it was taken for markup on the way through two parsers."""
    texts = [payload for payload in PAYLOADS if not {"\x00", "\r"} & set(payload)]
    page, _ = show([render_too_long(text) for text in texts])

    shown = page.locator(".plain").all_text_contents()

    numbers = re.compile(r"⟨U\+([0-9A-F]+)⟩")
    assert [numbers.sub(lambda n: chr(int(n[1], 16)), one) for one in shown] == texts


def test_what_formulas_move_stays_inside_its_text(show):
    r"""Combining marks and lengths that pile up cannot cover what is beside the text."""
    page, _ = show([
        "<p id='before'>before</p>",
        render_markdown(r"$" + r"\kern-9.9em" * 100 + r"\raise9em{x}" + "$ a" + "\u0301" * 500),
        "<p id='after'>after</p>",
    ])  # fmt: skip

    covered = page.evaluate("""() => ['before', 'after'].map(id => {
      const {x, y, height} = document.getElementById(id).getBoundingClientRect()
      return document.elementFromPoint(x + 5, y + height / 2)?.id
    })""")

    assert covered == ["before", "after"]


SAMPLE = """# a

`b` [c](https://a.example) [d](/e) ![f](https://a.example/i.png) $\\boxed{x^2}$

```python
def a(b: int):  # c
    return 'd' + e * 1.5
```

```diff
- a
+ b
```

|a|b|
|-|-:|
|1|2|

$$
\\frac{a}{b}
$$

- > f
"""


@pytest.fixture(params=["light", "dark"])
def sample(request: pytest.FixtureRequest, pages: Pages, open_context: Open) -> Remote:
    """A page with one of everything, in each colour scheme."""
    pages.add("/rendered.css", STYLE, "text/css")
    views = [render_markdown(SAMPLE), render_too_long(SAMPLE), render_diff("a b c", "a d c")]
    url = pages.add("/sample", page_of(["<h1>a</h1><h2>b</h2>", *views]))
    context, _ = open_context(color_scheme=request.param)
    page = context.new_page()
    page.goto(url)
    return page


def test_rendered_texts_are_for_everybody(sample):
    """What axe checks of WCAG 2.2 at the levels A and AA, contrast in both schemes included.

    Code has the colours of the scheme, and a boxed answer its box: browsers draw no `menclose`,
    the style sheet does.
    """
    tags = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
    found = run_axe(sample, {"runOnly": tags})
    is_dark = sample.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    keyword = sample.locator(".code .k").first.evaluate("e => getComputedStyle(e).color")
    edge = "element => getComputedStyle(element).borderTopStyle"

    assert [(one["id"], one["nodes"]) for one in found["violations"]] == []
    assert "color-contrast" in {one["id"] for one in found["passes"]}
    assert keyword == ("rgb(255, 158, 198)" if is_dark else "rgb(138, 28, 92)")
    assert sample.locator("menclose").evaluate(edge) == "solid"


def test_the_tests_own_loops_still_run_beside_the_browser(pages, open_context):
    context, _ = open_context()
    context.new_page().goto(pages.add("/empty", html.escape("x")))

    assert asyncio.run(asyncio.sleep(0, "done")) == "done"

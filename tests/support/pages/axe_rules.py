"""Rules that axe holds pages to, WCAG 2.2 at the levels A and AA, and what it finds."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.support.pages.chromium import Remote
from tests.support.pages.contrast import OVERLAID_TEXTS, RULE, faint_texts

AXE: dict[str, Any] = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
_CONTRAST: dict[str, Any] = {"runOnly": {"type": "rule", "values": [RULE]}}

_BRIEF: dict[str, Any] = {
    "resultTypes": ["violations"],
    "selectors": False,  # elements are named by their HTML; finding a selector for each takes long
    "elementRef": False,
    "iframes": False,
}

_NARROW = f"""() => {{
  const marked = 'data-asked-of-axe'
  for (const one of document.querySelectorAll(`[${{marked}}]`)) one.removeAttribute(marked);
  for (const one of ({OVERLAID_TEXTS})()) one.setAttribute(marked, 'contrast');
  const size = 24, controls = `a[href], area, button, input, select, textarea, summary, audio,
    video, iframe, [contenteditable],
    [tabindex][role]:not([role=region], [role=group], [role=img])`;
  const targets = [...document.querySelectorAll(controls)]
    .filter((one) => one.checkVisibility()).map((one) => [one, one.getBoundingClientRect()]);
  const isSmall = (box) => box.width < size || box.height < size;
  const centre = (box) => [box.left + box.width / 2, box.top + box.height / 2];
  const isAcross = (one, other) => one.left < other.right && one.right > other.left
    && one.top < other.bottom && one.bottom > other.top;
  const isTight = (one, other) => {{  // for a circle around a target, by a pixel more than is asked
    const [x, y] = centre(one), [otherX, otherY] = centre(other);
    const aside = Math.max(other.left - x, x - other.right, 0);
    const above = Math.max(other.top - y, y - other.bottom, 0);
    return Math.hypot(aside, above) < size / 2 + 1
      || (isSmall(other) && Math.hypot(otherX - x, otherY - y) < size + 1);
  }};
  for (const [target, box] of targets) {{
    const isInDoubt = ([other, its]) => other !== target
      && (isAcross(box, its) || (isSmall(box) && isTight(box, its)));
    if (targets.some(isInDoubt)) {{
      target.setAttribute(marked, `${{target.getAttribute(marked) ?? ''}} size`);
    }}
  }}
  const known = new Map([[null, false]]);
  const isUnderlined = (one) => getComputedStyle(one).textDecorationLine.includes('underline');
  const isWithin = (one) => {{
    if (!known.has(one)) known.set(one, isUnderlined(one) || isWithin(one.parentElement));
    return known.get(one);
  }};
  for (const link of document.querySelectorAll('a[href]')) {{
    if (!isUnderlined(link) || isWithin(link.parentElement)) {{
      link.setAttribute(marked, `${{link.getAttribute(marked) ?? ''}} link`);
    }}
  }}
  axe.configure({{ rules: [
    {{ id: 'link-in-text-block', selector: `[${{marked}}~=link]` }},
    {{ id: 'color-contrast', selector: `[${{marked}}~=contrast]` }},
    {{ id: 'target-size', selector: `[${{marked}}~=size]` }},
  ] }});
}}"""
"""Lets axe look for faint texts, small targets and links that look like the text around them, its
dearest rules, where there may be any.

A target that is large enough, or has room around it, is none; nor is a link that is underlined in a
text that is not; most texts are compared with what is behind them in a tenth of the time that axe
takes (`contrast`).
"""

_VIOLATIONS = """found =>
  found.violations.map(one => [one.id, one.nodes.map(node => node.html)])"""


def axe_rules(scheme: str) -> dict[str, Any]:
    """Options of axe for a color scheme; a dark page differs from the light one in contrast."""
    return (AXE if scheme == "light" else _CONTRAST) | _BRIEF


def run_axe(page: Remote, options: dict[str, Any]) -> dict[str, Any]:
    """Results of axe for a page as it looks now."""
    found: dict[str, Any] = page._run(_run, page, options, "() => axe.reset()", "found => found")
    return found


def axe_faults(page: Remote, options: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Rules that a page breaks as it looks now, each with the elements that do."""
    found: list[Any] = page._run(_run, page, _BRIEF | options, _NARROW, _VIOLATIONS)
    faults = [(rule, [html[:160] for html in elements]) for rule, elements in found]
    chosen = options.get("runOnly", [])
    if isinstance(chosen, list) or RULE in chosen["values"]:
        faint = faint_texts(page)
        faults += [(RULE, faint)] * bool(faint)
    return faults


def faults_in_both_schemes(page: Remote, **options: Any) -> list[tuple[str, str, list[str]]]:
    """Rules that a page breaks in light, and texts that are too faint in dark.

    Options take the place of axe's usual ones. The page is left in the scheme in which it was not.
    """
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    found: list[tuple[str, str, list[str]]] = []
    schemes = ("dark", "light") if is_dark else ("light", "dark")
    for scheme in schemes:
        if scheme != schemes[0]:
            page.emulate_media(color_scheme=scheme)
        if scheme == "light":
            found += [(scheme, *fault) for fault in axe_faults(page, options or axe_rules(scheme))]
        else:
            faint = faint_texts(page)
            found += [(scheme, RULE, faint)] * bool(faint)
    return found


def bring_axe(page: Remote) -> None:
    """Give a window axe, once for all documents that are opened in it."""
    page.add_init_script(f"window.bringAxe = () => {{ {AXE_SCRIPT} }}")


def _run(page: Page, options: dict[str, Any], before: str, after: str) -> Any:
    # Reading its script costs more than most runs, so it is brought in once for each document.
    if not page.evaluate("'axe' in window || (window.bringAxe?.(), 'axe' in window)"):
        page.evaluate(AXE_SCRIPT)
    script = f"async options => {{ ({before})(); return ({after})(await axe.run(options)) }}"
    return page.evaluate(script, options)

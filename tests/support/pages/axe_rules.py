"""Rules that axe holds pages to, WCAG 2.2 at the levels A and AA, and what it finds."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

from tests.support.pages.chromium import Remote
from tests.support.pages.contrast import RULE, faint_texts

AXE: dict[str, Any] = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
_CONTRAST: dict[str, Any] = {"runOnly": {"type": "rule", "values": [RULE]}}

_BRIEF: dict[str, Any] = {
    "resultTypes": ["violations"],
    "selectors": False,  # elements are named by their HTML; finding a selector for each takes long
    "elementRef": False,
    "iframes": False,
}


def axe_rules(scheme: str) -> dict[str, Any]:
    """Options of axe for a color scheme; a dark page differs from the light one in contrast."""
    return (AXE if scheme == "light" else _CONTRAST) | _BRIEF


def run_axe(page: Remote, options: dict[str, Any]) -> dict[str, Any]:
    """Results of axe for a page as it looks now."""
    found: dict[str, Any] = page._run(_run, page, options)
    return found


def axe_faults(page: Remote, options: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Rules that a page breaks as it looks now, each with the elements that do."""
    return [
        (one["id"], [node["html"][:160] for node in one["nodes"]])
        for one in run_axe(page, options)["violations"]
    ]


def faults_in_both_schemes(page: Remote, **options: Any) -> list[tuple[str, str, list[str]]]:
    """Rules that a page breaks in light, and texts that are too faint in dark.

    Options take the place of axe's usual ones.
    """
    page.emulate_media(color_scheme="dark")
    faint = faint_texts(page)
    page.emulate_media(color_scheme="light")
    faults = axe_faults(page, options or axe_rules("light"))
    return [("dark", RULE, faint)] * bool(faint) + [("light", *fault) for fault in faults]


def _run(page: Page, options: dict[str, Any]) -> Any:
    # Reading its script costs more than most runs, so it is brought in once for each document.
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    return page.evaluate("options => axe.run(options)", options)

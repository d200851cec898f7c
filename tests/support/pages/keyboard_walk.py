"""Somebody who uses pages by keyboard alone."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urljoin

from playwright.sync_api import Page

STEPS_MAX = 200
"""Presses of Tab after which what is looked for counts as out of reach."""

ROUND = 20
"""Presses of Tab after which one sees if the walk has come to its beginning again."""

_NAME = """() => {
  const one = document.activeElement;
  const label = (one.labels?.[0] ?? one).cloneNode(true);
  for (const other of label.querySelectorAll('select, textarea')) other.remove();
  const name = one.getAttribute('aria-label') ?? label.textContent;
  return name.replace('(optional)', '').replace(/\\s+/g, ' ').trim();
}"""
_RECORD = """() => {
  const walk = window.walk = { first: null, reached: new Set(), faults: [], isRound: false };
  const short = (one) => one.outerHTML.replace(/\\s+/g, ' ').slice(0, 120);
  const isDrawn = (one) => one.getClientRects()[0]?.width >= 2;
  document.addEventListener('focusin', ({ target }) => {
    walk.first ??= target;
    walk.isRound ||= walk.first === target && walk.reached.size > 1;
    walk.reached.add(target);
    // At once: a moment later a part of a field of dates may have the focus, and a ring of its own.
    const { outlineStyle, outlineWidth } = getComputedStyle(target);
    const isBare = outlineStyle === 'none' || outlineWidth === '0px';
    if (isDrawn(target) && isBare && !target.matches('[role=separator]')) {  // its line shows it
      walk.faults.push(`no focus is seen: ${short(target)}`);
    }
  });
  // Once the page has moved, at the latest with the next key.
  walk.look = () => {
    const target = document.activeElement;
    if (!walk.reached.has(target) || !isDrawn(target)) return;
    const [box] = target.getClientRects();
    const [x, y] = [box.left + box.width / 2, box.top + Math.min(box.height, 24) / 2];
    const top = document.elementFromPoint(x, y);
    if (!top || !(target.contains(top) || top.contains(target))) {
      walk.faults.push(`out of sight: ${short(target)}`);
    }
  };
  addEventListener('keydown', walk.look, true);
}"""
_MISSED = """() => {
  const all = `a[href], button, input:not([type=hidden], [type=radio]), select, textarea, summary,
    [tabindex="0"]`;
  return [...document.querySelectorAll(`main :is(${all})`)]
    .filter((one) => one.checkVisibility({ visibilityProperty: true }) && !one.disabled
      && one.tabIndex >= 0 && one.getClientRects().length && !window.walk.reached.has(one))
    .map((one) => one.outerHTML.replace(/\\s+/g, ' ').slice(0, 120));
}"""


class KeyboardWalk:
    """A page of a browser, and what its keyboard does on it; `base` begins the paths of others."""

    def __init__(self, page: Any, base: str = "") -> None:
        self.page, self.base = page, base
        page.add_init_script("window.confirm = () => true")

    def url(self, path: str) -> str:
        """The address of a path on the server of the page."""
        return urljoin(self.page.url, path)

    def open(self, name: str) -> None:
        """Go to a page below the base."""
        self.page.goto(self.url(f"{self.base}/{name}"))

    def press(self, key: str) -> None:
        """Press a key that leads to no other page."""
        self.page.keyboard.press(key)

    def follow(self, key: str = "Enter") -> None:
        """Press a key that leads to another page, or to this one anew, and wait for it."""
        with self.page.expect_navigation():
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type over what stands in a field; a line end submits its form, which is waited for."""
        self.page.keyboard.press("ControlOrMeta+a")
        self.page.keyboard.type(text.removesuffix("\n"))
        if text.endswith("\n"):
            self.follow()

    def tab_to(self, name: str, key: str = "Tab") -> None:
        """Press Tab until what has this name has the focus."""
        for _ in range(STEPS_MAX):
            self.page.keyboard.press(key)
            if self.focused() == name:
                return
        raise AssertionError(f"{name} is not reached by {key}")

    def tab_back_to(self, name: str) -> None:
        """Press Shift and Tab until what has this name has the focus."""
        self.tab_to(name, "Shift+Tab")

    def focused(self) -> str:
        """The name of what has the focus."""
        return str(self.page.evaluate(_NAME))

    def told(self) -> str:
        """What is read out by a screen reader, once something is."""
        self.page.wait_for_selector("#live:not(:empty)", state="attached")
        return str(self.page.inner_text("#live"))

    def faults(self) -> list[str]:
        """Walk a page to its end: what Tab does not reach, and where the focus is not seen."""
        self.page.evaluate(_RECORD)
        count = self.page.locator("a, button, input, select, textarea, summary, [tabindex]").count()
        count = min(count, STEPS_MAX)
        for number in range(0, count, ROUND):
            self.page._run(_hold_tab, self.page, min(ROUND, count - number))
            if self.page.evaluate("window.walk.isRound"):
                break
        self.page.keyboard.up("Tab")
        self.page.evaluate("window.walk.look()")
        missed = [f"not reached: {one}" for one in self.page.evaluate(_MISSED)]
        return list(dict.fromkeys(self.page.evaluate("window.walk.faults"))) + missed


def _hold_tab(page: Page, times: int) -> None:
    """Press Tab so many times without waiting for each, as whoever holds the key. In its thread.

    That costs half as much as a call for each, which again costs half as much with `press`.
    """
    keyboard = page.keyboard._impl_obj
    page._sync(asyncio.gather(*(keyboard.down("Tab") for _ in range(times))))

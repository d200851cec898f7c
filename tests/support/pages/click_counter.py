"""Clicks that somebody makes in a browser, counted by the pages themselves."""

from __future__ import annotations

from typing import Any

_COUNT = """{
  const count = () => sessionStorage.clicks = Number(sessionStorage.clicks ?? 0) + 1;
  addEventListener('pointerdown', event => { if (event.isTrusted) count(); }, true);
  window.confirm = () => Boolean(count());
}"""


class ClickCounter:
    """A page of a browser whose clicks are counted, over all pages that it goes to.

    Each press of a mouse or finger is one, wherever it lands. Questions of the browser's own are
    answered with yes, by one click each; a choice in a select field takes two.
    """

    def __init__(self, context: Any) -> None:
        self.page = context.new_page()
        self.page.add_init_script(_COUNT)
        self._choices = 0
        self._before = 0

    @property
    def clicks(self) -> int:
        """Clicks since `begin`."""
        return self._all() - self._before

    def begin(self, url: str) -> None:
        """Go to where the task begins, and count from there."""
        self.page.goto(url)
        self._before = self._all()

    def click(self, name: str, *, role: str = "link", within: str = "body", nth: int = 0) -> None:
        """Click what has this accessible name."""
        self.page.locator(within).get_by_role(role, name=name).nth(nth).click()
        self.page.wait_for_load_state()

    def choose(self, selector: str, value: str) -> None:
        """Choose an option of a select field."""
        self.page.select_option(selector, value)
        self._choices += 2

    def type(self, label: str, text: str) -> None:
        """Type into a field, to which the keyboard leads: no click."""
        self.page.get_by_label(label, exact=True).first.fill(text)

    def _all(self) -> int:
        pressed = self.page.evaluate("() => Number(sessionStorage.clicks ?? 0)")
        return int(pressed) + self._choices

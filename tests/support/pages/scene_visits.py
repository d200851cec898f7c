"""Visits to the scenes of the gallery: one window for each role, used for scene after scene."""

from __future__ import annotations

from typing import Any

from tests.support.pages import page_gallery
from tests.support.pages.axe_rules import bring_axe
from tests.support.pages.chromium import Remote
from tests.support.pages.gallery_stage import Stage

LANGUAGE = "plaudit-language"
"""Name of the cookie that says which language somebody has chosen."""


class SceneVisits:
    """Browsers of people who are signed in at a demonstration, each with one page."""

    def __init__(self, demo: Stage, browser: Remote) -> None:
        self.demo = demo
        self._browser = browser
        self._windows: dict[str | None, tuple[Remote, Remote]] = {}

    def open(self, scene: page_gallery.Scene, language: str | None = None) -> Any:
        """The scene's page in a window 1440 wide, ready to be looked at.

        Without a language it is the browser's own, English.
        """
        if scene.role not in self._windows:
            context = page_gallery.enter(self.demo, self._browser, scene.role)
            self._windows[scene.role] = context, context.new_page()
            bring_axe(self._windows[scene.role][1])
        _, page = self._windows[scene.role]
        page.set_viewport_size({"width": 1440, "height": 900})
        self.speak(page, language)
        return page_gallery.visit(self.demo, page, scene)

    def speak(self, page: Any, language: str | None) -> None:
        """Choose the language of a page's browser, from its next request on."""
        if language is None:
            page.context.clear_cookies(name=LANGUAGE)
        else:
            cookie = {"name": LANGUAGE, "value": language, "url": self.demo.url}
            page.context.add_cookies([cookie])

    def close(self) -> None:
        for context, _ in self._windows.values():
            context.close()

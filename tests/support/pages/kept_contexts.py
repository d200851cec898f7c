"""Contexts of a browser that are kept for later tests, and are as empty for each as a new one.

The process that draws pages ends with the last page of its context, and the next one reads every
script and font anew: 0.3 s of CPU for each test. So a page without content stays open in a context
that is kept, and the pages of tests are drawn by its process.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.support.pages.chromium import Pages, Remote, Seen

IDLE_MAX = 3
"""Contexts that are kept while nobody uses them; each takes some 100 MB of memory."""

WAIT_MS_MAX = 90_000
"""What a page is waited for; the machine may be busy with other tests."""


@dataclass
class _Kept:
    context: Remote
    seen: Seen
    options: dict[str, Any]
    resting: Remote
    """The page that stays open between tests."""
    session: Remote
    """Speaks to the browser about the context."""
    origins: set[str] = field(default_factory=set)


class KeptContexts:
    """Lends contexts, one to each person of a test, and takes all of them back in its end."""

    def __init__(self, browser: Remote, pages: Pages) -> None:
        self._browser = browser
        self._own = pages.url
        self._resting_url = pages.add("/resting", "<!doctype html><title>Resting</title>")
        self._idle: list[_Kept] = []
        self._lent: list[_Kept] = []

    def lend(self, *origins: str, **options: Any) -> tuple[Remote, Seen]:
        """An empty context that may speak to these origins; options are those of Playwright."""
        fitting = [one for one in self._idle if one.options == options]
        if fitting:
            kept = fitting[-1]
            self._idle.remove(kept)
        else:
            kept = self._open(options)
        kept.origins |= {self._own, *origins}
        kept.seen.origins = (self._own, *origins)
        self._lent.append(kept)
        return kept.context, kept.seen

    def take_back(self) -> None:
        """Empty what is lent, for those who come next."""
        # The first person of a test is given the context that was used last: it is warm.
        for kept in reversed(self._lent):
            kept.context._run(_empty, kept)
            kept.seen.forget()
            self._idle.append(kept)
        self._lent.clear()
        while len(self._idle) > IDLE_MAX:
            self._idle.pop(0).context.close()

    def close(self) -> None:
        for kept in [*self._idle, *self._lent]:
            kept.context.close()

    def _open(self, options: dict[str, Any]) -> _Kept:
        context, seen = self._browser.new_context(**options), Seen()
        context.set_default_timeout(WAIT_MS_MAX)
        resting = context.new_page()
        resting.goto(self._resting_url)
        context._run(seen.watch, context, self._own)
        return _Kept(context, seen, options, resting, context.new_cdp_session(resting))


def _empty(kept: _Kept) -> None:
    """Close the pages of a test and remove what they stored. Runs in the browser's thread."""
    context, resting = kept.context._target, kept.resting._target
    for page in context.pages:
        if page != resting:
            page.close()
    context.unroute_all()
    context.clear_permissions()
    context.set_offline(False)
    context.clear_cookies()
    session = kept.session._target
    for origin in kept.origins:
        place = {"origin": origin, "storageTypes": "all"}
        session.send("Storage.clearDataForOrigin", place)
    session.send("Network.clearBrowserCache")
    kept.origins.clear()

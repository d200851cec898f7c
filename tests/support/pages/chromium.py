"""A real browser for tests, and a local server for pages of their own.

Playwright's plain interface keeps an event loop running in its thread, where the tests' own loops
could not run any more. So it lives in a thread of its own: `Remote` stands for an object there,
and whatever is read from it or called on it happens there.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from playwright.sync_api import BrowserContext, Page, Request, sync_playwright

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first that is installed is used: the shell takes a sixth of the CPU for each page."""
_FEATURES_OFF = (
    # A process kept ready beside each context costs as much as one that is used.
    "SpareRendererForSitePerProcess",
    # Of those that Playwright switches off, whose list this one replaces.
    *("AvoidUnnecessaryBeforeUnloadCheckSync", "DestroyProfileOnBrowserClose", "HttpsUpgrades"),
    *("MediaRouter", "OptimizationHints", "PaintHolding", "ThirdPartyStoragePartitioning"),
)
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    # One process draws all pages of a person, where a real browser may take several for them.
    *("--process-per-site", "--renderer-process-limit=1", "--disable-site-isolation-trials"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    f"--disable-features={','.join(_FEATURES_OFF)}",
    # Documents of tests are small and short-lived: more room for them is looked through less often.
    "--js-flags=--min-semi-space-size=32,--max-semi-space-size=32",
    # Whatever a page or the browser itself asks for elsewhere finds nobody.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
SECONDS_MAX = 120
"""After which a call into the browser's thread counts as hung."""


def program() -> str | None:
    """The path of a Chromium, or None where there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class Remote:
    """Stands for an object of the browser's thread, and is used like the object itself."""

    def __init__(self, thread: ThreadPoolExecutor, target: Any) -> None:
        self.__dict__.update(_thread=thread, _target=target)

    def _run(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        plain = [_unwrapped(one) for one in arguments]
        named = {name: _unwrapped(one) for name, one in named.items()}
        found = self._thread.submit(function, *plain, **named).result(SECONDS_MAX)
        return _wrapped(self._thread, found)

    def __getattr__(self, name: str) -> Any:
        return self._run(getattr, self._target, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._run(setattr, self._target, name, value)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._run(self._target, *arguments, **named)

    def __enter__(self) -> Any:
        return self._run(self._target.__enter__)

    def __exit__(self, *problem: Any) -> Any:
        return self._run(self._target.__exit__, *problem)


def _wrapped(thread: ThreadPoolExecutor, found: Any) -> Any:
    if isinstance(found, list):
        return [_wrapped(thread, one) for one in found]
    is_theirs = type(found).__module__.startswith("playwright.")
    return Remote(thread, found) if is_theirs or callable(found) else found


def _unwrapped(given: Any) -> Any:
    return given._target if isinstance(given, Remote) else given


def opened() -> Iterator[Remote]:
    """Yield a browser, and close it when resumed."""
    with ThreadPoolExecutor(1, "browser") as thread:
        playwright = Remote(thread, thread.submit(sync_playwright().start).result(SECONDS_MAX))
        browser = playwright.chromium.launch(executable_path=program(), args=ARGUMENTS)
        yield browser
        browser.close()
        playwright.stop()


@dataclass
class Seen:
    """What happened in a context that may speak to `origins`; `foreign` are requests to others."""

    origins: tuple[str, ...] = ()
    pages: list[Page] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext, *origins: str) -> None:
        """Watch all pages of a context; it may speak to the origins named. Runs in its thread."""

        self.origins = origins

        def judge(request: Request) -> None:
            allowed = [f"{origin}/" for origin in self.origins]
            if not request.url.startswith((*allowed, "data:", "blob:", "about:")):
                self.foreign.append(request.url)

        context.on("request", judge)
        context.expose_binding("__violated", lambda _source, text: self.violations.append(text))
        context.add_init_script(
            "document.addEventListener('securitypolicyviolation', event =>"
            " window.__violated(`${event.violatedDirective} ${event.blockedURI}`))"
        )
        context.on("page", self._watch_page)

    def forget(self) -> None:
        """Begin anew, for what comes next in the same context."""
        for found in (self.pages, self.foreign, self.dialogs, self.errors, self.violations):
            found.clear()

    def _watch_page(self, page: Page) -> None:
        self.pages.append(page)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))


class Pages:
    """A server on the loopback interface. `add` a page, then open `url` + its path."""

    def __init__(self) -> None:
        answers: dict[str, tuple[bytes, dict[str, str]]] = {}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body, headers = answers.get(self.path, (b"", {}))
                self.send_response(200 if self.path in answers else 404)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_words: object) -> None:
                pass

        self._answers = answers
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def add(self, path: str, body: str, type_: str = "text/html", **headers: str) -> str:
        """Serve this under a path from now on; return its URL. `_` in a header's name is "-"."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = {"Content-Type": f"{type_}; charset=utf-8"}
        self._answers[path] = (body.encode("utf-8", "surrogatepass"), content | named)
        return f"{self.url}{path}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

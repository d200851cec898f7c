"""Requests to the application in this process, on an event loop in a thread of its own.

A request crosses to that thread once and comes back once. Starlette's test client crosses a dozen
times for each, which cost more than the application did.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import unquote

import httpx2
from starlette.types import ASGIApp, Message

from tests.support.running import hot_answers
from tests.support.running.kept_loops import of_applications

T = TypeVar("T")

SECONDS_MAX = 120
"""After which a request counts as hung."""


class RunningApp:
    """An application between startup and shutdown; `startup` raises what its lifespan raises."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._runner = of_applications.lend()
        self._loop = self._runner.get_loop()
        self._threads = ThreadPoolExecutor(thread_name_prefix="asyncio")
        self._loop.set_default_executor(self._threads)
        self._thread = threading.Thread(target=self._loop.run_forever, name="application")
        self._thread.start()
        self._events: asyncio.Queue[str] = asyncio.Queue()
        try:
            self.call(self._start())
        except BaseException:
            self._end_loop()
            raise

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, beside the requests of other threads."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(SECONDS_MAX)

    def stop(self) -> None:
        """Shut down; raises what the lifespan raises."""
        try:
            self.call(self._finish())
        finally:
            self._end_loop()

    async def _start(self) -> None:
        self._is_up = asyncio.Event()
        self._lifespan = asyncio.ensure_future(
            self.app({"type": "lifespan", "asgi": {"version": "3.0"}}, self._receive, self._send)
        )
        self._events.put_nowait("lifespan.startup")
        up = asyncio.ensure_future(self._is_up.wait())
        await asyncio.wait([up, self._lifespan], return_when=asyncio.FIRST_COMPLETED)
        if not up.done():
            up.cancel()
            await self._lifespan

    async def _receive(self) -> Message:
        return {"type": await self._events.get()}

    async def _send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            self._is_up.set()

    async def _finish(self) -> None:
        self._events.put_nowait("lifespan.shutdown")
        await self._lifespan
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _end_loop(self) -> None:
        self._threads.shutdown()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        of_applications.give_back(self._runner)


class AppClient(httpx2.Client):
    """A client of the application in this process; what a handler raises is raised here.

    `client` is the address that requests come from. Used as a context it runs `app` meanwhile;
    with `running` it is one client of several.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        running: RunningApp | None = None,
        base_url: str = "http://testserver",
        headers: dict[str, str] | None = None,
        client: tuple[str, int] = ("testclient", 50000),
        **options: Any,
    ) -> None:
        super().__init__(
            transport=_Transport(self, client),
            base_url=base_url,
            headers={"user-agent": "testclient"} | (headers or {}),
            follow_redirects=True,
            **options,
        )
        self.app = app
        self.running = running
        self._is_own = running is None

    def __enter__(self) -> AppClient:
        super().__enter__()
        if self._is_own:
            self.running = RunningApp(self.app)
        return self

    def __exit__(self, *problem: Any) -> None:
        try:
            if self._is_own and self.running is not None:
                self.running.stop()
        finally:
            super().__exit__(*problem)


class _Transport(httpx2.BaseTransport):
    def __init__(self, owner: AppClient, address: tuple[str, int]) -> None:
        self._owner = owner
        self._address = address

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        assert self._owner.running is not None, "use the client as a context"
        return self._owner.running.call(self._respond(request, request.read()))

    async def _respond(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        sent: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        is_over = asyncio.Event()
        start: list[Message] = []
        pieces: list[bytes] = []

        async def receive() -> Message:
            if sent:
                return sent.pop()
            await is_over.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                assert not start, "a response has one head"
                start.append(message)
            else:
                assert start, "the body came before the head"
                assert not is_over.is_set(), "the body went on after its end"
                pieces.append(bytes(message.get("body", b"")))
                if not message.get("more_body", False):
                    is_over.set()

        scope = _scope_of(request, self._address)
        await self._owner.app(scope, receive, send)
        assert start, "there was no response"
        if request.method == "GET" and not body:
            answer = (start[0]["status"], list(start[0]["headers"]), b"".join(pieces))
            await hot_answers.compare(self._owner.app, scope, answer)
        return httpx2.Response(
            start[0]["status"],
            headers=start[0]["headers"],
            content=b"" if request.method == "HEAD" else b"".join(pieces),
            request=request,
        )


def _scope_of(request: httpx2.Request, address: tuple[str, int]) -> dict[str, Any]:
    url = request.url
    return {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "path": unquote(url.path),
        "raw_path": url.raw_path.split(b"?", 1)[0],
        "root_path": "",
        "scheme": url.scheme,
        "query_string": url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": address,
        "server": (url.host, url.port or {"http": 80, "https": 443}[url.scheme]),
    }

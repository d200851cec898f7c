"""Requests over HTTP, blocking and asynchronous: kept connections, retries, bounded answers."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2

from plaudit import __version__
from plaudit.client.client_error import ClientError
from plaudit.client.compression import ACCEPTED, CannotUnpack, TooLong, unpacked
from plaudit.client.connections import (
    AnswerBroken,
    AnswerLate,
    AnswerTooLong,
    Connection,
    ConnectionPool,
    Unreachable,
)
from plaudit.client.exchange import (
    Broken,
    Pause,
    Request,
    RetryPolicy,
    Send,
    ServerAnswer,
    exchange,
)

ANSWER_BYTES_MAX = 512 * 1024 * 1024
"""Bytes of an answer after decompression; a page of tasks of Plaudit stays far below."""
TIMEOUT_SECONDS = 30.0
"""Seconds for a connection, and for the next bytes of an answer."""
CONNECTIONS_MAX = 32
_FOR_GOOD = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)


class ServerAddress:
    """Address of a server, and the headers of every request to it.

    Raises ValueError for a URL that is not http or https, or a key that no header can hold.
    """

    def __init__(self, url: str, key: str) -> None:
        try:
            parts = urlsplit(url.strip())
            _ = parts.port
        except ValueError as exc:
            raise ValueError(f"url cannot be read: {exc}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("url is http:// or https:// with a host, and without a user name")
        if parts.query or parts.fragment or not re.fullmatch(r"[!-~]+", url.strip()):
            raise ValueError("url ends with its path, and is written in ASCII")
        if not re.fullmatch(r"[!-~]+", key):
            raise ValueError("key is an API key: visible ASCII characters, at least one")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v2')}"
        self.key = key
        self.headers = {
            "Authorization": f"Bearer {key}",
            "Accept": "application/json",
            "Accept-Encoding": ACCEPTED,
            "User-Agent": f"plaudit-client/{__version__}",
        }


class _Rules:
    """Bounds of one client, and its ways to write a request and to judge an answer."""

    def __init__(
        self, address: ServerAddress, policy: RetryPolicy, timeout_s: float, bytes_max: int
    ) -> None:
        self.address = address
        self.policy = policy
        self.bytes_max = bytes_max
        self.http_options: dict[str, Any] = {
            "timeout": timeout_s,
            "limits": httpx2.Limits(
                max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX
            ),
        }

    def target(self, request: Request) -> str:
        """Path and query of a request, below the server's address: it never changes the host."""
        path = "/" + quote(request.path.lstrip("/"), safe="/%:@!$&'()*+,;=~")
        return f"{path}?{urlencode(request.params)}" if request.params else path

    def headers(self, request: Request) -> dict[str, str]:
        """All headers of a request but those that its connection adds."""
        headers = {**self.address.headers, **request.headers}
        if request.content is not None:
            headers["Content-Type"] = "application/json"
        return headers

    def built(self, request: Request) -> dict[str, Any]:
        """Arguments of httpx2's `build_request`."""
        return {
            "method": request.method,
            "url": self.address.url + self.target(request),
            "content": request.content,
            "headers": self.headers(request),
        }

    def check(self, size: int, deadline: float) -> None:
        """Raise AnswerTooLong for so many bytes, AnswerLate if they took too long."""
        if size > self.bytes_max:
            raise AnswerTooLong
        if time.monotonic() > deadline:
            raise AnswerLate

    def answer(self, status: int, headers: Mapping[str, str], content: bytes) -> ServerAnswer:
        """Answer with its content unpacked; raises CannotUnpack, TooLong."""
        coding = headers.get("content-encoding", "")
        return ServerAnswer(status, headers, unpacked(content, coding, self.bytes_max))

    @contextmanager
    def judged(self, request: Request, outcome: list[Broken]) -> Iterator[None]:
        """Turn failures of the connection into a Broken, those for good into a ClientError."""
        try:
            yield
        except (AnswerTooLong, TooLong):
            message = f"{request.name}: the answer has more than {self.bytes_max} bytes"
            raise ClientError(message) from None
        except _FOR_GOOD as exc:
            raise ClientError(f"{request.name} cannot be sent") from exc
        except (Unreachable, httpx2.ConnectError) as exc:
            outcome.append(Broken(f"cannot be reached ({exc})"))
        except (AnswerLate, httpx2.TimeoutException):
            outcome.append(Broken("did not answer in time"))
        except (CannotUnpack, httpx2.DecodingError):
            outcome.append(Broken("sent content that cannot be decompressed"))
        except (AnswerBroken, httpx2.RequestError, httpx2.StreamError):
            outcome.append(Broken("broke the connection off"))


def _has_proxy(url: str) -> bool:
    """True if the environment names a proxy for the server of a URL."""
    parts = urlsplit(url)
    proxies = getproxies()
    is_named = parts.scheme in proxies or "all" in proxies
    return is_named and not proxy_bypass(parts.hostname or "")


class Begun:
    """Request that was sent, with the connection on which its answer comes, or what failed."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.connection: Connection | None = None
        self.failure: Exception | None = None


class Transport:
    """Blocking requests; safe to use from several threads.

    They go over connections of our own, or through `http_client`, or through httpx2 where the
    environment names a proxy.
    """

    def __init__(
        self,
        address: ServerAddress,
        *,
        policy: RetryPolicy,
        timeout_s: float = TIMEOUT_SECONDS,
        bytes_max: int = ANSWER_BYTES_MAX,
        http_client: httpx2.Client | None = None,
    ) -> None:
        self._rules = _Rules(address, policy, timeout_s, bytes_max)
        self._http = http_client
        self._is_own = http_client is None
        if http_client is None and _has_proxy(address.url):
            self._http = httpx2.Client(**self._rules.http_options)
        self._pool = ConnectionPool(address.url, timeout_s)
        self._base_path = urlsplit(address.url).path
        self._closed = threading.Event()

    def send(self, request: Request) -> ServerAnswer:
        """Send a request, again where that helps, and return its answer; raises ClientError."""
        return self._run(request, None)

    def begin(self, request: Request) -> Begun | None:
        """Send a request whose answer is read by `finish`; None where that cannot be divided.

        So the server is at work meanwhile, and no thread has to wait for it. A failure is raised by
        `finish`, after what it tries again.
        """
        if self._http is not None or self._closed.is_set():
            return None
        begun = Begun(request)
        try:
            begun.connection = self._begin(request, time.monotonic() + self._rules.policy.total_s)
        except (Unreachable, AnswerBroken, AnswerLate) as exc:
            begun.failure = exc
        return begun

    def finish(self, begun: Begun) -> ServerAnswer:
        """Answer of a request that was sent before; raises ClientError."""
        return self._run(begun.request, begun)

    def abandon(self, begun: Begun) -> None:
        """Give up a request that was sent, and whose answer nobody wants."""
        if begun.connection is not None:
            self._pool.abandon(begun.connection)

    def _run(self, request: Request, begun: Begun | None) -> ServerAnswer:
        steps = exchange(request, self._rules.policy)
        step = next(steps)
        try:
            while True:
                if isinstance(step, Pause):
                    self._closed.wait(step.seconds)
                    step = steps.send(None)
                else:
                    step = steps.send(self._attempt(request, step, begun))
                    begun = None
        except StopIteration as done:
            answer: ServerAnswer = done.value
            return answer

    def close(self) -> None:
        """Close the connections; a request under way fails."""
        self._closed.set()
        self._pool.close()
        if self._is_own and self._http is not None:
            self._http.close()

    def _attempt(self, request: Request, step: Send, begun: Begun | None) -> ServerAnswer | Broken:
        if self._closed.is_set():
            raise ClientError("the client is closed")
        broken: list[Broken] = []
        with self._rules.judged(request, broken):
            if self._http is not None:
                return self._by_client(self._http, request, step.deadline)
            if begun is not None and begun.failure is not None:
                raise begun.failure
            connection = None if begun is None else begun.connection
            came = self._pool.receive(
                connection or self._begin(request, step.deadline),
                bytes_max=self._rules.bytes_max,
                deadline=step.deadline,
            )
            return self._rules.answer(*came)
        return broken[0]

    def _begin(self, request: Request, deadline: float) -> Connection:
        return self._pool.begin(
            request.method,
            self._base_path + self._rules.target(request),
            self._rules.headers(request),
            request.content,
            deadline=deadline,
        )

    def _by_client(self, http: httpx2.Client, request: Request, deadline: float) -> ServerAnswer:
        response = http.send(http.build_request(**self._rules.built(request)), stream=True)
        if response.is_stream_consumed:  # by a transport that has answers whole
            return ServerAnswer(response.status_code, response.headers, response.content)
        try:
            pieces, size = [], 0
            for piece in response.iter_raw():
                pieces.append(piece)
                size += len(piece)
                self._rules.check(size, deadline)
        finally:
            response.close()
        return self._rules.answer(response.status_code, response.headers, b"".join(pieces))


class AsyncTransport:
    """Requests on the event loop that runs; on another one it begins with new connections."""

    def __init__(
        self,
        address: ServerAddress,
        *,
        policy: RetryPolicy,
        timeout_s: float = TIMEOUT_SECONDS,
        bytes_max: int = ANSWER_BYTES_MAX,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self._rules = _Rules(address, policy, timeout_s, bytes_max)
        self._http = http_client or httpx2.AsyncClient(**self._rules.http_options)
        self._is_own = http_client is None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    async def send(self, request: Request) -> ServerAnswer:
        """Send a request, again where that helps, and return its answer; raises ClientError."""
        steps = exchange(request, self._rules.policy)
        step = next(steps)
        try:
            while True:
                if isinstance(step, Pause):
                    await asyncio.sleep(step.seconds)
                    step = steps.send(None)
                else:
                    step = steps.send(await self._attempt(request, step))
        except StopIteration as done:
            answer: ServerAnswer = done.value
            return answer

    async def close(self) -> None:
        """Close the connections."""
        self._is_closed = True
        if self._is_own:
            await self._of_this_loop().aclose()

    async def _attempt(self, request: Request, step: Send) -> ServerAnswer | Broken:
        if self._is_closed:
            raise ClientError("the client is closed")
        broken: list[Broken] = []
        with self._rules.judged(request, broken):
            return await self._by_client(request, step.deadline)
        return broken[0]

    def _of_this_loop(self) -> httpx2.AsyncClient:
        """Client whose connections belong to the loop that runs, as of each `asyncio.run`."""
        loop = asyncio.get_running_loop()
        if self._is_own and self._loop not in (None, loop):
            self._http = httpx2.AsyncClient(**self._rules.http_options)
        self._loop = loop
        return self._http

    async def _by_client(self, request: Request, deadline: float) -> ServerAnswer:
        http = self._of_this_loop()
        response = await http.send(http.build_request(**self._rules.built(request)), stream=True)
        if response.is_stream_consumed:  # by a transport that has answers whole
            return ServerAnswer(response.status_code, response.headers, response.content)
        try:
            pieces, size = [], 0
            async for piece in response.aiter_raw():
                pieces.append(piece)
                size += len(piece)
                self._rules.check(size, deadline)
        finally:
            await response.aclose()
        return self._rules.answer(response.status_code, response.headers, b"".join(pieces))

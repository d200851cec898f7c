"""Requests over HTTP, blocking and asynchronous: kept connections, retries, bounded answers."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx2

from plaudit import __version__
from plaudit.client.client_error import ClientError
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
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
_FOR_GOOD = (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)


class ServerAddress:
    """Address of a server, and the headers of every request to it.

    Raises ValueError for a URL that is not http or https, or a key that no header can hold.
    """

    def __init__(self, url: str, key: str) -> None:
        parts = urlsplit(url.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("url is http:// or https:// with a host, and without a user name")
        if parts.query or parts.fragment:
            raise ValueError("url ends with its path")
        if not re.fullmatch(r"[!-~]+", key):
            raise ValueError("key is an API key: visible ASCII characters, at least one")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix('/v2')}"
        self.key = key
        self.headers = {
            "Authorization": f"Bearer {key}",
            "Accept": "application/json",
            "Accept-Encoding": "zstd, gzip",
            "User-Agent": f"plaudit-client/{__version__}",
        }


class _Limits:
    """Bounds of one client, and its ways to build a request and to judge an answer."""

    def __init__(
        self, endpoint: ServerAddress, policy: RetryPolicy, timeout_s: float, bytes_max: int
    ) -> None:
        self.endpoint = endpoint
        self.policy = policy
        self.bytes_max = bytes_max
        self.http_options: dict[str, Any] = {
            "timeout": timeout_s,
            "limits": httpx2.Limits(
                max_connections=CONNECTIONS_MAX, max_keepalive_connections=CONNECTIONS_MAX
            ),
        }

    def built(self, request: Request) -> dict[str, Any]:
        """Arguments of httpx2's `build_request`."""
        headers = {**self.endpoint.headers, **request.headers}
        if request.content is not None:
            headers["Content-Type"] = "application/json"
        return {
            "method": request.method,
            "url": self.endpoint.url + request.path,
            "params": list(request.params) or None,
            "content": request.content,
            "headers": headers,
        }

    def check(self, request: Request, size: int, deadline: float) -> None:
        """Raise ClientError for an answer that is too long, _Late if it takes too long."""
        if size > self.bytes_max:
            raise ClientError(f"{request.name}: the answer has more than {self.bytes_max} bytes")
        if time.monotonic() > deadline:
            raise _Late


class _Late(Exception):
    pass


@contextmanager
def _judged(request: Request, outcome: list[Broken]) -> Iterator[None]:
    """Turn failures of the connection into a Broken, those of the request into a ClientError."""
    try:
        yield
    except _FOR_GOOD as exc:
        raise ClientError(f"{request.name} cannot be sent") from exc
    except httpx2.TimeoutException as exc:
        outcome.append(Broken("did not answer in time", not isinstance(exc, _NEVER_SENT)))
    except httpx2.DecodingError:
        outcome.append(Broken("sent content that cannot be decompressed"))
    except _Late:
        outcome.append(Broken("took too long for its answer"))
    except httpx2.ConnectError:
        outcome.append(Broken("cannot be reached", is_sent=False))
    except (httpx2.RequestError, httpx2.StreamError):
        outcome.append(Broken("broke the connection off"))


class Transport:
    """Blocking requests; safe to use from several threads."""

    def __init__(
        self,
        endpoint: ServerAddress,
        *,
        policy: RetryPolicy,
        timeout_s: float = TIMEOUT_SECONDS,
        bytes_max: int = ANSWER_BYTES_MAX,
        http_client: httpx2.Client | None = None,
    ) -> None:
        self._limits = _Limits(endpoint, policy, timeout_s, bytes_max)
        self._http = http_client or httpx2.Client(**self._limits.http_options)
        self._is_own = http_client is None
        self._closed = threading.Event()

    def send(self, request: Request) -> ServerAnswer:
        """Send a request, again where that helps, and return its answer; raises ClientError."""
        steps = exchange(request, self._limits.policy)
        step = next(steps)
        try:
            while True:
                if isinstance(step, Pause):
                    self._closed.wait(step.seconds)
                    step = steps.send(None)
                else:
                    step = steps.send(self._attempt(request, step))
        except StopIteration as done:
            answer: ServerAnswer = done.value
            return answer

    def close(self) -> None:
        """Close the connections; a request under way fails."""
        self._closed.set()
        if self._is_own:
            self._http.close()

    def _attempt(self, request: Request, step: Send) -> ServerAnswer | Broken:
        if self._closed.is_set():
            raise ClientError("the client is closed")
        broken: list[Broken] = []
        with _judged(request, broken):
            response = self._http.send(
                self._http.build_request(**self._limits.built(request)), stream=True
            )
            try:
                return ServerAnswer(
                    response.status_code,
                    _headers(response),
                    self._read(request, response, step.deadline),
                )
            finally:
                response.close()
        return broken[0]

    def _read(self, request: Request, response: httpx2.Response, deadline: float) -> bytes:
        pieces, size = [], 0
        for piece in response.iter_bytes():
            pieces.append(piece)
            size += len(piece)
            self._limits.check(request, size, deadline)
        return b"".join(pieces)


class AsyncTransport:
    """Requests on an event loop."""

    def __init__(
        self,
        endpoint: ServerAddress,
        *,
        policy: RetryPolicy,
        timeout_s: float = TIMEOUT_SECONDS,
        bytes_max: int = ANSWER_BYTES_MAX,
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self._limits = _Limits(endpoint, policy, timeout_s, bytes_max)
        self._http = http_client or httpx2.AsyncClient(**self._limits.http_options)
        self._is_own = http_client is None
        self._is_closed = False

    async def send(self, request: Request) -> ServerAnswer:
        """Send a request, again where that helps, and return its answer; raises ClientError."""
        steps = exchange(request, self._limits.policy)
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
            await self._http.aclose()

    async def _attempt(self, request: Request, step: Send) -> ServerAnswer | Broken:
        if self._is_closed:
            raise ClientError("the client is closed")
        broken: list[Broken] = []
        with _judged(request, broken):
            response = await self._http.send(
                self._http.build_request(**self._limits.built(request)), stream=True
            )
            try:
                return ServerAnswer(
                    response.status_code,
                    _headers(response),
                    await self._read(request, response, step.deadline),
                )
            finally:
                await response.aclose()
        return broken[0]

    async def _read(self, request: Request, response: httpx2.Response, deadline: float) -> bytes:
        pieces, size = [], 0
        async for piece in response.aiter_bytes():
            pieces.append(piece)
            size += len(piece)
            self._limits.check(request, size, deadline)
        return b"".join(pieces)


def _headers(response: httpx2.Response) -> Mapping[str, str]:
    return {name: response.headers.get(name, "") for name in ("retry-after", "x-request-id")}

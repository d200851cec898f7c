"""Blocking client of a server of the v2 API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import httpx2

from plaudit.client.exchange import Request, RetryPolicy, write_request
from plaudit.client.pages import ListingPage, walk_pages
from plaudit.client.parameters import Parameter, query_of
from plaudit.client.transport import ANSWER_BYTES_MAX, TIMEOUT_SECONDS, ServerAddress, Transport

THREADS_MAX = 32
"""Pages that one client fetches at the same time."""


class Client:
    """Client of the server at `url`; to be closed, or used with `with`. Threads may share it.

    `http_client` is a client of your own, with its proxies and certificates; it is not closed.
    """

    def __init__(
        self,
        *,
        url: str,
        key: str,
        timeout_s: float = TIMEOUT_SECONDS,
        retry: RetryPolicy | None = None,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        http_client: httpx2.Client | None = None,
    ) -> None:
        self._endpoint = ServerAddress(url, key)
        self._transport = Transport(
            self._endpoint,
            policy=retry or RetryPolicy(),
            timeout_s=timeout_s,
            bytes_max=answer_bytes_max,
            http_client=http_client,
        )
        self._executor = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="plaudit-client")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client(url={self._endpoint.url!r})"

    def close(self) -> None:
        """Close the connections; walks under way end with a ClientError."""
        self._transport.close()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def get(self, path: str, params: Mapping[str, Parameter] | None = None) -> bytes:
        """Content of an answer to GET, such as of `/v2/project`; raises ClientError."""
        request = Request(method="GET", path=path, params=query_of(params or {}))
        return self._transport.send(request).content

    def post(self, path: str, body: Any, *, idempotency_key: str | None = None) -> bytes:
        """Content of an answer to POST with a body as JSON; raises ClientError.

        It is sent again after a broken connection, under the same Idempotency-Key.
        """
        return (self._transport.send(write_request(path, body, idempotency_key))).content

    def pages(
        self, path: str = "/v2/tasks", params: Mapping[str, Parameter] | None = None
    ) -> Iterator[ListingPage]:
        """Pages of a listing as they come, from `next_token` of `params` if that is given.

        The next page is asked for while one is used.
        """
        return walk_pages(self._transport, self._executor, path, query_of(params or {}))

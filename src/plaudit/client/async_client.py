"""Asynchronous client of a server of the v2 API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx2

from plaudit.client.exchange import Request, RetryPolicy, write_request
from plaudit.client.pages import ListingPage, walk_pages_async
from plaudit.client.parameters import Parameter, query_of
from plaudit.client.transport import (
    ANSWER_BYTES_MAX,
    TIMEOUT_SECONDS,
    AsyncTransport,
    ServerAddress,
)


class AsyncClient:
    """Client of the server at `url`, for one event loop; to be closed, or used with `async with`.

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
        http_client: httpx2.AsyncClient | None = None,
    ) -> None:
        self._endpoint = ServerAddress(url, key)
        self._transport = AsyncTransport(
            self._endpoint,
            policy=retry or RetryPolicy(),
            timeout_s=timeout_s,
            bytes_max=answer_bytes_max,
            http_client=http_client,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient(url={self._endpoint.url!r})"

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def get(self, path: str, params: Mapping[str, Parameter] | None = None) -> bytes:
        """Content of an answer to GET, such as of `/v2/project`; raises ClientError."""
        request = Request(method="GET", path=path, params=query_of(params or {}))
        return (await self._transport.send(request)).content

    async def post(self, path: str, body: Any, *, idempotency_key: str | None = None) -> bytes:
        """Content of an answer to POST with a body as JSON; raises ClientError.

        It is sent again after a broken connection, under the same Idempotency-Key.
        """
        return (await self._transport.send(write_request(path, body, idempotency_key))).content

    def pages(
        self, path: str = "/v2/tasks", params: Mapping[str, Parameter] | None = None
    ) -> AsyncIterator[ListingPage]:
        """Pages of a listing as they come, from `next_token` of `params` if that is given.

        The next page is asked for while one is used.
        """
        return walk_pages_async(self._transport, path, query_of(params or {}))

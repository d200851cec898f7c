"""Walk over the pages of a listing; the next page is fetched while the one before is used."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import CancelledError, Executor, Future
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.client.client_error import ClientError
from plaudit.client.exchange import Request, ServerAnswer
from plaudit.client.interruptible import result_of
from plaudit.client.transport import AsyncTransport, Transport

NEXT_TOKEN = "next_token"


class ListingPage(Struct, frozen=True):
    """One page as it came, and the token of the next one, None for the last."""

    content: bytes
    next_token: str | None

    @property
    def value(self) -> dict[str, Any]:
        """The page's JSON, decoded anew each time."""
        decoded: dict[str, Any] = msgspec.json.decode(self.content)
        return decoded


class _Envelope(Struct):
    next_token: str | None = None


_decode_envelope = msgspec.json.Decoder(_Envelope).decode


_LAST_MEMBER = re.compile(rb',"next_token":"([^"\\]{1,4000})"\}\Z')
"""The token where it ends a page. In well-formed JSON nothing else can end like that."""


class PageWalk:
    """Course of a walk: requests of pages, and the check that it goes on to new ones.

    Whoever decodes pages anyway says so with `is_checked`: a page whose token stands at its end is
    then not read twice.
    """

    def __init__(
        self, path: str, params: Sequence[tuple[str, str]], *, is_checked: bool = False
    ) -> None:
        self._path = path
        self._is_checked = is_checked
        self._params = [(name, text) for name, text in params if name != NEXT_TOKEN]
        self._seen: set[int] = set()
        self._token = dict(params).get(NEXT_TOKEN)

    def request(self) -> Request:
        """Request of the next page."""
        params = [*self._params, (NEXT_TOKEN, self._token)] if self._token else self._params
        return Request(method="GET", path=self._path, params=params)

    def take(self, answer: ServerAnswer) -> ListingPage:
        """Return the page of an answer; raises ClientError if it is none, or leads in a circle."""
        try:
            token = self._token_of(answer.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise ClientError(
                f"GET {self._path}: the answer is no page of a listing: {exc}",
                request_id=answer.headers.get("x-request-id") or None,
            ) from None
        if token is not None:
            place = hash(token)
            if place in self._seen:
                raise ClientError(
                    f"GET {self._path}: the server's pages lead in a circle: a next_token came "
                    "for the second time"
                )
            self._seen.add(place)
        self._token = token
        return ListingPage(answer.content, token)

    def _token_of(self, content: bytes) -> str | None:
        if self._is_checked:
            last = _LAST_MEMBER.search(content, max(0, len(content) - 5000))
            if last is not None:
                return last[1].decode()
        return _decode_envelope(content).next_token or None


def page_of(coming: Future[ListingPage]) -> ListingPage:
    """Page that was asked for; raises ClientError, also where the client was closed meanwhile."""
    try:
        return result_of(coming)
    except CancelledError:
        raise ClientError("the client is closed") from None


def walk_pages(transport: Transport, executor: Executor, walk: PageWalk) -> Iterator[ListingPage]:
    """Yield the pages of a listing; each is asked for while the one before is used."""
    begun = transport.begin(walk.request())
    if begun is None:
        yield from _fetched_by_thread(transport, executor, walk)
        return
    try:
        while True:
            # The transport is done with it from here on, also where the answer is an error.
            coming, begun = begun, None
            page = walk.take(transport.finish(coming))
            if page.next_token is not None:
                begun = transport.begin(walk.request())
            yield page
            if page.next_token is None:
                return
            if begun is None:
                raise ClientError("the client is closed")
    finally:
        if begun is not None:
            transport.abandon(begun)


def _fetched_by_thread(
    transport: Transport, executor: Executor, walk: PageWalk
) -> Iterator[ListingPage]:
    def fetch() -> ListingPage:
        return walk.take(transport.send(walk.request()))

    coming = executor.submit(fetch)
    try:
        while True:
            page = page_of(coming)
            if page.next_token is None:
                yield page
                return
            coming = executor.submit(fetch)
            yield page
    finally:
        coming.cancel()


async def walk_pages_async(transport: AsyncTransport, walk: PageWalk) -> AsyncIterator[ListingPage]:
    """Yield the pages of a listing; each is asked for while the one before is used."""

    async def fetch() -> ListingPage:
        return walk.take(await transport.send(walk.request()))

    coming = asyncio.create_task(fetch())
    try:
        while True:
            page = await coming
            if page.next_token is None:
                yield page
                return
            coming = asyncio.create_task(fetch())
            yield page
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)

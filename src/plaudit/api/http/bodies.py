"""Read request bodies up to limits, without decompression; large ones are parsed in a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from msgspec import Struct
from starlette.types import Receive

from plaudit.errors import BadRequest, TooLarge, Unavailable
from plaudit.json_guard import StructureCount
from plaudit.settings import BODY_BYTES_MAX

T = TypeVar("T")

SLICE_BYTES = 4 * 1024
"""Bytes that one step on the event loop looks through."""

INLINE_BYTES_MAX = 16 * 1024
"""Longer bodies are parsed in a thread, so that nobody waits for them."""

THREADS = 1
"""A second one is not faster under the interpreter's lock, and the loop would wait for both."""

WAITING_MAX = 64


class BodyLimit(Struct, frozen=True):
    """Largest body of an operation, in bytes and in structural characters of JSON."""

    bytes_max: int
    structure_max: int = 0


OPEN_BODY = BodyLimit(4 * 1024, 100)
"""Bodies of pages that are open to everybody."""

SMALL_BODY = BodyLimit(64 * 1024, 2_000)
"""A few names, an address, a list of events."""

NOTE_BODY = BodyLimit(128 * 1024, 2_000)
"""A remark of 10,000 characters, of which a form takes up to twelve bytes for each."""

ANSWERS_BODY = BodyLimit(2 * 1024 * 1024, 250_000)
"""The answers to a form about one task."""

TEXT_BODY = BodyLimit(1024 * 1024, 100_000)
"""Settings of a project: guidelines, a form, a template."""

METADATA_BODY = BodyLimit(4 * 1024 * 1024, 300_000)
"""Metadata of 1 MiB, whose letters may be escaped."""

LARGE_BODY = BodyLimit(BODY_BYTES_MAX, 300_000)
"""Conversations and files."""


class BodyPool:
    """Thread that parses large bodies, one at a time, with a bounded queue."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="bodies")
        self._waiting = 0

    async def run(self, size: int, work: Callable[[], T]) -> T:
        """Run `work` on a body of this size, in a thread if it is large; raises Unavailable."""
        return work() if size <= INLINE_BYTES_MAX else await self.run_in_thread(work)

    async def run_in_thread(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread; raises Unavailable if WAITING_MAX others wait."""
        if self._waiting >= WAITING_MAX:
            raise Unavailable("too many large requests at this moment; try again in a few seconds")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def refuse_length(headers: dict[bytes, bytes], bytes_max: int) -> None:
    """Raise TooLarge if the body's Content-Length is over the limit, before any of it is read."""
    if int(headers.get(b"content-length") or 0) > bytes_max:
        raise too_long(bytes_max)


def too_long(bytes_max: int) -> TooLarge:
    """Refusal of a body with more bytes than that."""
    return TooLarge(f"a request body has at most {bytes_max} bytes here")


async def read_body(receive: Receive, bytes_max: int) -> bytes:
    """Read a whole body of at most `bytes_max` bytes; raises TooLarge, BadRequest."""
    return b"".join([piece async for piece in read_pieces(receive, bytes_max)])


async def read_json(receive: Receive, limit: BodyLimit) -> bytes:
    """Read a JSON body; raises TooLarge as soon as it is over a limit, BadRequest."""
    structure = StructureCount()
    pieces = []
    async for piece in read_pieces(receive, limit.bytes_max):
        pieces.append(piece)
        async for part in _sliced(piece):
            structure.add(part)
            if structure.count > limit.structure_max:
                raise TooLarge(
                    f"a request body has at most {limit.structure_max} brackets, braces, commas "
                    "and colons here, outside of texts"
                )
    return b"".join(pieces)


async def read_pieces(receive: Receive, bytes_max: int) -> AsyncIterator[bytes]:
    """Yield the non-empty pieces of a body as they arrive; raises TooLarge beyond `bytes_max`.

    Raises BadRequest if the client disconnects before the end of the body.
    """
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BadRequest("the request ended before its body did")
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > bytes_max:
            raise too_long(bytes_max)
        if piece:
            yield piece
        if not message.get("more_body", False):
            return


async def read_lines(
    pieces: AsyncIterator[bytes], line_bytes_max: int
) -> AsyncIterator[bytes | None]:
    """Yield the lines of a body without line feeds; None for each line over `line_bytes_max`.

    Memory stays bounded: of a line that is too long nothing is kept.
    """
    partial, is_long = bytearray(), False
    async for whole in pieces:
        async for piece in _sliced(whole):
            *ended, rest = piece.split(b"\n")
            for part in ended:
                is_long = is_long or len(partial) + len(part) > line_bytes_max
                yield None if is_long else bytes(partial + part)
                partial, is_long = bytearray(), False
            if is_long or len(partial) + len(rest) > line_bytes_max:
                partial, is_long = bytearray(), True
            else:
                partial += rest
    if partial or is_long:
        yield None if is_long else bytes(partial)


async def _sliced(piece: bytes) -> AsyncIterator[bytes]:
    """Yield a piece in slices of at most SLICE_BYTES; the loop turns between them."""
    yield piece[:SLICE_BYTES]
    for start in range(SLICE_BYTES, len(piece), SLICE_BYTES):
        await asyncio.sleep(0)
        yield piece[start : start + SLICE_BYTES]


def refuse_encoding(headers: dict[bytes, bytes]) -> None:
    """Raise BadRequest for a compressed body, whose decompressed size is unbounded."""
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"", b"identity"):
        raise BadRequest("a request body must not be compressed; leave Content-Encoding out")

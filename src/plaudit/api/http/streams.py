"""Streamed responses: files, whole or a range of bytes (RFC 9110, section 14)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import quote

from msgspec import Struct
from starlette.types import Send

from plaudit.errors import RangeNotSatisfiable

_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,18})[ \t]*-[ \t]*(\d{0,18})[ \t]*", re.ASCII | re.I)
_UNSAFE = re.compile(r"[^ !#$&\'()+,.0-9;=@A-Z\[\]^_`a-z{}~-]")
_ATTRIBUTE_CHARACTERS = "!#$&+.^_`|~"


WHOLE_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of a response that is joined and sent at once."""

PIECE_BYTES = 1024 * 1024


def cut_pieces(parts: list[bytes]) -> Iterator[bytes | memoryview]:
    """Cut the parts of a long response into pieces of at most PIECE_BYTES, and empty the list.

    Long parts are not copied, short neighbours are joined; what was sent is no longer held.
    """
    short: list[bytes] = []
    size = 0
    parts.reverse()
    while parts:
        part = parts.pop()
        if short and size + len(part) > PIECE_BYTES:
            yield b"".join(short)
            short, size = [], 0
        if len(part) <= PIECE_BYTES:
            short.append(part)
            size += len(part)
            continue
        view = memoryview(part)
        del part
        for start in range(0, len(view), PIECE_BYTES):
            yield view[start : start + PIECE_BYTES]
    if short:
        yield b"".join(short)


class Stream(Struct):
    """Response whose body is sent in pieces, so that memory stays bounded."""

    pieces: AsyncIterator[bytes]
    size: int | None
    """Size in bytes, None if unknown beforehand."""
    content_type: str
    headers: list[tuple[bytes, bytes]]
    status: int = 200

    async def respond(self, send: Send) -> None:
        """Send head and all pieces; `send` applies the client's backpressure."""
        headers = [(b"content-type", self.content_type.encode())]
        if self.size is not None:
            headers.append((b"content-length", str(self.size).encode()))
        start = {"type": "http.response.start", "status": self.status}
        await send(start | {"headers": headers + self.headers})
        async for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)  # others are answered between two pieces
        await send({"type": "http.response.body", "body": b""})


def parse_range(scope: Any, size: int, etag: bytes) -> tuple[int, int] | None:
    """Start and end (exclusive) of the requested byte range; None for the whole file.

    Only a single byte range is honoured. Several ranges, another unit, a malformed range, or a
    range of another version (If-Range) mean the whole file. Raises RangeNotSatisfiable.
    """
    headers = dict(scope["headers"])
    if scope["method"] != "GET" or headers.get(b"if-range", etag) != etag:
        return None
    match = _RANGE.fullmatch(headers.get(b"range", b"").decode("latin-1"))
    if match is None or match[0].count("-") != 1 or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
    else:
        start = int(match[1])
        end = min(size, int(match[2]) + 1) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    if start >= size or start >= end:
        raise RangeNotSatisfiable(f"there are {size} bytes", size=size)
    return start, end


def content_disposition(kind: str, name: str | None) -> bytes:
    """Content-Disposition value (RFC 6266): an ASCII file name and the full one (RFC 8187).

    Slashes become underscores; the value is always one line of printable ASCII.
    """
    if not name:
        return kind.encode()
    flat = re.sub(r"[/\\]", "_", name)
    plain = _UNSAFE.sub("_", flat)
    whole = quote(flat.encode("utf-8", "replace"), safe=_ATTRIBUTE_CHARACTERS)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{whole}".encode("ascii")

"""Answer with a file: in pieces, whole or a range of its bytes (RFC 9110, 14)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from msgspec import Struct
from starlette.types import Send

from plaudit.errors import RangeNotSatisfiable

_RANGE = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,18})[ \t]*-[ \t]*(\d{0,18})[ \t]*", re.ASCII | re.I)
_UNSAFE = re.compile(r"[^ !#$&\'()+,.0-9;=@A-Z\[\]^_`a-z{}~-]")
_ATTRIBUTE_CHARACTERS = "!#$&+.^_`|~"


class Stream(Struct):
    """A response that is sent in pieces, so that none of it is held."""

    pieces: AsyncIterator[bytes]
    size: int | None
    """How many bytes; None where that is not known beforehand."""
    content_type: str
    headers: list[tuple[bytes, bytes]]
    status: int = 200

    async def respond(self, send: Send) -> None:
        """Send it all; `send` waits while the client is slower than we are."""
        headers = [(b"content-type", self.content_type.encode())]
        if self.size is not None:
            headers.append((b"content-length", str(self.size).encode()))
        start = {"type": "http.response.start", "status": self.status}
        await send(start | {"headers": headers + self.headers})
        async for piece in self.pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def wanted_range(scope: Any, size: int, etag: bytes) -> tuple[int, int] | None:
    """The bytes that a request asks for, as start and end; None for all of them.

    One range is honoured. Several, another unit, or what is no range are answered with the whole,
    as is a range of another version of the file (If-Range). Raises RangeNotSatisfiable.
    """
    headers = dict(scope["headers"])
    if scope["method"] != "GET" or headers.get(b"if-range", etag) != etag:
        return None
    found = _RANGE.fullmatch(headers.get(b"range", b"").decode("latin-1"))
    if found is None or found[0].count("-") != 1 or not (found[1] or found[2]):
        return None
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start = int(found[1])
        end = min(size, int(found[2]) + 1) if found[2] else size
        if found[2] and int(found[2]) < start:
            return None
    if start >= size or start >= end:
        raise RangeNotSatisfiable(f"there are {size} bytes", size=size)
    return start, end


def content_disposition(kind: str, name: str | None) -> bytes:
    """The header's value (RFC 6266): plain ASCII first, the whole name after it (RFC 8187).

    Slashes become underscores. Whatever is in the name, the value is one line of printable ASCII.
    """
    if not name:
        return kind.encode()
    flat = re.sub(r"[/\\]", "_", name)
    plain = _UNSAFE.sub("_", flat)
    whole = quote(flat.encode("utf-8", "replace"), safe=_ATTRIBUTE_CHARACTERS)
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{whole}".encode("ascii")

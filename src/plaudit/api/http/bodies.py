"""Read request bodies up to a size limit, without decompression."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.types import Receive

from plaudit.errors import BadRequest, TooLarge


async def read_body(receive: Receive, bytes_max: int) -> bytes:
    """Read a whole body of at most `bytes_max` bytes; raises TooLarge, BadRequest."""
    return b"".join([piece async for piece in read_pieces(receive, bytes_max)])


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
            raise TooLarge(f"a request body has at most {bytes_max} bytes here")
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
    async for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for part in ended:
            is_long = is_long or len(partial) + len(part) > line_bytes_max
            yield None if is_long else bytes(partial + part)
            partial, is_long = bytearray(), False
        is_long = is_long or len(partial) + len(rest) > line_bytes_max
        partial = bytearray() if is_long else partial + rest
    if partial or is_long:
        yield None if is_long else bytes(partial)


def refuse_encoding(headers: dict[bytes, bytes]) -> None:
    """Raise BadRequest for a compressed body, whose decompressed size is unbounded."""
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"", b"identity"):
        raise BadRequest("a request body must not be compressed; leave Content-Encoding out")

"""Read request bodies: bounded, and never decompressed."""

from __future__ import annotations

from collections.abc import AsyncIterator

from starlette.types import Receive

from plaudit.errors import BadRequest, TooLarge


async def read_body(receive: Receive, most: int) -> bytes:
    """A whole body of at most `most` bytes; raises TooLarge."""
    return b"".join([piece async for piece in read_pieces(receive, most)])


async def read_pieces(receive: Receive, most: int) -> AsyncIterator[bytes]:
    """The pieces of a body as they arrive; raises TooLarge once it is longer than `most` bytes.

    Raises BadRequest where the client goes away before the body's end.
    """
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise BadRequest("the request ended before its body did")
        piece: bytes = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise TooLarge(f"a request body has at most {most} bytes here")
        if piece:
            yield piece
        if not message.get("more_body", False):
            return


async def read_lines(
    pieces: AsyncIterator[bytes], line_bytes_max: int
) -> AsyncIterator[bytes | None]:
    """The lines of a body, without their line feeds; None stands for one that is too long.

    Of a line that is too long nothing is kept, however long it becomes.
    """
    held, is_long = bytearray(), False
    async for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for part in ended:
            is_long = is_long or len(held) + len(part) > line_bytes_max
            yield None if is_long else bytes(held + part)
            held, is_long = bytearray(), False
        is_long = is_long or len(held) + len(rest) > line_bytes_max
        held = bytearray() if is_long else held + rest
    if held or is_long:
        yield None if is_long else bytes(held)


def refuse_encoding(headers: dict[bytes, bytes]) -> None:
    """Refuse a compressed body: a small one could become any size."""
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding not in (b"", b"identity"):
        raise BadRequest("a request body must not be compressed; leave Content-Encoding out")

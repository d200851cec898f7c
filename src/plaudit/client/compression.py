"""Answers that came compressed, unpacked up to a bound."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ACCEPTED = "zstd, gzip;q=0.9"
"""Accept-Encoding of requests: zstd first, since all of its frames are read here."""
PIECE_BYTES = 1024 * 1024


class CannotUnpack(Exception):
    """The content is damaged, cut off, or in a coding that was not asked for."""


class TooLong(Exception):
    """The content has more bytes than the bound."""


def unpacked(content: bytes, coding: str, bytes_max: int) -> bytes:
    """Content of an answer without its Content-Encoding; raises CannotUnpack, TooLong."""
    coding = coding.strip().lower()
    if coding in ("", "identity"):
        return content
    unpack = {"zstd": _zstd, "gzip": _gzip, "x-gzip": _gzip}.get(coding)
    if unpack is None:
        raise CannotUnpack
    pieces, size = [], 0
    try:
        for piece in unpack(content):
            pieces.append(piece)
            size += len(piece)
            if size > bytes_max:
                raise TooLong
    except (zlib.error, zstd.ZstdError) as exc:
        raise CannotUnpack from exc
    return b"".join(pieces)


def _zstd(content: bytes) -> Iterator[bytes]:
    while content:
        unpacker = zstd.ZstdDecompressor()
        piece = unpacker.decompress(content, PIECE_BYTES)
        while piece or not unpacker.eof:
            if not piece:
                raise CannotUnpack
            yield piece
            piece = b"" if unpacker.eof else unpacker.decompress(b"", PIECE_BYTES)
        content = unpacker.unused_data


def _gzip(content: bytes) -> Iterator[bytes]:
    while content:
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        piece = unpacker.decompress(content, PIECE_BYTES)
        while piece or not unpacker.eof:
            if not piece:
                raise CannotUnpack
            yield piece
            piece = unpacker.decompress(unpacker.unconsumed_tail, PIECE_BYTES)
        content = unpacker.unused_data

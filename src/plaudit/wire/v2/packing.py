"""JSON of pages in content codings: of pieces that were compressed apart, spliced as they are.

Of zstd, each piece is a frame (RFC 8878): frames that follow each other are one content. Of gzip,
pieces are deflate blocks (RFC 1951) that end at a byte, and all are one member (RFC 1952): readers
often take a second member for rubbish. Its checksum is combined from those of the pieces.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

from msgspec import Struct

from plaudit.model.codings import Coding

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD_LEVEL = 3
DEFLATE_LEVEL = 4
WHOLE_LEVEL = 1
"""Level of content that is compressed for one answer."""

_POLYNOMIAL = 0xEDB88320
_ONE = 1 << 31
"""Polynomials are reflected, as in RFC 1952: the highest bit is the constant."""

_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_ZSTD_HEAD = b"\x28\xb5\x2f\xfd"


class Summed(Struct, frozen=True):
    """Bytes by their CRC-32: those of something that ends before and behind them, and their number.

    `before` is 0 where nothing comes before.
    """

    before: int
    after: int
    length: int


class Packer:
    """Compresses pieces; used by one thread at a time."""

    def __init__(self) -> None:
        self._zstd = zstd.ZstdCompressor(level=ZSTD_LEVEL)

    def pack(self, piece: bytes) -> tuple[bytes, bytes]:
        """A piece as a frame of zstd, and as deflate blocks."""
        frame = self._zstd.compress(piece, mode=zstd.ZstdCompressor.FLUSH_FRAME)
        deflate = zlib.compressobj(DEFLATE_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        return frame, deflate.compress(piece) + deflate.flush(zlib.Z_SYNC_FLUSH)


def plain_piece(coding: Coding, piece: bytes) -> bytes:
    """A short piece as it stands, without being compressed."""
    return _zstd_frame(piece) if coding is Coding.zstd else _deflate_block(piece)


def unpacked(coding: Coding, pieces: bytes) -> bytes | None:
    """Content of packed pieces behind each other; None for what is no such thing."""
    try:
        if coding is Coding.zstd:
            return zstd.decompress(pieces)
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(pieces)
    except (zlib.error, zstd.ZstdError):
        return None


def _zstd_frame(piece: bytes) -> bytes:
    """A frame of one raw block, whose header has the size in one byte, or in two."""
    size = len(piece)
    shown = b"\x20%c" % size if size < 256 else b"\x60" + (size - 256).to_bytes(2, "little")
    block = 1 | size << 3
    return b"".join((_ZSTD_HEAD, shown, block.to_bytes(3, "little"), piece))


def _deflate_block(piece: bytes, *, is_last: bool = False) -> bytes:
    size = len(piece)
    sizes = size.to_bytes(2, "little") + (size ^ 0xFFFF).to_bytes(2, "little")
    return b"".join((b"\x01" if is_last else b"\x00", sizes, piece))


def packed_ends(
    coding: Coding, head: bytes, tail: bytes, separator: bytes, runs: Sequence[Summed]
) -> tuple[bytes, bytes]:
    """Beginning and end of a content: the packed `head` and `tail` around packed runs of pieces.

    Between two runs stands the separator, which the second one begins with. Head and tail have less
    than 64 KiB. The runs' sums do not matter to zstd.
    """
    if coding is Coding.zstd:
        return _zstd_frame(head), _zstd_frame(tail)
    crc, size = zlib.crc32(head), len(head) + len(tail)
    for number, run in enumerate(runs):
        if number:
            crc = zlib.crc32(separator, crc)
            size += len(separator)
        crc = combined(crc ^ run.before, run.after, run.length)
        size += run.length
    crc = zlib.crc32(tail, crc)
    sums = crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
    return _GZIP_HEAD + _deflate_block(head), _deflate_block(tail, is_last=True) + sums


def combined(first: int, second: int, length: int) -> int:
    """CRC-32 of two contents behind each other, from those of each and the length of the second."""
    return _multiplied(first, _power(length)) ^ second


def _times_x(one: int) -> int:
    return (one >> 1) ^ _POLYNOMIAL if one & 1 else one >> 1


def _times_x4(one: int) -> int:
    return _times_x(_times_x(_times_x(_times_x(one))))


_REDUCED = tuple(map(_times_x4, range(16)))
"""Multiples of x to the power of 4 for what four digits of a polynomial leave behind."""


def _multiplied(one: int, other: int) -> int:
    """Product of two polynomials modulo that of the CRC; four digits of `one` at a time."""
    x1 = _times_x(other)
    x2 = _times_x(x1)
    x3 = _times_x(x2)
    low, high = x2 ^ x3, other ^ x1
    multiples = (
        *(0, x3, x2, low, x1, x1 ^ x3, x1 ^ x2, x1 ^ low),
        *(other, other ^ x3, other ^ x2, other ^ low, high, high ^ x3, high ^ x2, high ^ low),
    )
    product = 0
    for shift in (0, 4, 8, 12, 16, 20, 24, 28):
        product = (product >> 4) ^ _REDUCED[product & 15] ^ multiples[(one >> shift) & 15]
    return product


def _power(length: int) -> int:
    """The polynomial x to the power of so many bytes."""
    product, place = _ONE, 0
    while length:
        if length & 0xFF:
            product = _multiplied(_power_of_digit(length & 0xFF, place), product)
        length >>= 8
        place += 1
    return product


@lru_cache(maxsize=2048)
def _power_of_digit(digit: int, place: int) -> int:
    """The polynomial x to the power of `digit` times 256 to the power of `place` bytes."""
    square = 1 << (31 - 8)  # x to the power of a byte
    for _ in range(8 * place):
        square = _multiplied(square, square)
    product = _ONE
    while digit:
        if digit & 1:
            product = _multiplied(square, product)
        square = _multiplied(square, square)
        digit >>= 1
    return product


def packed_whole(coding: Coding, parts: Iterable[bytes | memoryview]) -> bytes:
    """Content in a coding, compressed for one answer."""
    if coding is Coding.zstd:
        whole = zstd.ZstdCompressor(level=WHOLE_LEVEL)
        pieces = [whole.compress(part) for part in parts]
        return b"".join((*pieces, whole.flush()))
    deflate = zlib.compressobj(WHOLE_LEVEL, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    pieces = [deflate.compress(part) for part in parts]
    return b"".join((*pieces, deflate.flush()))

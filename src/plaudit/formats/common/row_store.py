"""Rows grouped by item, in a temporary database on disk: memory stays flat."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec

from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import Row
from plaudit.store.transfer.temporary_rows import KeptRow, TemporaryRows

ROWS_PER_ITEM_MAX = 10_000
BYTES_PER_ITEM_MAX = 64 * 1024 * 1024
"""Bounds of one item, whose rows are in memory at once."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def digest(text: str | bytes) -> bytes:
    """Return 16 bytes that stand for a text of any length."""
    data = text.encode() if isinstance(text, str) else text
    return hashlib.blake2b(data, digest_size=16).digest()


class RowStore:
    """Rows by item. Items come out in the order of their first rows, and rows in theirs."""

    def __init__(self) -> None:
        self._rows = TemporaryRows()

    def close(self) -> None:
        """Delete the rows."""
        self._rows.close()

    def add(self, item: bytes | None, row: Row) -> None:
        """Add a row to the item of this digest, None for an item of its own.

        Raises InvalidContent for a row beyond the bounds of an item.
        """
        first, data = None, _encode((row.key, row.value))
        if item is not None:
            first, count, size = self._rows.count_row(item, len(data))
            if count > ROWS_PER_ITEM_MAX or size > BYTES_PER_ITEM_MAX:
                raise InvalidContent(
                    f"an item has at most {ROWS_PER_ITEM_MAX} rows and {BYTES_PER_ITEM_MAX} bytes"
                )
        kept = KeptRow(file=row.file, number=row.number, size=row.size, data=data)
        self._rows.add_row(first, kept)

    def add_problem(self, row: Row, problem: InvalidContent) -> None:
        """Keep the refusal of a row that belongs to no item."""
        self._rows.add_problem(row.file, row.number, problem.pointer, problem.message)

    def problems(self) -> Iterator[Row]:
        """Yield the refused rows in their order, each with its problem and without its value."""
        for file, number, pointer, message in self._rows.problems():
            problem = InvalidContent(message, pointer=pointer)
            yield Row(file=file, number=number, value=None, problem=problem)

    def items(self) -> Iterator[list[Row]]:
        """Yield the rows of each item."""
        for kept in self._rows.items():
            yield [_row(row) for row in kept]


def _row(kept: KeptRow) -> Row:
    key, value = _decode(kept.data)
    return Row(file=kept.file, number=kept.number, value=value, key=key, size=kept.size)

"""Rows grouped by item, and identities seen, in a temporary database on disk: memory stays flat."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import apsw
import msgspec

from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import Row

ROWS_PER_ITEM_MAX = 10_000
BYTES_PER_ITEM_MAX = 64 * 1024 * 1024
"""Bounds of one item, whose rows are in memory at once."""

CACHE_KIB = 16 * 1024

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def digest(text: str | bytes) -> bytes:
    """Return 16 bytes that stand for a text of any length."""
    data = text.encode() if isinstance(text, str) else text
    return hashlib.blake2b(data, digest_size=16).digest()


class _TemporaryDatabase:
    """SQLite database without a name, which is deleted with its connection."""

    def __init__(self, schema: str) -> None:
        self._connection = apsw.Connection("")
        self._connection.execute(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{CACHE_KIB};"
            f"PRAGMA locking_mode=EXCLUSIVE; {schema}; BEGIN"
        ).fetchall()
        self._cursor = self._connection.cursor()

    def close(self) -> None:
        """Delete it."""
        self._connection.close()


class RowStore(_TemporaryDatabase):
    """Rows by item. Items come out in the order of their first rows, and rows in theirs."""

    def __init__(self) -> None:
        super().__init__(
            "CREATE TABLE item(item BLOB PRIMARY KEY, first INTEGER, count INTEGER, bytes INTEGER)"
            " WITHOUT ROWID;"
            "CREATE TABLE row(first INTEGER, seq INTEGER, file TEXT, number INTEGER, size INTEGER,"
            " data BLOB, PRIMARY KEY(first, seq)) WITHOUT ROWID;"
            "CREATE TABLE problem(file TEXT, number INTEGER, pointer TEXT, message TEXT)"
        )
        self._seq = 0

    def add(self, item: bytes | None, row: Row) -> None:
        """Add a row to the item of this digest, None for an item of its own.

        Raises InvalidContent for a row beyond the bounds of an item.
        """
        self._seq += 1
        first, data = self._seq, _encode((row.key, row.value))
        if item is not None:
            counted: list[Any] = self._cursor.execute(
                "INSERT INTO item VALUES(?1, ?2, 1, ?3) ON CONFLICT DO UPDATE SET"
                " count = count + 1, bytes = bytes + excluded.bytes RETURNING first, count, bytes",
                (item, first, len(data)),
            ).fetchall()
            first, count, size = counted[0]
            if count > ROWS_PER_ITEM_MAX or size > BYTES_PER_ITEM_MAX:
                raise InvalidContent(
                    f"an item has at most {ROWS_PER_ITEM_MAX} rows and {BYTES_PER_ITEM_MAX} bytes"
                )
        self._cursor.execute(
            "INSERT INTO row VALUES(?, ?, ?, ?, ?, ?)",
            (first, self._seq, row.file, row.number, row.size, data),
        )

    def add_problem(self, row: Row, problem: InvalidContent) -> None:
        """Keep the refusal of a row that belongs to no item."""
        self._cursor.execute(
            "INSERT INTO problem VALUES(?, ?, ?, ?)",
            (row.file, row.number, problem.pointer, problem.message),
        )

    def problems(self) -> Iterator[Row]:
        """Yield the refused rows in their order, each with its problem and without its value."""
        rows: Any = self._connection.cursor().execute(
            "SELECT file, number, pointer, message FROM problem ORDER BY rowid"
        )
        for file, number, pointer, message in rows:
            problem = InvalidContent(message, pointer=pointer)
            yield Row(file=file, number=number, value=None, problem=problem)

    def items(self) -> Iterator[list[Row]]:
        """Yield the rows of each item."""
        reading, group, current = self._connection.cursor(), list[Row](), None
        rows: Any = reading.execute(
            "SELECT first, file, number, size, data FROM row ORDER BY first, seq"
        )
        for first, file, number, size, data in rows:
            if first != current and group:
                yield group
                group = []
            current = first
            key, value = _decode(data)
            group.append(Row(file=file, number=number, value=value, key=key, size=size))
        if group:
            yield group


class SeenIdentities(_TemporaryDatabase):
    """Number of times that an identity was seen."""

    def __init__(self) -> None:
        super().__init__(
            "CREATE TABLE seen(identity BLOB PRIMARY KEY, count INTEGER) WITHOUT ROWID"
        )

    def count(self, identity: str | bytes) -> int:
        """Count an identity; return how often it was seen before."""
        counted: list[Any] = self._cursor.execute(
            "INSERT INTO seen VALUES(?, 0) ON CONFLICT DO UPDATE SET count = count + 1"
            " RETURNING count",
            (digest(identity),),
        ).fetchall()
        seen: int = counted[0][0]
        return seen

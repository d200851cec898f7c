"""Statements for the rows of a file that is being imported, in a temporary database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from plaudit.store.engine.temporary import TemporaryDatabase


class KeptRow(Struct, frozen=True, kw_only=True):
    """A row: its file, its number there, its size in that file, and its encoded content."""

    file: str
    number: int
    size: int
    data: bytes


class TemporaryRows:
    """Rows by item. Items come out in the order of their first rows, and rows in theirs."""

    def __init__(self) -> None:
        self._db = TemporaryDatabase(
            "CREATE TABLE item(item BLOB PRIMARY KEY, first INTEGER, count INTEGER, bytes INTEGER)"
            " WITHOUT ROWID;"
            "CREATE TABLE row(first INTEGER, seq INTEGER, file TEXT, number INTEGER, size INTEGER,"
            " data BLOB, PRIMARY KEY(first, seq)) WITHOUT ROWID;"
            "CREATE TABLE problem(file TEXT, number INTEGER, pointer TEXT, message TEXT)"
        )
        self._seq = 0

    def close(self) -> None:
        """Delete them."""
        self._db.close()

    def count_row(self, item: bytes, size: int) -> tuple[int, int, int]:
        """Count the row that is added next to its item.

        Returns the number of the item's first row, and the item's rows and bytes with this one.
        """
        [(first, count, total)] = self._db.run(
            "INSERT INTO item VALUES(?1, ?2, 1, ?3) ON CONFLICT DO UPDATE SET"
            " count = count + 1, bytes = bytes + excluded.bytes RETURNING first, count, bytes",
            (item, self._seq + 1, size),
        )
        return first, count, total

    def add_row(self, first: int | None, row: KeptRow) -> None:
        """Add a row to the item with this first row, None for an item of its own."""
        self._seq += 1
        place = self._seq if first is None else first
        self._db.run(
            "INSERT INTO row VALUES(?, ?, ?, ?, ?, ?)",
            (place, self._seq, row.file, row.number, row.size, row.data),
        )

    def add_problem(self, file: str, number: int, pointer: str, message: str) -> None:
        """Keep the refusal of a row that belongs to no item."""
        self._db.run("INSERT INTO problem VALUES(?, ?, ?, ?)", (file, number, pointer, message))

    def problems(self) -> Iterator[tuple[Any, ...]]:
        """Yield file, number, pointer and message of the refusals, in their order."""
        yield from self._db.walk(
            "SELECT file, number, pointer, message FROM problem ORDER BY rowid"
        )

    def items(self) -> Iterator[list[KeptRow]]:
        """Yield the rows of each item."""
        group, current = list[KeptRow](), None
        for first, file, number, size, data in self._db.walk(
            "SELECT first, file, number, size, data FROM row ORDER BY first, seq"
        ):
            if first != current and group:
                yield group
                group = []
            current = first
            group.append(KeptRow(file=file, number=number, size=size, data=data))
        if group:
            yield group


class SeenIdentities:
    """Number of times that an identity, of a few bytes, was seen."""

    def __init__(self) -> None:
        self._db = TemporaryDatabase(
            "CREATE TABLE seen(identity BLOB PRIMARY KEY, count INTEGER) WITHOUT ROWID"
        )

    def close(self) -> None:
        """Delete them."""
        self._db.close()

    def count(self, identity: bytes) -> int:
        """Count an identity; return how often it was seen before."""
        [(seen,)] = self._db.run(
            "INSERT INTO seen VALUES(?, 0) ON CONFLICT DO UPDATE SET count = count + 1"
            " RETURNING count",
            (identity,),
        )
        count: int = seen
        return count

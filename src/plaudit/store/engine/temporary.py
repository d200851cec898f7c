"""Temporary SQLite database on disk, for what a job must sort or count and memory cannot hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apsw

CACHE_KIB = 16 * 1024


class TemporaryDatabase:
    """SQLite database without a name, which is deleted with its connection, or with the process.

    One thread at a time may use it.
    """

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

    def run(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""
        rows: list[tuple[Any, ...]] = self._cursor.execute(sql, values).fetchall()
        return rows

    def walk(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a query one by one, also while other statements run."""
        yield from self._connection.cursor().execute(sql)

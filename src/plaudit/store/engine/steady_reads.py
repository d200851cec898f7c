"""Reads of one snapshot that are done at once, with what was read before where nothing changed.

While no other connection commits, rows that were read stay true. A read then takes the few small
ones that every request asks for (a key, a project) from memory, and runs its one large statement
without a transaction around it. That statement says whether anything was committed meanwhile; if so
the read is run again, whole, in a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeVar, cast

import apsw

from plaudit.store.engine import word_index
from plaudit.store.engine.engine import Args, Row

T = TypeVar("T")

KEPT_MAX = 1000
KEPT_ROW_BYTES = 4096
"""Longest text or blob of a row that is kept."""


class Changed(Exception):
    """Raised inside a read when something was committed since the kept rows were read."""


class SteadyReads:
    """Statements of reads on one connection, of one snapshot each. The coroutines never suspend."""

    skip_locked = ""
    for_update = ""
    word_index = word_index.SQLITE
    log_position = "0"

    def __init__(self, connection: apsw.Connection, epoch: int) -> None:
        self.epoch = epoch
        self._execute = connection.execute
        self._data_version = connection.data_version
        self._version: int | None = None
        """Version of the data to which the kept rows belong, None if there are none."""
        self._kept: dict[tuple[Any, ...], Row] = {}
        self._is_sure = False
        """True once a statement has shown that the kept rows are of its snapshot."""
        self._is_pinned = False
        """True while a transaction is open around the statements."""

    def begin(self) -> None:
        """Begin a read without a transaction."""
        self._is_sure = False

    def require_sure(self) -> None:
        """Raise Changed unless a statement of this read has seen the snapshot of the kept rows."""
        if not self._is_sure:
            raise Changed

    def pin(self) -> None:
        """Forget the kept rows, at the beginning of a transaction."""
        self._kept.clear()
        self._version = None
        self._is_pinned = True

    def unpin(self) -> None:
        """Note the transaction's version of the data, at its end."""
        self._version = self._data_version()
        self._is_pinned = False

    def _check(self) -> None:
        if not self._is_pinned:
            if self._data_version() != self._version:
                raise Changed
            self._is_sure = True

    async def one(self, sql: str, args: Args) -> Row | None:
        key = (sql, *args.values())
        row = self._kept.get(key)
        if row is None:
            row = cast("Row | None", self._execute(sql, args).fetchone())
            self._check()
            if row is not None and _is_small(row):
                if len(self._kept) >= KEPT_MAX:
                    self._kept.clear()
                self._kept[key] = row
        return row

    async def all(self, sql: str, args: Args) -> list[Row]:
        rows = cast("list[Row]", self._execute(sql, args).fetchall())
        self._check()
        return rows

    async def now_ms(self) -> int:
        _refuse()

    async def run(self, sql: str, args: Args) -> int:
        _refuse()

    async def many(self, sql: str, rows: Iterable[Args]) -> None:
        _refuse()

    async def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        _refuse()

    async def compute(self, byte_count: int, work: Callable[[], T]) -> T:
        return work()


def _refuse() -> NoReturn:
    raise AssertionError("a read that is done at once neither writes nor asks for the time")


def _is_small(row: Row) -> bool:
    return all(not isinstance(value, (str, bytes)) or len(value) <= KEPT_ROW_BYTES for value in row)

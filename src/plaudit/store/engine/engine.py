"""Database interface of the store: read and write transactions over one SQL text.

SQL is written once, with `:named` parameters, for every engine. The functions of the store are
coroutines that take a `Transaction`; on SQLite they never actually suspend.

`write` takes the work as a function, not as a block, because an engine may have to run the whole
transaction again (serialization failures) or several of them in one commit (SQLite's group
commit). Work must therefore have no effect but through its transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from plaudit.store.engine.word_index import WordIndex

T = TypeVar("T")
Row = tuple[Any, ...]
Args = Mapping[str, Any]
Work = Callable[["Transaction"], Awaitable[T]]


class RunAgain(Exception):
    """Raised by work whose locks were chosen by what has changed since; the engine runs it again.

    Only for what another transaction can change meanwhile, so never while SQLite writes.
    """


class AskPrimary(Exception):
    """Raised by a read of a replica that the primary has to answer instead; whoever reads begins
    anew there."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        """State of the replica, or `conflict` where replay took away what a statement was reading,
        or `failed`."""


class ReplicaState(StrEnum):
    """State of a replica; only a ready one is asked."""

    starting = "starting"
    ready = "ready"
    behind = "behind"
    gone = "gone"
    promoted = "promoted"
    foreign = "foreign"


class Transaction(Protocol):
    """Statements that see one snapshot and, in a write, become visible together."""

    @property
    def epoch(self) -> int:
        """The store's epoch (see `store.engine.epochs`) when the connection was made or the
        transaction began."""
        ...

    @property
    def skip_locked(self) -> str:
        """SQL suffix that locks the selected rows and skips those locked by others.

        Empty on an engine whose write transaction has the database to itself.
        """
        ...

    @property
    def for_update(self) -> str:
        """SQL suffix that locks the selected rows until the transaction ends, in their order.

        Empty on an engine whose write transaction has the database to itself.
        """
        ...

    @property
    def word_index(self) -> WordIndex:
        """SQL of the engine's full-text index."""
        ...

    @property
    def log_position(self) -> str:
        """SQL expression for how far the log is written, all acknowledged commits included.

        It is 0 where no replica is read.
        """
        ...

    async def now_ms(self) -> int:
        """Milliseconds since 1970 by the database's clock, which all processes share."""
        ...

    async def one(self, sql: str, args: Args) -> Row | None:
        """The first row, or None."""
        ...

    async def all(self, sql: str, args: Args) -> list[Row]:
        """All rows."""
        ...

    async def run(self, sql: str, args: Args) -> int:
        """Change rows; return how many."""
        ...

    async def many(self, sql: str, rows: Iterable[Args]) -> None:
        """Run one statement once for each set of parameters."""
        ...

    async def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows in bulk; each row lists its values in the order of `columns`."""
        ...

    async def compute(self, byte_count: int, work: Callable[[], T]) -> T:
        """The result of `work`, whose time grows with these bytes; a write keeps the loop free.

        `work` runs no statement and changes nothing that others see.
        """
        ...


class Write(Protocol):
    """Run work in a write transaction and return its result, as `Database.write` does.

    Code that takes a `Write` also runs inside a transaction that its caller has open.
    """

    def __call__(self, work: Work[T]) -> Awaitable[T]: ...


class Reads(Protocol):
    """Source of reads: a database, or a replica of it for one request."""

    def read(self, *, snapshot: bool = True) -> AbstractAsyncContextManager[Transaction]:
        """A read transaction, for a bounded number of rows; await nothing else inside it.

        Without `snapshot` each statement sees the latest commits, which is cheaper and enough
        where no two statements must agree.
        """
        ...


class Database(Reads, Protocol):
    """An open database."""

    def read_at_once(self, work: Work[T]) -> T:
        """Run work that reads one snapshot to its end, and return its result.

        Nothing else runs meanwhile. The work may be run again. Raises Unavailable where the engine
        has to wait for a database.
        """
        ...

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a write transaction and return its result once it is durable."""
        ...

    async def check(self) -> None:
        """Raise Unavailable unless the database answers."""
        ...

    async def close(self) -> None:
        """Wait for running transactions and disconnect."""
        ...

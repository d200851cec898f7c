"""What a database is to the rest of the store: read and write transactions over one SQL text.

SQL is written once, with `:named` parameters, for every engine. The functions of the store are
coroutines that take a `Transaction`; on SQLite they never actually suspend.

`write` takes the work as a function, not as a block, because an engine may have to run the whole
transaction again (serialization failures) or several of them in one commit (SQLite's group
commit). Work must therefore have no effect but through its transaction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Row = tuple[Any, ...]
Args = Mapping[str, Any]
Work = Callable[["Transaction"], Awaitable[T]]


class Transaction(Protocol):
    """Statements that see one snapshot and, in a write, become visible together."""

    @property
    def epoch(self) -> int:
        """The epoch of the store (see `store.epochs`), as of the connection's making or of
        the transaction's beginning."""
        ...

    @property
    def skip_locked(self) -> str:
        """What ends a SELECT that locks its rows and passes over those that others have locked.

        Empty where a write transaction has the database to itself.
        """
        ...

    async def now_ms(self) -> int:
        """Milliseconds since the epoch, by the database's clock: the one clock of all processes."""
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
        """Run one statement for each set of parameters."""
        ...

    async def add(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert rows by the fastest way the engine has."""
        ...


class Database(Protocol):
    """An open database."""

    def read(self, *, snapshot: bool = True) -> AbstractAsyncContextManager[Transaction]:
        """A read transaction, for a bounded number of rows; await nothing else inside it.

        Without `snapshot` each statement sees the latest commits, which is cheaper and enough
        where no two statements must agree.
        """
        ...

    async def write(self, work: Work[T]) -> T:
        """Run `work` in a write transaction and return its result once it is durable."""
        ...

    async def check(self) -> None:
        """Raise Unavailable unless the database answers."""
        ...

    async def close(self) -> None:
        """Finish what is running and let go of the database."""
        ...

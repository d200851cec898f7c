"""Count the statements that the product runs, on either engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from plaudit.store.engine.postgres import PostgresTransaction
from plaudit.store.engine.sqlite import SqliteTransaction


class StatementCounter:
    """The statements of the block that `counting` is around."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        """Text of each statement, with its arguments."""
        self.rows_max = 0
        """Rows of the statement that returned the most."""

    def __len__(self) -> int:
        return len(self.calls)


@contextmanager
def counting() -> Iterator[StatementCounter]:
    """Note each statement that a transaction is given until the block ends."""
    counter = StatementCounter()

    def noting(inner: Any) -> Any:
        async def method(self: Any, statement: str, *arguments: Any) -> Any:
            counter.calls.append((statement, arguments[0] if arguments else None))
            result = await inner(self, statement, *arguments)
            if isinstance(result, list):
                counter.rows_max = max(counter.rows_max, len(result))
            return result

        return method

    with pytest.MonkeyPatch.context() as patch:
        for engine in (SqliteTransaction, PostgresTransaction):
            for name in ("one", "all", "run", "many", "add"):
                patch.setattr(engine, name, noting(getattr(engine, name)))
        yield counter

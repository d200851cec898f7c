"""Every write of the product run twice: first in a transaction that is rolled back, then for good.

PostgreSQL runs work again after serialization failures and lost connections.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from plaudit.store.engine.postgres import PostgresDatabase
from plaudit.store.engine.sqlite import SqliteDatabase


class RolledBack(Exception):
    """Ends the first run of a work."""


def run_twice(patch: pytest.MonkeyPatch) -> None:
    """Let each write on each engine run twice, until the patch is undone."""
    for engine in (SqliteDatabase, PostgresDatabase):
        patch.setattr(engine, "write", _twice(engine.write))


def _twice(write: Any) -> Any:
    async def write_twice(self: Any, work: Any) -> Any:
        async def first(tx: Any) -> None:
            with suppress(Exception):
                await work(tx)
            raise RolledBack

        with suppress(RolledBack):
            await write(self, first)
        return await write(self, work)

    return write_twice

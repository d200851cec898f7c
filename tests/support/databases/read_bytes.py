"""The bytes that reading statements return, counted while a page is asked for."""

from __future__ import annotations

from typing import Any

import pytest


class ReadBytes:
    """Bytes of all rows that read transactions returned since `count` was set to 0."""

    def __init__(self, world: Any, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        kind = type(world.db.read())
        enter = kind.__aenter__

        async def counting(read: Any) -> Any:
            return _Counting(self, await enter(read))

        patch.setattr(kind, "__aenter__", counting)


class _Counting:
    def __init__(self, total: ReadBytes, tx: Any) -> None:
        self._total = total
        self._tx = tx

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    async def all(self, sql: str, args: Any) -> Any:
        rows = await self._tx.all(sql, args)
        self._total.count += _size(rows)
        return rows

    async def one(self, sql: str, args: Any) -> Any:
        row = await self._tx.one(sql, args)
        self._total.count += 0 if row is None else _size([row])
        return row


def _size(rows: Any) -> int:
    return sum(len(cell) for row in rows for cell in row if isinstance(cell, bytes))

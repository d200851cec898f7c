"""Pages of rows that are bounded in bytes, not only in number.

A page ends before the row with which its large columns would pass PAGE_BYTES_MAX, and has at least
one row. Both engines know the length of a column without reading it, so that what does not fit is
not read: at first, columns are left out with which a page of so many rows might become too long. A
page without such columns, which is the usual one, takes that one statement. For others the lengths
are known then, and a second statement reads the rows that fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from plaudit.store.engine.engine import Row, Transaction

PAGE_BYTES_MAX = 32 * 1024 * 1024
"""Bytes of the large columns of a page's rows together, unless it has one row."""

_ANY_BYTES = 2**31 - 1
"""More than a column can hold."""


async def read_page(
    tx: Transaction,
    columns: Sequence[str],
    large: Sequence[str],
    rest: str,
    args: Mapping[str, Any],
    *,
    limit: int,
    order: Callable[[Row], Any] | None = None,
) -> tuple[list[Row], bool]:
    """Up to `limit` rows that fit together, and True if more follow them.

    `rest` is the statement after its columns, with the parameter `row_limit`. `large` are those of
    the columns that may be long. A row has the columns, then the bytes of the large ones. `order`
    is the order of the listing, for a statement whose engine does not promise it.
    """
    sql = _select(tuple(columns), tuple(large), rest)
    column_bytes = PAGE_BYTES_MAX // (limit + 1) // len(large)
    rows = await tx.all(sql, {**args, "row_limit": limit + 1, "column_bytes": column_bytes})
    if order is not None:
        rows.sort(key=order)
    found = len(rows)
    if max([row[-1] for row in rows], default=0) <= column_bytes:
        return (rows, False) if found <= limit else (rows[:limit], True)
    fitting = count_fitting([row[-1] for row in rows[:limit]], PAGE_BYTES_MAX)
    rows = await tx.all(sql, {**args, "row_limit": fitting, "column_bytes": _ANY_BYTES})
    if order is not None:
        rows.sort(key=order)
    # Outside a snapshot the rows may have grown since, or have become fewer.
    kept = count_fitting([row[-1] for row in rows], PAGE_BYTES_MAX)
    return rows[:kept], kept < len(rows) or len(rows) == fitting < found


@lru_cache(maxsize=64)
def _select(columns: tuple[str, ...], large: tuple[str, ...], rest: str) -> str:
    shown = ", ".join(
        f"CASE WHEN LENGTH({column}) <= :column_bytes THEN {column} END"
        if column in large
        else column
        for column in columns
    )
    size = " + ".join(f"COALESCE(LENGTH({column}), 0)" for column in large)
    return f"SELECT {shown}, {size} {rest}"


def count_fitting(sizes: Sequence[int], most: int) -> int:
    """Number of leading rows that have at most `most` bytes together; at least 1 of any."""
    total = 0
    for number, size in enumerate(sizes):
        total += size
        if total > most and number:
            return number
    return len(sizes)

"""SQL for lists in one statement: parameters of an IN, a SELECT for each value, ranges merged."""

from __future__ import annotations

import re
from collections.abc import Sequence

SELECTS_MAX = 250
"""Values per `union_all`; SQLite takes up to 500 SELECTs in one statement."""

_PARAMETER = re.compile(r"(?<![:\w]):([A-Za-z_]\w*)")


def in_list(prefix: str, values: Sequence[object]) -> tuple[str, dict[str, object]]:
    """Parameters `(:prefix_0, :prefix_1, …)` for at least one value, and their arguments.

    The last value fills them up to a power of two, so that engines meet few different texts.
    """
    count = 1 << (len(values) - 1).bit_length()
    filled = [*values, *[values[-1]] * (count - len(values))]
    args = {f"{prefix}_{number}": value for number, value in enumerate(filled)}
    return f"({', '.join(f':{name}' for name in args)})", args


def union_all(select: str, **columns: Sequence[object]) -> tuple[str, dict[str, object]]:
    """One SELECT for each row of 1 to SELECTS_MAX, and their arguments.

    In `select` the parameter `:name` stands for the row's value in the column of that name, and
    `:number` for the row's index.
    """
    count = len(next(iter(columns.values())))
    pieces = _PARAMETER.split(select)  # texts, with the names of parameters between them
    names = pieces[1::2]
    selects = []
    for number in range(count):
        words = {"number": str(number)} | {name: f":{name}_{number}" for name in columns}
        pieces[1::2] = [words.get(name, f":{name}") for name in names]
        selects.append("".join(pieces))
    args = {
        f"{name}_{number}": value
        for name, values in columns.items()
        for number, value in enumerate(values)
    }
    return " UNION ALL ".join(selects), args


def merge(ranges: Sequence[str], order: str) -> str:
    """The first `:row_limit` rows of several SELECTs that an index has in this order each.

    PostgreSQL would read each to its end and sort, were there no limit inside.
    """
    tail = f" ORDER BY {order} LIMIT :row_limit"
    if len(ranges) > 1:
        ranges = [f"SELECT * FROM ({one}{tail}) AS part" for one in ranges]
    return f"{' UNION ALL '.join(ranges)}{tail}"

"""Columns of a table that nobody knows yet: their names, samples, and kinds of values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from plaudit.formats.common.row_members import as_integer
from plaudit.formats.common.rows import Row
from plaudit.formats.table.paths import PATH_CHARS_MAX
from plaudit.formats.table.table_row import is_blank, value_key

COLUMNS_MAX = 200
SAMPLES_MAX = 3
DISTINCT_MAX = 12
"""Different values that a column of few values has at most."""

_SAMPLE_CHARS = 60
_ANSWERS = (("role", "content", ("assistant", "model")), ("from", "value", ("gpt", "assistant")))
_DEPTH_MAX = 3


class ColumnSeen(Struct, frozen=True):
    """A column as the first rows show it.

    `kind` is `text`, `number`, `true or false`, `messages`, `list`, `object`, `empty` or `mixed`;
    `values` are all that were seen if they are few, else empty.
    `chars` is the mean length of its
    texts, and `length` that of all its lists, whose elements are plain values.
    """

    name: str
    kind: str
    samples: list[str]
    values: list[str]
    chars: int
    is_unique: bool
    length: int | None = None
    answer: str | None = None
    """Path to the last message's text, where all conversations end with an answer."""

    def __str__(self) -> str:
        samples = " | ".join(self.samples)
        return f"{self.name} ({self.kind}): {samples}" if samples else f"{self.name} ({self.kind})"


def describe_columns(rows: Sequence[Row]) -> list[ColumnSeen]:
    """Describe the columns of the first rows, also those within objects, in their order."""
    cells: dict[str, list[Any]] = {}
    for row in rows:
        if isinstance(row.value, dict):
            for name, value in _cells(row.value, "", 1):
                is_fitting = len(cells) < COLUMNS_MAX and len(name) <= PATH_CHARS_MAX
                if name in cells or is_fitting:
                    cells.setdefault(name, []).append(value)
    return [_described(name, values) for name, values in cells.items()]


def _cells(value: dict[str, Any], way: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, member in value.items():
        is_plain = name and not set(name) & set('."[')
        step = f"{way}{name}" if is_plain or not way else f'{way}"{name}"'
        if isinstance(member, dict) and member and is_plain and depth < _DEPTH_MAX:
            yield from _cells(member, f"{step}.", depth + 1)
        else:
            yield step, member


def _described(name: str, cells: list[Any]) -> ColumnSeen:
    filled = [cell for cell in cells if not is_blank(cell)]
    length = _common_length(filled)
    keys = [value_key(cell) if not isinstance(cell, dict | list) else "" for cell in filled]
    distinct = list(dict.fromkeys(keys))
    kinds = {_kind(cell) for cell in filled}
    kind = "empty" if not kinds else kinds.pop() if len(kinds) == 1 else "mixed"
    if length is not None:
        distinct = list(dict.fromkeys(value_key(one) for cell in filled for one in cell))
    has_values = length is not None or kind not in ("messages", "list", "object", "empty")
    is_few = has_values and len(distinct) <= DISTINCT_MAX
    is_short = all(len(key) <= _SAMPLE_CHARS for key in distinct)
    samples = dict.fromkeys(_sample(cell) for cell in filled[: 10 * SAMPLES_MAX])
    return ColumnSeen(
        name=name,
        kind=kind,
        samples=list(samples)[:SAMPLES_MAX],
        values=distinct if is_few and is_short else [],
        chars=sum(map(len, keys)) // max(1, len(keys)),
        is_unique=bool(filled) and len(distinct) == len(cells) and kind in ("text", "number"),
        length=length,
        answer=_path_to_answer(name, filled) if kind == "messages" else None,
    )


def _path_to_answer(name: str, conversations: Sequence[list[dict[str, Any]]]) -> str | None:
    for role, text, answering in _ANSWERS:
        if all(one[-1].get(role) in answering and text in one[-1] for one in conversations):
            return f"{name}[-1].{text}"
    return None


def _common_length(cells: Sequence[Any]) -> int | None:
    """Length of all cells, if they are lists of plain values, not empty."""
    lengths = {
        len(cell)
        if isinstance(cell, list) and not any(isinstance(one, dict | list) for one in cell)
        else 0
        for cell in cells
    }
    return lengths.pop() or None if len(lengths) == 1 else None


def _kind(cell: Any) -> str:
    if isinstance(cell, bool) or cell in ("true", "false", "True", "False"):
        return "true or false"
    if isinstance(cell, int | float) or (isinstance(cell, str) and _is_number(cell)):
        return "number"
    if isinstance(cell, list):
        is_chat = cell and all(
            isinstance(part, dict) and ("role" in part or "from" in part) for part in cell
        )
        return "messages" if is_chat else "list"
    return "object" if isinstance(cell, dict) else "text"


def _is_number(text: str) -> bool:
    if as_integer(text) is not None:
        return True
    try:
        float(text)
    except ValueError:
        return False
    return len(text) < 40


def _sample(cell: Any) -> str:
    text = cell if isinstance(cell, str) else value_key(cell)
    line = " ".join(text[: 4 * _SAMPLE_CHARS].split())
    return line if len(line) <= _SAMPLE_CHARS else f"{line[: _SAMPLE_CHARS - 1]}…"

"""Rows that stand inside nested JSON, at a path such as `*.*.*`.

`*` stands for any key of an object and any element of a list. The keys that were passed become the
columns `$1`, `$2`, … of the row, for sets where the name of a model is a key.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plaudit import json_guard
from plaudit.errors import InvalidContent
from plaudit.formats.common.row_members import name_of_kind
from plaudit.formats.common.rows import Row
from plaudit.formats.table.paths import Step, parse_path

ANY = "*"
PLACE = "$path"
"""Column with the JSON pointer of an expanded row within the row of the file."""


class Expansion:
    """Reading of the rows at a path; without a path, a row of the file is a row of the table."""

    def __init__(self, path: str | None) -> None:
        self.steps: tuple[Step, ...] = () if path is None else parse_path(path)

    def expand(self, row: Row) -> Iterator[Row]:
        """Yield the rows of the table that stand in a row of the file."""
        if row.problem is not None or (not self.steps and row.key is None):
            yield row
            return
        if row.key is None:
            yield from self._descend(row, row.value, self.steps, "", ())
            return
        # The file is one object of rows, whose keys are the first step.
        first, rest = (self.steps[0], self.steps[1:]) if self.steps else (ANY, ())
        if first in (ANY, row.key):
            passed = (row.key,) if first == ANY else ()
            yield from self._descend(row, row.value, rest, "", passed)

    def _descend(
        self, row: Row, value: Any, steps: tuple[Step, ...], pointer: str, passed: tuple[str, ...]
    ) -> Iterator[Row]:
        if not steps:
            yield _inner_row(row, value, pointer, passed)
            return
        if steps[0] == ANY:
            for key, member in _members(value):
                way = f"{pointer}/{json_guard.escape(key)}"
                yield from self._descend(row, member, steps[1:], way, (*passed, key))
            if not isinstance(value, dict | list):
                yield _without_rows(row, value, pointer)
            return
        step = steps[0]
        if isinstance(value, dict) and str(step) in value:
            way = f"{pointer}/{json_guard.escape(str(step))}"
            yield from self._descend(row, value[str(step)], steps[1:], way, passed)
        elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
            yield from self._descend(row, value[step], steps[1:], f"{pointer}/{step}", passed)
        else:
            yield _without_rows(row, value, pointer)


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from ((str(number), member) for number, member in enumerate(value))


def _inner_row(row: Row, value: Any, pointer: str, passed: tuple[str, ...]) -> Row:
    columns = {f"${number}": key for number, key in enumerate(passed, 1)}
    if isinstance(value, dict):
        columns |= {name: member for name, member in value.items() if name not in columns}
    else:
        columns["$value"] = value
    if pointer:
        columns[PLACE] = pointer
    return Row(file=row.file, number=row.number, key=row.key, size=row.size, value=columns)


def _without_rows(row: Row, value: Any, pointer: str) -> Row:
    problem = InvalidContent(
        f"the path to the rows leads into an object or a list here, not {name_of_kind(value)}",
        pointer=pointer,
    )
    return Row(file=row.file, number=row.number, value=None, problem=problem)

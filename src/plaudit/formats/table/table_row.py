"""One row of a table, asked by column of the mapping."""

from __future__ import annotations

import json
import math
from pathlib import PurePath
from typing import Any

import msgspec

from plaudit.errors import InvalidContent
from plaudit.formats.common.row_members import RowMembers, name_of_kind
from plaudit.formats.common.rows import ImportNotes, Row
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.table.mapping import FILE_NAME, ROW_NUMBER, TextColumn
from plaudit.formats.table.paths import MISSING, UNKNOWN, Absent, RowPaths, Step, parse_path
from plaudit.formats.table.patterns import Removal, StepBudget

NOT_A_NUMBER = "a cell is NaN or infinite; it counts as empty"

_encode = msgspec.json.Encoder(order="sorted").encode


class Columns:
    """Paths and patterns of a mapping, read once."""

    def __init__(self, budget: StepBudget | None = None) -> None:
        self._budget = budget
        self._steps: dict[str, tuple[Step, ...]] = {}
        self._removals: dict[str, Removal] = {}

    def steps(self, column: str) -> tuple[Step, ...]:
        """Steps of a column's path."""
        if column not in self._steps:
            self._steps[column] = parse_path(column)
        return self._steps[column]

    def removal(self, pattern: str) -> Removal:
        """Removal of a pattern's matches."""
        if pattern not in self._removals:
            self._removals[pattern] = Removal(pattern, self._budget)
        return self._removals[pattern]


class TableRow(RowMembers):
    """Cells of a row by column path."""

    def __init__(
        self, row: Row, columns: Columns, options: ImportOptions, notes: ImportNotes
    ) -> None:
        super().__init__(row, options, notes)
        self.notes = notes
        self._columns = columns
        self._paths = RowPaths(self.value)

    def look_up(self, column: str) -> tuple[Any, str]:
        """Return the value of a column, or MISSING or UNKNOWN, and its JSON pointer."""
        if column == FILE_NAME:
            return PurePath(self.row.file).name, ""
        if column == ROW_NUMBER:
            return self.row.number, ""
        return self._paths.get(column, self._columns.steps(column))

    def cell(self, column: str) -> tuple[Any, str]:
        """Return the value of a column, None where there is none, and its JSON pointer."""
        value, pointer = self.look_up(column)
        if isinstance(value, Absent):
            return None, pointer
        if isinstance(value, float) and not math.isfinite(value):
            self.notes.add(NOT_A_NUMBER, self.row)
            return None, pointer
        return value, pointer

    def required_text(self, column: TextColumn) -> tuple[str, str]:
        """Return a text and its JSON pointer; raises InvalidContent where there is none."""
        value, pointer = self.look_up(column.column)
        if value is MISSING:
            raise InvalidContent(f"the row has no {column.column!r}", pointer=pointer)
        value = None if value is UNKNOWN else value
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidContent("expected a text, not NaN or infinity", pointer=pointer)
        return self._without_matches(column, self.as_text(value, pointer), pointer), pointer

    def text_or_none(self, column: TextColumn | str) -> str | None:
        """Return a text; None where the cell is missing, null or an empty text."""
        column = TextColumn(column) if isinstance(column, str) else column
        value, pointer = self.cell(column.column)
        if value is None or value == "":
            return None
        return self._without_matches(column, self.as_text(value, pointer), pointer) or None

    def list_or_none(self, column: str) -> tuple[list[Any] | None, str]:
        """Return a list, also one written as JSON in a cell, and its JSON pointer."""
        value, pointer = self.cell(column)
        if isinstance(value, str):
            if not value.strip():
                return None, pointer
            value = self._paths.decode(pointer, value)
        if value is not None and not isinstance(value, list):
            raise InvalidContent(f"expected a list, not {name_of_kind(value)}", pointer=pointer)
        return value, pointer

    def _without_matches(self, column: TextColumn, text: str, pointer: str) -> str:
        if column.remove is None:
            return text
        try:
            return self._columns.removal(column.remove).apply(text)
        except InvalidContent as exc:
            raise InvalidContent(exc.message, pointer=pointer) from exc


def is_blank(value: Any) -> bool:
    """True for a cell in which nothing stands."""
    return value is None or (isinstance(value, str) and not value.strip())


def value_key(value: Any) -> str:
    """Form of a cell's value by which mappings name it: `1`, `true`, or the text itself."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    try:
        return _encode(value).decode()
    except UnicodeEncodeError:  # an unpaired surrogate
        return json.dumps(value, sort_keys=True, default=str)

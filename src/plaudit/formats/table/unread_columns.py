"""Remarks on what stands in a table and is named nowhere in its mapping, so that nothing is lost
without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from plaudit import json_guard
from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import ImportNotes, Row
from plaudit.formats.table.expansion import PLACE
from plaudit.formats.table.mapping import TableMapping
from plaudit.formats.table.mapping_checks import columns_of
from plaudit.formats.table.table_row import Columns, TableRow, is_blank

COLUMNS_NAMED_MAX = 50
"""Columns in remarks and messages; the others are counted."""

Tree = dict[str, Any]
"""Steps of paths that are read: a tree for what they lead through, None for what is read whole."""

_FURTHER = "further columns are not in the mapping; they are left out"


class UnreadColumns:
    """Remarks on columns, and on members within them, that the mapping does not name."""

    def __init__(self, mapping: TableMapping, columns: Columns, notes: ImportNotes) -> None:
        self._tree: Tree = {PLACE: None}
        for column, _ in columns_of(mapping):
            self._tree[column] = None
            _plant(self._tree, [str(step) for step in columns.steps(column)])
        self._notes = notes
        self._remarked: set[str] = set()

    def note(self, row: TableRow) -> None:
        """Count the columns of a row that nothing is made of."""
        self._note_members(row.row, row.value.items(), self._tree, "")

    def _note_members(
        self, row: Row, members: Iterable[tuple[str, Any]], tree: Tree, way: str
    ) -> None:
        for name, value in members:
            if name in tree:
                inner = tree[name]
                if inner is not None:
                    path = f"{way}{name}."
                    self._note_members(row, _members_of(value), inner, path)
            elif not is_blank(value) and value not in ([], {}) and not name.startswith("$"):
                path = f"{way}{name}"[:100]
                if path not in self._remarked and len(self._remarked) >= COLUMNS_NAMED_MAX:
                    self._notes.add(_FURTHER, row)
                    return
                self._remarked.add(path)
                self._notes.add(f"the column {path!r} is not in the mapping; it is left out", row)


def _plant(tree: Tree, steps: list[str]) -> None:
    for step in steps[:-1]:
        inner = tree.setdefault(step, {})
        if inner is None:
            return
        tree = inner
    tree[steps[-1]] = None


def _members_of(value: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(value, str):
        try:
            value = json_guard.check(value.encode())
        except (InvalidContent, UnicodeEncodeError):
            return ()
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, list):
        return ((str(number), member) for number, member in enumerate(value))
    return ()

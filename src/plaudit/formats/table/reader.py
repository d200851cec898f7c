"""Import format `table`: rows of any columns, read by a mapping."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from plaudit.core.tasks.forms import Form
from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import ImportedTask
from plaudit.formats.common.rows import ImportNotes, Row, RowProblem
from plaudit.formats.import_format import FormatReader, ImportFormat, ImportOptions
from plaudit.formats.table.assembly import TaskBuilder
from plaudit.formats.table.expansion import PLACE, Expansion
from plaudit.formats.table.mapping import (
    FILE_NAME,
    MODELS,
    ROW_NUMBER,
    Selection,
    TableMapping,
)
from plaudit.formats.table.mapping_checks import columns_of, read_mapping
from plaudit.formats.table.paths import MISSING
from plaudit.formats.table.patterns import StepBudget
from plaudit.formats.table.row_reading import RowReader, read_name
from plaudit.formats.table.table_form import form_of_table
from plaudit.formats.table.table_row import Columns, TableRow, is_blank, value_key
from plaudit.formats.table.unread_columns import COLUMNS_NAMED_MAX, UnreadColumns

NO_MAPPING = (
    "a table needs a mapping that says which column is what: --mapping FILE, or --prompt COL"
    " --response COL … on the command line"
)
ROWS_CHECKED_MAX = 10_000
"""Rows that are looked at for columns, where rows of the file stand for many."""

LEFT_OUT = "a row is left out, as 'where' and 'not' of the mapping say"
SURROGATE = "a text holds an unpaired surrogate"
NO_ITEM = "a row has nothing in the columns of 'item'; it is an item of its own"


def _budget(options: ImportOptions) -> StepBudget:
    if options.search_steps_max is None:
        return StepBudget(total=options.pattern_steps_max)
    return StepBudget(each=options.search_steps_max, total=options.pattern_steps_max)


class TableReader(FormatReader):
    """Reading of a table by the mapping of the options."""

    def __init__(self, options: ImportOptions, notes: ImportNotes) -> None:
        super().__init__(options, notes)
        if options.mapping is None:
            raise InvalidContent(NO_MAPPING)
        self.mapping: TableMapping = read_mapping(options.mapping)
        self.groups_rows = bool(self.mapping.items)
        self._columns = Columns(_budget(options))
        self._expansion = Expansion(self.mapping.rows)
        self._rows = RowReader(self.mapping, notes, is_strict=options.is_strict)
        self._builder = TaskBuilder(self.mapping, self._rows)
        self._unread = UnreadColumns(self.mapping, self._columns, notes)
        self.needs_first_pass = bool(self._rows.kinds.observed) or any(
            response.spans is not None for response in self.mapping.responses or ()
        )

    def expand(self, row: Row) -> Iterator[Row]:
        """Yield the rows at the path `rows` of the mapping."""
        return self._expansion.expand(row)

    def check_columns(self, rows: Sequence[Row]) -> None:
        """Raise InvalidContent for a column of the mapping that none of the first rows has."""
        for column, pointer in self.missing_columns(rows):
            there = dict.fromkeys(name for row in self._objects(rows) for name in row.value)
            raise InvalidContent(
                f"there is no column {column!r} in the first rows; there is {_listed(list(there))}",
                pointer=pointer,
            )

    def missing_columns(self, rows: Sequence[Row]) -> list[tuple[str, str]]:
        """Columns that none of the first rows has, with pointers to where the mapping names them.

        None are missing where there are no rows to look at.
        """
        table_rows = [self._row(row) for row in self._objects(rows)]
        return [
            (column, pointer)
            for column, pointer in columns_of(self.mapping)
            if table_rows and not any(_has_column(row, column) for row in table_rows)
        ]

    def _objects(self, rows: Sequence[Row]) -> list[Row]:
        expanded = (inner for row in rows for inner in self.expand(row))
        return [
            inner
            for inner in islice(expanded, ROWS_CHECKED_MAX)
            if inner.problem is None and isinstance(inner.value, dict)
        ]

    def observe(self, row: Row) -> None:
        """Learn the values of ratings and the labels of spans."""
        try:
            table_row = self._row(row)
            if self._is_taken(table_row):
                self._rows.observe(table_row)
        except InvalidContent:
            return  # the row is refused when it is read

    def item_key(self, row: Row) -> str | None:
        """Values of the columns of `item`, as JSON; None for a row left out, or without any."""
        if not self.groups_rows:
            return None
        try:
            table_row = self._row(row)
            if not self._is_taken(table_row):
                return None
            cells = [self._item_cell(table_row, column) for column in self.mapping.items]
        except InvalidContent as exc:
            raise _placed(row, exc) from exc
        if all(cell is None or cell == [] for cell in cells):
            return None
        return json.dumps(cells, sort_keys=True)

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the task of an item, none where its rows are left out."""
        taken: list[TableRow] = []
        for row in rows:
            try:
                table_row = self._row(row, self.notes)
                if self._is_taken(table_row):
                    taken.append(table_row)
                else:
                    self.notes.add(LEFT_OUT, row)
            except InvalidContent as exc:
                raise RowProblem(row, _placed(row, exc)) from exc
        if not taken:
            return
        if self.groups_rows and len(taken) == 1 and self.item_key(taken[0].row) is None:
            self.notes.add(NO_ITEM, taken[0].row)
        for table_row in taken:
            self._unread.note(table_row)
        try:
            task = self._builder.build(taken)
        except RowProblem as exc:
            raise RowProblem(exc.row, _placed(exc.row, exc.problem)) from exc
        except InvalidContent as exc:
            raise RowProblem(taken[0].row, _placed(taken[0].row, exc)) from exc
        except UnicodeEncodeError as exc:
            raise RowProblem(taken[0].row, InvalidContent(SURROGATE)) from exc
        yield task

    def form(self) -> Form | None:
        """Form of the ratings, spans, rewrites and preferences of the mapping."""
        return form_of_table(self.mapping, self._rows)

    def _row(self, row: Row, notes: ImportNotes | None = None) -> TableRow:
        """Return a row to ask; without `notes` its remarks are dropped, being made again later."""
        return TableRow(row, self._columns, self.options, notes or ImportNotes())

    def _item_cell(self, row: TableRow, column: str) -> Any:
        if column == MODELS:
            names = (read_name(row, response)[0] for response in self.mapping.responses or ())
            return sorted(name for name in names if name is not None)
        value, _ = row.cell(column)
        if is_blank(value):
            return None
        return value if isinstance(value, dict | list) else value_key(value)

    def _is_taken(self, row: TableRow) -> bool:
        return all(
            _is_among(row, column, values) for column, values in self.mapping.where.items()
        ) and not any(
            _is_among(row, column, values) for column, values in self.mapping.exclusions.items()
        )


def _is_among(row: TableRow, column: str, values: Any) -> bool:
    cell, _ = row.cell(column)
    key = "" if cell is None else value_key(cell)
    among: Selection | list[Any] = values if isinstance(values, list) else [values]
    return any(value_key(value) == key for value in among)


def _has_column(row: TableRow, column: str) -> bool:
    if column in (FILE_NAME, ROW_NUMBER):
        return True
    try:
        return row.look_up(column)[0] is not MISSING
    except InvalidContent:
        return True  # the column is there, and what is wrong with it is said of its row


def _listed(names: list[str]) -> str:
    shown = ", ".join(repr(name[:60]) for name in names[:COLUMNS_NAMED_MAX])
    more = len(names) - COLUMNS_NAMED_MAX
    return f"{shown} and {more:,} more" if more > 0 else shown


def _placed(row: Row, problem: InvalidContent) -> InvalidContent:
    """Problem of an expanded row, with the pointer into the row of the file."""
    place = row.value.get(PLACE, "") if isinstance(row.value, dict) else ""
    if not isinstance(place, str) or not place or problem.pointer.startswith(place):
        return problem
    return InvalidContent(problem.message, pointer=f"{place}{problem.pointer}")


FORMAT = ImportFormat(name="table", title="rows of a table, read by a mapping", reader=TableReader)

"""Containers of exported rows: JSON lines, a JSON array, Parquet, CSV, XLSX; compressed by suffix.

Rows have a fixed schema: equal keys in equal order in each line. Text is UTF-8 in which the line
separators of Unicode are escaped, for readers that split lines at them.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from plaudit.errors import InvalidContent, Misconfigured
from plaudit.formats import files
from plaudit.formats.exporting.export_format import ColumnType, ExportColumn, ExportContainer
from plaudit.wire.v2.export_lines import escape_separators

LIBRARIES = {ExportContainer.parquet: "pyarrow", ExportContainer.xlsx: "openpyxl"}
NEEDS_PYARROW = "Parquet files and Arrow tables need pyarrow: pip install 'plaudit[parquet]'"
BATCH_ROWS = 1000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of cells that spreadsheets run as formulas."""

CELL_CHARS_MAX = 32_767
"""Characters of a cell of a workbook."""

_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x0d\x0e-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
"""Characters that a workbook writes as `_x000B_`, and the start of a text that looks like that."""

_encode = msgspec.json.Encoder().encode

Write = Callable[[Mapping[str, Any]], None]
Append = Callable[[bytes], object]


def arrow_version() -> str | None:
    """Version of the library that writes Parquet, None without it."""
    return None if find_spec("pyarrow") is None else str(import_module("pyarrow").__version__)


def missing_library(container: ExportContainer) -> str | None:
    """Name of the library that a container needs and that is not installed.

    Such libraries are loaded when they are used: they take a fifth of a server's start.
    """
    library = LIBRARIES.get(container)
    return library if library is not None and find_spec(library) is None else None


def _loaded(name: str, missing: str) -> Any:
    """A module of a library that may not be installed; raises Misconfigured with `missing`."""
    try:
        return import_module(name)
    except ImportError as exc:
        raise Misconfigured(missing) from exc


def container_of(path: Path) -> ExportContainer:
    """Container that a file's suffix names; raises Misconfigured for another."""
    name = path.name
    for suffix in files.COMPRESSION_SUFFIXES:
        name = name.removesuffix(suffix)
    suffix = Path(name).suffix.removeprefix(".")
    if suffix == "ndjson":
        return ExportContainer.jsonl
    if suffix not in set(ExportContainer):
        listed = ", ".join(f".{one}" for one in ExportContainer)
        raise Misconfigured(f"{path.name} ends in none of {listed} (.gz and .zst may follow)")
    return ExportContainer(suffix)


def json_line(values: Mapping[str, Any]) -> bytes:
    """JSON of a row without a line feed, safe for readers that split at Unicode's separators."""
    return escape_separators(_encode(values))


@contextmanager
def writing_rows(
    path: Path,
    container: ExportContainer,
    columns: Sequence[ExportColumn],
    *,
    is_formula_safe: bool = False,
    is_durable: bool = True,
) -> Iterator[Write]:
    """Yield a writer of rows; the file appears when the block ends, whole or not at all.

    It is on disk then if `is_durable`. With `is_formula_safe` cells of CSV that a spreadsheet would
    run begin with an apostrophe. Raises Misconfigured for a file that cannot be written, or a
    container whose library is absent.
    """
    with files.writing(path, is_durable=is_durable) as append:
        if container is ExportContainer.parquet:
            opened = _parquet(append, columns)
        elif container is ExportContainer.csv:
            opened = _csv(append, columns, is_formula_safe=is_formula_safe)
        elif container is ExportContainer.xlsx:
            opened = _xlsx(append, columns)
        elif container is ExportContainer.json:
            opened = _json_array(append)
        else:
            opened = _lines(append)
        with opened as write:
            yield write


@contextmanager
def _lines(append: Append) -> Iterator[Write]:
    yield lambda values: (append(json_line(values) + b"\n"), None)[1]


@contextmanager
def _json_array(append: Append) -> Iterator[Write]:
    starts = iter([b"[\n"])

    def add(values: Mapping[str, Any]) -> None:
        append(next(starts, b",\n") + json_line(values))

    yield add
    append(next(starts, b"") + b"\n]\n")


@contextmanager
def _csv(
    append: Append, columns: Sequence[ExportColumn], *, is_formula_safe: bool
) -> Iterator[Write]:
    names = [column.name for column in columns]
    append(_csv_line(names))

    def add(values: Mapping[str, Any]) -> None:
        cells = [_cell(values.get(name)) for name in names]
        if is_formula_safe:
            cells = [f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell for cell in cells]
        append(_csv_line(cells))

    yield add


def _csv_line(cells: Sequence[str]) -> bytes:
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


@contextmanager
def _xlsx(append: Append, columns: Sequence[ExportColumn]) -> Iterator[Write]:
    openpyxl = _loaded("openpyxl", "XLSX files need openpyxl: pip install 'plaudit[xlsx]'")
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("rows")
    names = [column.name for column in columns]
    sheet.append(names)

    def add(values: Mapping[str, Any]) -> None:
        cells = []
        for name in names:
            text = _cell(values.get(name))
            if len(text) > CELL_CHARS_MAX:
                raise InvalidContent(
                    f"a cell of a workbook has at most {CELL_CHARS_MAX} characters; choose CSV"
                )
            escaped = _NOT_IN_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", text)
            cell = openpyxl.cell.WriteOnlyCell(sheet, value=escaped)
            cell.data_type = "s"  # never a formula
            cells.append(cell)
        sheet.append(cells)

    whole = io.BytesIO()
    try:
        yield add
    finally:
        book.save(whole)  # also removes the temporary file of the rows
    append(whole.getvalue())


@contextmanager
def _parquet(append: Append, columns: Sequence[ExportColumn]) -> Iterator[Write]:
    parquet, arrow = _loaded("pyarrow.parquet", NEEDS_PYARROW), _loaded("pyarrow", NEEDS_PYARROW)
    sink = arrow.PythonFile(_Sink(append), mode="w")
    with parquet.ParquetWriter(sink, arrow_schema(columns), compression="zstd") as writer:
        batch: list[Mapping[str, Any]] = []

        def flush() -> None:
            if batch:
                writer.write_table(_arrow_piece(batch, columns))
                batch.clear()

        def add(values: Mapping[str, Any]) -> None:
            batch.append(values)
            if len(batch) >= BATCH_ROWS:
                flush()

        yield add
        flush()


def arrow_schema(columns: Sequence[ExportColumn]) -> Any:
    """Schema of files that are written with these columns."""
    return _loaded("pyarrow", NEEDS_PYARROW).schema(
        [(column.name, _arrow_type(column)) for column in columns]
    )


def arrow_batch(lines: Sequence[bytes], columns: Sequence[ExportColumn]) -> Any:
    """Rows of JSON lines as a batch of the schema of these columns."""
    rows = [_arrow_row(msgspec.json.decode(line), columns) for line in lines]
    return _loaded("pyarrow", NEEDS_PYARROW).RecordBatch.from_pylist(
        rows, schema=arrow_schema(columns)
    )


def arrow_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[ExportColumn]) -> Any:
    """Arrow table of rows, as a Parquet file of them would be read; raises Misconfigured."""
    arrow = _loaded("pyarrow", NEEDS_PYARROW)
    pieces = [
        _arrow_piece(rows[start : start + BATCH_ROWS], columns)
        for start in range(0, len(rows), BATCH_ROWS)
    ]
    return arrow.concat_tables(pieces) if pieces else arrow_schema(columns).empty_table()


def _arrow_piece(rows: Sequence[Mapping[str, Any]], columns: Sequence[ExportColumn]) -> Any:
    values = [_arrow_row(one, columns) for one in rows]
    return _loaded("pyarrow", NEEDS_PYARROW).Table.from_pylist(values, schema=arrow_schema(columns))


def _arrow_type(column: ExportColumn) -> Any:
    arrow = _loaded("pyarrow", NEEDS_PYARROW)
    text = arrow.string()
    types = {
        ColumnType.text: text,
        ColumnType.integer: arrow.int64(),
        ColumnType.number: arrow.float64(),
        ColumnType.boolean: arrow.bool_(),
        ColumnType.time: arrow.timestamp("us", tz="UTC"),
        ColumnType.messages: arrow.list_(arrow.struct([("role", text), ("content", text)])),
        ColumnType.texts: arrow.list_(text),
        ColumnType.booleans: arrow.list_(arrow.bool_()),
        ColumnType.json: text,
    }
    if column.type in types:
        return types[column.type]
    record = arrow.struct([(field.name, _arrow_type(field)) for field in column.fields])
    return record if column.type is ColumnType.record else arrow.list_(record)


def _arrow_row(values: Mapping[str, Any], columns: Sequence[ExportColumn]) -> dict[str, Any]:
    return {column.name: _arrow_value(values.get(column.name), column) for column in columns}


def _arrow_value(value: Any, column: ExportColumn) -> Any:
    if value is None:
        return None
    if column.type is ColumnType.json:
        return msgspec.json.encode(value).decode()
    if column.type is ColumnType.time:
        return dt.datetime.fromisoformat(value)
    if column.type is ColumnType.record:
        return _arrow_row(value, column.fields)
    if column.type is ColumnType.records:
        return [_arrow_row(one, column.fields) for one in value]
    return value


class _Sink:
    """File that only takes bytes, as Arrow asks for one."""

    closed = False

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._position = 0

    def write(self, data: Any) -> int:
        """Write bytes; return their number."""
        content = bytes(data)
        self._write(content)
        self._position += len(content)
        return len(content)

    def tell(self) -> int:
        """Number of bytes written."""
        return self._position

    def flush(self) -> None:
        """Do nothing: the file is flushed when it is closed."""

    def close(self) -> None:
        """Do nothing: the owner of the file closes it."""

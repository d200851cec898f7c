"""Files of rows for tests: written in each container, and read again."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import Row
from plaudit.formats.containers.content import Content
from plaudit.formats.containers.reading import read_rows

Cells = Mapping[str, str]


def cut_blocks(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Let readers get blocks of so many bytes, also of what was looked at before."""
    whole = Content.blocks

    def blocks(content: Content) -> Iterator[bytes]:
        for block in whole(content):
            for at in range(0, len(block), size):
                yield block[at : at + size]

    monkeypatch.setattr(Content, "blocks", blocks)


def rows_in(path: Path, content: bytes, **options: Any) -> list[Row]:
    """Rows of a file with this content."""
    path.write_bytes(content)
    return list(read_rows(path, path.name, **options))


def values_in(path: Path, content: bytes, **options: Any) -> list[Any]:
    """Values of the rows, and messages of those that cannot be read."""
    return [
        row.value if row.problem is None else row.problem.message
        for row in rows_in(path, content, **options)
    ]


def as_json_lines(rows: Sequence[Cells]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def as_delimited(rows: Sequence[Cells], delimiter: str = ",", end: str = "\n") -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end)
    writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return file.getvalue().encode()


def as_workbook(table: Sequence[Sequence[Any]], *more_sheets: str) -> bytes:
    """Workbook whose first sheet has these cells, as openpyxl writes it; texts are no formulas."""
    book = openpyxl.Workbook()
    for row in table:
        book.active.append(list(row))
        for cell in book.active[book.active.max_row]:
            if isinstance(cell.value, str):
                cell.data_type = "s"
    for name in more_sheets:
        book.create_sheet(name)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def as_xlsx(rows: Sequence[Cells]) -> bytes:
    return as_workbook([list(rows[0]), *(list(row.values()) for row in rows)])


def as_parquet(columns: Mapping[str, Any], **options: Any) -> bytes:
    """Parquet file of these columns, which are lists or arrays of Arrow."""
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(dict(columns)), file, **options)
    return file.getvalue()


def as_parquet_rows(rows: Sequence[Cells]) -> bytes:
    return as_parquet({name: [row[name] for row in rows] for name in rows[0]})


WRITERS: dict[str, Callable[[Sequence[Cells]], bytes]] = {
    "json_lines": as_json_lines,
    "json_array": lambda rows: json.dumps(rows).encode(),
    "json_object": lambda rows: json.dumps(
        {f"key {number}": row for number, row in enumerate(rows)}
    ).encode(),
    "csv": as_delimited,
    "tsv": lambda rows: as_delimited(rows, "\t"),
    "xlsx": as_xlsx,
    "parquet": as_parquet_rows,
}
"""Writers of rows by the name of the container."""


def make_package(sheet: bytes, *, shared: bytes = b"", book: bytes = b"") -> bytes:
    """Workbook with these bytes of XML as its sheet and its shared texts."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", "<Types/>")
        package.writestr(
            "xl/workbook.xml", book or b'<workbook><sheets><sheet name="A"/></sheets></workbook>'
        )
        if shared:
            package.writestr("xl/sharedStrings.xml", shared)
        package.writestr("xl/worksheets/sheet1.xml", sheet)
    return file.getvalue()


def collected(rows: Iterator[Row]) -> tuple[list[Row], str]:
    """Rows up to a problem of the file, and its message."""
    found: list[Row] = []
    try:
        for row in rows:
            found.append(row)
    except InvalidContent as problem:
        return found, problem.message
    return found, ""


def read_file(tmp_path: Path, content: bytes, **options: Any) -> tuple[list[Row], str]:
    """Rows of a file with this content up to a problem of it, and its message."""
    path = tmp_path / "rows"
    path.write_bytes(content)
    return collected(read_rows(path, "rows", **options))

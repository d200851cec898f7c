"""Containers of exported rows: their bytes, their readers, and files that appear whole or not."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from pathlib import Path

import openpyxl
import pyarrow
import pyarrow.parquet
import pytest

from plaudit.errors import InvalidContent, Misconfigured
from plaudit.formats.containers.content import zstd
from plaudit.formats.containers.reading import read_rows
from plaudit.formats.exporting import containers
from plaudit.formats.exporting.containers import container_of, writing_rows
from plaudit.formats.exporting.export_format import ColumnType, ExportColumn, ExportContainer

COLUMNS = [
    ExportColumn("text", ColumnType.text, is_nullable=True),
    ExportColumn("number", ColumnType.number, is_nullable=True),
    ExportColumn("at", ColumnType.time, is_nullable=True),
    ExportColumn("said", ColumnType.messages, is_nullable=True),
    ExportColumn("any", ColumnType.json, is_nullable=True),
]
AWKWARD = [
    "", " outer blanks ", "two\nlines", "\r\nreturn", 'quotes " and , commas', "=1+1", "tab\t",
    "line\u2028separator", "paragraph\u2029", "next\u0085line", "ünïcode 😀", "\x0b\x1b bell \x07",
    "_x000B_ as written", "'quoted", "null", "1e5", "\ufeffmark",
]  # fmt: skip


def row(text, number=0.5):
    return {
        "text": text,
        "number": number,
        "at": "2025-01-01T08:31:03.169Z",
        "said": [{"role": "user", "content": text}],
        "any": {"a": [1, text]},
    }


def write(path, rows, columns=COLUMNS, **options):
    with writing_rows(path, container_of(path), columns, **options) as add:
        for one in rows:
            add(one)
    return path


# --- suffixes ---


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("a.jsonl", ExportContainer.jsonl),
        ("a.ndjson.gz", ExportContainer.jsonl),
        ("a.b.parquet", ExportContainer.parquet),
        ("a.csv.zst", ExportContainer.csv),
        ("a.json", ExportContainer.json),
        ("a.xlsx", ExportContainer.xlsx),
    ],
)
def test_the_suffix_chooses_the_container(name, container):
    assert container_of(Path(name)) is container


@pytest.mark.parametrize("name", ["a", "a.doc", ".gz", "a.gz"])
def test_another_suffix_is_refused_with_those_that_there_are(name):
    with pytest.raises(Misconfigured, match=r"\.parquet.*\.gz and \.zst"):
        container_of(Path(name))


# --- bytes ---


@pytest.mark.parametrize(
    "name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet", "a.csv", "a.csv.gz", "a.json"]
)
def test_equal_rows_give_equal_bytes(tmp_path, name):
    (tmp_path / "again").mkdir()
    rows = [row(text) for text in AWKWARD] * 100

    first = write(tmp_path / name, rows)
    second = write(tmp_path / "again" / name, rows)

    assert first.read_bytes() == second.read_bytes()


def test_a_row_of_json_is_one_line_for_every_reader(tmp_path):
    content = write(tmp_path / "a.jsonl", [row(text) for text in AWKWARD]).read_text("utf-8")

    assert len(content.splitlines()) == len(AWKWARD)
    assert [json.loads(line)["text"] for line in content.splitlines()] == AWKWARD


def test_compressed_files_hold_the_bytes_of_plain_ones(tmp_path):
    rows = [row(text) for text in AWKWARD]
    plain = write(tmp_path / "a.jsonl", rows).read_bytes()

    assert gzip.decompress(write(tmp_path / "a.jsonl.gz", rows).read_bytes()) == plain
    assert zstd.decompress(write(tmp_path / "a.jsonl.zst", rows).read_bytes()) == plain


@pytest.mark.parametrize("rows", [[], [row("a")], [row("a"), row("b")]])
def test_an_array_is_json_with_any_number_of_rows(tmp_path, rows):
    assert json.loads(write(tmp_path / "a.json", rows).read_bytes()) == rows


# --- readers ---


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_cells_of_csv_are_the_texts(tmp_path, name):
    content = write(tmp_path / name, [row(text) for text in AWKWARD]).read_bytes()
    text = (gzip.decompress(content) if name.endswith("gz") else content).decode()

    read = list(csv.DictReader(io.StringIO(text, newline="")))

    assert [one["text"] for one in read] == AWKWARD
    assert [json.loads(one["any"])["a"][1] for one in read] == AWKWARD


def test_csv_has_its_columns_without_a_row(tmp_path):
    assert write(tmp_path / "a.csv", []).read_bytes() == b"text,number,at,said,any\r\n"


def test_an_apostrophe_stands_before_what_a_spreadsheet_runs_only_if_asked(tmp_path):
    texts = ["=1", "+1", "-1", "@a", "\ta", "\ra", "a=1", "1"]
    rows = [row(text) for text in texts]

    plain, safe = (
        [
            one["text"]
            for one in csv.DictReader(
                io.StringIO(
                    write(tmp_path / "a.csv", rows, is_formula_safe=is_safe).read_bytes().decode(),
                    newline="",
                )
            )
        ]
        for is_safe in (False, True)
    )

    assert plain == texts
    assert safe == [*(f"'{text}" for text in texts[:6]), "a=1", "1"]


def test_a_workbook_has_texts_alone(tmp_path):
    texts = [text for text in AWKWARD if text.isprintable() and "_x" not in text]
    path = write(tmp_path / "a.xlsx", [row(text) for text in texts])

    sheet = openpyxl.load_workbook(path).active
    cells = [cells[0] for cells in sheet.iter_rows(min_row=2)]

    assert [cell.value or "" for cell in cells] == texts
    assert {cell.data_type for cell in cells if cell.value} == {"s"}


def test_a_workbook_brings_back_every_character(tmp_path):
    path = write(tmp_path / "a.xlsx", [row(text) for text in AWKWARD if text])

    read = list(read_rows(path, "a.xlsx", on_progress=lambda at: None))

    assert [one.value["text"] for one in read] == [text for text in AWKWARD if text]


def test_a_cell_that_is_too_long_for_a_workbook_is_refused(tmp_path):
    path = tmp_path / "a.xlsx"

    with pytest.raises(InvalidContent, match="choose CSV"):
        write(path, [row("a"), row("a" * 40_000)])

    assert list(tmp_path.iterdir()) == []


def test_parquet_has_a_schema_of_types_and_the_same_values(tmp_path):
    table = pyarrow.parquet.read_table(
        write(tmp_path / "a.parquet", [row(text) for text in AWKWARD])
    )

    message = pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.string())])
    assert list(table.schema) == [
        pyarrow.field("text", pyarrow.string()),
        pyarrow.field("number", pyarrow.float64()),
        pyarrow.field("at", pyarrow.timestamp("us", tz="UTC")),
        pyarrow.field("said", pyarrow.list_(message)),
        pyarrow.field("any", pyarrow.string()),
    ]
    assert table["text"].to_pylist() == AWKWARD
    assert [json.loads(one)["a"][1] for one in table["any"].to_pylist()] == AWKWARD
    assert table["at"][0].as_py().isoformat() == "2025-01-01T08:31:03.169000+00:00"


def test_parquet_of_more_rows_than_a_batch_has_them_all(tmp_path):
    count = containers.BATCH_ROWS * 2 + 1

    table = pyarrow.parquet.read_table(
        write(tmp_path / "a.parquet", [row("a", float(n)) for n in range(count)])
    )

    assert table["number"].to_pylist() == list(range(count))


# --- whole or not at all ---


@pytest.mark.parametrize(
    "name", ["a.jsonl", "a.jsonl.gz", "a.parquet", "a.csv", "a.xlsx", "a.json"]
)
def test_a_failure_leaves_what_was_there(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"before")

    def broken():
        yield row("a")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write(path, broken())

    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert path.read_bytes() == b"before"


@pytest.mark.parametrize(
    ("name", "library", "extra"),
    [("a.parquet", "pyarrow", "parquet"), ("a.xlsx", "openpyxl", "xlsx")],
)
def test_a_missing_library_is_named_with_its_extra(tmp_path, monkeypatch, name, library, extra):
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(Misconfigured, match=rf"pip install 'plaudit\[{extra}\]'"):
        write(tmp_path / name, [])

    assert list(tmp_path.iterdir()) == []

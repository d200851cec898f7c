"""Rows and files that somebody broke, or made to break a reader: each is named, in few words."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import math
import random
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow
import pytest

from plaudit.errors import InvalidContent, Misconfigured
from plaudit.formats.common.rows import Row
from plaudit.formats.containers.delimited import COLUMNS_MAX
from plaudit.formats.containers.reading import detect_container, read_rows
from plaudit.formats.import_format import ObjectRows
from tests.formats.containers.row_files import WRITERS, as_parquet, cut_blocks, rows_in, values_in

MEMORY_BYTES_MAX = 32 * 1024 * 1024


def collected(rows: Iterator[Row]) -> tuple[list[Row], str]:
    """Rows up to a problem of the file, and its message."""
    found: list[Row] = []
    try:
        for row in rows:
            found.append(row)
    except InvalidContent as problem:
        return found, problem.message
    return found, ""


def read(tmp_path, content: bytes, **options) -> tuple[list[Row], str]:
    path = tmp_path / "rows"
    path.write_bytes(content)
    return collected(read_rows(path, "rows", **options))


# --- elements of JSON ---

BAD_ELEMENTS: dict[str, tuple[bytes, str, str]] = {
    "NaN": (b'{"a": NaN}', "not valid JSON", ""),
    "no value": (b'{"a": }', "not valid JSON", ""),
    "two keys": (b'{"a": 1, "a": 2}', "'a' stands twice", "/a"),
    "NUL": (b'{"a": ["\\u0000"]}', "NUL", "/a/0"),
    "half a character": (b'{"a": "\\ud83d"}', "surrogate", "/a"),
    "no UTF-8": (b'{"a": "\xff"}', "UTF-8", ""),
    "a thousand levels": (b'{"a": %b}' % (b"[" * 1000 + b"]" * 1000), "64 levels", ""),
    "a large integer": (b'{"a": 9223372036854775808}', "64-bit", "/a"),
    "too long": (b'{"a": "%b"}' % (b"x" * 3000), "longer than 2500 bytes", ""),
    "two values": (b'{"a": 1} {"a": 2}', "not valid JSON", ""),
    "too deep": (b'{"a": %b}' % (b"[" * 1100 + b'"]"' + b"]" * 1100), "64 levels", ""),
    "far too deep and long": (
        b"[" * 20_000 + b'"' + b"]" * 9 + b'"' + b"]" * 20_000,
        "longer than",
        "",
    ),
    "another bracket": (b'{"a": [1}]', "not valid JSON", ""),
}

AROUND: dict[str, tuple[bytes, bytes, bytes]] = {
    "array": (b'[{"a": 1},', b',{"a": 2}]', b""),
    "indented array": (b'[\n  {"a": 1},\n  ', b',\n  {"a": 2}\n]\n', b""),
    "lines": (b'{"a": 1}\n', b'\n{"a": 2}\n', b""),
    "object": (b'{"x": {"a": 1}, "y": ', b', "z": {"a": 2}}', b""),
}


@pytest.mark.parametrize("size", [7, 2**18])
@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
@pytest.mark.parametrize("bad", BAD_ELEMENTS.values(), ids=BAD_ELEMENTS)
def test_a_bad_element_is_named_and_the_others_are_read(tmp_path, monkeypatch, around, bad, size):
    cut_blocks(monkeypatch, size)
    element, word, pointer = bad
    begin, end, _ = around

    rows, problem = read(tmp_path, begin + element + end, row_bytes_max=2500)

    assert problem == ""
    assert [row.value for row in rows] == [{"a": 1}, None, {"a": 2}]
    refused = rows[1].problem
    assert refused is not None
    assert (rows[1].number, word in refused.message, refused.pointer) == (2, True, pointer)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'[{"a": 1}, {"a": 2', "is damaged after row 1: it ends too early"),
        (b'[{"a": 1}, {"a": "2', "is damaged after row 1: it ends too early"),
        (b'[{"a": 1}, {"a": [}, {"a": 3}]', "is damaged after row 1: it ends too early"),
        (b'[{"a": 1},', "is damaged after row 1: it ends too early"),
        (b'[{"a": 1}}', "is damaged after row 1: a bracket closes what was not opened"),
        (b'[{"a": 1}] [{"a": 2}]', "goes on after the end of its rows, of which there are 1"),
        (b'[\n{"a": 1}]\n\n\nx', "goes on after the end of its rows, of which there are 1"),
        (b'{\n"x": {"a": 1}} x', "goes on after the end of its rows, of which there are 1"),
    ],
)
def test_what_comes_before_damage_is_kept_and_the_damage_is_named(tmp_path, content, words):
    rows, problem = read(tmp_path, content, object_rows=ObjectRows.always)

    assert [row.value for row in rows] == [{"a": 1}]
    assert problem == f"rows {words}"


def test_a_comma_too_many_is_a_row_that_cannot_be_read(tmp_path):
    rows, problem = read(tmp_path, b'[{"a": 1}, ]')

    assert ([row.problem is None for row in rows], problem) == ([True, False], "")


def test_a_key_of_an_object_of_rows_that_stands_twice_is_named(tmp_path):
    rows, _ = read(tmp_path, b'{"x": {"a": 1}, "y": {"a": 2}, "x": {"a": 3}}')

    assert [row.problem and row.problem.message for row in rows] == [
        None,
        None,
        "the key 'x' stands twice",
    ]


def test_a_member_without_a_key_is_named(tmp_path):
    rows, _ = read(tmp_path, b'{"x": {"a": 1}, {"a": 2}, "y": {"a": 3}}')

    assert [row.problem is None for row in rows] == [True, False, True]


# --- tables ---


def test_rows_with_too_many_cells_are_refused_and_short_ones_lack_columns(tmp_path):
    assert values_in(tmp_path / "rows", b"a,b\n1\n1,2,3\n1,\n") == [
        {"a": "1"},
        "the row has 3 cells, the header 2",
        {"a": "1", "b": ""},
    ]


@pytest.mark.parametrize("read_bytes", [8, 256 * 1024])
def test_quotes_that_do_not_pair_are_named_with_the_lines_they_take(
    tmp_path, monkeypatch, read_bytes
):
    cut_blocks(monkeypatch, read_bytes)

    rows, problem = read(tmp_path, b'a,b\n1,2\n"x"y,3\n4,5\n"open,6\n7,8\n9,10\n')

    assert problem == ""
    assert [row.value or row.problem.message for row in rows] == [
        {"a": "1", "b": "2"},
        "the quotes of the row do not pair",
        {"a": "4", "b": "5"},
        "the quotes of the row do not pair; 3 lines belong to it",
    ]


def test_quotes_within_a_cell_are_text(tmp_path):
    assert values_in(tmp_path / "rows", b'a,b\n5" disk,say "hi"\n') == [
        {"a": '5" disk', "b": 'say "hi"'}
    ]


LONG = b"x" * 5000
LONG_ROWS: dict[str, bytes] = {
    "a long cell": b"1," + LONG,
    "a long cell in quotes": b'1,"' + LONG + b'"',
    "many lines in quotes": b'1,"' + b"y\n" * 2500 + b'"',
    "quotes in quotes": b'1,"' + b'""\n' * 1700 + b'"',
    "many cells": b"," * 5000,
}


@pytest.mark.parametrize("read_bytes", [16, 1024, 256 * 1024])
@pytest.mark.parametrize("long", LONG_ROWS.values(), ids=LONG_ROWS)
def test_a_row_that_is_too_long_is_named_and_the_others_are_read(
    tmp_path, monkeypatch, read_bytes, long
):
    cut_blocks(monkeypatch, read_bytes)
    content = b"a,b\n1,2\n" + long + b'\n3,4\n"5",6'

    rows, problem = read(tmp_path, content, row_bytes_max=1000)

    assert problem == ""
    assert [row.number for row in rows] == [2, 3, 4, 5]
    assert [row.value for row in rows] == [
        {"a": "1", "b": "2"},
        None,
        {"a": "3", "b": "4"},
        {"a": "5", "b": "6"},
    ]


def test_a_hundred_thousand_rows_that_are_too_long_are_named_one_by_one(tmp_path, monkeypatch):
    cut_blocks(monkeypatch, 16)
    count = 100_000

    rows, problem = read(tmp_path, b"a,b\n" + (b"x" * 40 + b"\n") * count, row_bytes_max=16)

    assert ({row.problem is None for row in rows}, len(rows), problem) == ({False}, count, "")


@pytest.mark.parametrize(
    ("cell", "word"), [(b"\xff", "UTF-8"), (b"\0", "NUL"), (b"\xed\xa0\x80", "UTF-8")]
)
def test_a_cell_that_is_no_text_is_named_and_the_others_are_read(tmp_path, cell, word):
    rows, _ = read(tmp_path, b"a,b\n1,2\n" + cell + b",2\n3,4\n")

    assert [row.value and row.value["a"] for row in rows] == ["1", None, "3"]
    assert rows[1].problem is not None
    assert word in rows[1].problem.message


def test_a_carriage_return_in_a_cell_without_quotes_is_named(tmp_path):
    rows, _ = read(tmp_path, b'a,b\n1\r2,3\n4,5\n"6\r7",8\n')

    assert [row.value and row.value["a"] for row in rows] == [None, "4", "6\r7"]


def test_carriage_returns_alone_end_lines_of_a_file_without_line_feeds(tmp_path):
    assert values_in(tmp_path / "rows", b'a,b\r1,2\r"3\r4",5\r') == [
        {"a": "1", "b": "2"},
        {"a": "3\n4", "b": "5"},
    ]


@pytest.mark.parametrize(
    ("header", "word"),
    [
        (b"a,b,a", "names 'a' twice, for the columns 1 and 3"),
        (b",".join(b"%d" % number for number in range(10**6)), "1,000,000 columns"),
        (b'a,"b', "the header of rows cannot be read"),
        (b"a,\xff", "the header of rows cannot be read"),
        (b"a" * 3000, "the header of rows is longer than 2000 bytes"),
    ],
)
def test_a_header_that_cannot_be_used_is_one_sentence(tmp_path, header, word):
    most = 2000 if len(header) < 10_000 else 10**8

    rows, problem = read(tmp_path, header + b"\n1,2,3\n", row_bytes_max=most)

    assert (rows, word in problem, len(problem) < 200) == ([], True, True), problem


def test_a_row_with_a_million_cells_is_refused(tmp_path):
    rows, _ = read(tmp_path, b"a,b\n" + b"," * 10**6 + b"\n1,2\n")

    assert [row.problem is None for row in rows] == [False, True]


def test_columns_without_a_name_are_named_by_their_place_and_left_out_where_empty(tmp_path):
    assert values_in(tmp_path / "rows", b",a, \n0,1,\n1,2,x\n") == [
        {"column_1": "0", "a": "1"},
        {"column_1": "1", "a": "2", "column_3": "x"},
    ]


@pytest.mark.parametrize("begin", [b"", b"0\t"])
def test_quotes_that_pair_by_chance_in_a_tsv_swallow_no_rows(tmp_path, begin):
    """A cell that begins with a quote, and eight lines on one that ends with it."""
    lines = [b'"So,\t1'] + [b"plain\t2"] * 8 + [b'he said"\t3']
    table = [begin + line for line in [b"text\tlabel", *lines]]

    found = values_in(tmp_path / "rows", b"\n".join(table))

    assert [row["text"] for row in found] == ['"So,', *["plain"] * 8, 'he said"']


@pytest.mark.parametrize("line", [b"y" * 99 + b"\n", b"y"])
def test_a_cell_that_is_too_long_is_never_held(tmp_path, line):
    path = tmp_path / "rows"
    path.write_bytes(b'a,b\n1,2\n3,"' + line * (8 * 2**20 // len(line)) + b'"\n5,6\n')
    tracemalloc.start()
    try:
        rows, problem = collected(read_rows(path, "rows", row_bytes_max=2**18))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert ([row.number for row in rows], problem) == ([2, 3, 4], "")
    assert [row.problem is None for row in rows] == [True, False, True]
    assert peak < 8 * 2**20


def test_a_tsv_whose_quotes_do_not_pair_has_them_as_text_and_says_so(tmp_path):
    remarks: list[str] = []

    found = values_in(
        tmp_path / "rows",
        b'text\tlabel\n"Hi" he said\t1\n"All of it."\t2\nx "\t3',
        on_remark=remarks.append,
    )

    assert [row["text"] for row in found] == ['"Hi" he said', '"All of it."', 'x "']
    assert remarks == ["quotes do not pair in the table and are read as text"]


def test_a_tsv_in_quotes_keeps_its_rows_where_one_of_them_is_broken(tmp_path):
    found = values_in(tmp_path / "rows", b'"text"\t"label"\n"a\tb"\t"1"\n"x"y\t"2"\n"c\nd"\t"3"\n')

    assert [isinstance(row, dict) for row in found] == [True, False, True]
    assert found[2]["text"] == "c\nd"


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b'a;"b, c";d\n1;2,5;3\n4;5;6\n', ["a", "b, c", "d"]),
        (b"a;b, or c;d\n1;2;3\n4;5;6\n", ["a", "b, or c", "d"]),
        (b"a,b; or c,d\n1,2;,3\n", ["a", "b; or c", "d"]),
        (b"only\n1;2\n", ["only"]),
        (b"a\tb,c;d\n1\t2,3;4\n", ["a", "b,c;d"]),
    ],
)
def test_the_delimiter_is_told_by_the_header(tmp_path, content, names):
    rows, _ = read(tmp_path, content)

    assert list(rows[0].value) == names


# --- what holds no rows ---


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("rows.csv"), io.BytesIO())
    return file.getvalue()


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"a,b\n1,2\n")
    return file.getvalue()


OTHER: dict[str, tuple[bytes, str]] = {
    "a zip": (zipped("rows.csv"), "a ZIP archive; unpack it first"),
    "a zip that begins like a workbook": (zipped("xl/rows.csv"), "a ZIP archive; unpack it first"),
    "an OpenDocument file": (zipped("mimetype"), "an OpenDocument file"),
    "half a workbook": (zipped("xl/workbook.xml")[:60], "damaged or cut"),
    "a tar": (tarred(), "a tar archive; unpack it first"),
    "a tar in gzip": (gzip.compress(tarred()), "a tar archive; unpack it first"),
    "bzip2": (bz2.compress(b"a,b"), "bzip2"),
    "xz": (lzma.compress(b"a,b"), "xz"),
    "gzip in gzip": (gzip.compress(gzip.compress(b"a,b")), "compressed twice"),
    "UTF-16": ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": ("a,b\n1,2\n".encode("utf-16-le"), "UTF-16"),
    "UTF-16 JSON": ('{"a": 1}'.encode("utf-16-be"), "UTF-16"),
    "UTF-32": ("a,b\n".encode("utf-32"), "UTF-32"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old Excel file"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(100), "an image"),
    "a program": (b"\x7fELF" + bytes(range(32)) * 10, "no text"),
    "a page": (b"<!DOCTYPE html><p>Sign in</p>", "a page or XML"),
    "half a gzip": (gzip.compress(b"a,b\n" * 1000)[:30], "damaged"),
}


@pytest.mark.parametrize(("content", "words"), OTHER.values(), ids=OTHER)
def test_a_file_without_rows_is_named_as_what_it_is(tmp_path, content, words):
    rows, problem = read(tmp_path, content)

    assert rows == []
    assert words in problem
    assert problem.startswith("rows ")
    assert len(problem) < 200


@pytest.mark.parametrize("content", [b"a,b\n1,2", b'"a"\tb\n', b"text\n"])
def test_a_format_that_is_read_from_json_alone_gets_no_table(tmp_path, content):
    rows, problem = read(tmp_path, content, is_json=True)

    assert all(row.problem is not None for row in rows) or problem


def test_a_file_that_cannot_be_opened_is_a_matter_of_the_operator(tmp_path):
    with pytest.raises(Misconfigured, match="cannot be read"):
        list(read_rows(tmp_path / "absent", "absent"))
    with pytest.raises(Misconfigured, match="cannot be read"):
        detect_container(tmp_path, "a folder")


# --- bombs ---


BOMBS: dict[str, Callable[[], bytes]] = {
    "cells": lambda: b"," * 1024**2,
    "quotes": lambda: b'"' * 1024**2,
    "an open quote": lambda: b'"' + (b"x" * 1000 + b"\n") * 1024,
    "rows": lambda: (b"1," + b"x" * 1000 + b"\n") * 1024,
    "blank rows": lambda: b"\n" * 1024**2,
}


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS)
def test_a_table_that_is_far_smaller_in_gzip_is_refused_in_little_memory(
    tmp_path, monkeypatch, make
):
    monkeypatch.setattr("plaudit.formats.containers.content.INFLATED_BYTES_FREE", 2**21)
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(b"a,b\n") + gzip.compress(make() * 3) * 20)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidContent, match="100 times"):
            for _ in read_rows(path, "rows"):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < MEMORY_BYTES_MAX


@pytest.mark.parametrize("begin", [b'[{"a": "', b"[", b'{"a": {"b": 1}, "c": "', b"[[", b'["'])
@pytest.mark.parametrize("filling", [b"x", b" ", b"[", b"\\", b'"'])
def test_an_element_without_end_is_never_held(tmp_path, begin, filling):
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(begin) + gzip.compress(filling * 2**20) * 12)
    tracemalloc.start()
    try:
        rows, problem = collected(
            read_rows(path, "rows", inflated_max=10 * 2**20, row_bytes_max=2**20)
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert problem
    assert all(row.problem is not None for row in rows)
    assert peak < MEMORY_BYTES_MAX


def test_many_columns_of_a_table_are_bounded(tmp_path):
    most = ",".join(f"c{number}" for number in range(COLUMNS_MAX)).encode()

    rows, problem = read(tmp_path, most + b"\n1,2\n")

    assert (rows[0].value, problem) == ({"c0": "1", "c1": "2"}, "")
    assert "columns" in read(tmp_path, most + b",more\n1,2\n")[1]


def test_brackets_that_open_and_close_far_down_cost_no_more_than_others(tmp_path):
    """A look at the rest of a block, for each bracket of it, would take minutes."""
    path = tmp_path / "rows"
    path.write_bytes(b"[" + b"[" * 11_000 + b"[]" * 100_000 + b"]" * 11_000 + b', {"a": 1}]')
    began = time.thread_time()

    rows, problem = collected(read_rows(path, "rows"))

    assert time.thread_time() - began < 5
    assert ([row.value for row in rows], problem) == ([None, {"a": 1}], "")


# --- Parquet ---


def test_values_of_parquet_become_values_of_json(tmp_path):
    content = as_parquet(
        {
            "text": ["a"],
            "number": [1],
            "fraction": [0.5],
            "truth": [True],
            "none": pyarrow.array([None], pyarrow.string()),
            "time": [datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)],
            "local": [datetime(2024, 2, 3, 4, 5)],
            "day": [date(2024, 2, 3)],
            "decimal": [Decimal("1.50")],
            "chat": [[{"role": "user", "content": "p"}]],
            "map": pyarrow.array([[("k", 1)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
            "category": pyarrow.array(["x"]).dictionary_encode(),
            "nanoseconds": pyarrow.array([1000], pyarrow.timestamp("ns")),
        }
    )

    assert values_in(tmp_path / "rows", content) == [
        {
            "text": "a",
            "number": 1,
            "fraction": 0.5,
            "truth": True,
            "none": None,
            "time": "2024-02-03T04:05:06Z",
            "local": "2024-02-03T04:05:00",
            "day": "2024-02-03",
            "decimal": "1.50",
            "chat": [{"role": "user", "content": "p"}],
            "map": {"k": 1},
            "category": "x",
            "nanoseconds": "1970-01-01T00:00:00.000001",
        }
    ]


BAD_COLUMNS: dict[str, tuple[object, str]] = {
    "NaN": ([1.0, math.nan, 2.0], "NaN or infinite"),
    "infinite": ([1.0, math.inf, 2.0], "NaN or infinite"),
    "NUL": (["a", "\0", "b"], "NUL"),
    "large": (pyarrow.array([1, 2**64 - 1, 2], pyarrow.uint64()), "64-bit"),
    "long": (["a", "x" * 3000, "b"], "longer than 2000 bytes"),
    "no UTF-8": (
        pyarrow.StringArray.from_buffers(
            3,
            pyarrow.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0"),
            pyarrow.py_buffer(b"a\xffb"),
        ),
        "UTF-8",
    ),
    "a key twice": (
        pyarrow.array(
            [[("k", 1)], [("k", 1), ("k", 2)], []], pyarrow.map_(pyarrow.string(), pyarrow.int64())
        ),
        "",
    ),
    "a key that is no text": (
        pyarrow.array([[], [(1, 1)], []], pyarrow.map_(pyarrow.int64(), pyarrow.int64())),
        "no text",
    ),
}


@pytest.mark.parametrize(("column", "word"), BAD_COLUMNS.values(), ids=BAD_COLUMNS)
def test_a_bad_value_of_parquet_is_named_and_the_other_rows_are_read(tmp_path, column, word):
    rows, problem = read(tmp_path, as_parquet({"a": column}), row_bytes_max=2000)

    assert problem == ""
    assert [row.problem is None for row in rows] == [True, False, True]
    assert rows[1].problem is not None
    assert word in rows[1].problem.message


@pytest.mark.parametrize(
    ("column", "word"),
    [([b"x"], "binary"), ([[{"image": b"x"}]], "binary"), ([None, b""], "binary")],
)
def test_a_column_of_bytes_is_refused_in_a_sentence(tmp_path, column, word):
    rows, problem = read(tmp_path, as_parquet({"a": column}))

    assert (rows, word in problem) == ([], True)


@pytest.mark.parametrize("cut", [8, 20, 200])
def test_damaged_parquet_is_refused_in_a_sentence(tmp_path, cut):
    content = as_parquet({"a": [json.dumps({"x": number}) for number in range(1000)]})

    rows, problem = read(tmp_path, content[:-cut])

    assert (rows, "rows is damaged after row 0" in problem) == ([], True)
    assert "\n" not in problem


def test_parquet_that_holds_far_more_than_it_seems_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("plaudit.formats.containers.parquet.INFLATED_BYTES_FREE", 2**20)
    content = as_parquet({"a": ["x" * 10**6] * 3}, compression="zstd", use_dictionary=False)

    rows, problem = read(tmp_path, content)

    assert (rows, "100 times" in problem) == ([], True)


def test_without_the_library_parquet_is_refused_with_how_to_install_it(tmp_path, monkeypatch):
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr("plaudit.formats.containers.parquet.import_module", missing)

    with pytest.raises(Misconfigured, match=r"pip install 'plaudit\[parquet\]'"):
        rows_in(tmp_path / "rows", as_parquet({"a": [1]}))


# --- wherever blocks end ---


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n\r1,2\n\r\r\n3,4\r\n\r\n5,6",
        b'[{"a": 1}, \\[{"a": 2}\\"], {"a\\\\": 3}, {"a": "\\""}]',
        b'a\tb\n"x\ty"\t1\n\n\r\n"2"\t3\n',
    ],
)
def test_broken_content_is_read_alike_wherever_blocks_end(tmp_path, monkeypatch, content):
    found = []
    for size in (1, 2, 3, 5, 1000):
        monkeypatch.undo()
        cut_blocks(monkeypatch, size)
        rows, problem = read(tmp_path, content)
        found.append(
            (
                [(row.number, row.value, row.problem and row.problem.message) for row in rows],
                problem,
            )
        )

    assert found[1:] == found[:1] * 4


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_gives_rows_or_a_sentence(tmp_path, seed):
    chance = random.Random(seed)
    for write in WRITERS.values():
        content = bytearray(write([{"a": 'x "y", z', "b": str(seed)}] * 5))
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(content))
            content[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))

        _, problem = read(tmp_path, bytes(content))

        assert "\n" not in problem

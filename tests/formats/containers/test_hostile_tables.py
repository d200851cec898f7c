"""Tables that somebody broke: rows are named, and headers that cannot be used."""

from __future__ import annotations

import tracemalloc

import pytest

from plaudit.formats.containers.reading import read_rows
from tests.formats.containers.row_files import (
    collected,
    cut_blocks,
    read_file,
    values_in,
)


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

    rows, problem = read_file(tmp_path, b'a,b\n1,2\n"x"y,3\n4,5\n"open,6\n7,8\n9,10\n')

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

    rows, problem = read_file(tmp_path, content, row_bytes_max=1000)

    assert problem == ""
    assert [row.number for row in rows] == [2, 3, 4, 5]
    assert [row.value for row in rows] == [
        {"a": "1", "b": "2"},
        None,
        {"a": "3", "b": "4"},
        {"a": "5", "b": "6"},
    ]


def test_ten_thousand_rows_that_are_too_long_are_named_one_by_one(tmp_path, monkeypatch):
    cut_blocks(monkeypatch, 16)
    count = 10_000

    rows, problem = read_file(tmp_path, b"a,b\n" + (b"x" * 40 + b"\n") * count, row_bytes_max=16)

    assert ({row.problem is None for row in rows}, len(rows), problem) == ({False}, count, "")


@pytest.mark.parametrize(
    ("cell", "word"), [(b"\xff", "UTF-8"), (b"\0", "NUL"), (b"\xed\xa0\x80", "UTF-8")]
)
def test_a_cell_that_is_no_text_is_named_and_the_others_are_read(tmp_path, cell, word):
    rows, _ = read_file(tmp_path, b"a,b\n1,2\n" + cell + b",2\n3,4\n")

    assert [row.value and row.value["a"] for row in rows] == ["1", None, "3"]
    assert rows[1].problem is not None
    assert word in rows[1].problem.message


def test_a_carriage_return_in_a_cell_without_quotes_is_named(tmp_path):
    rows, _ = read_file(tmp_path, b'a,b\n1\r2,3\n4,5\n"6\r7",8\n')

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
        (b'a,"b', "the header of rows cannot be read"),
        (b"a,\xff", "the header of rows cannot be read"),
        (b"a" * 3000, "the header of rows is longer than 2000 bytes"),
    ],
)
def test_a_header_that_cannot_be_used_is_one_sentence(tmp_path, header, word):
    rows, problem = read_file(tmp_path, header + b"\n1,2,3\n", row_bytes_max=2000)

    assert (rows, word in problem, len(problem) < 200) == ([], True, True), problem


def test_a_million_columns_are_refused_in_one_sentence(tmp_path):
    header = b",".join(b"%d" % number for number in range(10**6))

    rows, problem = read_file(tmp_path, header + b"\n1,2,3\n", row_bytes_max=10**8)

    assert (rows, "1,000,000 columns" in problem, len(problem) < 200) == ([], True, True), problem


def test_a_row_with_a_million_cells_is_refused(tmp_path):
    rows, _ = read_file(tmp_path, b"a,b\n" + b"," * 10**6 + b"\n1,2\n")

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
    rows, _ = read_file(tmp_path, content)

    assert list(rows[0].value) == names

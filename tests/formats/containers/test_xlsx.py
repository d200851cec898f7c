"""Workbooks: cells as texts, further sheets, and files made to break a reader."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from datetime import time as clock_time

import openpyxl
import pytest

from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import Row
from plaudit.formats.containers.reading import read_rows
from plaudit.formats.containers.xlsx import date_of, number_of
from plaudit.formats.containers.xlsx_package import is_date_format
from tests.formats.containers.row_files import as_workbook, make_package, rows_in, values_in

CPU_SECONDS_MAX = 15
MEMORY_BYTES_MAX = 100 * 1024 * 1024
MEBIBYTE = 1024 * 1024
BOOK = '<workbook><sheets><sheet name="A"/></sheets></workbook>'


def test_cells_are_texts_whatever_their_kind(tmp_path):
    cells = [
        ("text", " a ", " a "),
        ("integer", 7, "7"),
        ("negative", -7, "-7"),
        ("fraction", 0.1, "0.1"),
        ("sum", 0.1 + 0.2, "0.3"),
        ("whole float", 5.0, "5"),
        ("large", 1e20, "1e+20"),
        ("true", True, "TRUE"),
        ("false", False, "FALSE"),
        ("day", date(2024, 2, 29), "2024-02-29"),
        ("moment", datetime(2024, 2, 29, 13, 5, 7), "2024-02-29T13:05:07"),
        ("hour", clock_time(13, 5), "13:05:00"),
        ("error", "#N/A", "#N/A"),
        ("lines", "a\nb", "a\nb"),
        ("empty", None, ""),
        ("number as text", "007", "007"),
        ("formula as text", "=1+1", "=1+1"),
    ]
    content = as_workbook([[name for name, *_ in cells], [cell for _, cell, _ in cells]])

    assert values_in(tmp_path / "rows", content) == [{name: text for name, _, text in cells}]


def test_a_formula_counts_with_its_saved_value_and_not_without(tmp_path):
    def sheet(cell: bytes) -> bytes:
        return make_package(
            b'<worksheet><sheetData><row r="1"><c t="inlineStr"><is><t>a</t></is></c></row>'
            b'<row r="2">' + cell + b"</row></sheetData></worksheet>"
        )

    found = [
        values_in(tmp_path / "rows", sheet(cell))[0]
        for cell in (
            b"<c><f>1+1</f><v>2</v></c>",
            b'<c t="str"><f>A1</f><v>text</v></c>',
            b"<c><f>1+1</f></c>",
            b"<c><f>1+1</f><v></v></c>",
        )
    ]

    assert found[:2] == [{"a": "2"}, {"a": "text"}]
    assert all("no saved value" in message for message in found[2:])


def test_rich_and_phonetic_and_escaped_texts_are_read_as_they_are_seen(tmp_path):
    shared = (
        b"<sst><si><t>a</t></si><si><r><t>ri</t></r><r><t xml:space='preserve'>ch </t></r></si>"
        b"<si><t>base</t><rPh><t>hidden</t></rPh></si><si><t>x_x000D_y</t></si></sst>"
    )
    rows = b"".join(
        b'<row r="%d"><c r="A%d" t="s"><v>%d</v></c></row>' % (number, number, number - 1)
        for number in range(1, 6)
    )
    content = make_package(
        b"<worksheet><sheetData>" + rows + b"</sheetData></worksheet>", shared=shared
    )

    found = values_in(tmp_path / "rows", content)

    assert [row["a"] if isinstance(row, dict) else row for row in found] == [
        "rich ",
        "base",
        "x\ry",
        "a cell names a shared text that the workbook does not have",
    ]


def test_rows_have_the_numbers_of_the_sheet_and_blank_ones_are_left_out(tmp_path):
    rows = rows_in(tmp_path / "rows", as_workbook([[], ["a", "b"], ["1"], [], [None, "2"]]))

    assert [(row.number, row.value) for row in rows] == [
        (3, {"a": "1", "b": ""}),
        (5, {"a": "", "b": "2"}),
    ]


def test_cells_beyond_the_header_are_refused(tmp_path):
    rows = rows_in(tmp_path / "rows", as_workbook([["a"], ["1", "2"], ["3"]]))

    assert [row.value for row in rows] == [None, {"a": "3"}]


def test_the_first_sheet_is_read_and_the_others_are_told_of(tmp_path):
    remarks: list[str] = []

    found = values_in(
        tmp_path / "rows", as_workbook([["a"], ["1"]], "notes", "more"), on_remark=remarks.append
    )

    assert found == [{"a": "1"}]
    assert remarks == ["only the sheet 'Sheet' of the workbook is read, of 3 sheets"]


def test_columns_of_one_name_are_one_sentence(tmp_path):
    with pytest.raises(InvalidContent, match="names 'a' twice, for the columns 1 and 3"):
        rows_in(tmp_path / "rows", as_workbook([["a", "b", "a"], ["1", "2", "3"]]))


def test_a_workbook_that_counts_from_1904_has_the_days_that_it_shows(tmp_path):
    book = openpyxl.Workbook()
    book.epoch = datetime(1904, 1, 1)
    book.active.append(["a"])
    book.active.append([date(2024, 2, 29)])
    file = io.BytesIO()
    book.save(file)

    assert values_in(tmp_path / "rows", file.getvalue()) == [{"a": "2024-02-29"}]


def test_days_are_those_of_openpyxl():
    for serial in (1.0, 59.0, 61.0, 366.0, 45351.5, 45351.999, 60000.0):
        theirs = openpyxl.utils.datetime.from_excel(serial)

        assert datetime.fromisoformat(date_of(serial, is_1904=False)) == theirs.replace(
            microsecond=0
        ) + timedelta(seconds=round(theirs.microsecond / 10**6)), serial


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 1e300])
def test_numbers_beyond_a_calendar_or_a_double_are_no_dates(value):
    with pytest.raises((OverflowError, ValueError)):
        date_of(value, is_1904=False)


def test_numbers_have_no_needless_digits():
    assert [number_of(float(text)) for text in ("1.10", "1E3", "-0.5", "1e15")] == [
        "1.1",
        "1000",
        "-0.5",
        "1000000000000000.0",
    ]


def test_formats_of_dates_are_told_from_those_of_numbers():
    dates = ["yyyy-mm-dd", "d.m.yy", "[$-409]h:mm AM/PM;@", "[h]:mm:ss", "mm:ss.0"]
    numbers = ["0.00", "General", '0 "days"', "#,##0 [$€-407]", "[Red]0", "0\\d", "@", ""]

    assert [is_date_format(code) for code in dates + numbers] == [True] * 5 + [False] * 8


# --- files made to break a reader ---


def package_of(part: str, begin: bytes, filling: bytes, count: int) -> bytes:
    """Workbook with a part of many equal pieces."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("[Content_Types].xml", "<Types/>")
        package.writestr("xl/workbook.xml", BOOK)
        if part != "xl/worksheets/sheet1.xml":
            package.writestr("xl/worksheets/sheet1.xml", b"<worksheet/>")
        with package.open(part, "w", force_zip64=True) as stream:
            stream.write(begin)
            block = filling * (MEBIBYTE // len(filling))
            for _ in range(count):
                stream.write(block)
    return file.getvalue()


SHEET, SHARED = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
ROW = b'<worksheet><sheetData><row r="1">'

BOMBS: dict[str, Callable[[], bytes]] = {
    "shared texts": lambda: package_of(SHARED, b"<sst>", b"<si><t>x</t></si>", 128),
    "empty shared texts": lambda: package_of(SHARED, b"<sst>", b"<si/>", 1),
    "one shared text": lambda: package_of(SHARED, b"<sst><si><t>", b"x", 7),
    "one attribute": lambda: package_of(SHARED, b'<sst a="', b"x", 7),
    "cells": lambda: package_of(SHEET, ROW, b"<c/>", 7),
    "many cells": lambda: package_of(SHEET, ROW, b"<c/>", 128),
    "a million columns": lambda: package_of(SHEET, ROW, b"<c><v>1</v></c>", 7),
    "a far column": lambda: make_package(ROW + b'<c r="XFE1"><v>1</v></c></row>'),
    "depth": lambda: package_of(SHEET, ROW, b"<a>", 7),
    "attributes": lambda: make_package(ROW + b"<c " + b' a="1"' * 10**6),
    "entities": lambda: make_package(
        b'<!DOCTYPE a [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;">]><worksheet>&b;</worksheet>'
    ),
    "no XML": lambda: make_package(b"rows"),
    "half": lambda: make_package(ROW),
    "no sheet": lambda: make_package(b"", book=b"<workbook><sheets/></workbook>"),
    "many parts": lambda: many_parts(),
    "an entity from a file": lambda: make_package(
        b'<!DOCTYPE a SYSTEM "file:///etc/hostname"><worksheet>&a;</worksheet>'
    ),
}


def many_parts() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as package:
        package.writestr("xl/workbook.xml", BOOK)
        package.writestr(SHEET, '<worksheet><row><c t="str"><v>a</v></c></row></worksheet>')
        for number in range(20_000):
            package.writestr(f"xl/{number}", b"")
    return file.getvalue()


@pytest.mark.parametrize("make", BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_in_a_sentence_within_little_time_and_memory(tmp_path, make):
    path = tmp_path / "rows.xlsx"
    path.write_bytes(make())
    tracemalloc.start()
    began = time.thread_time()
    try:
        with pytest.raises(InvalidContent) as refused:
            for _ in read_rows(path, "rows"):
                pass
        seconds, (_, peak) = time.thread_time() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert seconds < CPU_SECONDS_MAX
    assert peak < MEMORY_BYTES_MAX
    assert len(refused.value.message) < 200


def read(path, **options) -> list[Row]:
    return list(read_rows(path, "rows", **options))


def test_a_part_that_lies_about_its_size_gives_no_more_than_it_says(tmp_path):
    content = package_of(SHARED, b"<sst>", b"<si><t>x</t></si>", 64)
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        size = package.getinfo(SHARED).file_size
    at = content.rindex(size.to_bytes(4, "little"))
    path = tmp_path / "rows.xlsx"
    path.write_bytes(content[:at] + (1000).to_bytes(4, "little") + content[at + 4 :])

    with pytest.raises(InvalidContent):
        read(path)


def test_a_long_cell_is_named_and_the_other_rows_are_read(tmp_path):
    content = as_workbook([["a"], ["1"], ["x" * 3000], ["2"]])

    rows = rows_in(tmp_path / "rows", content, row_bytes_max=1000)

    assert [row.value for row in rows] == [{"a": "1"}, None, {"a": "2"}]
    assert rows[1].problem is not None
    assert "longer than 1000 bytes" in rows[1].problem.message


@pytest.mark.parametrize("code", ["_x0000_", "_xD800_"])
def test_a_cell_that_is_no_text_is_named(tmp_path, code):
    content = as_workbook([["a"], ["x" + code], ["2"]])

    assert [row.value for row in rows_in(tmp_path / "rows", content)] == [None, {"a": "2"}]


def test_a_workbook_in_a_password_is_refused(tmp_path):
    content = bytearray(as_workbook([["a"], ["1"]]))
    at = 0
    while (at := content.find(b"PK\x01\x02", at)) >= 0:
        content[at + 8] |= 1
        at += 4

    with pytest.raises(InvalidContent, match="encrypted"):
        rows_in(tmp_path / "rows", bytes(content))


def test_shared_texts_are_on_disk_where_they_are_many(tmp_path, monkeypatch):
    monkeypatch.setattr("plaudit.formats.containers.xlsx._MEMORY_BYTES", MEBIBYTE)
    path = tmp_path / "rows.xlsx"
    count = 20_000
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("[Content_Types].xml", "<Types/>")
        package.writestr("xl/workbook.xml", BOOK)
        with package.open(SHARED, "w") as stream:
            stream.write(b"<sst><si><t>a</t></si>")
            for number in range(1, count):
                stream.write(b"<si><t>%d %s</t></si>" % (number, b"text " * (number % 200)))
            stream.write(b"</sst>")
        with package.open(SHEET, "w") as stream:
            stream.write(b"<worksheet><sheetData>")
            for number in range(count):
                stream.write(
                    b'<row r="%d"><c r="A%d" t="s"><v>%d</v></c></row>'
                    % (number + 1, number + 1, number)
                )
            stream.write(b"</sheetData></worksheet>")
    tracemalloc.start()
    try:
        lengths = [len(row.value["a"]) for row in read_rows(path, "rows")]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(lengths) == count - 1
    assert sum(lengths) > 9_000_000
    assert peak < 8 * MEBIBYTE

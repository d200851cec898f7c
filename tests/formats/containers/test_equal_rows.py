"""Equal rows come out of every container, compression and way to write line ends."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable

import pytest

from plaudit.formats.containers.content import zstd
from plaudit.formats.containers.reading import detect_container, read_rows
from plaudit.formats.import_format import ObjectRows
from plaudit.json_guard import BOM
from tests.formats.containers.row_files import (
    WRITERS,
    as_delimited,
    as_json_lines,
    cut_blocks,
    rows_in,
    values_in,
)
from tests.support.running.every_case import every_case

TEXTS = [
    "plain",
    " spaces around ",
    "a comma, a; semicolon",
    'a "quoted" word',
    "two\nlines",
    "Grüße, 世界 🙂",
    "brackets ]}[{",
    "a back\\slash \\n",
    "=1+1",
    "007",
]
ROWS = [
    {"prompt": f"Question {number}?", "response": text, "label": str(number % 2)}
    for number, text in enumerate(TEXTS)
]

VARIANTS: dict[str, Callable[[], bytes]] = {
    **{name: lambda write=write: write(ROWS) for name, write in WRITERS.items()},
    **{f"{name}.gz": lambda w=write: gzip.compress(w(ROWS)) for name, write in WRITERS.items()},
    **{f"{name}.zst": lambda w=write: zstd.compress(w(ROWS)) for name, write in WRITERS.items()},
    "csv with a mark": lambda: BOM + as_delimited(ROWS),
    "csv in gzip with a mark": lambda: gzip.compress(BOM + as_delimited(ROWS)),
    "csv with CRLF": lambda: as_delimited(ROWS, end="\r\n"),
    "csv with semicolons": lambda: as_delimited(ROWS, ";"),
    "csv that names its delimiter": lambda: b"sep=;\r\n" + as_delimited(ROWS, ";"),
    "csv without a last line end": lambda: as_delimited(ROWS).rstrip(),
    "csv after blank lines": lambda: b"\n\n" + as_delimited(ROWS),
    "tsv with CRLF": lambda: as_delimited(ROWS, "\t", "\r\n"),
    "JSON lines with CRLF": lambda: as_json_lines(ROWS).replace(b"\n", b"\r\n"),
    "JSON lines with a mark": lambda: BOM + as_json_lines(ROWS),
    "an indented array": lambda: json.dumps(ROWS, indent=2).encode(),
    "an array with a mark and CRLF": lambda: (
        BOM + json.dumps(ROWS, indent=2).replace("\n", "\r\n").encode()
    ),
    "an array without escapes": lambda: json.dumps(ROWS, ensure_ascii=False).encode(),
    "an indented object": lambda: json.dumps(dict(enumerate(ROWS)), indent=1).encode(),
}


@every_case("variant", VARIANTS)
def test_equal_rows_come_from_every_container(tmp_path, variant):
    assert values_in(tmp_path / "rows", VARIANTS[variant]()) == ROWS


@every_case("variant", VARIANTS)
def test_rows_are_equal_wherever_blocks_end(tmp_path, monkeypatch, variant):
    path = tmp_path / "rows"
    path.write_bytes(VARIANTS[variant]())

    for size in (1, 2, 3, 5, 7, 16, 61):
        monkeypatch.undo()
        cut_blocks(monkeypatch, size)
        assert [row.value for row in read_rows(path, "rows")] == ROWS, size


@pytest.mark.parametrize("name", WRITERS)
def test_a_container_is_told_by_its_content(tmp_path, name):
    path = tmp_path / "rows.of.another.suffix.pdf"
    for packed in (bytes, gzip.compress, zstd.compress):
        path.write_bytes(packed(WRITERS[name](ROWS)))

        assert detect_container(path, "rows").name == name


@pytest.mark.parametrize(
    ("name", "first"),
    [("json_lines", 1), ("json_array", 1), ("json_object", 1), ("csv", 2), ("xlsx", 2)],
)
def test_rows_are_numbered_as_people_count_them(tmp_path, name, first):
    numbers = [row.number for row in rows_in(tmp_path / "rows", WRITERS[name](ROWS))]

    assert numbers == list(range(first, first + len(ROWS)))


def test_blank_lines_of_a_table_are_counted_as_a_spreadsheet_does(tmp_path):
    rows = rows_in(tmp_path / "rows", b'\na,b\n\n"x\ny",1\n\n\n2,3\n')

    assert [(row.number, row.value["a"]) for row in rows] == [(4, "x\ny"), (7, "2")]


# --- one object ---


def test_a_members_name_is_the_key_of_its_row(tmp_path):
    rows = rows_in(tmp_path / "rows", b'{"x\\u00e9": {"a": 1}, "y": {"a": 2}}')

    assert [(row.key, row.value) for row in rows] == [("xé", {"a": 1}), ("y", {"a": 2})]


@pytest.mark.parametrize(
    "value",
    [
        {"prompt": "p", "response": "r"},
        {"data": {"a": 1}},
        {"prompt": {"role": "user", "content": "p"}, "answer": {"role": "a", "content": "r"}},
        {"chosen": {"from": "gpt", "value": "p"}, "rejected": {"from": "gpt", "value": "r"}},
        {"one": {"a": 1, "b": 2}, "other": {"c": 1}},
        {"a": {}, "b": {}},
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_an_object_that_does_not_hold_rows_is_one_row(tmp_path, value, indent):
    content = json.dumps(value, indent=indent).encode()

    assert values_in(tmp_path / "rows", content) == [value]


def test_a_format_decides_whether_an_object_holds_rows(tmp_path):
    rows, one = {"x": {"a": 1}, "y": {"a": 2}}, {"x": {"a": 1}}
    path = tmp_path / "rows"

    never = values_in(path, json.dumps(rows).encode(), object_rows=ObjectRows.never)
    always = values_in(path, json.dumps(one).encode(), object_rows=ObjectRows.always)

    assert never == [rows]
    assert always == [{"a": 1}]


def test_an_object_larger_than_a_row_is_read_by_member(tmp_path):
    value = {f"key {number}": {"text": "x" * 50, "label": number} for number in range(100)}

    found = values_in(tmp_path / "rows", json.dumps(value).encode(), row_bytes_max=200)

    assert found == list(value.values())


def test_one_line_of_json_lines_is_one_row(tmp_path):
    """A `.jsonl` of one line is one JSON object, too."""
    assert values_in(tmp_path / "rows", b'{"a": {"b": 1}, "c": "text"}\n') == [
        {"a": {"b": 1}, "c": "text"}
    ]


def test_arrays_on_lines_are_json_lines(tmp_path):
    assert values_in(tmp_path / "rows", b"[1]\n[2]\n") == [[1], [2]]


@pytest.mark.parametrize("content", [b"", b"\n \r\n", BOM, b"[]", b"[ ]\n", b"a,b\n", b"a,b"])
def test_a_file_without_rows_has_none(tmp_path, content):
    assert rows_in(tmp_path / "rows", content) == []


# --- what is told meanwhile ---


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_progress_is_told_in_bytes_of_the_file_and_rows_by_number(tmp_path, name, pack):
    path = tmp_path / "rows"
    rows = [{"a": f"text {number} " * 100, "b": str(number)} for number in range(600)]
    path.write_bytes(pack(WRITERS[name](rows)))
    told: list[int] = []
    told_rows: list[int] = []

    read = list(read_rows(path, "rows", on_progress=told.append, on_rows=told_rows.append))

    assert len(read) == 600
    assert 0 <= min(told) <= max(told) <= path.stat().st_size
    assert len(told) > 2
    assert told_rows == sorted(told_rows)
    assert 0 <= max(told_rows) <= 601


@pytest.mark.parametrize("name", WRITERS)
def test_reading_stops_where_progress_says_so(tmp_path, name):
    """A job is cancelled by an exception from there."""

    class StopReading(Exception):
        pass

    def stop(at: int) -> None:
        raise StopReading

    path = tmp_path / "rows"
    path.write_bytes(WRITERS[name](ROWS))

    with pytest.raises(StopReading):
        list(read_rows(path, "rows", on_progress=stop))

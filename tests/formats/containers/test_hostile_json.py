"""Rows of JSON that somebody broke: each is named, and the others are read."""

from __future__ import annotations

import pytest

from plaudit.formats.import_format import ObjectRows
from tests.formats.containers.row_files import (
    cut_blocks,
    read_file,
)
from tests.support.running.every_case import every_case

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
@every_case("bad", BAD_ELEMENTS.values())
def test_a_bad_element_is_named_and_the_others_are_read(tmp_path, monkeypatch, around, bad, size):
    cut_blocks(monkeypatch, size)
    element, word, pointer = bad
    begin, end, _ = around

    rows, problem = read_file(tmp_path, begin + element + end, row_bytes_max=2500)

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
    rows, problem = read_file(tmp_path, content, object_rows=ObjectRows.always)

    assert [row.value for row in rows] == [{"a": 1}]
    assert problem == f"rows {words}"


def test_a_comma_too_many_is_a_row_that_cannot_be_read(tmp_path):
    rows, problem = read_file(tmp_path, b'[{"a": 1}, ]')

    assert ([row.problem is None for row in rows], problem) == ([True, False], "")


def test_a_key_of_an_object_of_rows_that_stands_twice_is_named(tmp_path):
    rows, _ = read_file(tmp_path, b'{"x": {"a": 1}, "y": {"a": 2}, "x": {"a": 3}}')

    assert [row.problem and row.problem.message for row in rows] == [
        None,
        None,
        "the key 'x' stands twice",
    ]


def test_a_member_without_a_key_is_named(tmp_path):
    rows, _ = read_file(tmp_path, b'{"x": {"a": 1}, {"a": 2}, "y": {"a": 3}}')

    assert [row.problem is None for row in rows] == [True, False, True]

"""Files that hold no rows, or far more than they seem to: refused in a sentence."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from itertools import product

import pytest

from plaudit.errors import InvalidContent, Misconfigured
from plaudit.formats.containers.delimited import COLUMNS_MAX
from plaudit.formats.containers.reading import detect_container, read_rows
from tests.formats.containers.row_files import (
    WRITERS,
    collected,
    cut_blocks,
    read_file,
)
from tests.support.running.every_case import every_case

MEMORY_BYTES_MAX = 32 * 1024 * 1024
INFLATED_BYTES_MAX = 4 * 1024 * 1024


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
    rows, problem = read_file(tmp_path, content)

    assert rows == []
    assert words in problem
    assert problem.startswith("rows ")
    assert len(problem) < 200


@pytest.mark.parametrize("content", [b"a,b\n1,2", b'"a"\tb\n', b"text\n"])
def test_a_format_that_is_read_from_json_alone_gets_no_table(tmp_path, content):
    rows, problem = read_file(tmp_path, content, is_json=True)

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


BEGINNINGS = [b'[{"a": "', b"[", b'{"a": {"b": 1}, "c": "', b"[[", b'["']


@every_case("begin, filling", product(BEGINNINGS, [b"x", b" ", b"[", b"\\", b'"']))
def test_an_element_without_end_is_never_held(tmp_path, begin, filling):
    path = tmp_path / "rows.gz"
    path.write_bytes(gzip.compress(begin) + gzip.compress(filling * 2**20) * 5)
    tracemalloc.start()
    try:
        rows, problem = collected(
            read_rows(path, "rows", inflated_max=INFLATED_BYTES_MAX, row_bytes_max=2**18)
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert problem
    assert all(row.problem is not None for row in rows)
    assert peak < INFLATED_BYTES_MAX


def test_many_columns_of_a_table_are_bounded(tmp_path):
    most = ",".join(f"c{number}" for number in range(COLUMNS_MAX)).encode()

    rows, problem = read_file(tmp_path, most + b"\n1,2\n")

    assert (rows[0].value, problem) == ({"c0": "1", "c1": "2"}, "")
    assert "columns" in read_file(tmp_path, most + b",more\n1,2\n")[1]


def test_brackets_that_open_and_close_far_down_cost_no_more_than_others(tmp_path):
    """A look at the rest of a block, for each bracket of it, would take minutes."""
    path = tmp_path / "rows"
    path.write_bytes(b"[" + b"[" * 11_000 + b"[]" * 100_000 + b"]" * 11_000 + b', {"a": 1}]')
    began = time.thread_time()

    rows, problem = collected(read_rows(path, "rows"))

    assert time.thread_time() - began < 5
    assert ([row.value for row in rows], problem) == ([None, {"a": 1}], "")


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
        rows, problem = read_file(tmp_path, content)
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

        _, problem = read_file(tmp_path, bytes(content))

        assert "\n" not in problem

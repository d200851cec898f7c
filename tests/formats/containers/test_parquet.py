"""Parquet: values as those of JSON, bad ones by row, and files that are refused."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow
import pytest

from plaudit.errors import Misconfigured
from tests.formats.containers.row_files import (
    as_parquet,
    read_file,
    rows_in,
    values_in,
)


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
    "finer than microseconds": (
        pyarrow.array([1000, 1001, 2000], pyarrow.timestamp("ns")),
        "microseconds",
    ),
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
    rows, problem = read_file(tmp_path, as_parquet({"a": column}), row_bytes_max=2000)

    assert problem == ""
    assert [row.problem is None for row in rows] == [True, False, True]
    assert rows[1].problem is not None
    assert word in rows[1].problem.message


@pytest.mark.parametrize(
    ("column", "word"),
    [([b"x"], "binary"), ([[{"image": b"x"}]], "binary"), ([None, b""], "binary")],
)
def test_a_column_of_bytes_is_refused_in_a_sentence(tmp_path, column, word):
    rows, problem = read_file(tmp_path, as_parquet({"a": column}))

    assert (rows, word in problem) == ([], True)


@pytest.mark.parametrize("cut", [8, 20, 200])
def test_damaged_parquet_is_refused_in_a_sentence(tmp_path, cut):
    content = as_parquet({"a": [json.dumps({"x": number}) for number in range(1000)]})

    rows, problem = read_file(tmp_path, content[:-cut])

    assert (rows, "rows is damaged after row 0" in problem) == ([], True)
    assert "\n" not in problem


def test_parquet_that_holds_far_more_than_it_seems_to_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("plaudit.formats.containers.parquet.INFLATED_BYTES_FREE", 2**20)
    content = as_parquet({"a": ["x" * 10**6] * 3}, compression="zstd", use_dictionary=False)

    rows, problem = read_file(tmp_path, content)

    assert (rows, "100 times" in problem) == ([], True)


def test_without_the_library_parquet_is_refused_with_how_to_install_it(tmp_path, monkeypatch):
    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr("plaudit.formats.containers.parquet.import_module", missing)

    with pytest.raises(Misconfigured, match=r"pip install 'plaudit\[parquet\]'"):
        rows_in(tmp_path / "rows", as_parquet({"a": [1]}))

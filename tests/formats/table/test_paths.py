"""Paths of columns, rows within nested JSON, and what is taken out of texts."""

from __future__ import annotations

import time
from typing import Any

import pytest

from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import Row
from plaudit.formats.table.expansion import Expansion
from plaudit.formats.table.paths import MISSING, UNKNOWN, RowPaths, parse_path
from plaudit.formats.table.patterns import Removal
from tests.formats.table.reading import read_table, read_table_rows
from tests.support.running.every_case import every_case


def get(path: str, value: dict[str, Any]) -> Any:
    return RowPaths(value).get(path, parse_path(path))


@every_case(
    "path, steps",
    [
        ("a", ("a",)),
        ("prediction 1", ("prediction 1",)),
        ("a.b[0].c", ("a", "b", 0, "c")),
        ('a."b.c".d', ("a", "b.c", "d")),
        ("a[1][2]", ("a", 1, 2)),
        ("a[-1].b", ("a", -1, "b")),
        ("*.*.*", ("*", "*", "*")),
        ("$file", ("$file",)),
        ("a.", ("a.",)),
        (".a", (".a",)),
        ("a[x]", ("a[x]",)),
        ('a"b', ('a"b',)),
    ],
)
def test_a_path_is_cut_into_steps_and_an_odd_name_is_a_column(path, steps):
    assert parse_path(path) == steps


@pytest.mark.parametrize("path", ["", "a" * 1001, "a" + ".b" * 40])
def test_paths_are_bounded(path):
    with pytest.raises(InvalidContent):
        parse_path(path)


def test_a_path_goes_through_objects_and_lists():
    assert get("a.b[1].c", {"a": {"b": [{}, {"c": 3}]}}) == (3, "/a/b/1/c")


def test_a_negative_number_counts_from_the_end():
    assert get("a[-1].b", {"a": [{"b": 1}, {"b": 2}]}) == (2, "/a/1/b")
    assert get("a[-3].b", {"a": [{"b": 1}, {"b": 2}]})[0] is MISSING
    assert get("a[-1]", {"a": []})[0] is MISSING


def test_a_path_goes_on_in_the_json_of_a_cell():
    assert get("a.b[0]", {"a": '{"b": [5]}'}) == (5, "/a/b/0")


def test_a_column_that_has_the_whole_path_as_its_name_comes_first():
    assert get("a.b", {"a.b": 1, "a": {"b": 2}}) == (1, "/a.b")


def test_what_is_not_there_is_told_from_what_may_be_there():
    assert get("b", {"a": 1})[0] is MISSING
    assert get("a[3]", {"a": [1]})[0] is MISSING
    assert get("a.b", {"a": None})[0] is UNKNOWN
    assert get("a.b", {"a": " "})[0] is UNKNOWN


@pytest.mark.parametrize(
    ("path", "value", "pointer", "reason"),
    [
        ("a.b", {"a": 3}, "/a", "a number"),
        ("a.b", {"a": "no json"}, "/a", "no JSON"),
        ("a.b", {"a": '{"b": 1, "b": 2}'}, "/a", "no JSON"),
        ("a.b", {"a": "[" * 1000}, "/a", "no JSON"),
        ("a.b.c", {"a": {"b": True}}, "/a/b", "true or false"),
        ("a.x", {"a": [1]}, "/a", "a list"),
    ],
)
def test_a_path_into_something_without_members_is_refused(path, value, pointer, reason):
    with pytest.raises(InvalidContent) as refused:
        get(path, value)

    assert refused.value.pointer == pointer
    assert reason in refused.value.message


def expanded(path: str | None, value: Any, key: str | None = None) -> list[Any]:
    row = Row(file="f", number=1, value=value, key=key)
    return [
        inner.value if inner.problem is None else inner.problem.pointer
        for inner in Expansion(path).expand(row)
    ]


def test_rows_are_found_at_any_key_and_keys_become_columns():
    assert expanded("data.*.*", {"data": {"x": [{"v": 1}, {"v": 2}]}, "other": 3}) == [
        {"$1": "x", "$2": "0", "v": 1, "$path": "/data/x/0"},
        {"$1": "x", "$2": "1", "v": 2, "$path": "/data/x/1"},
    ]


def test_a_row_that_is_no_object_is_a_column_of_its_own():
    assert expanded("*", {"x": 5}) == [{"$1": "x", "$value": 5, "$path": "/x"}]


def test_the_key_of_a_row_counts_as_the_first_step():
    assert expanded("*.*", {"y": {"v": 1}}, key="x") == [
        {"$1": "x", "$2": "y", "v": 1, "$path": "/y"}
    ]
    assert expanded(None, {"v": 1}, key="x") == [{"$1": "x", "v": 1}]
    assert expanded("data.*", {"y": {"v": 1}}, key="data") == [{"$1": "y", "v": 1, "$path": "/y"}]
    assert expanded("data.*", {"y": {"v": 1}}, key="other") == []


def test_a_path_to_rows_that_ends_early_is_refused_there():
    assert expanded("*.*", {"x": 3, "y": {"z": {"v": 1}}}) == [
        "/x",
        {"$1": "y", "$2": "z", "v": 1, "$path": "/y/z"},
    ]
    assert expanded("data.*", {"date": {}}) == [""]


def test_a_refusal_within_an_expanded_row_points_into_the_row_of_the_file():
    read = read_table(
        'rows = "*.*"\nprompt = "q"\n[[responses]]\ntext = "a"',
        {"x": {"y": {"q": "Name a bird.", "a": [1]}, "z": {"q": "Name a bird.", "a": "Tern."}}},
    )

    assert [(number, pointer) for number, pointer, _ in read.refused] == [(1, "/x/y/a")]
    assert len(read.tasks) == 1


def test_file_and_row_are_columns():
    row = Row(file="birds/gull.csv", number=7, value={"q": "Name a bird.", "a": "Tern."})

    read = read_table_rows(
        'prompt = "q"\nmetadata = { line = "$row" }\n[[responses]]\ntext = "a"\nmodel = "$file"',
        [row],
    )

    assert read.task.metadata == {"line": 7}
    assert read.turn["messages"][1]["source_id"] == "gull.csv"


@pytest.mark.parametrize(
    ("pattern", "text", "left"),
    [
        (r"\[\d+\]", "Fig [1] and pear [23].", "Fig  and pear ."),
        (r"(?s)<think>.*?</think>\s*", "<think>a\nb</think>\n Fig", "Fig"),
        (r"\s+$", "Fig \n", "Fig"),
        (r"^(?:Answer|Reply):\s*", "Answer: Fig", "Fig"),
        (r"(?i)</S>$", "Fig</s>", "Fig"),
        (r"[^a-z]", "aÉ☃b", "ab"),
    ],
)
def test_matches_are_taken_out_of_a_text(pattern, text, left):
    assert Removal(pattern).apply(text) == left


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\s+$", "a" + " " * 200_000 + "a"),
        (r"a*a*a*a*b", "a" * 10_000),
        (r"x.*y.*z", "x" * 20_000),
        (r"[^b]*[^b]*b", "a" * 100_000),
    ],
)
def test_a_text_in_which_a_pattern_may_take_too_long_is_refused_at_once(pattern, text):
    removal = Removal(pattern)
    started = time.thread_time()

    with pytest.raises(InvalidContent, match="too long"):
        removal.apply(text)

    assert time.thread_time() - started < 10


def test_a_long_text_is_searched_where_runs_are_short():
    text = "One fig [12], two pears. " * 40_000

    assert "[" not in Removal(r"\s*\[\d+\]\s*").apply(text)

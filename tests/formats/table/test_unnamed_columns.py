"""Rows that are left out, and columns that a mapping does not name or that are missing."""

from __future__ import annotations

import pytest

from plaudit.errors import InvalidContent
from plaudit.formats.table.reader import LEFT_OUT
from tests.formats.table.reading import PAIR, read_table
from tests.formats.table.test_table_rows import LONG, long_row


def test_rows_are_taken_and_left_out_by_their_values():
    mapping = 'where = { lang = ["en", "de"], ok = true }\nnot = { split = "test" }\n' + PAIR
    row = {"q": "Hi", "a": "1", "b": "2", "lang": "en", "ok": True, "split": "train"}

    read = read_table(
        mapping, row, {**row, "lang": "fr"}, {**row, "split": "test"}, {**row, "ok": "true"}
    )

    assert len(read.tasks) == 2
    assert read.notes.count(LEFT_OUT) == 2


def test_a_row_that_is_left_out_need_not_have_the_columns():
    read = read_table(
        f'not = {{ kind = "total" }}\n{LONG}', long_row(1, "A", "x"), {"kind": "total"}
    )

    assert (len(read.tasks), read.refused) == (1, [])


def test_a_row_that_is_left_out_is_not_asked_for_its_item():
    mapping = 'not = { kind = "total" }\n' + LONG.replace('"id"', '["id", "$models"]')

    read = read_table(mapping, long_row(1, "A", "x"), long_row(1, "B", "chosen", kind="total"))

    assert (len(read.tasks), read.refused) == (1, [])


def test_columns_that_the_mapping_does_not_name_are_counted():
    read = read_table(PAIR, {"q": "Hi", "a": "1", "b": "2", "note": "x", "empty": ""})

    assert read.remarks("'note' is not in the mapping") == 1
    assert read.remarks("empty") == 0


def test_members_beside_a_path_are_counted_too():
    read = read_table(
        'prompt = "t.q"\n[[responses]]\ntext = "t.a"', {"t": {"q": "Hi", "a": "1", "note": "x"}}
    )

    assert read.remarks("'t.note' is not in the mapping") == 1


def test_a_row_of_very_many_columns_makes_few_remarks():
    row = {"q": "Hi", "a": "1", "b": "2"} | {f"c{number}": 1 for number in range(100_000)}

    read = read_table(PAIR, row)

    assert len(read.tasks) == 1
    assert len(read.notes.list_sentences()) < 60


def test_a_missing_column_is_named_with_those_that_there_are():
    reason = "no column 'b' in the first rows; there is 'q', 'a', 'c'"
    with pytest.raises(InvalidContent, match=reason) as refused:
        read_table(PAIR, {"q": "Hi", "a": "1", "c": "2"})

    assert refused.value.pointer == "/responses/1/text"


def test_a_column_that_some_rows_lack_is_not_missing():
    mapping = f'metadata = ["note"]\n{PAIR}'

    read = read_table(
        mapping, {"q": "Hi", "a": "1", "b": "2"}, {"q": "Hi", "a": "1", "b": "2", "note": 1}
    )

    assert [task.metadata for task in read.tasks] == [{}, {"note": 1}]


def test_a_path_below_an_empty_cell_is_not_missing():
    read = read_table(
        f'metadata = {{ x = "info.x" }}\n{PAIR}', {"q": "Hi", "a": "1", "b": "2", "info": None}
    )

    assert read.task.metadata == {}

"""Rows of tables as tasks: prompts, responses, items of several rows, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.formats.common.imported_task import COERCED, NON_TEXT
from plaudit.formats.common.row_members import EMPTY_RESPONSE, REPEATED_SOURCE
from plaudit.formats.table.assembly import OTHER_METADATA, OTHER_PROMPT, UNJUDGED
from plaudit.formats.table.reader import NO_ITEM
from plaudit.formats.table.row_reading import NO_MODEL, SPAN_OUTSIDE
from tests.formats.reading import responses_of, value_of
from tests.formats.table.reading import PAIR, TableRead, read_table
from tests.support.running.every_case import every_case

ONE = 'prompt = "q"\n[[responses]]\ntext = "a"\n'
LONG = """
item = "id"
prompt = "q"
[[responses]]
text = "a"
model = "m"
"""


def texts(read: TableRead) -> list[tuple[str, str]]:
    """Source and text of the messages of the only task."""
    return [
        (message["source_id"], message["content"]["text"])
        for turn in read.task.threads[0]["turns"]
        for message in turn["messages"]
    ]


def long_row(number: int, text: str, model: str, **members: Any) -> dict[str, Any]:
    return {"id": number, "q": "Name a bird.", "a": text, "m": model, **members}


def test_columns_of_the_prompt_are_joined_and_an_empty_one_is_left_out():
    mapping = PAIR.replace('"q"', '["q", "input"]')

    full = read_table(mapping, {"q": "Translate.", "input": "ave", "a": "1", "b": "2"})
    bare = read_table(mapping, {"q": "Name a bird.", "input": "", "a": "1", "b": "2"})

    assert texts(full)[0] == ("user", "Translate.\nave")
    assert texts(bare)[0] == ("user", "Name a bird.")


def test_system_context_and_references_have_their_places():
    read = read_table(
        """
system = "sys"
context = "before"
prompt = "q"
reference = ["gold", "more"]
[[responses]]
text = "a"
""",
        {
            "sys": "Be brief.",
            "before": [
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "Good day."},
            ],
            "q": "Name a bird.",
            "gold": "Gull",
            "more": ["Tern", "Auk"],
            "a": "Fig",
        },
    )

    turns = read.task.threads[0]["turns"]
    assert [[message["role"] for message in turn["messages"]] for turn in turns] == [
        ["system", "user", "assistant"],
        ["user", "assistant"],
    ]
    assert [one["content"] for one in turns[1]["messages"][0]["content"]["reference_texts"]] == [
        *("Gull", "Tern", "Auk")
    ]


def test_a_context_may_be_json_in_a_cell_and_end_with_the_prompt():
    read = read_table(
        'context = "c"\n[[responses]]\ntext = "a"',
        {"c": '[{"from": "human", "value": "Name a bird."}]', "a": "Tern"},
    )

    assert texts(read) == [("user", "Name a bird."), ("response_1", "Tern")]


def test_parts_of_a_context_that_are_no_text_are_flagged():
    context = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]},
        {"role": "tool", "content": "rain"},
    ]

    read = read_table('context = "c"\n[[responses]]\ntext = "a"', {"c": context, "a": "Rain."})

    assert NON_TEXT in read.task.flags


@every_case(
    "row, pointer",
    [
        ({"a": "1", "b": "2"}, "/q"),
        ({"q": None, "a": "1", "b": "2"}, "/q"),
        ({"q": " ", "a": "1", "b": "2"}, "/q"),
        ({"q": ["x"], "a": "1", "b": "2"}, "/q"),
        ({"q": "Hi", "a": "1"}, "/b"),
        ({"q": "Hi", "a": "1", "b": None}, "/b"),
        ({"q": "Hi", "a": "1", "b": {"x": 1}}, "/b"),
        ({"q": "Hi", "a": "1", "b": float("nan")}, "/b"),
    ],
)
def test_a_row_without_its_texts_is_refused_with_a_pointer(row, pointer):
    good = {"q": "Hi", "a": "1", "b": "2"}

    read = read_table(PAIR, good, row)

    assert [(number, at) for number, at, _ in read.refused] == [(2, pointer)]
    assert len(read.tasks) == 1


@pytest.mark.parametrize("value", ["text", 3, None, ["a"]])
def test_a_row_that_is_no_object_is_refused(value):
    read = read_table(PAIR, {"q": "Hi", "a": "1", "b": "2"}, value)

    assert "object" in read.reasons


def test_a_text_that_is_a_number_is_taken_and_flagged_or_refused_if_strict():
    row = {"q": "Name a prime.", "a": 7, "b": True}

    assert texts(read_table(PAIR, row))[1:] == [("response_1", "7"), ("response_2", "true")]
    assert read_table(PAIR, row).task.flags == [COERCED]
    assert read_table(PAIR, row, strict=True).refused[0][:2] == (1, "/a")


def test_empty_responses_and_white_space_are_kept():
    read = read_table(PAIR, {"q": " Hi ", "a": "", "b": " x\n"})

    assert texts(read) == [("user", " Hi "), ("response_1", ""), ("response_2", " x\n")]
    assert read.notes.count(EMPTY_RESPONSE) == 1


def test_rows_of_an_item_lie_apart_and_their_responses_keep_the_order_of_rows():
    read = read_table(
        LONG, long_row(1, "Tern", "m1"), long_row(2, "Auk", "m1"), long_row(1, "Gull", "m2")
    )

    assert [task.item_id for task in read.tasks] == ["1", "2"]
    first = read.tasks[0].threads[0]["turns"][0]["messages"]
    assert [(one["source_id"], one["content"]["text"]) for one in first[1:]] == [
        ("m1", "Tern"),
        ("m2", "Gull"),
    ]
    assert first[1]["model_parameters"] == {"model": "m1"}


def test_two_texts_of_one_model_are_told_apart_and_an_equal_one_is_one_response():
    read = read_table(
        LONG, long_row(1, "Tern", "m1"), long_row(1, "Gull", "m1"), long_row(1, "Tern", "m1")
    )

    assert texts(read)[1:] == [("m1", "Tern"), ("m1_2", "Gull")]
    assert read.notes.count(REPEATED_SOURCE) == 1


def test_models_in_any_order_are_the_same_item():
    mapping = """
item = ["id", "$models"]
prompt = "q"
[[responses]]
text = "a"
model = "m1"
[[responses]]
text = "b"
model = "m2"
"""
    one = {"id": 1, "q": "Hi", "a": "A", "m1": "x", "b": "B", "m2": "y"}
    swapped = {"id": 1, "q": "Hi", "a": "B", "m1": "y", "b": "A", "m2": "x"}
    other = {"id": 1, "q": "Hi", "a": "A", "m1": "x", "b": "C", "m2": "z"}

    read = read_table(mapping, one, other, swapped)

    assert len(read.tasks) == 2
    first = responses_of(read.tasks[0].threads[0]["turns"][0])
    assert [(one["source_id"], one["content"]["text"]) for one in first] == [
        ("x", "A"),
        ("y", "B"),
    ]


def test_a_blank_model_is_named_by_its_place_and_one_that_tells_is_refused():
    read = read_table(LONG, long_row(1, "Tern", " "), long_row(2, "Auk", "rejected_model"))

    assert read.tasks[0].threads[0]["turns"][0]["messages"][1]["source_id"] == "response_1"
    assert read.notes.count(NO_MODEL) == 1
    assert [at for _, at, _ in read.refused] == ["/m"]


def test_a_row_with_nothing_in_the_columns_of_the_item_is_an_item_of_its_own():
    read = read_table(LONG, long_row(1, "Tern", "x"), *[{**long_row(1, "A", "x"), "id": ""}] * 2)

    assert len(read.tasks) == 3
    assert read.notes.count(NO_ITEM) == 2


def test_an_item_key_may_be_a_megabyte_long():
    read = read_table(LONG, *[{**long_row(1, text, "x"), "id": "k" * 2**20} for text in "AB"])

    assert len(read.tasks) == 1


def test_rows_of_an_item_that_differ_are_remarked_or_refused():
    rows = [
        long_row(1, "Tern", "m1", kind="x"),
        {**long_row(1, "Gull", "m2", kind="y"), "q": "Name a gull."},
    ]
    mapping = f'metadata = ["kind"]\n{LONG}'

    lenient, strict = read_table(mapping, *rows), read_table(mapping, *rows, strict=True)

    assert lenient.notes.count(OTHER_PROMPT) == 1
    assert lenient.notes.count(OTHER_METADATA) == 1
    assert lenient.task.metadata["kind"] == ["x", "y"]
    assert [number for number, _, _ in strict.refused] == [2]


def test_one_bad_row_refuses_its_item_and_is_the_one_that_is_named():
    read = read_table(LONG, long_row(1, "Tern", "m1"), {**long_row(1, "", "m2"), "a": [1]})

    assert [(number, at) for number, at, _ in read.refused] == [(2, "/a")]
    assert read.tasks == []


def test_an_item_of_too_many_responses_is_refused():
    read = read_table(LONG, *[long_row(1, f"Bird {number}", "m") for number in range(1001)])

    assert [number for number, _, _ in read.refused] == [1001]


def test_ids_and_times_come_from_their_columns():
    mapping = 'id = "n"\ncreated_at = "c"\ncompleted_at = "d"\n' + PAIR
    row = {"q": "Hi", "a": "1", "b": "2", "n": -7013890438520559398, "c": "2024-05-01", "d": "noon"}

    read = read_table(mapping, row)

    assert read.task.item_id == "-7013890438520559398"
    assert read.task.created_at == "2024-05-01T00:00:00.000Z"
    assert read.task.completed_at is None
    assert read.remarks("no ISO 8601") == 1
    assert read_table(mapping, row, strict=True).refused[0][1] == "/d"


def test_spans_are_marked_text_with_offsets_in_the_metadata():
    read = read_table(
        'prompt = "q"\n[[responses]]\ntext = "a"\nspans = "s"',
        {
            "q": "Name a bird.",
            "a": "A tern or fig",
            "s": '[{"label": "wrong", "start": 10, "end": 13, "why": "fruit"},'
            ' {"label": "late", "start": 90, "end": 99}]',
        },
    )

    [spans] = read.turn["messages"][1]["annotations"]
    assert spans["value"] == [{"label": "wrong", "text": "fig"}]
    assert [one["start"] for one in spans["metadata"]["spans"]] == [10, 90]
    assert read.notes.count(SPAN_OUTSIDE) == 1
    assert read.field("spans").labels == ["wrong", "late"]


@pytest.mark.parametrize(
    ("spans", "pointer"),
    [
        ("no list", "/s"),
        ({"a": 1}, "/s"),
        ([3], "/s/0"),
        ([{"start": 0, "end": 1}], "/s/0"),
        ([{"label": "x", "start": "a", "end": 1}], "/s/0"),
        ([{"label": "x", "start": 0, "end": 1}] * 10_001, "/s"),
    ],
)
def test_spans_of_another_shape_are_refused(spans, pointer):
    mapping = 'prompt = "q"\n[[responses]]\ntext = "a"\nspans = "s"'

    read = read_table(mapping, {"q": "Hi", "a": "Tern", "s": spans})

    assert [at for _, at, _ in read.refused] == [pointer]


def test_a_table_of_prompts_is_open_work():
    read = read_table('prompt = "q"', {"q": "Name a bird."})

    assert not read.task.is_judged
    assert read.form is None


def test_whole_conversations_need_no_prompt_of_their_own():
    context = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]

    read = read_table('context = "c"', {"c": context})

    assert read.task.is_judged
    assert [source for source, _ in texts(read)] == ["user", "assistant"]


def test_a_row_that_nobody_judged_is_open_work():
    mapping = PAIR + '[preference]\ncolumn = "p"\nvalues = { 1 = "first" }'
    row = {"q": "Hi", "a": "1", "b": "2"}

    read = read_table(mapping, {**row, "p": 1}, {**row, "p": None}, {**row, "p": 9})

    assert [task.is_judged for task in read.tasks] == [True, False, True]
    assert read.notes.count(UNJUDGED) == 1
    assert value_of(read.tasks[2].threads[0]["turns"][0], "selected_model_id") is None


def test_an_unpaired_surrogate_is_refused_where_it_cannot_be_stored():
    read = read_table(
        f'item = "q"\nmetadata = ["n"]\n{ONE}', {"q": "Hi\ud800", "a": "1", "n": "\ud800"}
    )

    assert read.reasons == "a text holds an unpaired surrogate"

"""OpenAI's files for fine-tuning: conversations with tools and weights, and pairs of outputs."""

from __future__ import annotations

import pytest

from tests.support.foreign_rows import detected, read_rows, refusal_of, sweep
from tests.support.running.every_case import every_case

USER = {"role": "user", "content": "Capital of Kenya?"}
PAIR = {
    "input": {
        "messages": [{"role": "system", "content": "Be brief."}, USER],
        "tools": [],
        "parallel_tool_calls": True,
    },
    "preferred_output": [{"role": "assistant", "content": "Nairobi."}],
    "non_preferred_output": [{"role": "assistant", "content": "Mombasa."}],
}
WEIGHTED = {
    "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello.", "weight": 0},
        USER,
        {"role": "assistant", "content": "Nairobi.", "weight": 1},
    ]
}


def test_a_pair_names_the_preferred_output():
    made = read_rows("openai", PAIR)

    assert made.selected == "Nairobi."
    assert [message["role"] for message in made.turns[0]["messages"]] == [
        "system",
        "user",
        "assistant",
        "assistant",
    ]
    assert made.task.metadata == {"tools": [], "parallel_tool_calls": True}
    assert [field.key for field in made.form.fields] == [
        "selected_model_id",
        "likert_value",
        "rewrite",
    ]


def test_weights_are_kept_beside_the_conversation():
    made = read_rows("openai", WEIGHTED)

    assert made.task.metadata == {
        "message_members": {"turn_0/assistant": {"weight": 0}, "turn_1/response_1": {"weight": 1}}
    }
    assert made.responses["response_1"]["annotations"] == []
    assert [field.key for field in made.form.fields] == ["acceptable", "rewrite"]


def test_pairs_and_weighted_conversations_are_detected():
    assert detected(PAIR) == "openai"
    assert detected(WEIGHTED) == "openai"
    assert detected({"messages": [USER], "tools": [{"type": "function"}]}) == "openai"


def test_plain_conversations_are_left_to_messages():
    assert (
        detected({"messages": [USER, {"role": "assistant", "content": "Nairobi."}]}) == "messages"
    )


@every_case(
    "change, pointer",
    [
        ({"input": None}, "/input"),
        ({"input": {}}, "/input/messages"),
        ({"input": {"messages": [1]}}, "/input/messages/0"),
        ({"preferred_output": None}, "/preferred_output"),
        ({"preferred_output": "Nairobi."}, "/preferred_output"),
        ({"preferred_output": []}, "/preferred_output"),
        ({"non_preferred_output": [USER]}, "/non_preferred_output"),
        (
            {"non_preferred_output": [{"role": "assistant", "content": None}]},
            "/non_preferred_output/0/content",
        ),
    ],
)
def test_a_pair_that_is_not_whole_is_refused_where_it_lacks(change, pointer):
    assert refusal_of("openai", {**PAIR, **change}).pointer == pointer


@pytest.mark.parametrize("name", list(PAIR))
def test_a_pair_without_one_of_its_parts_is_not_detected(name):
    assert detected({**PAIR, name: None}) is None


@pytest.mark.parametrize("value", [None, [], {}, {"input": 1}, {"prompt": "P"}, "text"])
def test_a_row_of_another_shape_is_refused(value):
    assert "a row" in refusal_of("openai", value).message


@pytest.mark.parametrize("row", [PAIR, WEIGHTED])
def test_no_spoiled_row_does_more_than_be_refused(row):
    assert sweep("openai", row) > 20

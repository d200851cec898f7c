"""Conversations of others: roles, parts, calls of tools, and turns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plaudit.formats.common.conversations import ROLES
from tests.support.foreign_rows import Read, detected, read_rows, refusal_of
from tests.support.running.every_case import every_case

USER = {"role": "user", "content": "How high is the tower?"}
ANSWER = {"role": "assistant", "content": "120 m."}
CALL = {"type": "function", "function": {"name": "height", "arguments": "{}"}}


def read(*said: Any, **row: Any) -> Read:
    return read_rows("messages", {"messages": list(said), **row})


def roles(turn: dict[str, Any]) -> list[str]:
    return [message["role"] for message in turn["messages"]]


# --- turns ---


def test_an_assistants_message_ends_a_turn():
    made = read({"role": "system", "content": "Be brief."}, USER, ANSWER, USER, ANSWER)

    assert [roles(turn) for turn in made.turns] == [
        ["system", "user", "assistant"],
        ["user", "assistant"],
    ]
    assert made.task.flags == []


def test_two_assistants_messages_never_stand_side_by_side_in_a_context():
    made = read(USER, ANSWER, ANSWER)

    assert [roles(turn) for turn in made.turns] == [["user", "assistant"], ["assistant"]]
    assert made.task.flags == ["odd_roles"]
    assert "do not take turns" in made.remarks[0]


@pytest.mark.parametrize(
    "said",
    [
        [ANSWER, USER, ANSWER],
        [USER, {"role": "system", "content": "Be brief."}, ANSWER],
        [{"role": "tool", "content": "120"}, ANSWER],
    ],
    ids=["assistant first", "system later", "tool first"],
)
def test_a_conversation_out_of_turn_is_kept_in_order_and_flagged(said):
    made = read(*said)

    assert [role for turn in made.turns for role in roles(turn)] == [
        ROLES[one["role"]] for one in said
    ]
    assert "odd_roles" in made.task.flags


def test_messages_of_one_role_in_a_turn_get_numbers():
    made = read(USER, USER, ANSWER)

    assert [message["source_id"] for message in made.turns[0]["messages"]] == [
        "user",
        "user_2",
        "response_1",
    ]


def test_a_conversation_that_ends_with_a_question_is_open_work():
    made = read(USER, ANSWER, USER)

    assert not made.task.is_judged
    assert roles(made.turns[-1]) == ["user"]


def test_ten_thousand_messages_are_read_and_one_more_is_refused():
    many = [USER, ANSWER] * 5000

    assert len(read(*many).turns) == 5000
    assert refusal_of("messages", {"messages": [*many, USER]}).pointer == "/messages"
    assert len(read(*[USER] * 9999, ANSWER).turns[0]["messages"]) == 10_000


# --- roles ---


@pytest.mark.parametrize("word", ["human", "User", "prompter"])
def test_words_for_the_user_are_known(word):
    assert roles(read({"from": word, "value": "Hi"}, ANSWER).turns[0]) == ["user", "assistant"]


def test_the_result_of_a_tool_has_the_role_function():
    made = read(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "120"},
        ANSWER,
    )

    assert [roles(turn) for turn in made.turns] == [
        ["user", "assistant"],
        ["function", "assistant"],
    ]
    assert made.task.flags == ["non_text"]
    assert made.task.metadata == {
        "message_members": {"turn_1/function": {"tool_call_id": "call_1"}}
    }


def test_a_word_for_a_role_that_a_task_does_not_have_is_kept():
    made = read({"role": "developer", "content": "Be brief."}, USER, ANSWER)

    assert roles(made.turns[0])[0] == "system"
    assert made.task.metadata["message_members"] == {"turn_0/system": {"role": "developer"}}


@pytest.mark.parametrize("role", ["wizard", "", None, 7, ["user"]])
def test_an_unknown_role_is_refused_by_name(role):
    refused = refusal_of("messages", {"messages": [{"role": role, "content": "Hi"}, ANSWER]})

    assert refused.pointer == "/messages/0/role"
    assert "there is user" in refused.message


# --- what a message says ---


def test_calls_of_tools_become_pieces_of_the_message():
    called = {"role": "assistant", "content": "Let me see.", "tool_calls": [CALL]}

    (answer,) = read(USER, called).responses.values()

    assert answer["content"]["text"] == "Let me see."
    (piece,) = answer["content"]["chunks"]
    assert piece["type"] == "tool_call"
    assert json.loads(piece["text"]) == CALL


def test_a_row_of_llama_factorys_parts_keeps_reasoning_and_calls():
    parts = [
        {"type": "reasoning", "value": "I need the height."},
        {"type": "text", "value": "Let me see."},
        {"type": "tool_call", "value": '{"name": "height"}'},
    ]

    made = read(USER, {"role": "assistant", "content": parts})

    assert made.responses["response_1"]["content"] == {
        "text": "Let me see.",
        "reasoning": [{"content": "I need the height."}],
        "chunks": [{"type": "tool_call", "text": '{"name": "height"}', "annotations": []}],
    }
    assert made.task.flags == ["non_text"]


def test_parts_in_another_order_are_all_pieces():
    parts = [
        {"type": "text", "text": "Look: "},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "text", "text": "a tower."},
    ]

    made = read({"role": "user", "content": parts}, ANSWER)

    content = made.turns[0]["messages"][0]["content"]
    assert content["text"] == "Look: a tower."
    assert [(piece["type"], piece["text"]) for piece in content["chunks"]] == [
        ("text", "Look: "),
        ("image_url", '{"image_url":{"url":"https://example.org/a.png"}}'),
        ("text", "a tower."),
    ]


def test_a_part_of_an_unknown_type_is_kept_as_json():
    part = {"type": "hologram", "depth": 3, "nothing": None}

    made = read({"role": "user", "content": [part]}, ANSWER)

    assert made.turns[0]["messages"][0]["content"] == {
        "chunks": [{"type": "hologram", "text": '{"depth":3}', "annotations": []}]
    }
    assert made.task.flags == ["non_text"]


def test_white_space_around_a_text_stays():
    assert read(USER, {"role": "assistant", "content": " Hi\n"}).responses["response_1"][
        "content"
    ] == {"text": " Hi\n"}


def test_a_conversation_in_a_cell_is_read_as_one():
    made = read_rows("messages", {"messages": json.dumps([USER, ANSWER])})

    assert roles(made.turns[0]) == ["user", "assistant"]
    assert "written as JSON" in made.remarks[0]


def test_cells_of_a_table_are_detected_and_read_as_the_rows_that_they_hold():
    pair = {
        "conversations": [{"from": "human", "value": "Hi"}],
        "chosen": {"from": "gpt", "value": "Hello."},
        "rejected": {"from": "gpt", "value": "What?"},
    }
    cells = {name: json.dumps(value) for name, value in pair.items()}

    assert read_rows("sharegpt", cells).tasks == read_rows("sharegpt", pair).tasks
    assert detected(cells) == "sharegpt"
    assert detected({"messages": json.dumps([USER, ANSWER]), "label": "true"}) == "messages"


def test_a_text_that_only_looks_like_json_stays_a_text():
    row = {"prompt": '{"a": 1}', "chosen": '[{"b": 2}]', "rejected": "[{"}

    made = read_rows("trl", row)

    assert made.selected == '[{"b": 2}]'
    assert made.remarks == []


def test_a_text_that_is_a_number_is_kept_with_a_flag_or_refused():
    row = {"messages": [{"role": "user", "content": 7}, ANSWER]}

    assert read_rows("messages", row).task.flags == ["coerced_to_text"]
    assert refusal_of("messages", row, strict=True).pointer == "/messages/0/content"


@every_case(
    "message, pointer",
    [
        ({"role": "user"}, "/content"),
        ({"role": "user", "content": None}, "/content"),
        ({"from": "human", "value": None}, "/value"),
        ({"role": "user", "content": []}, "/content"),
        ({"role": "user", "content": {"text": "Hi"}}, "/content"),
        ({"role": "user", "content": [7]}, "/content/0"),
        ({"role": "user", "content": [{"text": "Hi"}]}, "/content/0/type"),
        ({"role": "user", "content": [{"type": "text", "text": None}]}, "/content/0/text"),
        ("Hi", ""),
        (None, ""),
    ],
)
def test_a_message_that_says_nothing_is_refused_where_it_stands(message, pointer):
    refused = refusal_of("messages", {"messages": [message, ANSWER]})

    assert refused.pointer == f"/messages/0{pointer}"


@pytest.mark.parametrize("value", [None, 7, "Hi", {}, True])
def test_what_is_no_list_is_refused(value):
    assert refusal_of("messages", {"messages": value}).pointer == "/messages"

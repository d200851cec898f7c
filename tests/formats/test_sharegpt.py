"""LLaMA-Factory's files: ShareGPT conversations, Alpaca instructions, and those of version 1."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.support.foreign_rows import (
    Read,
    detected,
    expected,
    published,
    read_rows,
    refusal_of,
    sweep,
    value_of,
)
from tests.support.running.every_case import every_case

HUMAN = {"from": "human", "value": "Is 51 prime?"}
RIGHT = {"from": "gpt", "value": "No, 51 = 3 × 17."}
WRONG = {"from": "gpt", "value": "Yes."}
PAIR = {"conversations": [HUMAN], "chosen": RIGHT, "rejected": WRONG}
TAGGED = {"conversations": [HUMAN, WRONG], "kto_tag": False}
ALPACA = {"instruction": "Translate.", "input": "Guten Tag", "output": "Good day"}


def part(role: str, text: str, weight: float) -> dict[str, Any]:
    content = [{"type": "text", "value": text}]
    return {"role": role, "content": content, "loss_weight": weight}


V1 = {
    "chosen_messages": [part("user", "Is 51 prime?", 0.0), part("assistant", "No.", 1.0)],
    "rejected_messages": [part("user", "Is 51 prime?", 0.0), part("assistant", "Yes.", 1.0)],
}


def texts(made: Read) -> list[str]:
    return [one["content"]["text"] for turn in made.turns for one in turn["messages"]]


def test_a_pair_names_the_chosen_end():
    made = read_rows("sharegpt", PAIR)

    assert made.selected == "No, 51 = 3 × 17."
    assert sorted(made.responses) == ["response_1", "response_2"]
    assert detected(PAIR) == "sharegpt"


def test_system_is_the_first_message_and_tools_are_metadata():
    made = read_rows("sharegpt", {**PAIR, "system": "Be brief.", "tools": "[]"})

    assert texts(made)[:2] == ["Be brief.", "Is 51 prime?"]
    assert made.task.metadata == {"tools": "[]"}


def test_a_tag_says_whether_the_answer_is_acceptable():
    made = read_rows("sharegpt", TAGGED)

    assert value_of(made.responses["response_1"], "acceptable") is False
    assert detected(TAGGED) == "sharegpt"


def test_calls_and_observations_are_kept_and_flagged():
    said = [
        HUMAN,
        {"from": "function_call", "value": '{"name": "factor"}'},
        {"from": "observation", "value": "[3, 17]"},
        RIGHT,
    ]

    made = read_rows("sharegpt", {"conversations": said})

    assert made.task.flags == ["non_text"]
    assert [[one["role"] for one in turn["messages"]] for turn in made.turns] == [
        ["user", "assistant"],
        ["function", "assistant"],
    ]
    assert made.turns[0]["messages"][1]["content"]["chunks"][0]["type"] == "tool_call"


def test_an_instruction_stands_above_its_input_which_the_metadata_keeps():
    made = read_rows("sharegpt", {**ALPACA, "system": "Be brief.", "history": [["Hi", "Hello."]]})

    assert texts(made) == ["Be brief.", "Hi", "Hello.", "Translate.\nGuten Tag", "Good day"]
    assert made.task.metadata == {"input": "Guten Tag"}
    assert detected(ALPACA) == "sharegpt"


def test_images_of_a_row_are_kept_and_flagged():
    made = read_rows("sharegpt", {**TAGGED, "images": ["a.png"], "videos": []})

    assert made.task.flags == ["non_text"]
    assert made.task.metadata == {"images": ["a.png"], "videos": []}


def test_an_instruction_with_two_sides_is_a_pair():
    row = {"instruction": "Translate.", "input": "", "chosen": "Good day", "rejected": "Bye"}

    made = read_rows("sharegpt", row)

    assert made.selected == "Good day"
    assert texts(made)[0] == "Translate."
    assert detected(row) == "sharegpt"


def test_the_parts_of_version_1_become_texts_with_their_weights_kept():
    made = read_rows("sharegpt", V1)

    assert made.selected == "No."
    assert len(made.turns) == 1
    winner = made.verdict("selected_model_id")
    assert made.task.metadata["message_members"][f"turn_0/{winner}"] == {"loss_weight": 1.0}
    assert detected(V1) == "sharegpt"


@every_case(
    "row, pointer",
    [
        ({**PAIR, "chosen": None}, "/chosen"),
        ({**PAIR, "chosen": []}, "/chosen"),
        ({**PAIR, "rejected": HUMAN}, "/rejected"),
        ({**PAIR, "rejected": [1]}, "/rejected/0"),
        ({**PAIR, "chosen": None, "rejected": None}, "/chosen"),
        ({**PAIR, "conversations": None}, "/conversations"),
        ({**PAIR, "conversations": [{"from": "elf", "value": "Hi"}]}, "/conversations/0/from"),
        ({**PAIR, "conversations": [{"from": "human", "value": None}]}, "/conversations/0/value"),
        ({"conversations": []}, "/conversations"),
        ({"conversations": [HUMAN], "kto_tag": True}, "/conversations"),
        ({**TAGGED, "kto_tag": "maybe"}, "/kto_tag"),
        ({**V1, "rejected_messages": None}, "/rejected_messages"),
        ({"chosen_messages": V1["chosen_messages"]}, "/rejected_messages"),
        ({**ALPACA, "history": [["Hi"]]}, "/history/0"),
        ({**ALPACA, "history": [["Hi", None]]}, "/history/0/1"),
        ({**ALPACA, "output": None}, "/output"),
        ({**ALPACA, "instruction": None}, "/instruction"),
        ({"text": "Hi"}, ""),
    ],
)
def test_a_row_that_is_not_whole_is_refused_where_it_lacks(row, pointer):
    assert refusal_of("sharegpt", row).pointer == pointer


@pytest.mark.parametrize(
    "row",
    [
        {**ALPACA, "generator": "mala"},
        {"instruction": "I", "output": "O"},
        {"instruction": "I", "input": "", "response1": "A", "response2": "B"},
        {**PAIR, "winner": "a"},
        {"conversations": [HUMAN, {"role": "wizard", "value": "Hi"}]},
        {"conversations": "Hi"},
        {**V1, "rejected_messages": []},
    ],
)
def test_rows_of_other_shapes_are_not_taken_for_these(row):
    assert detected(row) != "sharegpt"


@pytest.mark.parametrize("row", [PAIR, TAGGED, V1, {**ALPACA, "history": [["Hi", "Hello."]]}])
def test_no_spoiled_row_does_more_than_be_refused(row):
    assert sweep("sharegpt", row) > 20


# --- the published files ---


def test_every_published_pair_comes_in_with_its_context():
    rows, counts = published("dpo_en_demo.json.gz"), expected("llama-factory-demos")["dpo_en_demo"]

    made = read_rows("sharegpt", *rows)

    assert detected(*rows[:50]) == "sharegpt"
    assert len(made.tasks) == counts["pairs"] == 300
    before: Counter[str] = Counter()
    with_system = 0
    for row, task in zip(rows, made.tasks, strict=True):
        one = Read(tasks=[task], remarks=[], form=None)
        assert one.selected == row["chosen"]["value"]
        said = [message["role"] for turn in one.turns for message in turn["messages"]]
        with_system += "system" in said
        before[str(len(said) - said.count("system") - 2)] += 1
    assert (dict(before), with_system) == (counts["messages_before_answer"], counts["with_system"])
    assert len({str(task.threads) for task in made.tasks}) == counts["distinct_rows"]
    assert made.remarks == []


def test_every_published_pair_of_version_1_has_its_system_message():
    rows, counts = published("v1_dpo_demo.jsonl"), expected("llama-factory-demos")["v1_dpo_demo"]

    made = read_rows("sharegpt", *rows)

    assert detected(*rows) == "sharegpt"
    assert len(made.tasks) == counts["pairs"]
    for row, task in zip(rows, made.tasks, strict=True):
        one = Read(tasks=[task], remarks=[], form=None)
        assert one.selected == row["chosen_messages"][-1]["content"][0]["value"]
        assert one.turns[0]["messages"][0]["role"] == "system"


def test_nothing_of_the_published_calls_of_tools_is_lost():
    rows = published("reason_tool_use_demo_50.jsonl")
    counts = expected("llama-factory-demos")["reason_tool_use_demo_50"]

    made = read_rows("sharegpt", *rows)

    assert detected(*rows) == "sharegpt"
    found: Counter[str] = Counter()
    for task in made.tasks:
        said = [one for turn in task.threads[0]["turns"] for one in turn["messages"]]
        found["messages"] += len(said)
        found["tool_messages"] += sum(one["role"] == "function" for one in said)
        found["text"] += sum("text" in one["content"] for one in said)
        found["reasoning"] += sum(len(one["content"].get("reasoning", ())) for one in said)
        pieces = [piece for one in said for piece in one["content"].get("chunks", ())]
        found["tool_call"] += sum(piece["type"] == "tool_call" for piece in pieces)
        found["rows_without_any_tool_call"] += not pieces
        found["rows_ending_with_a_text_answer"] += (
            said[-1]["role"] == "assistant" and "text" in said[-1]["content"]
        )
        assert ("non_text" in task.flags) is bool(pieces)
    assert found == {
        **counts["parts"],
        **{name: count for name, count in counts.items() if name not in ("parts", "rows")},
    }
    assert len(made.tasks) == counts["rows"]

"""Conversations in `messages`, with a label or another response beside them."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.foreign_rows import (
    detected,
    expected,
    published,
    read_rows,
    refusal_of,
    sweep,
    value_of,
)
from tests.support.running.every_case import every_case

USER = {"role": "user", "content": "Is 51 prime?"}
RIGHT = {"role": "assistant", "content": "No, 51 = 3 × 17."}
WRONG = {"role": "assistant", "content": "Yes."}
LABELLED = {"messages": [USER, RIGHT], "label": True}
REJECTED = {"messages": [USER, RIGHT], "rejected_response": "Yes.", "margin": 0.3333}
APART = {"messages": [USER], "chosen": RIGHT, "rejected": WRONG}


@pytest.mark.parametrize("label", [True, False])
def test_a_label_says_whether_the_answer_is_acceptable(label):
    made = read_rows("messages", {**LABELLED, "label": label})

    assert value_of(made.responses["response_1"], "acceptable") is label
    assert made.task.metadata == {}


@pytest.mark.parametrize(
    "row",
    [
        REJECTED,
        {"messages": [USER, RIGHT], "rejected_messages": [USER, WRONG]},
        {"messages": [USER, RIGHT], "rejected_messages": [WRONG]},
        APART,
        {"messages": [USER], "chosen": RIGHT["content"], "rejected": "Yes."},
        {"messages": [USER], "chosen": [RIGHT], "rejected": [WRONG]},
        {"messages": [USER, RIGHT], "chosen": [USER, RIGHT], "rejected": [USER, WRONG]},
    ],
    ids=["response", "whole", "end", "objects", "texts", "lists", "repeated"],
)
def test_every_way_to_write_a_pair_gives_one_task(row):
    made = read_rows("messages", row)

    assert made.selected == RIGHT["content"]
    assert {one["content"]["text"] for one in made.responses.values()} == {RIGHT["content"], "Yes."}
    assert made.turns[0]["messages"][0]["role"] == "user"
    assert len(made.turns) == 1
    assert "messages" not in made.task.metadata
    assert made.task.flags == []
    assert detected(row) == "messages"


def test_a_rejected_response_takes_the_place_of_the_last_message():
    call = {"role": "assistant", "tool_calls": [{"name": "factor"}]}
    result = {"role": "tool", "content": "[3, 17]"}

    made = read_rows(
        "messages", {"messages": [USER, call, result, RIGHT], "rejected_response": "Yes."}
    )

    assert made.selected == RIGHT["content"]
    assert [len(turn["messages"]) for turn in made.turns] == [2, 3]


def test_a_conversation_alone_is_an_answer_without_a_verdict():
    made = read_rows("messages", {"messages": [USER, RIGHT], "source": "a", "id": 7})

    assert made.task.is_judged
    assert made.responses["response_1"]["annotations"] == []
    assert made.task.item_id == "7"
    assert made.task.metadata == {"source": "a"}


@every_case(
    "row, pointer",
    [
        ({**REJECTED, "rejected_response": None}, "/rejected_response"),
        ({**REJECTED, "rejected_response": []}, "/rejected_response"),
        ({**REJECTED, "rejected_response": [1]}, "/rejected_response/0"),
        ({"messages": [USER], "rejected_response": "Yes."}, "/messages"),
        ({"messages": [], "rejected_response": "Yes."}, "/messages"),
        ({**APART, "chosen": None}, "/chosen"),
        ({"messages": [USER], "chosen": RIGHT}, "/rejected"),
        ({"messages": [USER], "label": True}, "/messages"),
        ({**LABELLED, "label": "good"}, "/label"),
        ({"messages": []}, "/messages"),
        ({"text": "Hi"}, "/messages"),
    ],
)
def test_a_row_that_is_not_whole_is_refused_where_it_lacks(row, pointer):
    assert refusal_of("messages", row).pointer == pointer


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [USER, RIGHT], "rating": 4},
        {**LABELLED, "label": "good"},
        {**LABELLED, "rejected_response": "Yes."},
        {"messages": [{"role": "wizard", "content": "Hi"}]},
        {"messages": "Hi"},
        {"messages": [USER, RIGHT], "human_preference": "a"},
        {"conversation": [USER, RIGHT]},
    ],
)
def test_rows_of_other_shapes_are_not_taken_for_these(row):
    assert detected(row) != "messages"


@pytest.mark.parametrize("row", [LABELLED, REJECTED, APART])
def test_no_spoiled_row_does_more_than_be_refused(row):
    assert sweep("messages", row) > 20


def test_every_published_label_comes_in():
    rows, counts = published("kto_en_demo.json.gz"), expected("llama-factory-demos")["kto_en_demo"]

    made = read_rows("messages", *rows)

    assert detected(*rows[:50]) == "messages"
    found: Counter[str] = Counter()
    contexts = set()
    for row, task in zip(rows, made.tasks, strict=True):
        turns = task.threads[0]["turns"]
        answer = turns[-1]["messages"][-1]
        assert answer["content"]["text"] == row["messages"][-1]["content"]
        found[str(value_of(answer, "acceptable")).lower()] += 1
        found["multi_turn"] += len(turns) > 1
        contexts.add(str([one["content"] for turn in turns for one in turn["messages"]][:-1]))
    assert found == {name: counts[name] for name in ("true", "false", "multi_turn")}
    assert len(contexts) == counts["distinct_contexts"]
    assert len(made.tasks) == counts["rows"]

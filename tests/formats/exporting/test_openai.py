"""OpenAI's fine-tuning files, by the checks of together 1.5.25's `check_file`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from tests.formats.exporting.making import (
    TWO,
    answers,
    asked,
    chose,
    judged_turn,
    make,
    rated,
    said,
)

PAIR = asked(TWO, chose("a"))
MORE = said("user", "Is it?", source_id="more")
FIRST = asked(answers(c="C"))
ROLES = {"system", "user", "assistant", "tool"}


def check_messages(messages: Any, *, is_output: bool = False) -> None:
    """Checks of a list of messages: roles, texts, weights, and no two of one role in a row."""
    assert isinstance(messages, list)
    assert messages
    for one in messages:
        assert one["role"] in ROLES
        assert isinstance(one["content"], str)
        assert one["content"].strip()
        if "weight" in one:
            assert one["role"] == "assistant"
            assert type(one["weight"]) is int
            assert one["weight"] in (0, 1)
        assert set(one) <= {"role", "content", "weight"}
    assert all(a["role"] != b["role"] or a["role"] == "tool" for a, b in pairwise(messages))
    if is_output:
        assert [one["role"] for one in messages] == ["assistant"]


def check_pair(row: dict[str, Any]) -> None:
    """Checks of a line of preferences: no further members, one message a side."""
    assert list(row) == ["input", "preferred_output", "non_preferred_output"]
    assert list(row["input"]) == ["messages", "tools", "parallel_tool_calls"]
    check_messages(row["input"]["messages"])
    assert row["input"]["messages"][-1]["role"] != "assistant"
    for side in ("preferred_output", "non_preferred_output"):
        check_messages(row[side], is_output=True)


def test_a_pair_is_an_input_and_two_outputs():
    row = make("openai-dpo", PAIR).row

    check_pair(row)
    assert row == {
        "input": {
            "messages": [{"role": "user", "content": "Question 0"}],
            "tools": [],
            "parallel_tool_calls": True,
        },
        "preferred_output": [{"role": "assistant", "content": "Yes."}],
        "non_preferred_output": [{"role": "assistant", "content": "No."}],
    }


def test_neighbours_of_one_role_are_merged_with_a_blank_line():
    turn = judged_turn(
        [
            said("system", "Be brief."),
            said("user", "Hi."),
            said("user", "Is it?", source_id="more"),
            *TWO,
        ],
        chose("a"),
    )

    row = make("openai-dpo", turn).row

    check_pair(row)
    assert [one["content"] for one in row["input"]["messages"]] == ["Be brief.", "Hi.\n\nIs it?"]


def test_a_function_speaks_as_a_tool():
    turn = judged_turn([said("user", "Sum?"), said("function", "4"), *TWO], chose("a"))

    row = make("openai-dpo", turn).row

    check_pair(row)
    assert [one["role"] for one in row["input"]["messages"]] == ["user", "tool"]


@pytest.mark.parametrize(
    ("context", "rule"),
    [
        ([said("user", " ")], "a message of the prompt is blank"),
        ([said("system", "Be brief.")], "the prompt does not end with the user"),
    ],
)
@pytest.mark.parametrize("name", ["openai-dpo", "openai-sft"])
def test_prompts_that_hosts_refuse_are_left_out_by_rule(name, context, rule):
    made = make(name, judged_turn([*context, *TWO], chose("a")))

    assert (made.rows, made.skipped) == ([], {f"cannot_be_written: {rule}": 1})


def weights(*turns: dict[str, Any]) -> list[Any]:
    """Weights of the responses of the one conversation of some turns."""
    made = make("openai-sft", *turns)
    [row] = made.rows
    assert list(row) == ["messages"]
    check_messages(row["messages"])
    assert made.skipped == {"in_longer_conversation": len(turns) - 1}
    return [one.get("weight") for one in row["messages"] if one["role"] == "assistant"]


def test_responses_that_are_vouched_for_as_well_as_the_last_are_learned():
    judged, good = asked(TWO, chose("a"), number=1), asked([rated("g", "G", overall=5)])

    assert weights(FIRST, judged) == [0, 1]
    assert weights(good, judged) == [None, None]
    assert weights(good, FIRST | {"id": "turn_1"}) == [None, None]
    assert weights(FIRST, asked(answers(d="D"), number=1)) == [None, None]


def test_a_response_that_is_labelled_bad_has_the_weight_of_none():
    made = make("openai-sft", asked([rated("b", "B", overall=1)]), asked(TWO, chose("a"), number=1))

    assert [one.get("weight") for one in made.rows[0]["messages"]] == [None, 0, None, 1]
    assert made.skipped == {"no_target": 1}

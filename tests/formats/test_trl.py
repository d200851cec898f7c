"""TRL's types of sets: preferences, labels, completions, prompts and steps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.foreign_rows import detected, read_rows, refusal_of, sweep, value_of

PROMPT = [{"role": "user", "content": "Name a prime above 10."}]
RIGHT = [{"role": "assistant", "content": "11"}]
WRONG = [{"role": "assistant", "content": "12"}]
TEXTS = {"prompt": "Name a prime above 10.", "chosen": "11", "rejected": "12"}
PAIR = {"prompt": PROMPT, "chosen": RIGHT, "rejected": WRONG}
WHOLE = {"chosen": [*PROMPT, *RIGHT], "rejected": [*PROMPT, *WRONG]}


def conversation(made: Any) -> list[tuple[str, str]]:
    """Role and text of what was said before the responses."""
    return [
        (message["role"], message["content"]["text"])
        for turn in made.turns
        for message in turn["messages"]
        if not message["source_id"].startswith("response_")
    ]


# --- preferences ---


@pytest.mark.parametrize(
    "row",
    [
        TEXTS,
        PAIR,
        WHOLE,
        {"prompt": "Name a prime above 10.", **WHOLE},
        {"prompt": PROMPT, **WHOLE},
    ],
    ids=["texts", "messages", "implicit", "text beside whole", "list beside whole"],
)
def test_every_way_to_write_a_preference_gives_one_task(row):
    made = read_rows("trl", row)

    assert conversation(made) == [("user", "Name a prime above 10.")]
    assert made.selected == "11"
    assert {one["content"]["text"] for one in made.responses.values()} == {"11", "12"}
    assert sorted(made.responses) == ["response_1", "response_2"]
    assert made.task.metadata == {}
    assert detected(row) == "trl"


def test_the_place_of_a_response_does_not_tell_that_it_won():
    rows = [{**TEXTS, "chosen": f"yes {n}", "rejected": f"no {n}"} for n in range(200)]

    tasks = read_rows("trl", *rows).tasks

    first = sum(
        value_of(task.threads[0]["turns"][-1], "selected_model_id") == "response_1"
        for task in tasks
    )
    assert 60 < first < 140
    assert tasks == read_rows("trl", *rows).tasks


def test_equal_responses_keep_their_verdict_with_a_remark():
    made = read_rows("trl", {**TEXTS, "rejected": "11"})

    assert made.selected == "11"
    assert made.remarks == [
        "1 × both responses of a pair are equal; they are kept, with the verdict (made.jsonl:1)"
    ]


def test_equal_rows_are_two_tasks():
    assert len(read_rows("trl", TEXTS, TEXTS).tasks) == 2


def test_margins_of_thirds_are_strengths():
    rows = [{**TEXTS, "margin": margin} for margin in (1.0, 0.6667, 0.3333, 0)]

    tasks = read_rows("trl", *rows).tasks

    strengths = [
        value if value is None else abs(value - 4)
        for task in tasks
        for value in [value_of(task.threads[0]["turns"][-1], "likert_value")]
    ]
    assert strengths == [3, 2, 1, None]
    assert [task.metadata["margin"] for task in tasks] == [1.0, 0.6667, 0.3333, 0]


@pytest.mark.parametrize("margins", [(1, 1), (3, 2), (0.6667, 2.5), (0.5,), ("strong",)])
def test_other_margins_stay_in_the_metadata_alone(margins):
    made = read_rows("trl", *({**TEXTS, "margin": margin} for margin in margins))

    for task, margin in zip(made.tasks, margins, strict=True):
        assert value_of(task.threads[0]["turns"][-1], "likert_value") is None
        assert task.metadata == {"margin": margin}


def test_the_side_of_a_likert_value_is_that_of_the_selected_response():
    rows = [{**TEXTS, "chosen": f"yes {n}", "margin": 0.3333} for n in range(20)]

    for task in read_rows("trl", *rows).tasks:
        turn = task.threads[0]["turns"][-1]
        expected = {"response_1": 3, "response_2": 5}[value_of(turn, "selected_model_id")]
        assert value_of(turn, "likert_value") == expected


def test_scores_and_models_go_to_their_responses():
    row = {**TEXTS, "score_chosen": 8.5, "score_rejected": "3",
           "chosen_model": "mala", "rejected_model": "bora"}  # fmt: skip

    made = read_rows("trl", row)

    said = {one["content"]["text"]: one for one in made.responses.values()}
    assert value_of(said["11"], "score") == {"score": 8.5}
    assert value_of(said["12"], "score") == {"score": 3.0}
    assert said["11"]["model_parameters"] == {"model": "mala"}
    assert made.task.metadata == {}


def test_tools_and_other_columns_stay_in_the_metadata():
    made = read_rows("trl", {**PAIR, "tools": [{"type": "function"}], "origin": "a", "none": None})

    assert made.task.metadata == {"tools": [{"type": "function"}], "origin": "a"}


def test_a_prompt_that_is_in_neither_conversation_stays_in_the_metadata():
    made = read_rows("trl", {"prompt": "Something else", **WHOLE})

    assert made.task.metadata == {"prompt": "Something else"}
    assert "is not part of the conversations" in made.remarks[0]


def test_conversations_that_differ_before_the_end_are_kept_as_pieces_or_refused():
    row = {
        "chosen": [*PROMPT, *RIGHT, {"role": "user", "content": "Sure?"}, *RIGHT],
        "rejected": [*PROMPT, *WRONG, {"role": "user", "content": "Sure?"}, *WRONG],
    }

    made = read_rows("trl", row)

    assert made.task.flags == ["non_text"]
    for response in made.responses.values():
        assert "text" not in response["content"]
        assert [piece["type"] for piece in response["content"]["chunks"]] == [
            "assistant",
            "user",
            "assistant",
        ]
    assert refusal_of("trl", row, strict=True).pointer == "/rejected"


def test_what_both_sides_begin_with_is_context():
    call = {"role": "assistant", "tool_calls": [{"name": "primes"}]}
    result = {"role": "tool", "content": "[11, 13]"}

    made = read_rows(
        "trl",
        {"prompt": PROMPT, "chosen": [call, result, *RIGHT], "rejected": [call, result, *WRONG]},
    )

    assert [len(turn["messages"]) for turn in made.turns] == [2, 3]
    assert made.selected == "11"


@pytest.mark.parametrize("prompt", ["", [], None])
def test_a_pair_without_a_prompt_is_kept_and_flagged_or_refused(prompt):
    row = {**TEXTS, "prompt": prompt}

    made = read_rows("trl", row)

    assert made.task.flags == ["no_prompt"]
    assert list(made.responses) == ["response_1", "response_2"]
    assert "no prompt" in refusal_of("trl", row, strict=True).message


def test_an_empty_response_is_kept_with_a_remark():
    made = read_rows("trl", {**TEXTS, "rejected": " "})

    assert made.selected == "11"
    assert "empty or blank" in made.remarks[0]


@pytest.mark.parametrize(
    ("side", "pointer"),
    [
        (None, "/rejected"),
        ([], "/rejected"),
        ([1, 2], "/rejected/0"),
        ({"a": 1}, "/rejected/0/role"),
        (PROMPT, "/rejected"),
        ([{"role": "assistant", "content": None}], "/rejected/0/content"),
    ],
)
def test_a_side_that_is_no_response_is_refused(side, pointer):
    assert refusal_of("trl", {**PAIR, "rejected": side}).pointer == pointer


# --- labels, completions, prompts, steps ---


@pytest.mark.parametrize(
    ("label", "expected"), [(True, True), (0, False), ("true", True), ("FALSE", False), ("1", True)]
)
def test_a_label_says_whether_the_answer_is_acceptable(label, expected):
    row = {"prompt": PROMPT, "completion": RIGHT, "label": label}

    made = read_rows("trl", row)

    assert value_of(made.responses["response_1"], "acceptable") is expected
    assert [field.key for field in made.form.fields] == ["acceptable", "rewrite"]
    assert detected(row) == "trl"


@pytest.mark.parametrize("label", [2, "good", [], 0.5, {}])
def test_a_label_of_another_kind_is_refused_and_not_detected(label):
    row = {"prompt": PROMPT, "completion": RIGHT, "label": label}

    assert refusal_of("trl", row).pointer == "/label"
    assert detected(row) is None


def test_a_label_that_is_null_is_no_label():
    row = {"prompt": "P", "completion": "C", "label": None}

    made = read_rows("trl", row)

    assert made.responses["response_1"]["annotations"] == []
    assert "without one" in made.remarks[0]
    assert refusal_of("trl", row, strict=True).pointer == "/label"


def test_a_completion_without_a_label_has_no_verdict():
    made = read_rows("trl", {"prompt": "P", "completion": "C"})

    assert made.task.is_judged
    assert made.responses["response_1"]["annotations"] == []


def test_a_prompt_alone_is_open_work():
    made = read_rows("trl", {"prompt": PROMPT})

    assert not made.task.is_judged
    assert [field.key for field in made.form.fields] == ["response"]


def test_steps_are_pieces_with_a_verdict_each():
    row = {"prompt": "Which is larger?", "completions": ["One.", "Two.", "So."],
           "labels": [True, False, None]}  # fmt: skip

    made = read_rows("trl", row)

    content = made.responses["response_1"]["content"]
    assert content["text"] == "One.\nTwo.\nSo."
    assert [piece["text"] for piece in content["chunks"]] == ["One.", "Two.", "So."]
    assert [value_of(piece, "step_label") for piece in content["chunks"]] == [
        "correct",
        "incorrect",
        None,
    ]
    assert [field.key for field in made.form.fields] == ["step_label", "step_rewrite"]
    assert detected({**row, "labels": [True, False, True]}) == "trl"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"labels": [True]}, "/labels"),
        ({"labels": [True, 7]}, "/labels/1"),
        ({"completions": []}, "/completions"),
        ({"completions": ["a", None]}, "/completions/1"),
        ({"completions": "ab"}, "/completions"),
        ({"labels": None}, "/labels"),
    ],
)
def test_steps_that_do_not_fit_together_are_refused(change, pointer):
    row = {"prompt": "P", "completions": ["a", "b"], "labels": [True, False], **change}

    assert refusal_of("trl", row).pointer == pointer


@pytest.mark.parametrize("value", [None, [], 7, "text", {}, {"text": "a"}, {"chosen": "a"}])
def test_a_row_of_another_shape_is_refused(value):
    assert refusal_of("trl", value)


def test_a_file_of_several_types_gets_the_questions_of_all():
    form = read_rows("trl", TEXTS, {"prompt": "P", "completion": "C", "label": True}).form

    assert [field.key for field in form.fields] == [
        "selected_model_id",
        "likert_value",
        "acceptable",
        "rewrite",
    ]


@pytest.mark.parametrize(
    "row",
    [
        {**TEXTS, "chosen": "\n\nHuman: Hi\n\nAssistant: 11"},
        {**TEXTS, "winner": "a"},
        {"prompt": "P", "response": "R"},
        {"prompt": "P", "category": "c"},
        {"question": "Q", "chosen": 1, "rejected": 2},
        {"chosen": [], "rejected": []},
    ],
)
def test_rows_of_other_shapes_are_not_taken_for_trls(row):
    assert detected(row) != "trl"


@pytest.mark.parametrize(
    "row",
    [
        {**PAIR, "margin": 0.6667, "score_chosen": 8.5, "score_rejected": 3, "system": "S"},
        {"prompt": "P", "completion": "C", "label": True},
        {"prompt": "P", "completions": ["a", "b"], "labels": [True, False]},
    ],
)
def test_no_spoiled_row_does_more_than_be_refused(row):
    assert sweep("trl", row) > 20

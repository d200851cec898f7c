"""TRL's files (1.16.0): every rule that its trainers have, restated."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plaudit.formats.exporting.registry import EXPORT_FORMATS
from tests.formats.exporting.making import (
    TWO,
    Made,
    answers,
    asked,
    chose,
    export_file,
    judged_turn,
    lines,
    make,
    options_of,
    said,
    scaled,
    stored,
    task_of,
)
from tests.support.harness import World, one_engine

PAIR = asked(TWO, chose("a"))
MUCH_BETTER = asked(TWO, chose("a"), scaled(1))
LISTS = ("prompt", "chosen", "rejected", "completion", "messages")


def is_trainable(row: dict[str, Any]) -> bool:
    """True for lists of messages as TRL takes them: none is empty, no content is null."""
    return all(
        row[name]
        and all(
            set(one) == {"role", "content"}
            and one["role"] in ("system", "user", "assistant", "tool")
            and isinstance(one["content"], str)
            for one in row[name]
        )
        for name in LISTS
        if name in row
    )


def test_a_pair_has_an_explicit_prompt_and_a_message_on_each_side():
    made = make("trl-preference", asked(TWO, chose("a"), scaled(2)))

    assert made.row == {
        "prompt": [{"role": "user", "content": "Question 0"}],
        "chosen": [{"role": "assistant", "content": "Yes."}],
        "rejected": [{"role": "assistant", "content": "No."}],
        "margin": pytest.approx(2 / 3),
        "task_id": "t1",
    }


def test_both_sides_of_a_pair_without_prompt_begin_alike():
    first = asked(answers(c="C"))

    row = make("trl-preference-implicit", first, asked(TWO, chose("b"), number=1)).rows[-1]

    assert row["chosen"][:-1] == row["rejected"][:-1]
    assert [one["role"] for one in row["chosen"]] == ["user", "assistant", "user", "assistant"]
    assert (row["chosen"][-1]["content"], row["rejected"][-1]["content"]) == ("No.", "Yes.")


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("trl-preference", ["prompt", "chosen", "rejected", "margin", "task_id"]),
        ("trl-preference-implicit", ["chosen", "rejected", "margin", "task_id"]),
        ("trl-kto", ["prompt", "completion", "label", "task_id"]),
        ("trl-prompt-completion", ["prompt", "completion", "task_id"]),
        ("trl-messages", ["messages", "task_id"]),
        ("trl-prompt", ["prompt", "task_id"]),
        ("trl-stepwise", ["prompt", "completions", "labels", "task_id"]),
    ],
)
def test_each_type_of_data_set_has_its_columns(name, columns):
    assert [column.name for column in EXPORT_FORMATS[name].columns] == columns
    for row in make(name, PAIR).rows:
        assert list(row) == columns
        assert is_trainable(row)


def test_a_system_message_stands_first_and_a_function_is_a_tool():
    turn = judged_turn(
        [said("system", "Be brief."), said("user", "Sum?"), said("function", "4"), *TWO],
        chose("a"),
    )

    prompt = make("trl-preference", turn).row["prompt"]

    assert [one["role"] for one in prompt] == ["system", "user", "tool"]


@pytest.mark.parametrize(
    "name", ["trl-preference", "trl-kto", "trl-prompt-completion", "trl-prompt"]
)
def test_a_prompt_that_ends_with_a_system_message_is_never_written(name):
    """TRL's `apply_chat_template` stops at one."""
    turn = judged_turn([said("user", "U"), said("system", "S"), *TWO], chose("a"))

    made = make(name, turn)

    rule = "cannot_be_written: the prompt ends with a system message"
    assert made.rows == []
    assert made.skipped[rule] >= 1


def test_an_empty_prompt_is_never_written():
    for name in ("trl-preference", "trl-kto", "trl-messages", "trl-prompt"):
        made = make(name, judged_turn(TWO, chose("a")))
        assert (made.rows, set(made.skipped)) == ([], {"no_prompt"}), name


@pytest.mark.parametrize("place", ["prompt", "side"])
def test_a_content_that_is_no_text_is_never_written(place):
    picture = {"attachments": [{"url": "https://example.com/a.png", "mime_type": "image/png"}]}
    asked_with = said("user", None, **picture) if place == "prompt" else said("user", "What?")
    shown = said("assistant", None if place == "side" else "No.", source_id="b",
                 **(picture if place == "side" else {}))  # fmt: skip
    turn = judged_turn([asked_with, *answers(a="Yes."), shown], chose("a"))

    made = make("trl-preference", turn)

    assert (made.rows, made.skipped) == ([], {"non_text": 1})


def test_labels_are_booleans():
    rows = make("trl-kto", PAIR).rows

    assert [(row["completion"][0]["content"], row["label"]) for row in rows] == [
        ("Yes.", True), ("No.", False),
    ]  # fmt: skip
    assert all(type(row["label"]) is bool for row in rows)


def test_prompts_are_written_of_every_turn_with_its_context():
    rows = make("trl-prompt", PAIR, asked(answers(c="C"), number=1)).rows

    assert [len(row["prompt"]) for row in rows] == [1, 3]


def test_a_conversation_is_written_once_up_to_its_last_target():
    turns = [asked(answers(c="C")), asked(answers(d="D"), number=1)]

    made = make("trl-messages", *turns)

    assert [len(row["messages"]) for row in made.rows] == [4]
    assert made.skipped == {"in_longer_conversation": 1}
    assert [len(row["prompt"]) for row in make("trl-prompt-completion", *turns).rows] == [1, 3]


def test_a_target_with_which_the_conversation_did_not_go_on_is_written_too():
    went_on = {"key": "continued_from", "type": "category", "value": "b"}
    first = asked(TWO, chose("a"), went_on)

    rows = make("trl-messages", first, asked(answers(d="D"), number=1)).rows

    assert [[one["content"] for one in row["messages"]][1] for row in rows] == ["Yes.", "No."]


def test_completions_and_conversations_are_one_target_in_two_shapes():
    row = make("trl-prompt-completion", PAIR).row

    assert make("trl-messages", PAIR).row["messages"] == [*row["prompt"], *row["completion"]]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(["correct", "neutral", "incorrect"], [True, True, False]), ([True, False, True], None)],
)
def test_steps_have_a_label_each(labels, expected):
    kind = "boolean" if expected is None else "category"
    chunks = [
        {
            "type": "text",
            "text": f"Step {number}.",
            "annotations": [{"key": "step_label", "type": kind, "value": label}],
        }
        for number, label in enumerate(labels)
    ]
    turn = asked([said("assistant", None, source_id="a", chunks=chunks)])

    row = make("trl-stepwise", turn).row

    assert row["prompt"] == "Question 0"
    assert row["completions"] == ["Step 0.", "Step 1.", "Step 2."]
    assert row["labels"] == (expected or labels)
    chunks[1]["annotations"] = []
    assert make("trl-stepwise", turn).skipped == {"no_label": 1}


def exported(world: World, folder: Any, *tasks: Any, **choices: Any) -> tuple[list[Any], Any]:
    world.load(list(tasks), "v2", project="Set")
    result = export_file(world, "trl-preference", folder / "rows.jsonl", **choices)
    return lines(folder / "rows.jsonl"), result


@one_engine
def test_a_margin_stands_in_every_row_as_a_float(world, tmp_path):
    rows, _ = exported(
        world, tmp_path, stored(MUCH_BETTER), stored(asked(TWO, scaled(5)), number=1)
    )

    assert [row["margin"] for row in rows] == [1.0, pytest.approx(1 / 3)]
    assert all(type(row["margin"]) is float for row in rows)


@one_engine
def test_a_margin_stands_in_no_row_if_one_has_none(world, tmp_path):
    rows, result = exported(world, tmp_path, stored(MUCH_BETTER), stored(PAIR, number=1))

    assert [list(row) for row in rows] == [["prompt", "chosen", "rejected", "task_id"]] * 2
    manifest = json.loads(result.manifest.read_bytes())
    assert manifest["columns"] == ["prompt", "chosen", "rejected", "task_id"]
    assert [one["task_id"] for one in manifest["origins"]] == ["t0", "t1"]


@one_engine
def test_a_task_without_anything_to_write_is_counted(world, tmp_path):
    rows, result = exported(world, tmp_path, stored(asked([])), stored(PAIR, number=1))

    assert len(rows) == 1
    assert result.skipped == {"nothing_to_write": 1}


def test_a_row_is_made_of_what_the_task_says_and_nothing_else():
    options = options_of()

    again = [Made("trl-preference", task_of(PAIR), options).rows for _ in range(2)]

    assert again[0] == again[1]

"""Files of Axolotl, ms-swift, OpenRLHF, NeMo-RL, tinker and verl, by the rules of their loaders."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as parquet
import pytest

from tests.formats.exporting.making import (
    SPLIT,
    THREE,
    TWO,
    answers,
    asked,
    chose,
    export_file,
    judged_turn,
    make,
    ranked,
    rated,
    said,
    scaled,
    stored,
    tied,
)
from tests.support.harness import one_engine

PAIR = asked(TWO, chose("b"), scaled(6))
FIRST = asked(answers(c="C"))
QUESTION = {"role": "user", "content": "Question 0"}


def answer(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


# --- Axolotl 0.19.0, chat_template.default ---


def trimmed(messages: list[dict[str, str]]) -> str:
    """Messages as a template renders them that trims."""
    return "".join(f"<{one['role']}>{one['content'].strip()}</s>" for one in messages)


def read_by_axolotl(side: dict[str, str]) -> str:
    """Text that the strategy takes of a side: from where it finds the content in the template's."""
    whole = trimmed([{"role": "user", "content": "[[dummy_message]]"}, side])
    return whole[whole.find(side["content"]) :].rstrip()


@pytest.mark.parametrize("text", [" Yes.", "Yes.\n", "Yes.", "No way"])
def test_axolotl_finds_every_response_under_a_template_that_trims(text):
    made = make("axolotl", asked(answers(a=text, b="Never."), chose("a")))

    row = made.row
    assert row["messages"] == [QUESTION]
    assert read_by_axolotl(row["chosen"]) == f"{text.strip()}</s>"
    assert read_by_axolotl(row["rejected"]) == "Never.</s>"
    assert made.flags == [["stripped_text"] if text != text.strip() else []]


def test_axolotl_gets_no_response_that_its_dummy_message_hides():
    hidden = make("axolotl", asked(answers(a="a", b="Never."), chose("a")))

    rule = "the response's text is in Axolotl's dummy message"
    assert hidden.rows == []
    assert hidden.skipped == {f"cannot_be_written: {rule}": 1}


def test_axolotl_gets_no_sides_that_are_equal_without_their_white_space():
    made = make("axolotl", asked(answers(a="Yes.", b=" Yes.\n"), chose("a")))

    assert (made.rows, made.skipped) == ([], {"identical": 1})


def test_axolotl_knows_every_role():
    turn = judged_turn(
        [said("system", "S"), said("user", "U"), said("function", "F"), *TWO], chose("a")
    )

    roles = {one["role"] for one in make("axolotl", turn).row["messages"]}

    assert roles <= {"user", "assistant", "system", "tool"}


# --- ms-swift 4.6.0 ---


def is_kept_by_ms_swift(row: dict[str, Any]) -> bool:
    """Checks of `RowPreprocessor`: a row that fails one is deleted."""
    messages = row["messages"]
    if messages[0]["role"] == "system":
        messages = messages[1:]
    for asked_for, said_then in zip(messages[::2], messages[1::2], strict=True):
        if asked_for["role"] not in ("user", "tool") or asked_for["content"] is None:
            return False
        if said_then["role"] != "assistant" or said_then["content"] in ("", None):
            return False
    return row["rejected_response"] not in (None, row["messages"][-1]["content"])


def test_ms_swift_gets_the_conversation_and_the_worse_response():
    row = make("ms-swift", PAIR).row

    assert row == {
        "messages": [QUESTION, answer("No.")],
        "rejected_response": "Yes.",
        "margin": pytest.approx(2 / 3),
    }


@pytest.mark.parametrize(
    "turns",
    [
        [asked(answers(a="Yes.", b="Yes."), chose("a"))],
        [asked(answers(a="Yes.", b=""), chose("a"))],
        [judged_turn([said("user", "A"), said("user", "B", source_id="more"), *TWO], chose("a"))],
        [judged_turn([said("user", "A"), said("system", "B"), *TWO], chose("a"))],
        [judged_turn([said("system", "S"), said("user", "A"), *TWO], chose("a"))],
        [asked(answers(c="")), asked(TWO, chose("a"), number=1)],
        [FIRST, asked(TWO, chose("a"), number=1)],
    ],
)
def test_ms_swift_deletes_no_row(turns):
    made = make("ms-swift", *turns)

    assert all(is_kept_by_ms_swift(row) for row in made.rows)
    assert len(made.rows) + made.skipped.total() == len(turns)


# --- OpenRLHF 0.11.2 ---


def test_openrlhf_gets_lists_that_differ_in_the_response_alone():
    row = make("openrlhf", FIRST, asked(TWO, chose("b"), scaled(6), number=1)).rows[-1]
    chosen, rejected = row["prompt"] + row["chosen"], row["prompt"] + row["rejected"]

    assert chosen[:-1] == rejected[:-1] == row["prompt"]
    assert chosen[-1] == answer("No.")
    assert rejected[-1] == answer("Yes.")
    assert row["margin"] == pytest.approx(2 / 3)


# --- NeMo-RL at 7ea279a ---


def test_nemo_rl_gets_two_completions_of_which_rank_0_is_the_better():
    assert make("nemo-rl", PAIR).row == {
        "context": [QUESTION],
        "completions": [
            {"rank": 0, "completion": [answer("No.")]},
            {"rank": 1, "completion": [answer("Yes.")]},
        ],
    }


def test_nemo_rl_gets_a_system_message_at_the_beginning_alone():
    later = judged_turn([said("user", "U"), said("system", "S"), *TWO], chose("a"))
    first = judged_turn([said("system", "S"), said("user", "U"), *TWO], chose("a"))

    assert make("nemo-rl", first).row["context"][0]["role"] == "system"
    assert make("nemo-rl", later).skipped == {
        "cannot_be_written: system message after the first place": 1
    }
    assert make("nemo-rl", asked(TWO, tied())).skipped == {"tie": 1}


# --- tinker-cookbook 0.6.1 ---


def judged(made: Any) -> list[tuple[str, str, str]]:
    """Completion A, completion B and the label of each row."""
    return [
        (
            row["comparison"]["completion_A"][0]["content"],
            row["comparison"]["completion_B"][0]["content"],
            row["label"],
        )
        for row in made.rows
    ]


def test_tinker_gets_the_sides_in_the_order_of_the_task():
    assert make("tinker", PAIR).row == {
        "comparison": {
            "prompt_conversation": [QUESTION],
            "completion_A": [answer("Yes.")],
            "completion_B": [answer("No.")],
        },
        "label": "B",
    }
    assert judged(make("tinker", asked(TWO, chose("a")))) == [("Yes.", "No.", "A")]


def test_tinker_gets_ties():
    assert judged(make("tinker", asked(TWO, tied()))) == [("Yes.", "No.", "Tie")]
    equal = asked(answers(a="Yes.", b="Yes."), tied())
    assert make("tinker", equal).skipped == {"identical": 1}
    votes = [*SPLIT, ("p4", "tie")]
    each = make("tinker", asked(TWO, chose("a", votes=votes)), judges="each")
    assert [label for _, _, label in judged(each)] == ["A", "A", "B", "Tie"]
    assert each.skipped == {}


def test_tinker_gets_the_equals_of_an_order_with_all_its_pairs():
    turn = asked(THREE, ranked(["b", "c"], ["a"]))

    assert judged(make("tinker", turn)) == [("Yes.", "No.", "B"), ("Yes.", "Perhaps.", "B")]
    assert judged(make("tinker", turn, pairs="all"))[-1] == ("No.", "Perhaps.", "Tie")
    all_equal = asked(THREE, ranked(["a", "b", "c"]))
    assert make("tinker", all_equal).skipped == {"tie": 1}
    assert len(make("tinker", all_equal, pairs="all").rows) == 3


def test_tinker_gets_a_rewrite_after_the_response_that_it_was_made_of():
    turn = asked([rated("a", "Yes.", rewrite="Yes, it is.")])

    assert judged(make("tinker", turn, uses_rewrites=True)) == [("Yes.", "Yes, it is.", "B")]


# --- verl 0.9.1 ---


def with_references(*texts: str) -> dict[str, Any]:
    references = [{"content": text, "category": "gold"} for text in texts]
    question = said("user", "Is it?", reference_texts=references) if texts else said("user", "?")
    return judged_turn([question, *answers(a="Yes.")])


def test_verl_gets_the_reference_text_as_ground_truth():
    row = make("verl", with_references("It is.")).row

    assert row["prompt"] == [{"role": "user", "content": "Is it?"}]
    assert row["reward_model"] == {"style": "rule", "ground_truth": "It is."}
    assert row["data_source"] == "Set"
    assert row["extra_info"]["task_id"] == "t1"


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ((), "no_target"),
        ((" ",), "cannot_be_written: the reference text is blank"),
        (("A", "B"), "cannot_be_written: the turn has several reference texts"),
    ],
)
def test_verl_gets_no_prompt_without_one_right_answer(texts, reason):
    assert make("verl", with_references(*texts)).skipped == {reason: 1}


# --- Parquet ---


@one_engine
@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("verl", lambda row: row["reward_model"]["ground_truth"] == "It is."),
        ("tinker", lambda row: row["comparison"]["completion_A"] == [answer("Yes.")]),
        ("llama-factory", lambda row: row["chosen"] == {"from": "gpt", "value": "Yes."}),
        ("axolotl", lambda row: row["chosen"] == answer("Yes.")),
    ],
)
def test_objects_stay_objects_in_parquet(world, tmp_path, name, member):
    references = [{"content": "It is.", "category": "gold"}]
    turn = judged_turn([said("user", "Is it?", reference_texts=references), *TWO], chose("a"))
    world.load([stored(turn)], "v2", project="Set")

    export_file(world, name, tmp_path / "set.parquet")

    [row] = parquet.read_table(tmp_path / "set.parquet").to_pylist()
    assert member(row)

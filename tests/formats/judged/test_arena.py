"""Battles of two models: winners, the shapes of conversations, and what both sides were asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plaudit.formats import arena
from plaudit.formats.arena import FORMAT
from plaudit.formats.common.cells import CELL_CHARS_MAX
from plaudit.formats.common.judged_conversations import APART
from plaudit.formats.common.row_members import EMPTY_RESPONSE, REPEATED_SOURCE
from tests.formats.judged.rows import (
    annotation_of,
    messages_of,
    read,
    rows_of,
    sweep,
    value_of,
    votes_of,
)


def said(*texts: Any) -> list[dict[str, Any]]:
    """Messages of user and assistant in turn."""
    return [
        {"role": ("user", "assistant")[number % 2], "content": text}
        for number, text in enumerate(texts)
    ]


def battle(winner: Any = "model_a", **columns: Any) -> dict[str, Any]:
    return {
        "question_id": "q1",
        "model_a": "otter",
        "model_b": "heron",
        "winner": winner,
        "conversation_a": said("How deep is the lake?", "Nine metres."),
        "conversation_b": said("How deep is the lake?", "Very deep."),
        **columns,
    }


def texts(prompt: Any, first: Any, second: Any, **columns: Any) -> dict[str, Any]:
    return {
        "id": 30192,
        "model_a": "otter",
        "model_b": "heron",
        "prompt": prompt,
        "response_a": first,
        "response_b": second,
        "winner_model_a": 1,
        "winner_model_b": 0,
        "winner_tie": 0,
        **columns,
    }


@pytest.mark.parametrize(
    ("winner", "key", "verdict"),
    [
        ("model_a", "selected_model_id", "otter"),
        ("model_b", "selected_model_id", "heron"),
        ("tie", "preference", "tie"),
        ("tie (bothbad)", "preference", "all_bad"),
        ("both_bad", "preference", "all_bad"),
        ("bothbad", "preference", "all_bad"),
        ("Tie (bothbad)", "preference", "all_bad"),
    ],
)
def test_each_word_for_a_winner_is_a_verdict(winner, key, verdict):
    turn = read(FORMAT, battle(winner)).last_turn

    assert [(one["key"], one["value"]) for one in turn["annotations"]] == [(key, verdict)]


@pytest.mark.parametrize("winner", ["model_c", "A", "otter", 1, ["model_a"]])
def test_an_unknown_winner_is_counted_and_no_verdict(winner):
    outcome = read(FORMAT, battle(winner))

    assert outcome.last_turn["annotations"] == []
    assert outcome.notes.count(arena.UNKNOWN_WINNER) == 1
    assert outcome.task.metadata["winner"] == winner
    assert outcome.task.is_judged
    assert read(FORMAT, battle(winner), is_strict=True).refused[0][1] == "/winner"


@pytest.mark.parametrize("winner", [None, ""])
def test_a_battle_without_a_winner_is_open_work(winner):
    assert not read(FORMAT, battle(winner)).task.is_judged


@pytest.mark.parametrize(
    ("columns", "verdict"),
    [
        ((1, 0, 0), "otter"),
        (("0", "1", "0"), "heron"),
        ((False, False, True), "tie"),
        ((0.0, 1.0, 0.0), "heron"),
    ],
)
def test_columns_of_ones_and_zeros_are_a_verdict(columns, verdict):
    first, second, tie = columns
    value = texts("Why?", "So.", "Thus.") | {"winner_model_a": first, "winner_model_b": second}

    turn = read(FORMAT, value | {"winner_tie": tie}).last_turn

    assert [one["value"] for one in turn["annotations"]] == [verdict]


@pytest.mark.parametrize("columns", [(1, 1), (0, 0), (0.33, 0.67), ("yes", "no")])
def test_other_columns_of_winners_are_counted_and_no_verdict(columns):
    value = texts("Why?", "So.", "Thus.", winner_model_a=columns[0], winner_model_b=columns[1])

    outcome = read(FORMAT, value)

    assert outcome.last_turn["annotations"] == []
    assert outcome.notes.count(arena.TWO_WINNERS) == 1
    assert "winner_model_a" in outcome.task.metadata
    assert read(FORMAT, value, is_strict=True).refused


def test_the_sets_own_order_of_sides_stays():
    messages = read(FORMAT, battle("model_b")).last_turn["messages"]

    assert [(one["source_id"], one["content"]["text"]) for one in messages[1:]] == [
        ("otter", "Nine metres."),
        ("heron", "Very deep."),
    ]
    assert messages[1]["model_parameters"] == {"model": "otter"}


@pytest.mark.parametrize("moment", [1682351591.1322, "1682351591.1322", "2023-04-24 15:53:11.132"])
def test_the_judge_has_a_vote(moment):
    outcome = read(FORMAT, battle(judge="arena_user_7", tstamp=moment))

    assert votes_of(outcome.last_turn, "selected_model_id") == {"arena_user_7": "otter"}
    assert outcome.task.threads[0]["submissions"] == [
        {"contributor_id": "arena_user_7", "submitted_at": "2023-04-24T15:53:11.132Z"}
    ]
    assert outcome.task.completed_at == "2023-04-24T15:53:11.132Z"


def swapped(value: dict[str, Any]) -> dict[str, Any]:
    """The same battle with its sides in the other order, and the winner with them."""
    mirror = {"model_a": "model_b", "model_b": "model_a"}
    sides = {f"{name}_{a}": value[f"{name}_{b}"] for name in ("model", "conversation")
             for a, b in ("ab", "ba")}  # fmt: skip
    return value | sides | {"winner": mirror.get(value["winner"], value["winner"])}


def test_judges_of_one_battle_vote_on_one_task_whichever_side_they_saw_first():
    outcome = read(
        FORMAT,
        battle("model_a", judge="ann", turn=1, note="x"),
        swapped(battle("model_a", judge="ben", turn=1, note="y")),
        battle("model_b", judge="cat", turn=1, note="x"),
        battle("model_b", judge="ann", turn=2),
    )

    first, second = outcome.tasks
    turn = first.threads[0]["turns"][-1]
    assert votes_of(turn, "selected_model_id") == {"ann": "otter", "ben": "otter", "cat": "heron"}
    assert value_of(turn, "selected_model_id") == "otter"
    assert first.metadata == {"turn": 1, "note": "x", "other_rows": [{"turn": 1, "note": "y"}]}
    assert votes_of(second.threads[0]["turns"][-1], "selected_model_id") == {"ann": "heron"}


def test_a_judge_has_one_vote_on_a_battle():
    outcome = read(FORMAT, battle("model_a", judge="ann"), battle("tie", judge="ann"))

    assert votes_of(outcome.last_turn, "preference") == {"ann": "tie"}
    assert outcome.notes.count(arena.JUDGED_TWICE) == 1


def test_battles_without_a_judge_are_tasks_of_their_own():
    assert len(read(FORMAT, battle(), battle()).tasks) == 2


def test_other_columns_go_to_the_metadata():
    task = read(FORMAT, battle(language="English", turn=1, anony=True)).task

    assert task.metadata == {"language": "English", "turn": 1, "anony": True}
    assert task.item_id == "q1"


def test_conversations_of_several_turns_stand_side_by_side():
    value = battle(
        conversation_a=said("Hi", "A1", "More", "A2"),
        conversation_b=said("Hi", "B1", "More", "B2"),
    )

    task = read(FORMAT, value).task

    turns = task.threads[0]["turns"]
    assert [[one["content"]["text"] for one in turn["messages"]] for turn in turns] == [
        ["Hi", "A1", "B1"],
        ["More", "A2", "B2"],
    ]
    assert [turn["id"] for turn in turns] == ["turn_0", "turn_1"]
    assert [bool(turn["annotations"]) for turn in turns] == [False, True]
    assert task.flags == [arena.OWN_CONTEXT]


def test_sides_that_were_asked_different_things_are_kept_in_pieces():
    value = battle(conversation_a=said("Hi", "A1", "Why?", "A2"), conversation_b=said("Hi", "B1"))

    outcome = read(FORMAT, value)

    assert outcome.notes.count(APART) == 1
    first, second = outcome.last_turn["messages"][1:]
    assert [chunk["text"] for chunk in first["content"]["chunks"]] == ["A1", "Why?", "A2"]
    assert second["content"]["text"] == "B1"


@pytest.mark.parametrize("write", [json.dumps, repr])
def test_conversations_in_cells_are_read(write):
    plain = battle()
    names = ("conversation_a", "conversation_b")

    outcome = read(FORMAT, battle(**{name: write(plain[name]) for name in names}))

    assert outcome.task.threads == read(FORMAT, plain).task.threads


def test_parts_of_a_message_are_its_text():
    content = [{"type": "text", "text": "How deep?", "image": None, "mimeType": None}]

    outcome = read(
        FORMAT, battle(conversation_a=said(content, "9 m"), conversation_b=said(content, "Deep"))
    )

    assert [one["content"]["text"] for one in messages_of(outcome.task)] == [
        "How deep?",
        "9 m",
        "Deep",
    ]


@pytest.mark.parametrize("write", [json.dumps, repr, list])
def test_lists_of_texts_are_turns(write):
    value = texts(write(["Hi", "More"]), write(["A1", "A2"]), write(["B1", "B2"]))

    turns = read(FORMAT, value).task.threads[0]["turns"]

    assert [[one["content"]["text"] for one in turn["messages"]] for turn in turns] == [
        ["Hi", "A1", "B1"],
        ["More", "A2", "B2"],
    ]


def test_a_null_response_is_kept_empty_with_a_remark():
    outcome = read(FORMAT, texts('["Hi"]', "[null]", '["B"]'))

    assert [one["content"]["text"] for one in messages_of(outcome.task)] == ["Hi", "", "B"]
    assert outcome.notes.count(EMPTY_RESPONSE) == 1


def test_texts_that_only_begin_like_lists_stay_texts():
    outcome = read(FORMAT, texts("[1, 2] is what?", '["a list"]', "No list."))

    assert [one["content"]["text"] for one in messages_of(outcome.task)] == [
        "[1, 2] is what?",
        '["a list"]',
        "No list.",
    ]


def test_one_model_against_itself_gets_numbers():
    outcome = read(FORMAT, battle("model_b", model_b="otter"))

    assert value_of(outcome.last_turn, "selected_model_id") == "otter_2"
    assert outcome.notes.count(REPEATED_SOURCE) == 1


def test_names_that_tell_the_verdict_are_not_shown():
    turn = read(FORMAT, battle(model_a="chosen-7b")).last_turn

    assert [one["source_id"] for one in turn["messages"]] == ["user", "model_a", "model_b"]
    assert value_of(turn, "selected_model_id") == "model_a"


def test_the_form_asks_for_the_better_response():
    form = read(FORMAT, battle()).form

    assert form is not None
    assert [field.key for field in form.fields] == ["selected_model_id", "preference"]


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        (battle(conversation_a=None), "/conversation_a"),
        (battle(conversation_a=[]), "/conversation_a"),
        (battle(conversation_a=said("Hi")), "/conversation_a"),
        (battle(conversation_b="['unclosed"), None),
        (texts("Hi", None, "B"), "/response_a"),
        (texts("Hi", {}, "B"), "/response_a"),
        ([1], ""),
    ],
)
def test_unsound_rows_are_refused(value, pointer):
    refused = read(FORMAT, value).refused

    assert [at for _, at, _ in refused] == ([] if pointer is None else [pointer])


def test_hostile_rows_are_refused_or_taken_but_never_fail():
    assert sweep(FORMAT, battle(judge="ann", tstamp=1.5)) > 50
    assert sweep(FORMAT, texts(["Hi", "More"], ["A1", "A2"], ["B1", "B2"])) > 50


def test_deep_and_long_cells_are_no_lists():
    long = "['" + "x" * CELL_CHARS_MAX + "']"
    for cell in ("[" * 100_000, "[" * 150 + "]" * 150, long, "['\\ud800']", "[1j]", "[]"):
        outcome = read(FORMAT, texts(cell, cell, cell))

        assert [one["content"]["text"] for one in messages_of(outcome.task)] == [cell] * 3


def test_battles_are_detected_and_others_are_not():
    assert FORMAT.detect is not None
    for value in (battle(), texts("a", "b", "c"), texts("a", "b", "c", winner="model_b")):
        assert FORMAT.detect(rows_of([value]))
    others = [
        battle("1"),
        {"prompt": "a", "response_a": "b", "response_b": "c", "winner": "model_a"},
        {"model_a": "x", "model_b": "y", "winner": "model_a"},
        {"conversation_a": [], "conversation_b": [], "winner": "tie"},
        [],
        7,
    ]
    for value in others:
        assert FORMAT.detect(rows_of([value])) is None
    assert annotation_of(read(FORMAT, battle()).last_turn, "winner") is None

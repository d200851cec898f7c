"""HH transcripts: pairs of conversations in one text each, with the faults that real rows have."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaudit.core.tasks.form_checks import check_form
from plaudit.formats import hh
from plaudit.formats.common.conversations import NOT_IN_TURN
from plaudit.formats.common.imported_task import ImportedTask
from plaudit.formats.common.judged_conversations import EQUAL_RESPONSES
from plaudit.formats.common.row_members import EMPTY_RESPONSE
from plaudit.formats.common.rows import ImportNotes
from plaudit.formats.import_format import ImportOptions
from tests.formats.reading import (
    read_one,
    read_values,
    responses_of,
    rows_of,
    turns_of,
    value_of,
)
from tests.support.running.every_case import every_case

ASKED = "\n\nHuman: Which soup is cold? "


def pair(chosen: Any = " Gazpacho.", rejected: Any = " Borscht.", **members: Any) -> Any:
    """A row with one question and two answers."""
    return {
        "chosen": f"{ASKED}\n\nAssistant:{chosen}",
        "rejected": f"{ASKED}\n\nAssistant:{rejected}",
        **members,
    }


def transcripts(task: ImportedTask) -> dict[str, str]:
    """The two texts of a task's row, made from what is stored of it alone."""
    kept = task.metadata.get("hh_transcripts", {})
    *context, last = turns_of(task)
    answers = last["messages"][-2:]
    before = [one for turn in context for one in turn["messages"]] + last["messages"][:-2]
    texts = {}
    for answer in answers:
        said = [(one["role"], one["content"]["text"]) for one in before]
        pieces = answer["content"].get("chunks")
        if pieces is None:
            said.append(("assistant", answer["content"]["text"]))
        else:
            said += [(piece["type"], piece["text"]) for piece in pieces]
        side = (
            "chosen" if answer["source_id"] == value_of(last, "selected_model_id") else "rejected"
        )
        texts[side] = kept.get(answer["source_id"], hh.render(said))
    return texts


# --- pairs with one context ---


def test_a_pair_becomes_a_turn_with_two_answers_of_which_one_is_selected():
    task = read_one(hh.FORMAT, pair())
    [turn] = turns_of(task)
    texts = {one["source_id"]: one["content"]["text"] for one in responses_of(turn)}

    assert turn["messages"][0]["content"]["text"] == "Which soup is cold? "
    assert list(texts) == ["response_1", "response_2"]
    assert sorted(texts.values()) == ["Borscht.", "Gazpacho."]
    assert texts[value_of(turn, "selected_model_id")] == "Gazpacho."
    assert (task.metadata, task.flags) == ({}, [])


def test_earlier_turns_are_the_context():
    context = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: A soup?\n\nAssistant:"
    task = read_one(hh.FORMAT, {"chosen": f"{context} Two", "rejected": f"{context} One"})
    first, last = turns_of(task)

    assert [one["content"]["text"] for one in first["messages"]] == ["Hi", "Hello."]
    assert [one["source_id"] for one in first["messages"]] == ["user", "assistant"]
    assert len(responses_of(last)) == 2


def test_the_place_of_the_better_answer_says_nothing():
    rows = [pair(f" Soup {number}.", f" Stew {number}.") for number in range(400)]
    tasks = read_values(hh.FORMAT, *rows).tasks
    winners = [value_of(turns_of(task)[0], "selected_model_id") for task in tasks]

    assert 160 < winners.count("response_1") < 240
    assert set(winners) == {"response_1", "response_2"}
    again = read_values(hh.FORMAT, *rows).tasks
    assert again == tasks


def test_nothing_in_a_task_calls_a_source_chosen_or_rejected():
    tasks = read_values(hh.FORMAT, pair(), pair(chosen="x"), different()).tasks

    for task in tasks:
        sources = [one["source_id"] for turn in turns_of(task) for one in turn["messages"]]
        assert not {"chosen", "rejected"} & {*sources, *task.metadata.get("hh_transcripts", ())}


def test_equal_sides_are_kept_with_a_remark():
    outcome = read_values(hh.FORMAT, pair(" Soup.", " Soup."), is_strict=True)

    assert len(responses_of(turns_of(outcome.tasks[0])[0])) == 2
    assert outcome.notes.count(EQUAL_RESPONSES) == 1


def test_other_columns_are_kept():
    assert read_one(hh.FORMAT, pair(split="test", note="")).metadata == {"split": "test"}


# --- rows that break the rules ---


def repeated() -> dict[str, str]:
    """A row in which people and assistants speak twice in a row."""
    context = "\n\nHuman: a\n\nHuman: b\n\nAssistant: c\n\nAssistant: d\n\nHuman: e"
    return {"chosen": f"{context}\n\nAssistant: f", "rejected": f"{context}\n\nAssistant: g"}


def different() -> dict[str, str]:
    """A row whose sides differ from their second answer on."""
    context = "\n\nHuman: a\n\nAssistant: b\n\nHuman: c"
    return {
        "chosen": f"{context}\n\nAssistant: d\n\nHuman: e\n\nAssistant: f",
        "rejected": f"{context}\n\nAssistant: g",
    }


def test_repeated_roles_are_kept_in_order_and_flagged_or_refused_if_strict():
    outcome = read_values(hh.FORMAT, repeated())
    strict = read_values(hh.FORMAT, repeated(), is_strict=True)
    [task] = outcome.tasks

    texts = [[one["content"]["text"] for one in turn["messages"]] for turn in turns_of(task)]
    assert texts[:-1] == [["a", "b", "c"], ["d"]]
    assert sorted(texts[-1]) == ["e", "f", "g"]
    assert [one["source_id"] for one in turns_of(task)[0]["messages"]] == [
        "user",
        "user_2",
        "assistant",
    ]
    assert task.flags == ["odd_roles"]
    assert outcome.notes.count(NOT_IN_TURN) == 1
    assert [refusal[:2] for refusal in strict.refused] == [(1, "/chosen")]


def test_two_answers_after_an_answer_are_one_comparison_without_a_question():
    context = "\n\nHuman: a\n\nAssistant: b\n\nAssistant:"
    task = read_one(hh.FORMAT, {"chosen": f"{context} c", "rejected": f"{context} d"})

    assert [[one["role"] for one in turn["messages"]] for turn in turns_of(task)] == [
        ["user", "assistant"],
        ["assistant", "assistant"],
    ]


def test_sides_with_different_contexts_are_responses_in_pieces_or_refused_if_strict():
    outcome = read_values(hh.FORMAT, different())
    strict = read_values(hh.FORMAT, different(), is_strict=True)
    [task] = outcome.tasks
    [first, last] = turns_of(task)
    said = {
        one["source_id"]: [(piece["type"], piece["text"]) for piece in one["content"]["chunks"]]
        if "chunks" in one["content"]
        else one["content"]["text"]
        for one in responses_of(last)
    }

    assert [one["content"]["text"] for one in first["messages"]] == ["a", "b"]
    assert said.pop(value_of(last, "selected_model_id")) == [
        ("assistant", "d"),
        ("user", "e"),
        ("assistant", "f"),
    ]
    assert list(said.values()) == ["g"]
    assert task.flags == ["contexts_differ", "non_text"]
    assert outcome.notes.count(hh.CONTEXTS_DIFFER) == 1
    assert [refusal[:2] for refusal in strict.refused] == [(1, "/rejected")]


@pytest.mark.parametrize("empty", ["", " ", "  \n"])
def test_an_empty_last_answer_is_kept_with_a_remark_or_refused_if_strict(empty):
    outcome = read_values(hh.FORMAT, pair(rejected=empty))
    strict = read_values(hh.FORMAT, pair(rejected=empty), is_strict=True)

    assert len(responses_of(turns_of(outcome.tasks[0])[0])) == 2
    assert outcome.notes.count(EMPTY_RESPONSE) == 1
    assert transcripts(outcome.tasks[0]) == pair(rejected=empty)
    assert [refusal[:2] for refusal in strict.refused] == [(1, "/rejected")]


def test_a_side_that_ends_with_a_question_is_in_pieces():
    row = {"chosen": f"{ASKED}\n\nAssistant: Gazpacho.", "rejected": ASKED}
    task = read_one(hh.FORMAT, row)

    assert task.flags == ["contexts_differ", "non_text"]
    assert transcripts(task) == row


# --- byte for byte ---

ODD = [
    pair(),
    pair("Gazpacho", "   Borscht \n"),
    pair("", " Borscht"),
    repeated(),
    different(),
    {"chosen": "\n\nHuman:a\n\nAssistant:b", "rejected": "\n\nHuman: a\n\nAssistant: c"},
    {"chosen": "\n\nHuman:a\n\nAssistant:b", "rejected": "\n\nHuman:a\n\nAssistant:b"},
    {"chosen": "\n\nAssistant: a", "rejected": "\n\nAssistant: b"},
    {"chosen": "\n\nHuman: a\n\n\n\nAssistant: b\n\n", "rejected": "\n\nHuman: a"},
    {"chosen": "\n\nHuman: Human: a\n\nAssistant: \n\nAssistants", "rejected": "\n\nHuman: b"},
    {"chosen": "\n\nHuman:\n\nHuman:\n\nHuman:", "rejected": "\n\nAssistant:"},
]


@every_case("row", ODD)
def test_a_row_can_be_given_back_byte_for_byte(row):
    assert transcripts(read_one(hh.FORMAT, row)) == row


PIECES = st.lists(
    st.sampled_from(["\n", "\n\n", "Human:", "Assistant:", " ", "a", "b", "\n\nHuman: "])
).map("".join)
TRANSCRIPTS = st.tuples(st.sampled_from(["\n\nHuman:", "\n\nAssistant:"]), PIECES).map("".join)


@given(TRANSCRIPTS, TRANSCRIPTS)
def test_any_two_transcripts_can_be_given_back_byte_for_byte(chosen, rejected):
    row = {"chosen": chosen, "rejected": rejected}

    assert transcripts(read_one(hh.FORMAT, row)) == row


# --- refused rows, form, detection ---

BAD: dict[str, tuple[Any, str, str]] = {
    "no object": ("\n\nHuman: a", "", "object"),
    "one side": ({"chosen": f"{ASKED}\n\nAssistant: b"}, "/rejected", "no 'rejected'"),
    "no text": (pair() | {"rejected": [ASKED]}, "/rejected", "a list"),
    "null": (pair() | {"chosen": None}, "/chosen", "null"),
    "an empty text": (pair() | {"chosen": ""}, "/chosen", "two line feeds"),
    "no mark": (pair() | {"rejected": "Borscht."}, "/rejected", "two line feeds"),
    "a text before the mark": (pair() | {"chosen": f"x{ASKED}"}, "/chosen", "two line feeds"),
    "one line feed": (pair() | {"chosen": "\nHuman: a"}, "/chosen", "two line feeds"),
    "line ends of Windows": (
        pair() | {"chosen": "\r\n\r\nHuman: a"}, "/chosen", "two line feeds",
    ),
    "too many messages": (
        pair() | {"chosen": "\n\nHuman:" * 10_001}, "/chosen", "more than 10000",
    ),
    "another role": (pair() | {"chosen": "\n\nSystem: a"}, "/chosen", "two line feeds"),
}  # fmt: skip


@every_case("value, pointer, reason", BAD.values())
def test_a_bad_row_is_refused_with_its_place_and_the_next_one_read(value, pointer, reason):
    outcome = read_values(hh.FORMAT, value, pair())

    [(number, where, why)] = outcome.refused
    assert (number, where, len(outcome.tasks)) == (1, pointer, 1)
    assert reason in why


def test_the_form_asks_for_the_better_response():
    form = hh.HhReader(ImportOptions(), ImportNotes()).form()

    check_form(form)
    assert [field.key for field in form.fields] == ["selected_model_id"]


@pytest.mark.parametrize(
    "other",
    [
        {"chosen": "Gazpacho.", "rejected": "Borscht."},
        {"prompt": ASKED, "chosen": " Gazpacho.", "rejected": " Borscht."},
        {"chosen": [{"role": "user", "content": "a"}], "rejected": []},
        {"transcript": f"{ASKED}\n\nAssistant: b"},
        {"chosen": f"{ASKED}\n\nAssistant: b"},
        {"chosen": f"{ASKED}\n\nAssistant: b", "rejected": None},
    ],
)
def test_other_shapes_are_not_detected(other):
    assert hh.detect(rows_of([pair(), other])) is None
    assert hh.detect(rows_of([pair(), repeated(), different()])) == ("chosen", "rejected")

"""GSM8K: a problem, its reference solution, and solutions of models that are right or wrong."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.core.tasks.form_checks import check_form
from plaudit.formats import gsm8k
from plaudit.formats.common.row_members import EMPTY_RESPONSE
from plaudit.formats.common.rows import ImportNotes
from plaudit.formats.import_format import ImportOptions
from tests.formats.reading import (
    expected_counts,
    published_rows,
    read_one,
    read_rows_by,
    read_values,
    responses_of,
    rows_of,
    turns_of,
    value_of,
)
from tests.support.running.every_case import every_case

PUBLISHED = "gsm8k-model-solutions/example_model_solutions.jsonl.gz"


def row(**members: Any) -> dict[str, Any]:
    """A problem with the solutions of two models."""
    return {
        "question": "Ann has 3 nets and buys 4. How many?",
        "ground_truth": "3 + 4 = <<3+4=7>>7\nA: 7",
        "tern": {"is_correct": True, "solution": "It is <<3+4=7>>7. "},
        "gull": {"is_correct": False, "solution": "A: 12"},
        **members,
    }


@pytest.fixture(scope="module")
def published() -> Any:
    return read_rows_by(gsm8k.FORMAT, published_rows(PUBLISHED, gsm8k.FORMAT))


def test_the_published_problems_have_the_counted_solutions(published):
    expected = expected_counts("gsm8k-model-solutions")
    responses = [responses_of(turns_of(task)[0]) for task in published.tasks]
    flags = [[value_of(one, "is_correct") for one in listed] for listed in responses]

    assert (published.refused, published.notes.list_sentences()) == ([], [])
    assert len(published.tasks) == expected["tasks"]
    assert sum(map(len, responses)) == expected["responses"]
    assert sum(flag is True for listed in flags for flag in listed) == expected["true"]
    assert sum(flag is False for listed in flags for flag in listed) == expected["false"]
    assert sum(all(listed) for listed in flags) == expected["all_good"]
    assert sum(not any(listed) for listed in flags) == expected["all_bad"]
    pairs = [listed.count(True) * listed.count(False) for listed in flags]
    assert sum(pairs) == expected["pairs_correct_x_incorrect"]
    assert sum(count > 0 for count in pairs) == expected["tasks_with_pair"]
    texts = [[one["content"]["text"] for one in listed] for listed in responses]
    repeated = sum(len(set(listed)) < len(listed) for listed in texts)
    assert repeated == expected["tasks_with_identical_responses"]


def test_the_published_problems_and_references_are_kept_word_for_word(published):
    asked = [turns_of(task)[0]["messages"][0]["content"] for task in published.tasks]

    assert [(one["text"], one["reference_texts"][0]["content"]) for one in asked] == [
        (made.value["question"], made.value["ground_truth"])
        for made in published_rows(PUBLISHED, gsm8k.FORMAT)
    ]


def test_the_published_rows_are_detected():
    columns = gsm8k.detect(published_rows(PUBLISHED, gsm8k.FORMAT)[:50])

    assert columns is not None
    assert len(columns) == 6


def test_a_row_becomes_a_turn_with_a_response_of_each_model():
    task = read_one(gsm8k.FORMAT, row(level=2))
    [turn] = turns_of(task)

    assert task.item_id is None
    assert turn["messages"][0]["content"] == {
        "text": "Ann has 3 nets and buys 4. How many?",
        "reference_texts": [{"content": "3 + 4 = <<3+4=7>>7\nA: 7", "category": "ground_truth"}],
    }
    assert [
        (one["source_id"], one["content"]["text"], value_of(one, "is_correct"))
        for one in responses_of(turn)
    ] == [("tern", "It is <<3+4=7>>7. ", True), ("gull", "A: 12", False)]
    assert turn["annotations"] == []
    assert task.metadata == {"level": 2}


def test_a_flag_that_is_missing_is_no_annotation_and_other_members_are_kept():
    task = read_one(gsm8k.FORMAT, row(gull={"solution": "12", "seed": 4}, ground_truth=None))
    [turn] = turns_of(task)

    assert value_of(responses_of(turn)[1], "is_correct") is None
    assert task.metadata == {"gull": {"seed": 4}}
    assert "reference_texts" not in turn["messages"][0]["content"]


def test_an_empty_solution_is_kept_with_a_remark():
    outcome = read_values(gsm8k.FORMAT, row(auk={"is_correct": False, "solution": ""}))

    assert len(responses_of(turns_of(outcome.tasks[0])[0])) == 3
    assert outcome.notes.count(EMPTY_RESPONSE) == 1


def test_a_model_that_is_called_user_does_not_take_the_users_name():
    task = read_one(gsm8k.FORMAT, row(user={"is_correct": True, "solution": "7"}))

    assert [one["source_id"] for one in responses_of(turns_of(task)[0])] == [
        "tern",
        "gull",
        "user_2",
    ]


BAD: dict[str, tuple[Any, str, str]] = {
    "no object": (1, "", "object"),
    "no question": ({"ground_truth": "7"}, "/question", "no 'question'"),
    "no solution": ({"question": "3 + 4?", "ground_truth": "7"}, "", "no solution"),
    "too many models": (
        row(**{f"m{number}": {"solution": ""} for number in range(10_000)}),
        "",
        "more than 10000",
    ),
    "a list as question": (row(question=[]), "/question", "a list"),
    "a list as reference": (row(ground_truth=["7"]), "/ground_truth", "a list"),
    "an object as solution": (row(gull={"solution": {}}), "/gull/solution", "an object"),
    "no solution but null": (row(gull={"solution": None}), "/gull/solution", "null"),
    "a word as flag": (
        row(gull={"solution": "7", "is_correct": "yes"}),
        "/gull/is_correct",
        "true or false",
    ),
    "a number as flag": (
        row(**{"a/b": {"solution": "7", "is_correct": 1}}),
        "/a~1b/is_correct",
        "true or false",
    ),
}


@every_case("value, pointer, reason", BAD.values())
def test_a_bad_row_is_refused_with_its_place_and_the_next_one_read(value, pointer, reason):
    outcome = read_values(gsm8k.FORMAT, value, row())

    [(number, where, why)] = outcome.refused
    assert (number, where, len(outcome.tasks)) == (1, pointer, 1)
    assert reason in why


def test_the_form_asks_if_each_solution_is_right():
    form = gsm8k.Gsm8kReader(ImportOptions(), ImportNotes()).form()

    check_form(form)
    assert [(field.key, field.type) for field in form.fields] == [("is_correct", "boolean")]


@pytest.mark.parametrize(
    "other",
    [
        {"question": "3 + 4?", "ground_truth": "7"},
        {"question": "3 + 4?", "ground_truth": "7", "auk": {"is_correct": True, "solution": "7"}},
        {"question": "3 + 4?", "ground_truth": "7", "tern": {"solution": "7"}},
        {"question": "3 + 4?", "ground_truth": "7", "tern": "7"},
        ["question", "ground_truth"],
    ],
)
def test_other_shapes_are_not_detected(other):
    assert gsm8k.detect(rows_of([row(), other])) is None
    assert gsm8k.detect(rows_of([row(), row()])) == ["question", "ground_truth", "tern", "gull"]

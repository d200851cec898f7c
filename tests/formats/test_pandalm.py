"""PandaLM: three verdicts a row, their majority, and rows that are not as published."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import Any

import pytest

from plaudit.core.tasks.form_checks import check_form
from plaudit.formats import pandalm
from plaudit.formats.common.imported_task import COERCED
from plaudit.formats.common.row_members import EMPTY_RESPONSE, NOT_TEXT, REPEATED_SOURCE
from plaudit.formats.common.rows import ImportNotes
from plaudit.formats.import_format import ImportOptions
from tests.formats.reading import (
    annotation_of,
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

PUBLISHED = "pandalm-testset/testset-v1.json"


def row(*verdicts: Any, **members: Any) -> dict[str, Any]:
    """A row with the verdicts of so many people."""
    return {
        "idx": 7,
        "motivation_app": "Recipes",
        "cmp_key": "tern-7b_gull-6.9b",
        "instruction": "Name a soup.",
        "input": "It is cold.",
        "response1": " Gazpacho.",
        "response2": "Borscht",
        **{f"annotator{number}": verdict for number, verdict in enumerate(verdicts, 1)},
        **members,
    }


@pytest.fixture(scope="module")
def published() -> Any:
    return read_rows_by(pandalm.FORMAT, published_rows(PUBLISHED, pandalm.FORMAT))


def verdict_of(task: Any) -> Any:
    """The annotation with the votes."""
    turn = turns_of(task)[0]
    return annotation_of(turn, "selected_model_id") or annotation_of(turn, "preference")


# --- the published file ---


def test_the_published_rows_have_the_counted_votes_and_majorities(published):
    expected = expected_counts("pandalm-testset")
    votes = [[vote["value"] for vote in verdict_of(task)["votes"]] for task in published.tasks]
    scale = Counter(value_of(turns_of(task)[0], "likert_value") for task in published.tasks)
    unanimous = [cast for cast in votes if len(set(cast)) == 1]

    assert published.refused == []
    assert len(published.tasks) == expected["tasks"]
    assert sum(map(len, votes)) == expected["votes"]
    assert len(unanimous) == expected["unanimous"]
    assert sum(cast[0] != "tie" for cast in unanimous) == expected["unanimous_nontie"]
    assert sum(len(set(cast) - {"tie"}) > 1 for cast in votes) == expected["opposite_votes"]
    assert scale == {
        1: expected["majority_1"],
        2: expected["majority_0"],
        3: expected["majority_2"],
    }


def test_the_published_empty_and_strange_responses_are_kept_and_named(published):
    expected = expected_counts("pandalm-testset")
    texts = [
        [message["content"]["text"] for message in responses_of(turns_of(task)[0])]
        for task in published.tasks
    ]
    flagged = [task for task in published.tasks if task.flags]

    assert sum(text == "" for text in chain(*texts)) == expected["empty_responses"]
    assert published.notes.count(EMPTY_RESPONSE) == expected["empty_responses"]
    assert published.notes.count(NOT_TEXT) == expected["non_string_responses"] == 6
    assert len(flagged) == 6
    assert all(task.flags == [COERCED] for task in flagged)
    without_text = [pair for pair in texts if not all(text.strip() for text in pair)]
    assert len(without_text) == expected["whitespace_only_or_empty_pairs"]


def test_strict_refuses_the_six_responses_that_are_no_text():
    outcome = read_rows_by(
        pandalm.FORMAT, published_rows(PUBLISHED, pandalm.FORMAT), is_strict=True
    )

    assert len(outcome.tasks) == 993
    assert [(at, pointer) for at, pointer, _ in outcome.refused] == [
        (158, "/response1"),
        (159, "/response1"),
        (160, "/response1"),
        (162, "/response2"),
        (163, "/response2"),
        (165, "/response1"),
    ]


def test_the_published_rows_are_detected():
    assert pandalm.detect(published_rows(PUBLISHED, pandalm.FORMAT)[:50])


# --- rows ---


def test_a_row_becomes_a_turn_of_two_models_with_the_votes_of_each_person():
    task = read_one(pandalm.FORMAT, row(1, 1, 0))
    [turn] = turns_of(task)

    assert task.item_id == "7"
    assert turn["messages"][0]["content"] == {"text": "Name a soup.\nIt is cold."}
    assert [(one["source_id"], one["content"]["text"]) for one in responses_of(turn)] == [
        ("tern-7b", " Gazpacho."),
        ("gull-6.9b", "Borscht"),
    ]
    assert [one["model_parameters"]["model"] for one in responses_of(turn)] == [
        "tern-7b",
        "gull-6.9b",
    ]
    assert annotation_of(turn, "selected_model_id") == {
        "key": "selected_model_id",
        "type": "category",
        "value": "tern-7b",
        "votes": [
            {"contributor_id": "annotator1", "value": "tern-7b"},
            {"contributor_id": "annotator2", "value": "tern-7b"},
            {"contributor_id": "annotator3", "value": "tie"},
        ],
    }
    assert (value_of(turn, "likert_value"), value_of(turn, "preference")) == (1, None)
    assert task.threads[0]["submissions"] == [
        {"contributor_id": "annotator1"},
        {"contributor_id": "annotator2"},
        {"contributor_id": "annotator3"},
    ]
    assert task.metadata == {"motivation_app": "Recipes", "cmp_key": "tern-7b_gull-6.9b"}


def test_a_tie_selects_nothing_and_stands_in_the_middle():
    [turn] = turns_of(read_one(pandalm.FORMAT, row(0, 2, 0)))

    assert annotation_of(turn, "selected_model_id") is None
    assert value_of(turn, "preference") == "tie"
    assert [vote["value"] for vote in annotation_of(turn, "preference")["votes"]] == [
        "tie",
        "gull-6.9b",
        "tie",
    ]
    assert value_of(turn, "likert_value") == 2
    assert annotation_of(turn, "likert_value")["possible_values"] == [1, 2, 3]


@pytest.mark.parametrize("verdicts", [(0, 1, 2), (1, 2), (1, 0)])
def test_votes_without_a_majority_are_kept_without_a_verdict(verdicts):
    outcome = read_values(pandalm.FORMAT, row(*verdicts))
    [turn] = turns_of(outcome.tasks[0])

    assert [one["key"] for one in turn["annotations"]] == ["selected_model_id"]
    assert verdict_of(outcome.tasks[0])["value"] is None
    assert len(verdict_of(outcome.tasks[0])["votes"]) == len(verdicts)
    assert outcome.notes.count(pandalm.NO_MAJORITY) == 1


def test_cells_of_a_table_are_read_like_numbers():
    given = {name: str(member) for name, member in row(2, 2, 1).items()}

    assert read_one(pandalm.FORMAT, given) == read_one(pandalm.FORMAT, row(2, 2, 1))


def test_an_empty_input_adds_no_line():
    [turn] = turns_of(read_one(pandalm.FORMAT, row(1, input="")))

    assert turn["messages"][0]["content"]["text"] == "Name a soup."


def test_a_blank_verdict_is_no_vote_and_without_any_the_task_is_open():
    outcome = read_values(pandalm.FORMAT, row(1, None, ""), row(None, " "))
    [judged, unjudged] = outcome.tasks

    assert [vote["contributor_id"] for vote in verdict_of(judged)["votes"]] == ["annotator1"]
    assert (judged.is_judged, unjudged.is_judged) == (True, False)
    assert turns_of(unjudged)[0]["annotations"] == []
    assert outcome.notes.count(pandalm.BLANK_VERDICT) == 4


@pytest.mark.parametrize("given", ["tern", "tern_7b_gull", "_gull", "tern_", ""])
def test_models_that_are_not_named_are_not_guessed(given):
    outcome = read_values(pandalm.FORMAT, row(1, cmp_key=given))
    strict = read_values(pandalm.FORMAT, row(1, cmp_key=given), is_strict=True)
    [turn] = turns_of(outcome.tasks[0])

    assert [one["source_id"] for one in responses_of(turn)] == ["response1", "response2"]
    assert outcome.notes.count(pandalm.UNNAMED_MODELS) == 1
    assert [refusal[:2] for refusal in strict.refused] == [(1, "/cmp_key")]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("tern_tern", ["tern", "tern_2"]),
        ("user_tern", ["user_2", "tern"]),
        ("tern_tie", ["tern", "tie_2"]),
    ],
)
def test_names_that_stand_twice_get_a_number(given, names):
    outcome = read_values(pandalm.FORMAT, row(2, cmp_key=given))
    [turn] = turns_of(outcome.tasks[0])

    assert [one["source_id"] for one in responses_of(turn)] == names
    assert value_of(turn, "selected_model_id") == names[1]
    assert outcome.notes.count(REPEATED_SOURCE) == 1


REFUSED: dict[str, tuple[Any, str, str]] = {
    "no object": ([1], "", "object"),
    "no instruction": ({"cmp_key": "a_b"}, "/instruction", "no 'instruction'"),
    "an instruction of null": (row(1, instruction=None), "/instruction", "null"),
    "a list as response": (row(1, response2=["x"]), "/response2", "a list"),
    "no response": (row(1, response1=None), "/response1", "null"),
    "an unknown verdict": (row(1, 3), "/annotator2", "from 0 to 2"),
    "a word as verdict": (row("first"), "/annotator1", "from 0 to 2"),
    "a boolean as verdict": (row(True), "/annotator1", "from 0 to 2"),
    "an id that is a fraction": (row(1, idx=1.5), "/idx", "an id"),
    "a number of models": (row(1, cmp_key=["a", "b"]), "/cmp_key", "a list"),
}


@every_case("value, pointer, reason", REFUSED.values())
def test_a_bad_row_is_refused_with_its_place_and_the_next_one_read(value, pointer, reason):
    outcome = read_values(pandalm.FORMAT, value, row(1))

    [(number, where, why)] = outcome.refused
    assert (number, where, len(outcome.tasks)) == (1, pointer, 1)
    assert reason in why


def test_the_form_is_one_that_people_can_answer():
    form = pandalm.PandalmReader(ImportOptions(), ImportNotes()).form()

    check_form(form)
    assert [field.key for field in form.fields] == ["selected_model_id", "likert_value"]


@pytest.mark.parametrize("left_out", ["cmp_key", "instruction", "response2", "annotator1"])
def test_rows_without_a_column_are_not_detected(left_out):
    rows = [{key: value for key, value in row(1, 1).items() if key != left_out}]

    assert pandalm.detect(rows_of([row(1, 1), row(2, 2)]))
    assert pandalm.detect(rows_of([row(1, 1), *rows])) is None
    assert pandalm.detect([]) is None

"""BiGGen-Bench: prompts with a rubric and a reference answer, mostly without a response."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest

from plaudit.core.tasks.form_checks import check_form
from plaudit.formats import biggen
from plaudit.formats.common.rows import ImportNotes
from plaudit.formats.import_format import ImportOptions, ObjectRows
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
)
from tests.support.running.every_case import every_case

PUBLISHED = "biggen-rubrics/sample_evals.json.gz"
LEVELS = [f"Level {score}." for score in range(1, 6)]


def rubric(**members: Any) -> dict[str, Any]:
    """A rubric of one criterion with five levels."""
    levels = {f"score{score}_description": text for score, text in enumerate(LEVELS, 1)}
    return {"criteria": "Is the soup cold?", **levels, **members}


def row(**members: Any) -> dict[str, Any]:
    """A prompt as it is published: with placeholders for a response and its score."""
    return {
        "id": "planning_soup_0",
        "capability": "planning",
        "task": "soup",
        "instance_idx": 0,
        "system_prompt": "You are a cook.",
        "input": "Plan a soup.\r\n",
        "reference_answer": "Gazpacho.",
        "score_rubric": rubric(),
        "response": biggen.PLACEHOLDER,
        "response_model_name": "sample-model",
        "feedback": "Hello",
        "score": 5,
        "eval_model_name": "judge-7b",
        **members,
    }


@pytest.fixture(scope="module")
def published() -> Any:
    return read_rows_by(biggen.FORMAT, published_rows(PUBLISHED, biggen.FORMAT))


def test_the_published_prompts_have_the_counted_capabilities_and_system_prompts(published):
    expected = expected_counts("biggen-rubrics")
    systems = {turns_of(task)[0]["messages"][0]["content"]["text"] for task in published.tasks}

    assert published.refused == []
    assert len(published.tasks) == expected["tasks"]
    assert (
        Counter(task.metadata["capability"] for task in published.tasks) == expected["capabilities"]
    )
    assert len(systems) == expected["distinct_system_prompts"]
    assert published.notes.count(biggen.PLACEHOLDER_LEFT_OUT) == expected["tasks"]
    assert all(responses_of(turns_of(task)[0]) == [] for task in published.tasks)


def test_the_published_prompts_and_rubrics_are_kept_word_for_word(published):
    turns = [turns_of(task)[0] for task in published.tasks]
    kept = [
        (
            turn["messages"][1]["content"]["text"],
            turn["messages"][1]["content"]["reference_texts"][0]["content"],
            turn["rubrics"][0]["criteria_definitions"][0]["criterion"],
            annotation_of(turn, "score")["labels"],
        )
        for turn in turns
    ]

    assert kept == [
        (
            made.value["input"],
            made.value["reference_answer"],
            made.value["score_rubric"]["criteria"],
            [made.value["score_rubric"][f"score{score}_description"] for score in range(1, 6)],
        )
        for made in published_rows(PUBLISHED, biggen.FORMAT)
    ]


def test_the_published_prompts_are_detected():
    assert biggen.detect(published_rows(PUBLISHED, biggen.FORMAT)[:50])
    assert biggen.FORMAT.object_rows is ObjectRows.always


def test_a_row_becomes_a_prompt_with_its_rubric():
    task = read_one(biggen.FORMAT, row())
    [turn] = turns_of(task)

    assert task.item_id == "planning_soup_0"
    assert [(one["role"], one["content"]) for one in turn["messages"]] == [
        ("system", {"text": "You are a cook."}),
        (
            "user",
            {
                "text": "Plan a soup.\r\n",
                "reference_texts": [{"content": "Gazpacho.", "category": "reference_answer"}],
            },
        ),
    ]
    assert turn["rubrics"] == [
        {
            "criteria_definitions": [
                {
                    "id": "score_rubric",
                    "criterion": "Is the soup cold?",
                    "weight": 1,
                    "annotations": [],
                }
            ],
            "max_total_score": 5,
        }
    ]
    assert turn["annotations"] == [
        {
            "key": "score",
            "type": "integer",
            "value": None,
            "possible_values": [1, 2, 3, 4, 5],
            "labels": LEVELS,
        }
    ]
    assert task.metadata == {
        "capability": "planning",
        "task": "soup",
        "instance_idx": 0,
        "score_levels": LEVELS,
    }


def test_a_real_response_is_kept_with_the_score_that_a_model_gave():
    task = read_one(biggen.FORMAT, row(response="Cold borscht.", score=4))
    [response] = responses_of(turns_of(task)[0])
    [evaluation] = response["rubric_evaluations"]
    [scored] = evaluation["criteria_evaluations"]

    assert (response["source_id"], response["content"]["text"]) == ("sample-model", "Cold borscht.")
    assert annotation_of(response, "feedback")["value"] == "Hello"
    assert (scored["criterion_definition_id"], scored["score"]) == ("score_rubric", 4)
    assert evaluation["total_score"] == 4
    assert scored["annotations"][0]["votes"] == [{"contributor_id": "judge-7b", "value": 4}]
    assert task.threads[0]["submissions"] == [{"contributor_id": "judge-7b"}]


def test_a_row_without_id_has_the_key_under_which_it_stands():
    [made] = rows_of([row(id=None, system_prompt="")])
    outcome = read_rows_by(biggen.FORMAT, [msgspec.structs.replace(made, key="soup_9")])

    assert outcome.tasks[0].item_id == "soup_9"
    assert [one["role"] for one in turns_of(outcome.tasks[0])[0]["messages"]] == ["user"]


def test_members_of_a_rubric_without_a_meaning_are_kept():
    task = read_one(biggen.FORMAT, row(score_rubric=rubric(author="Ann")))

    assert task.metadata["score_rubric"] == {"author": "Ann"}


def test_a_response_of_a_model_that_is_called_user_has_a_name_of_its_own():
    task = read_one(biggen.FORMAT, row(response="Soup.", response_model_name="user"))

    assert responses_of(turns_of(task)[0])[0]["source_id"] == "user_2"


BAD: dict[str, tuple[Any, str, str]] = {
    "no object": (None, "", "object"),
    "no input": ({"score_rubric": rubric()}, "/input", "no 'input'"),
    "a list as input": (row(input=["Plan."]), "/input", "a list"),
    "an object as system prompt": (row(system_prompt={}), "/system_prompt", "an object"),
    "a list as reference": (row(reference_answer=[]), "/reference_answer", "a list"),
    "no rubric": (row(score_rubric=None), "/score_rubric", "null"),
    "a text as rubric": (row(score_rubric="Good?"), "/score_rubric", "a text"),
    "no levels": (row(score_rubric={"criteria": "Cold?"}), "/score_rubric", "score1_description"),
    "a list as level": (
        row(score_rubric=rubric(score3_description=[])),
        "/score_rubric/score3_description",
        "a list",
    ),
    "a score beyond the rubric": (row(response="Soup.", score=6), "/score", "from 1 to 5"),
    "a list as response": (row(response=["Soup."]), "/response", "a list"),
    "a list as id": (row(id=[1]), "/id", "an id"),
}


@every_case("value, pointer, reason", BAD.values())
def test_a_bad_row_is_refused_with_its_place_and_the_next_one_read(value, pointer, reason):
    outcome = read_values(biggen.FORMAT, value, row())

    [(number, where, why)] = outcome.refused
    assert (number, where, len(outcome.tasks)) == (1, pointer, 1)
    assert reason in why


def test_the_form_asks_for_a_response_and_for_scores():
    form = biggen.BiggenReader(ImportOptions(), ImportNotes()).form()

    check_form(form)
    assert [(field.key, field.level.value) for field in form.fields] == [
        ("response", "turn"),
        ("score", "criterion"),
    ]


@pytest.mark.parametrize(
    "other",
    [
        {name: member for name, member in row().items() if name != "score_rubric"},
        row(score_rubric="Good?"),
        row(score_rubric={"criteria": "Good?"}),
        [],
    ],
)
def test_other_shapes_are_not_detected(other):
    assert biggen.detect(rows_of([row(), other])) is None
    assert biggen.detect(rows_of([row()]))

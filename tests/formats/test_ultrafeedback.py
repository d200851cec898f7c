"""UltraFeedback: instructions with rated completions, and its binarized pairs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.foreign_rows import detected, read_rows, refusal_of, sweep, value_of

USER = {"role": "user", "content": "Plan a day in Cairo."}
GOOD = {"role": "assistant", "content": "See the museum."}
BAD = {"role": "assistant", "content": "Ski."}
RATED = {
    "source": "made",
    "instruction": "Plan a day in Cairo.",
    "models": ["mala-7b", "bora"],
    "correct_answers": ["None"],
    "completions": [
        {
            "model": "mala-7b",
            "principle": "helpfulness",
            "custom_system_prompt": "Be kind.",
            "response": "See the museum.",
            "annotations": {
                "helpfulness": {
                    "Type": ["1", "3"],
                    "Rationale": "Clear.",
                    "Rating": "4",
                    "Rationale For Rating": "Short.",
                },
                "honesty": {"Rating": "N/A", "Rationale": "Creative."},
            },
            "fine-grained_score": 4.25,
            "overall_score": 7.5,
            "critique": "Name a second place.",
        },
        {"model": "bora", "response": "Ski.", "annotations": {"helpfulness": {"Rating": 1}}},
    ],
}
BINARIZED = {
    "prompt": "Plan a day in Cairo.",
    "prompt_id": "p1",
    "chosen": [USER, GOOD],
    "rejected": [USER, BAD],
    "messages": [USER, GOOD],
    "score_chosen": 8.5,
    "score_rejected": 2.0,
}
CLEANED = {
    "source": "made",
    "prompt": "Plan a day in Cairo.",
    "chosen": [USER, GOOD],
    "chosen-rating": 4.75,
    "chosen-model": "mala",
    "rejected": [USER, BAD],
    "rejected-rating": 1.0,
    "rejected-model": "bora",
}


def test_every_completion_is_a_response_of_its_model():
    made = read_rows("ultrafeedback", RATED)

    assert {name: one["content"]["text"] for name, one in made.responses.items()} == {
        "mala-7b": "See the museum.",
        "bora": "Ski.",
    }
    assert made.responses["mala-7b"]["model_parameters"] == {"model": "mala-7b"}
    assert made.turns[-1]["annotations"] == []
    assert detected(RATED) == "ultrafeedback"


def test_ratings_scores_and_critiques_are_annotations():
    annotations = read_rows("ultrafeedback", RATED).responses["mala-7b"]["annotations"]

    assert annotations == [
        {"key": "helpfulness_type", "type": "category_multiple", "value": ["1", "3"],
         "justification": "Clear."},
        {"key": "helpfulness", "type": "integer", "value": 4, "possible_values": [1, 2, 3, 4, 5],
         "justification": "Short."},
        {"key": "honesty", "type": "integer", "value": None, "not_applicable": True,
         "justification": "Creative."},
        {"key": "overall_score", "type": "rubric_rating", "value": {"score": 7.5}},
        {"key": "fine-grained_score", "type": "rubric_rating", "value": {"score": 4.25}},
        {"key": "critique", "type": "text", "value": "Name a second place."},
    ]  # fmt: skip


def test_principles_and_system_prompts_stay_in_the_metadata_by_response():
    made = read_rows("ultrafeedback", RATED)

    assert made.task.metadata == {
        "source": "made",
        "models": ["mala-7b", "bora"],
        "correct_answers": ["None"],
        "completions": {
            "mala-7b": {"principle": "helpfulness", "custom_system_prompt": "Be kind."}
        },
    }


def test_the_form_asks_for_the_four_aspects():
    form = read_rows("ultrafeedback", RATED).form

    assert [(field.key, field.possible_values) for field in form.fields] == [
        (name, [1, 2, 3, 4, 5])
        for name in ("helpfulness", "honesty", "instruction_following", "truthfulness")
    ]


def test_two_completions_of_one_model_get_different_names():
    twice = [RATED["completions"][1]] * 2

    made = read_rows("ultrafeedback", {**RATED, "completions": twice})

    assert list(made.responses) == ["bora", "bora_2"]
    assert "have one name" in made.remarks[0]


@pytest.mark.parametrize("model", [None, "", 7, "x" * 300, "a\nb", "the-chosen-one"])
def test_a_name_that_cannot_be_shown_is_a_number_in_its_place(model):
    completion = {**RATED["completions"][1], "model": model}

    assert list(read_rows("ultrafeedback", {**RATED, "completions": [completion]}).responses) == [
        "response_1"
    ]


@pytest.mark.parametrize("rating", ["6", "very good", 2.5, None, []])
def test_a_rating_that_is_none_is_kept_in_the_metadata_or_refused(rating):
    judged = {"honesty": {"Rating": rating, "Rationale": "Hm."}}
    completion = {**RATED["completions"][1], "annotations": judged}
    row = {**RATED, "completions": [completion]}

    made = read_rows("ultrafeedback", row)

    kept = made.task.metadata["completions"]["bora"]["annotations"]["honesty"]
    assert kept == {name: value for name, value in judged["honesty"].items() if value is not None}
    assert value_of(made.responses["bora"], "honesty") is None
    assert "is no number" in made.remarks[0]
    assert refusal_of("ultrafeedback", row, strict=True)


@pytest.mark.parametrize("row", [BINARIZED, CLEANED])
def test_a_binarized_pair_has_its_verdict_and_its_ratings(row):
    made = read_rows("ultrafeedback", row)

    key = "score" if row is BINARIZED else "rating"
    rated: dict[str, Any] = {
        one["content"]["text"]: value_of(one, key)["score"] for one in made.responses.values()
    }
    assert made.selected == "See the museum."
    assert rated["See the museum."] > rated["Ski."]
    assert sorted(made.responses) == ["response_1", "response_2"]
    assert "messages" not in made.task.metadata
    assert detected(row) == "ultrafeedback"


def test_the_id_of_a_pair_is_that_of_its_prompt():
    assert read_rows("ultrafeedback", BINARIZED).task.item_id == "p1"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"instruction": None}, "/instruction"),
        ({"completions": None}, "/completions"),
        ({"completions": []}, "/completions"),
        ({"completions": [7]}, "/completions/0"),
        ({"completions": [{"model": "a"}]}, "/completions/0/response"),
        (
            {"completions": [{"model": "a", "response": "b", "annotations": [1]}]},
            "/completions/0/annotations",
        ),
        (
            {"completions": [{"model": "a", "response": "b", "annotations": {"x/y": 1}}]},
            "/completions/0/annotations/x~1y",
        ),
    ],
)
def test_a_row_that_is_not_whole_is_refused_where_it_lacks(change, pointer):
    assert refusal_of("ultrafeedback", {**RATED, **change}).pointer == pointer


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "I", "completions": ["a", "b"]},
        {"instruction": "I", "models": [], "completions": []},
        {"instruction": "I", "completions": [{"response": "a"}]},
        {"prompt": "P", "chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {**BINARIZED, "chosen": "a", "rejected": "b"},
        {**BINARIZED, "winner": "a"},
    ],
)
def test_rows_of_other_shapes_are_not_taken_for_these(row):
    assert detected(row) != "ultrafeedback"


@pytest.mark.parametrize("row", [RATED, BINARIZED])
def test_no_spoiled_row_does_more_than_be_refused(row):
    assert sweep("ultrafeedback", row) > 20

"""HelpSteer: rated responses, preferences, feedback and edits."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.foreign_rows import detected, read_rows, refusal_of, sweep, value_of
from tests.support.running.every_case import every_case

SCORES = {"helpfulness": 3, "correctness": 4, "coherence": 4, "complexity": 2, "verbosity": 1}
RATED = {"prompt": "What is a prime?", "response": "A number.", **SCORES}
DISAGREEING = {**RATED, **{name: [score, score, 4] for name, score in SCORES.items()}}
CONTEXT = [{"role": "user", "content": "What is a prime?"}]
PREFERRED = {
    "split": "train",
    "prompt": "What is a prime?",
    "response_1": "A number.",
    "response_2": "A number with two divisors.",
    "preference_strength": 2,
    "preference_statement": "@Response 2 is better.",
    "preference_elaboration": "It is exact.",
    "three_most_similar_preferences": [{"statement": "S", "elaboration": "E", "strength": 2}],
    "all_preferences_unprocessed": [
        {"strength": 2, "justification": "Exact."},
        {"strength": 1, "justification": "Longer."},
    ],
}
THIRD = {
    "domain": "stem",
    "language": "english",
    "context": CONTEXT,
    "response1": "A number with two divisors.",
    "response2": "A number.",
    "overall_preference": -3,
    "individual_preference": [
        {"score": -3, "reasoning": "Exact.", "feedback1": "Good.", "feedback2": "Vague."},
        {"score": -2, "reasoning": "Right.", "feedback1": "Fine.", "feedback2": None},
    ],
}
FEEDBACK = {
    "context": CONTEXT,
    "response1": "A",
    "response2": "B",
    "feedback1": ["Good."],
    "feedback2": ["Vague.", "Short."],
}
EDIT = {
    "context": CONTEXT,
    "original_response": "A number.",
    "edited_response": "A number with two divisors.",
    "feedback": ["Vague."],
    "change_summary": "Made it exact.",
}
EDITS = {
    "context": CONTEXT,
    "original_response": "A number.",
    "good_edited_response": "A number with two divisors.",
    "bad_edited_response": "A nice number.",
    "feedback": ["Vague."],
}


def annotation_of(part: dict[str, Any], key: str) -> dict[str, Any]:
    (found,) = [one for one in part["annotations"] if one["key"] == key]
    return found


# --- ratings ---


def test_the_rows_of_a_prompt_are_the_responses_of_one_task():
    other = {**RATED, "response": "Two divisors.", "helpfulness": "4"}
    made = read_rows("helpsteer", RATED, {**RATED, "prompt": "Another"}, other)

    assert len(made.tasks) == 2
    messages = made.tasks[0].threads[0]["turns"][0]["messages"]
    assert [one["content"]["text"] for one in messages] == [
        "What is a prime?",
        "A number.",
        "Two divisors.",
    ]
    assert [value_of(one, "helpfulness") for one in messages[1:]] == [3, 4]
    assert annotation_of(messages[1], "verbosity")["possible_values"] == [0, 1, 2, 3, 4]


def test_equal_responses_to_a_prompt_stay_two():
    assert list(read_rows("helpsteer", RATED, RATED).responses) == ["response_1", "response_2"]


def test_rows_without_a_prompt_are_not_put_together():
    made = read_rows("helpsteer", {**RATED, "prompt": ""}, {**RATED, "prompt": ""})

    assert len(made.tasks) == 2


def test_other_columns_stay_with_their_response():
    made = read_rows("helpsteer", {**RATED, "origin": "a"}, {**RATED, "origin": "b"})

    assert made.task.metadata == {
        "responses": {"response_1": {"origin": "a"}, "response_2": {"origin": "b"}}
    }


def test_a_prompt_of_several_turns_is_split_at_its_marks():
    prompt = "Hi\n<extra_id_1>Assistant\nHello.\n<extra_id_1>User\nWhat is a prime?"

    made = read_rows("helpsteer", {**RATED, "prompt": prompt})

    assert [
        (one["role"], one["content"]["text"]) for turn in made.turns for one in turn["messages"]
    ] == [
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "What is a prime?"),
        ("assistant", "A number."),
    ]


def test_the_ratings_of_several_judges_are_votes():
    made = read_rows("helpsteer", DISAGREEING)

    assert annotation_of(made.responses["response_1"], "helpfulness") == {
        "key": "helpfulness",
        "type": "integer",
        "value": 3,
        "possible_values": [0, 1, 2, 3, 4],
        "votes": [
            {"contributor_id": "annotator_1", "value": 3},
            {"contributor_id": "annotator_2", "value": 3},
            {"contributor_id": "annotator_3", "value": 4},
        ],
    }
    assert len(made.task.threads[0]["submissions"]) == 3
    assert "have no names" in made.remarks[0]


def test_two_judges_who_disagree_come_to_no_value():
    made = read_rows("helpsteer", {**DISAGREEING, "helpfulness": [1, 3]})

    assert value_of(made.responses["response_1"], "helpfulness") is None


@pytest.mark.parametrize(
    ("row", "pointer"),
    [
        ({**RATED, "helpfulness": 5}, "/helpfulness"),
        ({**RATED, "helpfulness": 2.5}, "/helpfulness"),
        ({**RATED, "verbosity": "much"}, "/verbosity"),
        ({**RATED, "verbosity": []}, "/verbosity"),
        ({**RATED, "verbosity": [1, 9]}, "/verbosity/1"),
        ({**RATED, "response": None}, "/response"),
        ({**RATED, "prompt": None}, "/prompt"),
    ],
)
def test_a_rating_out_of_range_is_refused(row, pointer):
    assert refusal_of("helpsteer", row).pointer == pointer


def test_a_later_row_of_a_prompt_is_refused_by_itself():
    assert refusal_of("helpsteer", RATED, {**RATED, "coherence": 9}).pointer == "/coherence"


# --- preferences ---


@pytest.mark.parametrize(
    ("strength", "selected", "value"),
    [(-3, "response_1", 1), (-1, "response_1", 3), (2, "response_2", 6), ("3", "response_2", 7)],
)
def test_a_negative_strength_prefers_the_first_response(strength, selected, value):
    made = read_rows("helpsteer", {**PREFERRED, "preference_strength": strength})

    assert made.verdict("selected_model_id") == selected
    assert made.verdict("likert_value") == value
    assert made.verdict("preference") is None


def test_a_strength_of_0_is_a_tie():
    made = read_rows("helpsteer", {**PREFERRED, "preference_strength": 0})

    assert made.verdict("selected_model_id") is None
    assert made.verdict("preference") == "tie"
    assert made.verdict("likert_value") == 4


def test_the_order_of_the_responses_is_that_of_the_set():
    assert [
        one["content"]["text"] for one in read_rows("helpsteer", PREFERRED).responses.values()
    ] == [
        "A number.",
        "A number with two divisors.",
    ]


def test_every_judges_preference_and_reason_is_a_vote():
    made = read_rows("helpsteer", PREFERRED)

    preference = annotation_of(made.turns[-1], "likert_value")
    assert [one["value"] for one in preference["votes"]] == [6, 5]
    reason = annotation_of(made.turns[-1], "justification")
    assert reason["value"] == "@Response 2 is better.\n\nIt is exact."
    assert [one["value"] for one in reason["votes"]] == ["Exact.", "Longer."]
    assert set(made.task.metadata) == {"split", "three_most_similar_preferences"}


def test_cells_of_a_table_say_the_same_as_json():
    cells = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in THIRD.items()
    }

    made = read_rows("helpsteer", cells)

    assert made.tasks == read_rows("helpsteer", THIRD).tasks
    assert detected(cells) == "helpsteer"
    broken = {**cells, "individual_preference": "[{"}
    assert refusal_of("helpsteer", broken).pointer == "/individual_preference"


def test_a_judge_who_accepts_neither_casts_no_vote_and_is_kept():
    judges = [*PREFERRED["all_preferences_unprocessed"], {"strength": -100, "justification": "No."}]

    made = read_rows("helpsteer", {**PREFERRED, "all_preferences_unprocessed": judges})

    assert len(annotation_of(made.turns[-1], "likert_value")["votes"]) == 2
    assert made.task.metadata["all_preferences_unprocessed"] == judges
    assert "no vote" in made.remarks[0]


def test_the_third_set_has_conversations_and_feedback_on_each_response():
    made = read_rows("helpsteer", THIRD)

    assert made.verdict("selected_model_id") == "response_1"
    assert made.verdict("likert_value") == 1
    feedback = annotation_of(made.responses["response_1"], "feedback")
    assert [one["value"] for one in feedback["votes"]] == ["Good.", "Fine."]
    assert made.task.metadata == {"domain": "stem", "language": "english"}
    assert [field.key for field in made.form.fields] == [
        "selected_model_id",
        "likert_value",
        "rewrite",
        "feedback",
        "justification",
    ]


# --- feedback and edits ---


def test_feedback_alone_is_no_preference():
    made = read_rows("helpsteer", FEEDBACK)

    assert made.turns[-1]["annotations"] == []
    assert value_of(made.responses["response_2"], "feedback") == "Vague."
    assert len(made.task.threads[0]["submissions"]) == 2


def test_an_edit_is_the_rewrite_of_its_response():
    made = read_rows("helpsteer", EDIT)

    response = made.responses["response_1"]
    assert response["content"]["text"] == "A number."
    assert value_of(response, "rewrite") == "A number with two divisors."
    assert value_of(response, "change_summary") == "Made it exact."
    assert [field.key for field in made.form.fields] == ["rewrite", "feedback"]


def test_the_better_edit_is_named_by_the_verdict_alone():
    made = read_rows("helpsteer", EDITS)

    assert made.selected == "A number with two divisors."
    assert made.task.metadata == {"original_response": "A number.", "feedback": ["Vague."]}


@every_case(
    "row, pointer",
    [
        ({**PREFERRED, "preference_strength": 4}, "/preference_strength"),
        ({**PREFERRED, "preference_strength": "first"}, "/preference_strength"),
        ({**PREFERRED, "response_2": None}, "/response_2"),
        ({**PREFERRED, "all_preferences_unprocessed": [1]}, "/all_preferences_unprocessed/0"),
        ({**THIRD, "context": "Hi"}, "/context"),
        ({**THIRD, "individual_preference": "no"}, "/individual_preference"),
        ({**FEEDBACK, "feedback1": [None]}, "/feedback1/0"),
        ({**EDIT, "feedback": "Vague."}, "/feedback"),
        ({**EDIT, "edited_response": None}, "/edited_response"),
        ({"prompt": "P"}, ""),
    ],
)
def test_a_row_that_is_not_whole_is_refused_where_it_lacks(row, pointer):
    assert refusal_of("helpsteer", row).pointer == pointer


@pytest.mark.parametrize("row", [RATED, DISAGREEING, PREFERRED, THIRD, FEEDBACK, EDIT, EDITS])
def test_every_file_of_the_sets_is_detected(row):
    assert detected(row) == "helpsteer"


@pytest.mark.parametrize(
    "row",
    [
        {**RATED, "helpfulness": 5},
        {"prompt": "P", "response": "R", "helpfulness": 3},
        {**PREFERRED, "preference_strength": 7},
        {"prompt": "P", "response1": "A", "response2": "B", "overall_preference": 1},
        {**THIRD, "overall_preference": "A"},
    ],
)
def test_rows_of_other_shapes_are_not_taken_for_these(row):
    assert detected(row) != "helpsteer"


@pytest.mark.parametrize("row", [RATED, DISAGREEING, PREFERRED, THIRD, FEEDBACK, EDIT, EDITS])
def test_no_spoiled_row_does_more_than_be_refused(row):
    assert sweep("helpsteer", row) > 20

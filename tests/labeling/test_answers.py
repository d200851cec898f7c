"""Answers: what the form lets through, what is said about the rest, and how orders are undone."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plaudit import json_guard
from plaudit.core.labeling.answers import ANSWERS_MAX, FAULTS_MAX, check
from plaudit.core.labeling.questions import own_order, questions, random_order
from plaudit.core.labeling.type_rules import ANSWER_CHARS_MAX
from plaudit.core.tasks.form_checks import read_form
from plaudit.core.tasks.forms import PRESETS
from plaudit.errors import AnswersRejected
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import AskedTask, good_answers, make_content
from tests.support.running.every_case import every_case

AB = {"at": "t0u0"}
ONE = AB | {"position": 1}


def field(key: str, level: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "level": level, "type": kind} | more


EVERY = read_form(
    {
        "fields": [
            field("grade", "message", "integer", possible_values=[1, 2, 3], required=True),
            field("safe", "message", "boolean", cannot_assess=True),
            field("tone", "message", "category", possible_values=["warm", "cold"]),
            field("topics", "message", "category_multiple", possible_values=["a", "b", "c"]),
            field("marks", "message", "labeled_text", labels=["wrong", "rude"]),
            field("prompt", "message", "text", applies_to="user"),
            field("quality", "message", "rubric_rating"),
            field("likert", "turn", "integer", scale="low_is_first"),
            field("best", "turn", "category"),
            field("fine", "turn", "category_multiple"),
            field("order", "turn", "ranked_choices"),
            field("groups", "turn", "ranked_groups"),
            field("why", "turn", "text", chars_min=10, names_responses=True),
            field("file", "turn", "file"),
            field("whole", "thread", "text"),
        ]
    }
)
CONTENT = make_content()
SHOWN = {"t0u0": [2, 1]}
"""Response 1 on the screen is test_model, which is the second by itself."""
GRADES = [AB | {"position": n, "key": "grade", "value": n} for n in (1, 2)]


def checked(*given: Any, form: Any = EVERY, display: Any = SHOWN, content: Any = CONTENT) -> Any:
    found = check(form, content, display, [*GRADES, *given])
    return {(one.source_id, one.key): one.value for one in found}


def test_what_is_asked_is_what_the_form_says_of_each_place():
    asked = [
        (one.target.at, one.target.message, one.field.key) for one in questions(EVERY, CONTENT)
    ]

    assert ("t0u0", 0, "prompt") in asked
    assert ("t0u0", 1, "prompt") not in asked
    assert {m for _, m, key in asked if key == "grade"} == {1, 2}
    assert ("t0", None, "whole") in asked
    assert "file" not in {key for _, _, key in asked}


def test_answers_are_stored_by_source():
    assert checked() == {("test_model", "grade"): 1, ("base_model", "grade"): 2}


@every_case(
    "given, stored",
    [
        (AB | {"key": "likert", "value": 1}, 7),
        (AB | {"key": "likert", "value": 4}, 4),
        (AB | {"key": "best", "value": 1}, "test_model"),
        (AB | {"key": "fine", "value": [2]}, ["base_model"]),
        (AB | {"key": "fine", "value": []}, []),
        (AB | {"key": "order", "value": [2, 1]}, ["base_model", "test_model"]),
        (AB | {"key": "groups", "value": [[1, 2]]}, [["test_model", "base_model"]]),
        (
            AB | {"key": "why", "value": "@Response 1 beats @Response 2, not @Response 3"},
            "@Response 2 beats @Response 1, not @Response 3",
        ),
    ],
)
def test_what_speaks_of_responses_is_stored_in_their_own_order(given, stored):
    assert checked(given)[None, given["key"]] == stored


def test_what_was_shown_in_its_own_order_is_stored_as_it_is():
    display = {"t0u0": [1, 2]}
    given = AB | {"key": "likert", "value": 1}

    assert checked(given, display=display)[None, "likert"] == 1


def test_a_scale_of_other_values_is_mirrored_among_them():
    form = read_form(
        {"fields": [field("p", "turn", "integer", scale="low_is_first", possible_values=[0, 5, 9])]}
    )

    found = check(form, CONTENT, SHOWN, [AB | {"key": "p", "value": 0}])

    assert [one.value for one in found] == [9]


HOSTILE = [
    (ONE | {"key": "safe", "value": 1}, "/value"),
    (ONE | {"key": "safe", "value": "true"}, "/value"),
    (ONE | {"key": "safe", "not_applicable": True}, "/not_applicable"),
    (ONE | {"key": "safe", "value": True, "cannot_assess": True}, "/cannot_assess"),
    (ONE | {"key": "safe", "value": True, "justification": "x" * 10_001}, "/justification"),
    (ONE | {"key": "safe", "value": True, "justification": 5}, "/justification"),
    (ONE | {"key": "tone", "value": "hot"}, "/value"),
    (ONE | {"key": "tone", "value": ["warm"]}, "/value"),
    (ONE | {"key": "topics", "value": "a"}, "/value"),
    (ONE | {"key": "topics", "value": ["a", "a"]}, "/value"),
    (ONE | {"key": "topics", "value": ["a", "z"]}, "/value/1"),
    (ONE | {"key": "topics", "value": ["a", 1]}, "/value/1"),
    (ONE | {"key": "marks", "value": [{"label": "odd", "text": "An"}]}, "/value/0/label"),
    (ONE | {"key": "marks", "value": [{"label": "rude", "text": "No such"}]}, "/value/0/text"),
    (ONE | {"key": "marks", "value": [{"label": "rude", "text": ""}]}, "/value/0"),
    (ONE | {"key": "marks", "value": [{"label": "rude", "text": "An", "start": 1, "end": 3}]},
     "/value/0"),
    (ONE | {"key": "marks", "value": [{"label": "rude", "text": "An", "start": 0}]}, "/value/0"),
    (ONE | {"key": "marks", "value": [{"label": "rude", "text": "An", "x": 0}]}, "/value/0"),
    (ONE | {"key": "marks", "value": {"label": "rude"}}, "/value"),
    (ONE | {"key": "quality", "value": {"score": "1"}}, "/value"),
    (ONE | {"key": "quality", "value": {"score": 1e400}}, "/value/score"),
    (ONE | {"key": "quality", "value": {"score": float("nan")}}, "/value/score"),
    (ONE | {"key": "quality", "value": 5}, "/value"),
    (ONE | {"key": "nothing", "value": 5}, "/key"),
    (AB | {"position": 3, "key": "safe", "value": True}, "/position"),
    (AB | {"position": 0, "key": "safe", "value": True}, "/position"),
    (AB | {"position": -1, "key": "safe", "value": True}, "/position"),
    (AB | {"position": True, "key": "safe", "value": True}, "/position"),
    (AB | {"position": 1, "message": 1, "key": "safe", "value": True}, "/position"),
    (AB | {"message": 1, "key": "safe", "value": True}, "/message"),
    (AB | {"message": -3, "key": "prompt", "value": "x"}, "/key"),
    (AB | {"message": 0, "chunk": 0, "key": "prompt", "value": "x"}, "/key"),
    (AB | {"message": 0, "key": "prompt", "value": "x\0"}, "/value"),
    (AB | {"message": 0, "key": "prompt", "value": "x" * (ANSWER_CHARS_MAX + 1)}, "/value"),
    (AB | {"key": "likert", "value": 8}, "/value"),
    (AB | {"key": "likert", "value": 4.0}, "/value"),
    (AB | {"key": "likert", "value": 10**30}, "/value"),
    (AB | {"key": "best", "value": "test_model"}, "/value"),
    (AB | {"key": "best", "value": 3}, "/value"),
    (AB | {"key": "fine", "value": [1, 1]}, "/value"),
    (AB | {"key": "order", "value": [1]}, "/value"),
    (AB | {"key": "order", "value": [1, 1]}, "/value"),
    (AB | {"key": "groups", "value": [[1], []]}, "/value"),
    (AB | {"key": "groups", "value": [[1], [1]]}, "/value"),
    (AB | {"key": "groups", "value": [1, 2]}, "/value"),
    (AB | {"key": "why", "value": "too short"}, "/value"),
    (AB | {"key": "why", "value": "names nobody at all"}, "/value"),
    (AB | {"key": "why", "value": "names @Response 3 alone"}, "/value"),
    (AB | {"key": "file", "value": [{"url": "https://example.com"}]}, "/key"),
    ({"at": "t1", "key": "whole", "value": "x"}, "/key"),
    ({"at": "t00", "key": "whole", "value": "x"}, "/key"),
    ({"at": "../t0", "key": "whole", "value": "x"}, "/at"),
    ({"at": "t٠", "key": "whole", "value": "x"}, "/at"),
    ({"at": "t0", "key": "whole", "value": "x", "source_id": "a"}, ""),
    ({"at": "t0", "value": "x"}, ""),
    ("whole", ""),
    (None, ""),
    (AB | {"position": 2, "key": "grade", "value": 3}, "/key"),
]  # fmt: skip


@every_case("given, where", HOSTILE)
def test_an_answer_that_cannot_be_is_refused_and_its_place_named(given, where):
    with pytest.raises(AnswersRejected) as caught:
        checked(given)

    [fault] = caught.value.faults
    assert fault.pointer == f"/{len(GRADES)}{where}"
    assert caught.value.pointer == fault.pointer
    assert fault.message


@pytest.mark.parametrize("given", [None, {}, "x", 5])
def test_answers_are_a_list(given):
    with pytest.raises(AnswersRejected):
        check(EVERY, CONTENT, SHOWN, given)


def test_there_is_a_largest_number_of_answers_and_of_faults():
    with pytest.raises(AnswersRejected, match="at most"):
        check(EVERY, CONTENT, SHOWN, [None] * (ANSWERS_MAX + 1))
    with pytest.raises(AnswersRejected) as caught:
        check(EVERY, CONTENT, SHOWN, [None] * ANSWERS_MAX)

    assert len(caught.value.faults) == FAULTS_MAX


@pytest.mark.parametrize(
    "said",
    [[], [ONE | {"key": "grade"}], [ONE | {"key": "grade", "value": None, "justification": "x"}]],
)
def test_required_questions_need_an_answer_and_a_reason_is_none(said):
    with pytest.raises(AnswersRejected) as caught:
        check(EVERY, CONTENT, SHOWN, [*said, GRADES[1]])

    [fault] = caught.value.faults
    assert (fault.key, fault.at, fault.position) == ("grade", "t0u0", 1)
    assert check(EVERY, CONTENT, SHOWN, said, partly=True) is not None


def test_a_blank_text_is_no_answer():
    assert (None, "why") not in checked(AB | {"key": "why", "value": " \n "})


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_can_be_answered(name):
    chunks = [{"type": "text", "text": "A step.", "annotations": []}]
    rubric = {"criteria_definitions": [{"id": "c", "criterion": "C?", "annotations": []}]}
    answering = make_message("a", content={"text": "A step.", "chunks": chunks})
    messages = [make_message("user"), answering, make_message("b")]
    if name == "SFT":
        messages = messages[:1]
    content = make_content(make_turn(messages=messages, rubrics=[rubric]))
    task = AskedTask(PRESETS[name], content, random_order(content))

    found = check(task.form, content, task.display, good_answers(task))

    assert len(found) == len(task.questions) > 0


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
GIVEN = st.fixed_dictionaries(
    {
        "at": st.sampled_from(["t0", "t0u0", "t0u1", "t9", ""]),
        "key": st.sampled_from([one.key for one in EVERY.fields] + ["x"]),
    },
    optional={
        "position": st.integers(-1, 3),
        "message": st.integers(-1, 3),
        "chunk": st.integers(-1, 1),
        "value": JSON,
        "not_applicable": st.booleans(),
        "cannot_assess": st.booleans(),
        "justification": st.text(max_size=5),
    },
)


@settings(max_examples=250, deadline=None)
@given(st.lists(GIVEN | JSON, max_size=6))
def test_whatever_is_sent_is_taken_or_refused_and_what_is_taken_can_be_written(given):
    try:
        found = check(EVERY, CONTENT, SHOWN, given)
    except AnswersRejected:
        return

    json_guard.check(msgspec.json.encode(found))


@settings(max_examples=100, deadline=None)
@given(st.permutations([1, 2, 3, 4]), st.integers(1, 5), st.integers(1, 5))
def test_the_order_on_the_screen_changes_nothing_that_is_stored(order, first, second):
    """What is said of two responses, wherever they stand, is stored the same."""
    content = make_content(
        make_turn(messages=[make_message("user"), *(make_message(f"m{n}") for n in range(1, 5))])
    )
    form = read_form(
        {
            "fields": [
                field("g", "message", "integer"),
                field("order", "turn", "ranked_choices"),
                field("why", "turn", "text"),
            ]
        }
    )

    def said(display):
        at = {m: display["t0u0"].index(m) + 1 for m in (1, 2, 3, 4)}
        return check(
            form,
            content,
            display,
            [
                AB | {"position": at[1], "key": "g", "value": first},
                AB | {"position": at[2], "key": "g", "value": second},
                AB | {"key": "order", "value": [at[m] for m in (2, 4, 1, 3)]},
                AB | {"key": "why", "value": f"@Response {at[3]} and @Response {at[1]}"},
            ],
        )

    assert said({"t0u0": list(order)}) == said(own_order(content))

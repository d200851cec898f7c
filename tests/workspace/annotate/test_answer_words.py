"""Answers in words for reviewers, and back into the controls."""

from __future__ import annotations

from typing import Any

import pytest

from plaudit.core.labeling.answers import Answer, check
from plaudit.core.labeling.questions import Positions, own_order, questions
from plaudit.core.tasks.forms import form_of
from plaudit.wire.v2.resources import ProjectDetail
from plaudit.workspace.annotate import answer_words
from plaudit.workspace.annotate.controls import control_of
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import make_content
from tests.support.running.every_case import every_case

MESSAGES = [make_message("user", "Why?"), *(make_message(name, "So.") for name in "abc")]
PAIR = [make_message("user", "Why?"), *(make_message(name, "So.") for name in "ab")]


def ask(field: dict[str, Any], messages: Any = MESSAGES):
    """The form, the conversation, and the first question that the field asks about it."""
    form = form_of(ProjectDetail(form={"fields": [field]}))
    content = make_content(make_turn(messages=messages))
    [question, *_] = questions(form, content)
    return form, content, question, control_of(0, question, Positions(own_order(content)))


def turn(kind: str, **more: Any) -> dict[str, Any]:
    return {"key": "k", "level": "turn", "type": kind} | more


SCALE = turn("integer", scale="low_is_first")
GRADES = turn("integer", possible_values=[1, 2, 3], labels=["Bad", "Fair", "Good"])

CASES = [
    (GRADES, 2, "2 – Fair"),
    (turn("integer"), 420, "420"),
    (turn("boolean"), True, "Yes"),
    (turn("boolean"), False, "No"),
    (turn("boolean", possible_values=[True, False], labels=["Safe", "Unsafe"]), False, "Unsafe"),
    (turn("category", possible_values=["x", "y"]), "y", "y"),
    (turn("category_multiple", possible_values=["x", "y"]), ["x", "y"], "x, y"),
    (turn("category_multiple", possible_values=["x", "y"]), [], "none of them"),
    (turn("category"), "b", "Response 2"),
    (turn("category_multiple"), ["c", "a"], "Response 3, Response 1"),
    (turn("ranked_choices"), ["b", "a", "c"], "Response 2 > Response 1 > Response 3"),
    (turn("ranked_groups"), [["b"], ["a", "c"]], "Response 2 > Response 1 = Response 3"),
    (turn("text"), "Because.", "Because."),
    (turn("rubric_rating"), {"score": 2.5, "justification": "So."}, "2.5 – So."),
    (turn("labeled_text", labels=["odd"]), [{"label": "odd", "text": "x"}], "odd: “x”"),
]


@every_case("field, value, words", CASES)
def test_each_kind_of_answer_has_words(field, value, words):
    _, content, question, control = ask(field)

    assert answer_words.describe(
        question, control, Answer(at="t0u0", key="k", value=value), content
    ) == (words)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (1, "1 – Response 1 is much better"),
        (3, "3 – Response 1 is better"),
        (4, "4 – neither is better"),
        (7, "7 – Response 2 is much better"),
        (9, "9"),
    ],
)
def test_a_preference_names_the_side(value, words):
    _, content, question, control = ask(SCALE, PAIR)
    answer = Answer(at="t0u0", key="k", value=value)

    assert answer_words.describe(question, control, answer, content) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (7, "7 – Response 1 is much better"),
        (5, "5 – Response 1 is better"),
        (4, "4 – neither is better"),
        (2, "2 – Response 2 is better"),
        (1, "1 – Response 2 is much better"),
    ],
)
def test_a_preference_whose_high_values_are_for_the_first_response_names_that_side(value, words):
    _, content, question, control = ask(SCALE | {"scale": "high_is_first"}, PAIR)
    answer = Answer(at="t0u0", key="k", value=value)

    assert answer_words.describe(question, control, answer, content) == words
    assert control.choices[0].name == "Response 1 is much better"


def test_labels_stay_with_their_values_whichever_end_is_the_first_response():
    field = turn("integer", possible_values=[0, 1, 2], labels=["Second", "Tie", "First"])
    _, content, question, control = ask(field | {"scale": "high_is_first"}, PAIR)
    answer = Answer(at="t0u0", key="k", value=2)

    assert [one.name for one in control.choices] == ["First", "Tie", "Second"]
    assert answer_words.describe(question, control, answer, content) == "2 – First"


def test_that_there_is_no_answer_is_said_as_the_control_says_it():
    field = GRADES | {"not_applicable": True, "cannot_assess": True}
    _, content, question, control = ask(field)
    found = [
        answer_words.describe(question, control, answer, content)
        for answer in (
            Answer(at="t0u0", key="k", not_applicable=True),
            Answer(at="t0u0", key="k", cannot_assess=True),
            Answer(at="t0u0", key="k"),
        )
    ]

    assert found == ["N/A", "Cannot assess", answer_words.NOTHING]


@every_case("field, value, words", CASES)
def test_what_the_controls_are_given_reads_as_the_same_answer(field, value, words):
    form, content, question, control = ask(field)
    answer = Answer(at="t0u0", key="k", value=value)

    given = answer_words.given_answer(question, control, answer, content)

    if value == [] or field["type"] == "labeled_text":
        assert given is not None
        return
    assert check(form, content, own_order(content), [given]) == [answer]


@pytest.mark.parametrize("field", [case[0] for case in CASES])
@every_case(
    "value", [None, 7.5, -1, "?", "", [], {}, [[]], [None], {"score": None}, [{"label": 1}], True]
)
def test_values_that_came_from_elsewhere_are_shown_whatever_they_are(field, value):
    """Imports bring values that the form does not ask for."""
    form, content, question, control = ask(field)
    answer = Answer(at="t0u0", key="k", value=value)

    words = answer_words.describe(question, control, answer, content)
    given = answer_words.given_answer(question, control, answer, content)

    assert isinstance(words, str)
    if given is not None:  # what the controls are given, they can send back
        check(form, content, own_order(content), [given], partly=True)

"""Scores of gold by the type of the question, and the draws that decide when it is due."""

from __future__ import annotations

import time
from typing import Any

import pytest

from plaudit.core.labeling.answers import Answer
from plaudit.core.quality_control.control_tasks import ControlRates, count_planned, is_due
from plaudit.core.quality_control.expected_answers import check_expected, score_answers, spans_f1
from plaudit.core.tasks.form_checks import read_form
from plaudit.errors import InvalidContent
from plaudit.model.quality_control import ControlTurn
from plaudit.wire.manage.gold import ExpectedAnswer
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import make_content
from tests.support.running.every_case import every_case

SOURCES = ("base_model", "test_model")
TEXT = "Abc def ghi"


def of_turn(key: str, kind: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "level": "turn", "type": kind} | more


FORM = read_form(
    {
        "fields": [
            of_turn("likert", "integer", scale="low_is_first", cannot_assess=True),
            of_turn("high", "integer", possible_values=[1, 2, 3, 4, 5]),
            of_turn("ok", "boolean"),
            of_turn("kind", "category", possible_values=["a", "b"], not_applicable=True),
            of_turn("many", "category_multiple", possible_values=["a", "b", "c"]),
            of_turn("best", "category"),
            of_turn("groups", "ranked_groups"),
            of_turn("order", "ranked_choices"),
            of_turn("why", "text"),
            {"key": "marks", "level": "message", "type": "labeled_text", "labels": ["x", "y"]},
            {"key": "score", "level": "message", "type": "rubric_rating"},
        ]
    }
)
CONTENT = make_content(
    make_turn(messages=[make_message("user", "?"), *(make_message(one, TEXT) for one in SOURCES)])
)


def span(label: str, start: int, end: int) -> dict[str, Any]:
    return {"label": label, "text": TEXT[start:end], "start": start, "end": end}


def scores(*args: Any) -> dict[int, bool]:
    return {one.number: one.is_right for one in score_answers(*args)}


def is_right(key: str, wanted: Any, given: Any, source: str | None = None, **more: Any) -> bool:
    expected = ExpectedAnswer(at="t0u0", source_id=source, key=key, value=wanted, **more)
    check_expected(FORM, CONTENT, [expected], "")
    answer = Answer(at="t0u0", source_id=source, key=key, value=given)
    return scores(FORM, CONTENT, [expected], [answer])[0]


@every_case(
    "key, wanted, right, wrong",
    [
        ("likert", 1, (1, 2, 3), (4, 5, 7)),
        ("likert", 4, (4,), (3, 5, 1)),
        ("selected_model_id", "test_model", (), ()),
        ("high", 4, (4,), (3, 5)),
        ("ok", True, (True,), (False, 1)),
        ("kind", "a", ("a",), ("b",)),
        ("many", ["a", "b"], (["b", "a"],), (["a"], ["a", "b", "c"], [])),
        ("many", [], ([],), (["a"],)),
        ("best", "base_model", ("base_model",), ("test_model",)),
        ("order", ["test_model", "base_model"], (["test_model", "base_model"],),
         (["base_model", "test_model"],)),
        ("groups", [["test_model", "base_model"]], ([["base_model", "test_model"]],),
         ([["base_model"], ["test_model"]],)),
    ],
)  # fmt: skip
def test_an_answer_is_right_by_the_rule_of_its_type(key, wanted, right, wrong):
    assert [is_right(key, wanted, one) for one in right] == [True] * len(right)
    assert [is_right(key, wanted, one) for one in wrong] == [False] * len(wrong)


def test_numbers_are_right_within_their_tolerance():
    assert [is_right("high", 4, one, tolerance=1) for one in (2, 3, 4, 5)] == [
        False, True, True, True,
    ]  # fmt: skip
    scored = [
        is_right("score", {"score": 0.5}, {"score": one}, "base_model", tolerance=0.25)
        for one in (0.25, 0.75, 0.8)
    ]
    assert scored == [True, True, False]


def test_the_preferred_response_follows_from_the_preference_and_a_tie_equals_a_tie_alone():
    for wanted, value, is_it in (
        ("base_model", 2, True), ("base_model", 6, False), ("test_model", 7, True),
        ("tie", 4, True), ("tie", 3, False), ("base_model", 4, False),
    ):  # fmt: skip
        form = read_form({"fields": [of_turn("likert", "integer", scale="low_is_first")]})
        expected = ExpectedAnswer(at="t0u0", key="selected_model_id", value=wanted)
        check_expected(form, CONTENT, [expected], "")
        answer = Answer(at="t0u0", key="likert", value=value)
        assert scores(form, CONTENT, [expected], [answer]) == {0: is_it}


def test_marked_text_is_right_by_its_f1():
    wanted = [span("x", 0, 3), span("y", 4, 7)]
    assert spans_f1(wanted, wanted, TEXT) == 1
    assert spans_f1([], [], TEXT) == 1
    assert spans_f1(wanted, [], TEXT) == 0
    assert spans_f1(wanted, [span("x", 0, 2)], TEXT) == pytest.approx(2 / 3)
    assert spans_f1(wanted, [span("y", 0, 3)], TEXT) == 0
    assert spans_f1([{"label": "y", "text": "def"}], [span("y", 4, 7)], TEXT) == 1
    one = [span("x", 0, 3)]
    assert is_right("marks", wanted, one, "base_model")
    assert not is_right("marks", wanted, one, "base_model", threshold=0.7)


@pytest.mark.parametrize(("there", "here"), [(1000, 1000), (1000, 500), (500, 1000)])
def test_a_thousand_spans_that_all_overlap_are_matched_in_seconds(there, here):
    wanted, given = ([span("x", at, at + 5000) for at in range(n)] for n in (there, here))
    began = time.process_time()

    assert spans_f1(wanted, given, "") == 2 * min(there, here) / (there + here)
    assert time.process_time() - began < 5


def test_abstention_is_right_where_it_is_expected_and_no_answer_is_wrong():
    expected = [ExpectedAnswer(at="t0u0", key="kind", not_applicable=True)]
    check_expected(FORM, CONTENT, expected, "")
    for answers, is_it in (
        ([Answer(at="t0u0", key="kind", not_applicable=True)], True),
        ([Answer(at="t0u0", key="kind", value="a")], False),
        ([], False),
    ):
        assert scores(FORM, CONTENT, expected, answers) == {0: is_it}


@every_case(
    "wrong, pointer",
    [
        ({"key": "why", "value": "Because."}, "/0/key"),
        ({"key": "kind", "cannot_assess": True}, "/0/cannot_assess"),
        ({"key": "kind", "value": "a", "not_applicable": True}, "/0/not_applicable"),
        ({"key": "best", "value": "nobody"}, "/0/value"),
        ({"key": "many", "value": ["d"]}, "/0/value"),
        ({"key": "high", "value": "4"}, "/0/value"),
        ({"key": "marks", "value": [], "source_id": "base_model", "threshold": 0}, "/0/threshold"),
        ({"key": "marks", "value": []}, "/0/key"),
    ],
)
def test_what_cannot_be_expected_is_refused_at_its_place(wrong, pointer):
    with pytest.raises(InvalidContent) as fault:
        check_expected(FORM, CONTENT, [ExpectedAnswer(**({"at": "t0u0"} | wrong))], "")

    assert fault.value.pointer == pointer


def test_what_the_form_asks_no_more_is_not_scored():
    expected = [
        ExpectedAnswer(at="t0u0", key="ok", value=True),
        ExpectedAnswer(at="t0u0", key="gone", value=True),
    ]
    answers = [Answer(at="t0u0", key="ok", value=True)]

    assert scores(FORM, CONTENT, expected, answers) == {0: True}


def test_gold_comes_at_its_rate_never_twice_after_one_task_and_as_often_as_was_foreseen():
    rates = ControlRates(gold=0.1, repeats=0.05)
    given, number, last, planned = "", 0, -1, None
    while number < 4000:
        turn = ControlTurn(123456789, number, last)
        if planned is None:
            planned = count_planned(turn, rates, free=4000, gold_left=9999, repeats_left=9999)
        is_gold, is_repeat = is_due(turn, rates)
        if is_gold or is_repeat:
            given, last = given + ("g" if is_gold else "r"), number
            assert is_due(ControlTurn(123456789, number, last), rates) == (False, False)
        given, number = given + "o", number + 1

    assert "gg" not in given.replace("r", "g")
    assert given.count("g") / len(given) == pytest.approx(0.1, abs=0.015)
    assert given.count("r") / len(given) == pytest.approx(0.045, abs=0.012)
    assert planned == len(given) - 4000

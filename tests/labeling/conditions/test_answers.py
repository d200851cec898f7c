"""Conditions: which answers meet one, and what a submission may leave out because of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from plaudit.core.labeling.answers import check
from plaudit.core.labeling.conditions import meets
from plaudit.core.labeling.questions import questions
from plaudit.core.quality_control.expected_answers import check_expected, score_answers
from plaudit.core.tasks.form_checks import read_form
from plaudit.core.tasks.overlap import countable_keys
from plaudit.errors import AnswersRejected, InvalidContent
from plaudit.wire.manage.gold import ExpectedAnswer
from plaudit.wire.v2.resources import ProjectDetail
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import make_content
from tests.support.running.every_case import every_case

BAD = {"key": "verdict", "operator": "is", "value": ["bad", "ugly"]}
FIELDS: list[dict[str, Any]] = [
    {
        "key": "verdict",
        "level": "turn",
        "type": "category",
        "possible_values": ["good", "bad", "ugly"],
        "required": True,
        "cannot_assess": True,
    },
    {"key": "why", "level": "turn", "type": "text", "required": True, "ask_if": BAD},
    {
        "key": "long",
        "level": "turn",
        "type": "boolean",
        "required": True,
        "ask_if": {"key": "why", "operator": "answered"},
    },
    {
        "key": "flaw",
        "level": "message",
        "type": "category",
        "possible_values": ["rude", "wrong"],
        "required": True,
        "ask_if": BAD | {"level": "turn"},
    },
]
FORM = read_form({"fields": FIELDS})
CONTENT = make_content()
SHOWN = {"t0u0": [2, 1]}


def said(key: str, value: Any, **where: Any) -> dict[str, Any]:
    return {"at": "t0u0", "key": key, "value": value} | where


FLAWS = [said("flaw", "rude", position=n) for n in (1, 2)]


def stored(*given: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {one.key: one.value for one in check(FORM, CONTENT, SHOWN, list(given), **more)}


def missing(*given: dict[str, Any]) -> list[tuple[str | None, str]]:
    with pytest.raises(AnswersRejected) as caught:
        check(FORM, CONTENT, SHOWN, list(given))
    return [(fault.key, fault.message) for fault in caught.value.faults]


def source(kind: str, **more: Any) -> Any:
    return read_form({"fields": [{"key": "one", "level": "turn", "type": kind} | more]}).fields[0]


NUMBER = source("integer", possible_values=[0, 1, 2, 3])
SEVERAL = source("category_multiple", possible_values=["a", "b", "c"])
RATING = source("rubric_rating")
SPANS = source("labeled_text")


@every_case(
    "named, operator, wanted, met, unmet",
    [
        (NUMBER, "is", 1, [1], [2, 0, None]),
        (NUMBER, "is", [1, 2], [1, 2], [3, None]),
        (NUMBER, "is_not", 1, [2, 0], [1, None]),
        (NUMBER, "at_least", 2, [2, 3], [1, 0, None, "3"]),
        (NUMBER, "at_most", 0, [0], [1, None]),
        (NUMBER, "answered", None, [0, 1], [None]),
        (source("boolean"), "is", True, [True], [False, 1, None]),
        (source("boolean"), "is", False, [False], [True, 0, None]),
        (SEVERAL, "is", ["a", "b"], [["a"], ["c", "b"]], [["c"], [], None]),
        (SEVERAL, "is_not", "a", [["b"]], [["a", "b"], [], None]),
        (SEVERAL, "answered", None, [["a"]], [[], None]),
        (RATING, "at_least", 0.5, [{"score": 0.5}, {"score": 2}], [{"score": 0.4}, None]),
        (RATING, "is", 1, [{"score": 1}, {"score": 1.0}], [{"score": 2}]),
        (SPANS, "answered", None, [[{"label": "mark", "text": "x"}]], [[], None]),
    ],
)
def test_a_value_meets_a_condition_or_not_and_none_meets_none(named, operator, wanted, met, unmet):
    given = {"key": "one", "operator": operator}
    given |= {} if wanted is None else {"value": wanted}
    fields = [{"key": "two", "level": "turn", "type": "text", "ask_if": given}]
    kept = {"key": "one", "level": "turn", "type": named.type}
    kept |= {} if named.possible_values is None else {"possible_values": named.possible_values}
    condition = read_form({"fields": [kept, *fields]}).fields[1].ask_if

    assert [meets(condition, named, value) for value in met] == [True] * len(met)
    assert [meets(condition, named, value) for value in unmet] == [False] * len(unmet)


def test_what_is_not_asked_is_not_missing():
    assert stored(said("verdict", "good")) == {"verdict": "good"}


def test_what_is_asked_is_required_as_ever():
    assert missing(said("verdict", "bad")) == [
        ("flaw", "an answer is required"),
        ("flaw", "an answer is required"),
        ("why", "an answer is required"),
    ]


def test_a_condition_on_an_answer_that_is_asked_itself_counts_once_that_one_is_given():
    given = [said("verdict", "ugly"), *FLAWS, said("why", "Rude.")]

    assert missing(*given) == [("long", "an answer is required")]
    assert stored(*given, said("long", True))["long"] is True


def test_an_answer_to_what_is_not_asked_is_left_out_however_wrong_it_is():
    for verdict in ({"value": "good"}, {"cannot_assess": True}):
        kept = check(
            FORM,
            CONTENT,
            SHOWN,
            [
                {"at": "t0u0", "key": "verdict"} | verdict,
                said("why", "Typed before."),
                said("long", "neither"),
                *FLAWS,
            ],
        )

        assert [answer.key for answer in kept] == ["verdict"]


def test_a_wrong_answer_to_what_is_asked_is_told_as_ever():
    given = [said("verdict", "bad"), said("why", 3), *FLAWS]

    assert missing(*given) == [("why", "expected a text")]


def test_the_same_answers_ask_the_same_however_the_responses_are_shown():
    form = read_form(
        {
            "fields": [
                {"key": "grade", "level": "message", "type": "boolean"},
                {
                    "key": "why",
                    "level": "message",
                    "type": "text",
                    "required": True,
                    "ask_if": {"key": "grade", "operator": "is", "value": False},
                },
            ]
        }
    )
    for shown, bad, other in ({"t0u0": [1, 2]}, 1, 2), ({"t0u0": [2, 1]}, 2, 1):
        given = [
            said("grade", False, position=bad),
            said("grade", True, position=other),
            said("why", "Wrong.", position=bad),
            said("why", "Left from before.", position=other),
        ]

        kept = check(form, CONTENT, shown, given)

        assert [one.source_id for one in kept if one.key == "why"] == ["base_model"]


def test_a_question_whose_condition_nothing_there_can_meet_is_not_among_those_asked():
    form = read_form(
        {
            "fields": [
                {"key": "better", "level": "turn", "type": "integer", "scale": "low_is_first"},
                {
                    "key": "tie",
                    "level": "turn",
                    "type": "text",
                    "ask_if": {"key": "better", "operator": "is", "value": 4},
                },
                {
                    "key": "more",
                    "level": "turn",
                    "type": "text",
                    "ask_if": {"key": "tie", "operator": "answered"},
                },
            ]
        }
    )
    lone = make_content(make_turn(messages=[make_message("user"), make_message("model")]))

    assert [one.field.key for one in questions(form, CONTENT)] == ["better", "tie", "more"]
    assert questions(form, lone) == []


def test_a_question_that_not_everybody_is_asked_decides_on_no_overlap():
    detail = ProjectDetail(form=msgspec.to_builtins(FORM))

    assert countable_keys(detail) == ["verdict"]


def test_no_answer_is_lost_behind_a_hundred_wrong_ones_that_nobody_is_asked():
    """A page that is older than a condition sends what it held, however much of it is wrong."""
    bare = [make_turn(messages=[make_message("user"), make_message("model")]) for _ in range(150)]
    content = make_content(*(turn | {"id": f"turn_{n}"} for n, turn in enumerate(bare)))
    verdicts = [{"at": f"t0u{n}", "key": "verdict", "value": "good"} for n in range(150)]
    wrong = [{"at": f"t0u{n}", "key": "why", "value": 3} for n in range(150)]

    kept = check(FORM, content, {f"t0u{n}": [1] for n in range(150)}, wrong + verdicts)

    assert [one.key for one in kept] == ["verdict"] * 150


def expect(key: str, value: Any, source_id: str | None = None) -> ExpectedAnswer:
    return ExpectedAnswer(at="t0u0", source_id=source_id, key=key, value=value)


def test_gold_does_not_count_one_mistake_twice():
    """Who gives the wrong verdict is not asked for the flaw; that it is missing is no mistake."""
    wanted = [expect("verdict", "bad"), expect("flaw", "rude", "base_model")]
    check_expected(FORM, CONTENT, wanted, "")

    answers = check(FORM, CONTENT, SHOWN, [said("verdict", "good")])
    alone = score_answers(FORM, CONTENT, wanted[1:], answers)
    both = score_answers(FORM, CONTENT, wanted, answers)

    assert [(one.number, one.is_right) for one in both] == [(0, False)]
    assert [(one.number, one.is_right) for one in alone] == [(0, False)]


def test_gold_expects_nothing_that_nobody_is_asked():
    wanted = [expect("verdict", "good"), expect("flaw", "rude", "base_model")]

    with pytest.raises(InvalidContent, match="nobody is asked this") as caught:
        check_expected(FORM, CONTENT, wanted, "/expected")

    assert caught.value.pointer == "/expected/1/key"

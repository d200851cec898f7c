"""Conditions and sections of forms: which a form may have, and where the fault is if it may not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from plaudit.core.tasks.condition_checks import operators_of
from plaudit.core.tasks.form_checks import read_form
from plaudit.core.tasks.form_version import form_version
from plaudit.errors import InvalidContent
from plaudit.wire.v2.annotation import AnnotationType
from tests.support.running.every_case import every_case


def asked(key: str, level: str = "turn", kind: str = "text", **more: Any) -> dict[str, Any]:
    return {"key": key, "level": level, "type": kind} | more


GRADE = asked("grade", "message", "integer", possible_values=[1, 2, 3])
SAFE = asked("safe", "message", "boolean")
TOPICS = asked("topics", "message", "category_multiple", possible_values=["a", "b"])
LIKERT = asked("likert", "turn", "integer", scale="low_is_first")
VERDICT = asked("verdict", "turn", "category", possible_values=["good", "bad", "ugly"])
QUALITY = asked("quality", "criterion", "rubric_rating")
BEST = asked("best", "turn", "category")
WHOLE = asked("whole", "thread", "boolean")
PROMPT = asked("prompt", "message", "boolean", applies_to="user")
SOURCES = [GRADE, SAFE, TOPICS, LIKERT, VERDICT, QUALITY, BEST, WHOLE, PROMPT]


def on(key: str, operator: str = "is", value: Any = None, **more: Any) -> dict[str, Any]:
    given = {} if value is None else {"value": value}
    return {"key": key, "operator": operator} | given | more


def form(condition: Any, level: str = "message", **more: Any) -> dict[str, Any]:
    return {"fields": [*SOURCES, asked("why", level, ask_if=condition, **more)]}


@every_case(
    "level, condition",
    [
        ("message", on("grade", "at_most", 2)),
        ("message", on("grade", "is", [1, 2])),
        ("message", on("safe", "is_not", True)),
        ("message", on("topics", "is", "a")),
        ("message", on("topics", "answered")),
        ("message", on("verdict", "is", ["bad", "ugly"], level="turn")),
        ("chunk", on("grade", "is", 1, level="message")),
        ("chunk", on("verdict", "is", "bad", level="turn")),
        ("criterion", on("quality", "at_least", 0.5)),
        ("criterion", on("safe", "is", False, level="message")),
        ("turn", on("likert", "is", 4)),
        ("turn", on("likert", "is", [1, 7])),
        ("turn", on("best", "answered")),
        ("thread", on("whole", "is", True)),
    ],
)
def test_a_question_may_depend_on_an_earlier_one_about_the_same_or_what_it_is_part_of(
    level, condition
):
    given = form(condition, level)

    assert msgspec.to_builtins(read_form(given)) == given


@every_case(
    "level, condition, pointer, says",
    [
        ("message", on("why", "answered"), "/key", "stand before it"),
        ("message", on("late", "answered"), "/key", "stand before it"),
        ("message", on("nothing", "answered"), "/key", "no question of level message"),
        ("message", on("verdict", "is", "bad"), "/key", "no question of level message"),
        ("turn", on("grade", "is", 1, level="message"), "/level", "level turn"),
        ("turn", on("whole", "is", True, level="thread"), "/level", "level turn"),
        ("message", on("prompt", "is", True), "/key", "another role"),
        ("message", on("grade", "is", 4), "/value", "no such answer"),
        ("message", on("grade", "is", True), "/value", "no such answer"),
        ("message", on("grade", "is", "1"), "/value", "no such answer"),
        ("message", on("grade", "at_most", [1]), "/value", "a number"),
        ("message", on("grade", "is"), "/value", "no such answer"),
        ("message", on("grade", "is", []), "/value", "1 to 1000 values"),
        ("message", on("grade", "is", [1, [1]]), "/value/1", "no such answer"),
        ("message", on("grade", "answered", 1), "/value", "no value"),
        ("message", on("safe", "is", 1), "/value", "no such answer"),
        ("message", on("safe", "at_least", True), "/operator", "is or is_not or answered"),
        ("message", on("topics", "is", ["a", "c"]), "/value/1", "no such answer"),
        ("criterion", on("quality", "at_least", 10**400), "/value", "no such answer"),
        ("turn", on("likert", "at_most", 3), "/operator", "is or is_not"),
        ("turn", on("likert", "is", 1), "/value", "random order"),
        ("turn", on("best", "is", "model_a"), "/operator", "compared by answered"),
        ("message", on("grade", "equals", 1), "/operator", "accepted: is"),
        ("message", {"key": "grade"}, "", "operator"),
        ("message", on("grade", "is", 1, also=2), "", "also"),
        ("message", "grade", "", "expected"),
    ],
)
def test_what_a_condition_may_not_say_is_told_where_it_stands(level, condition, pointer, says):
    given = form(condition, level)
    given["fields"].append(asked("late", "message", "boolean"))

    with pytest.raises(InvalidContent) as caught:
        read_form(given)

    assert caught.value.pointer.startswith(f"/fields/{len(SOURCES)}/ask_if{pointer}")
    assert says in caught.value.message.lower()


def test_removing_a_question_names_the_one_that_depends_on_it():
    given = form(on("grade", "at_most", 2))
    given["fields"] = [one for one in given["fields"] if one["key"] != "grade"]

    with pytest.raises(InvalidContent) as caught:
        read_form(given)

    assert "'why' depends on 'grade'" in caught.value.message


@every_case("kind", [kind.value for kind in AnnotationType])
def test_answers_of_every_type_that_people_are_asked_for_can_be_waited_for(kind):
    operators = operators_of(read_form({"fields": [asked("one", kind=kind)]}).fields[0])
    given = {"fields": [asked("one", kind=kind), asked("two", ask_if=on("one", "answered"))]}

    if operators:
        assert len(read_form(given).fields) == 2
        return
    with pytest.raises(InvalidContent, match="nobody is asked"):
        read_form(given)


def test_a_form_without_conditions_and_sections_has_the_version_that_it_had():
    plain = read_form({"fields": [asked("why")]})

    assert msgspec.to_builtins(plain) == {"fields": [asked("why")]}
    assert form_version(plain) == "ae351d171881027f"


FIRST, SECOND = {"key": "first", "title": "First"}, {"key": "second", "title": "Second"}


def test_sections_hold_the_questions_that_name_them_in_their_order():
    given = {
        "fields": [
            asked("free"),
            asked("a", section="first"),
            asked("b", "message", section="first"),
            asked("c", section="second"),
        ],
        "sections": [FIRST, SECOND | {"description": "What for.", "folded": True}],
    }

    assert msgspec.to_builtins(read_form(given)) == given


@every_case(
    "fields, sections, pointer",
    [
        ([asked("a", section="none")], [FIRST], "/fields/0/section"),
        ([asked("a", section="first"), asked("b")], [FIRST], "/fields/1/section"),
        (
            [asked("a", section="second"), asked("b", section="first")],
            [FIRST, SECOND],
            "/fields/1/section",
        ),
        ([asked("a")], [FIRST, FIRST], "/sections/1/key"),
        ([asked("a")], [FIRST | {"key": "a\x00"}], "/sections/0/key"),
        ([asked("a")], [FIRST | {"title": " "}], "/sections/0/title"),
        ([asked("a")], [FIRST | {"title": "x" * 10_001}], "/sections/0/title"),
        ([asked("a")], [FIRST] * 51, "/sections"),
        ([asked("a")], [FIRST | {"open": True}], "/sections/0"),
    ],
)
def test_what_a_section_may_not_be_is_told_where_it_stands(fields, sections, pointer):
    with pytest.raises(InvalidContent) as caught:
        read_form({"fields": fields, "sections": sections})

    assert caught.value.pointer == pointer

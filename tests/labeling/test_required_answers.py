"""Required questions of every type: only what can be seen answers them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from plaudit.core.common.blank_text import is_blank, visible_length
from plaudit.core.common.names import check_name
from plaudit.core.labeling.answers import check
from plaudit.core.labeling.questions import own_order, questions
from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.errors import AnswersRejected, InvalidContent
from tests.labeling.test_types import fields
from tests.support.builders import make_message, make_turn
from tests.support.labeling_project import address_of, make_content
from tests.support.running.every_case import every_case

BLANKS = [
    "", " ", "\n\t ", "\u00a0", "\u00ad", "\u034f", "\u061c", "\u115f\u1160", "\u180e", "\u200b",
    "\u200c\u200d", "\u200e\u200f", "\u2028", "\u202e", "\u2060", "\u2064", "\u2800", "\u3000",
    "\u3164", "\ufe0f", "\ufeff", "\uffa0", "\ufff9", "\U000e0041", " \u200b\u3164 \u2800\n",
]  # fmt: skip
VISIBLE = ["a", "0", ".", "\u200ba", "é", "漢", "🙂", "👩\u200d💻", "\u28ff", "ـ", "ㅏ"]


def form_with(field: Field) -> Form:
    return Form(fields=[msgspec.structs.replace(field, required=True)])


def content_for(field: Field) -> list[Any]:
    """A turn with two responses of a step and a criterion; without them for a response to write."""
    chunks = [{"type": "text", "text": "A step.", "annotations": []}]
    said = {"text": "A step.", "chunks": chunks}
    rubric = {"criteria_definitions": [{"id": "c", "criterion": "C?", "annotations": []}]}
    answering = [] if field.use == "response" else [make_message(n, content=said) for n in "ab"]
    return make_content(make_turn(messages=[make_message("user"), *answering], rubrics=[rubric]))


ASKED = [field for field in fields() if questions(form_with(field), content_for(field))]


def refused(field: Field, value: Any, **more: Any) -> bool:
    """True if this is no answer to any of the required questions of a field."""
    form, content = form_with(field), content_for(field)
    display = own_order(content)
    asked = questions(form, content)
    given = [address_of(one, display) | {"value": value} | more for one in asked]
    try:
        check(form, content, display, given)
    except AnswersRejected as rejected:
        return len(rejected.faults) == len(asked)
    return False


@every_case("field", ASKED)
def test_nothing_that_cannot_be_seen_answers_a_required_question(field):
    nothings: list[Any] = [None, [], {}, [[]], *BLANKS, *([blank] for blank in BLANKS)]
    passed = [value for value in nothings if not refused(field, value)]
    passed += [blank for blank in BLANKS if not refused(field, None, justification=blank)]

    assert passed == []


@every_case("text", VISIBLE)
def test_whatever_can_be_seen_answers_a_required_text(text):
    texts = [field for field in ASKED if field.type == "text"]

    assert [field for field in texts if refused(field, text)] == []
    assert not is_blank(text)


def test_an_empty_list_still_answers_a_question_that_is_not_required():
    field = next(
        one for one in ASKED if one.type == "category_multiple" and one.possible_values is not None
    )
    form, content = Form(fields=[field]), content_for(field)
    display = own_order(content)
    address = address_of(questions(form, content)[0], display)

    [answer] = check(form, content, display, [address | {"value": []}])

    assert answer.value == []


def test_invisible_characters_do_not_make_a_text_long_enough():
    field = Field(key="k", level=Level.thread, type="text", chars_min=3)

    assert refused(field, "a\u200b\u200b\u2060")
    assert not refused(field, "a c\u200b")
    assert visible_length(" a c\u200b ") == 3


@every_case("name", BLANKS)
def test_a_name_that_cannot_be_seen_is_none(name):
    with pytest.raises(InvalidContent, match="visible"):
        check_name(name)

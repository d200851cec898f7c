"""Forms: what a field may be, and where the fault is if it may not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from plaudit.core.tasks import form_checks, forms
from plaudit.errors import InvalidContent
from plaudit.wire.v2.annotation import AnnotationType
from tests.support.running.every_case import every_case

TYPES = [kind.value for kind in AnnotationType]


def field(**fields: Any) -> dict[str, Any]:
    return {"key": "overall", "level": "message", "type": "integer"} | fields


def form(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"fields": list(fields)}


def refusal(value: Any) -> tuple[str, str]:
    with pytest.raises(InvalidContent) as caught:
        form_checks.read_form(value)
    return caught.value.pointer, caught.value.message


@pytest.mark.parametrize("level", ["message", "turn", "thread"])
@pytest.mark.parametrize("kind", TYPES)
def test_every_type_may_be_asked_at_every_level(level, kind):
    read = form_checks.read_form(form(field(level=level, type=kind)))

    assert msgspec.to_builtins(read) == form(field(level=level, type=kind))


GOOD: dict[str, dict[str, Any]] = {
    "labels": field(possible_values=[1, 2], labels=["bad", "good"]),
    "a boolean": field(type="boolean", possible_values=[True, False], labels=["yes", "no"]),
    "categories": field(type="category_multiple", possible_values=["a", "b"]),
    "labels of spans": field(type="labeled_text", labels=["error", "praise"]),
    "a preference": field(level="turn", scale="high_is_first", possible_values=[-3, 0, 3]),
    "the usual preference": field(level="turn", scale="low_is_first", labels=list("abcdefg")),
    "words for people": field(title="?", description="!", required=True),
    "whose messages": field(applies_to="user"),
    "a key of another script": field(key="總體"),
}


@every_case("good", GOOD.values())
def test_a_good_field_is_kept_as_it_was_given(good):
    assert msgspec.to_builtins(form_checks.read_form(form(good))) == form(good)


BAD: dict[str, tuple[Any, str, str]] = {
    "no fields": ({}, "", "'fields'"),
    "an empty form": (form(), "/fields", "1 to 200"),
    "too many fields": (form(*(field(key=str(n)) for n in range(201))), "/fields", "1 to 200"),
    "not an object": ([], "", "object"),
    "a member of its own": (form() | {"name": "x"}, "", "'name'"),
    "a field's own member": (form(field(colour="red")), "/fields/0", "'colour'"),
    "no key": (form({"level": "turn", "type": "text"}), "/fields/0", "'key'"),
    "an empty key": (form(field(key="")), "/fields/0/key", "255"),
    "a long key": (form(field(key="k" * 256)), "/fields/0/key", "255"),
    "a control character": (form(field(key="a\nb")), "/fields/0/key", "control"),
    "a key twice": (form(field(), field(type="text")), "/fields/1/key", "twice at level message"),
    "an unknown level": (form(field(level="task")), "/fields/0/level", "message, turn, thread"),
    "an unknown type": (form(field(type="float")), "/fields/0/type", "ranked_groups"),
    "an unknown role": (form(field(applies_to="robot")), "/fields/0/applies_to", "assistant"),
    "an unknown scale": (
        form(field(level="turn", scale="up")), "/fields/0/scale", "low_is_first, high_is_first",
    ),
    "a role beside messages": (
        form(field(level="turn", applies_to="user")), "/fields/0/applies_to", "level message",
    ),
    "a scale of a message": (form(field(scale="low_is_first")), "/fields/0/scale", "level turn"),
    "a scale of a text": (
        form(field(level="turn", type="text", scale="low_is_first")), "/fields/0/scale", "integer",
    ),
    "a scale of one": (
        form(field(level="turn", scale="low_is_first", possible_values=[1])),
        "/fields/0/possible_values", "two values",
    ),
    "a scale out of order": (
        form(field(level="turn", scale="low_is_first", possible_values=[2, 1])),
        "/fields/0/possible_values", "ascending",
    ),
    "values of a text": (
        form(field(type="text", possible_values=["a"])), "/fields/0/possible_values", "boolean",
    ),
    "no values": (form(field(possible_values=[])), "/fields/0/possible_values", "1 to 1000"),
    "too many values": (
        form(field(possible_values=list(range(1001)))), "/fields/0/possible_values", "1 to 1000",
    ),
    "a value twice": (form(field(possible_values=[1, 1])), "/fields/0/possible_values", "twice"),
    "text among integers": (
        form(field(possible_values=[1, "2"])), "/fields/0/possible_values", "type integer",
    ),
    "a fraction": (form(field(possible_values=[1.5])), "/fields/0/possible_values", "integer"),
    "a boolean among integers": (
        form(field(possible_values=[True])), "/fields/0/possible_values", "integer",
    ),
    "a number among booleans": (
        form(field(type="boolean", possible_values=[1])), "/fields/0/possible_values", "boolean",
    ),
    "an object as a value": (
        form(field(type="category", possible_values=[{}])), "/fields/0/possible_values",
        "category",
    ),
    "a value of 10,001 characters": (
        form(field(type="category", possible_values=["x" * 10_001])),
        "/fields/0/possible_values", "10000",
    ),
    "labels of nothing": (form(field(labels=["a"])), "/fields/0/labels", "no possible values"),
    "too few labels": (
        form(field(possible_values=[1, 2], labels=["a"])), "/fields/0/labels", "2 possible",
    ),
    "too few for the usual preference": (
        form(field(level="turn", scale="low_is_first", labels=["a"])), "/fields/0/labels", "7",
    ),
    "a label of spans twice": (
        form(field(type="labeled_text", labels=["a", "a"])), "/fields/0/labels", "different",
    ),
    "no labels of spans": (form(field(type="labeled_text", labels=[])), "/fields/0/labels", "1 to"),
    "a label of 10,001 characters": (
        form(field(possible_values=[1], labels=["x" * 10_001])), "/fields/0/labels", "10000",
    ),
    "a title of 10,001 characters": (form(field(title="x" * 10_001)), "/fields/0/title", "10000"),
    "an unknown preset": ("RLHF", "", "'RLHF: Pref Ranking'"),
}  # fmt: skip


@every_case("bad", BAD.values())
def test_a_bad_form_is_refused_at_its_place(bad):
    value, pointer, word = bad

    assert refusal(value)[0] == pointer
    assert word in refusal(value)[1]


def test_one_key_may_be_asked_at_each_level():
    asked = [field(), field(level="turn"), field(level="thread")]

    assert len(form_checks.read_form(form(*asked)).fields) == 3


@pytest.mark.parametrize("name", forms.PRESETS)
def test_a_preset_is_itself_a_good_form(name):
    plain = msgspec.to_builtins(form_checks.read_form(name))

    assert msgspec.to_builtins(form_checks.read_form(plain)) == plain


def test_the_preset_asks_what_the_documentations_example_answers():
    """The keys of Scale's own page, each at its level."""
    asked = form_checks.read_form("RLHF: Pref Ranking").fields

    assert {(one.level.value, one.key) for one in asked} == {
        ("message", "instruction_following"), ("message", "truthfulness"),
        ("message", "truthfulness_justification"), ("message", "conciseness"),
        ("message", "format"), ("message", "safety"), ("message", "overall"),
        ("turn", "selected_model_id"), ("turn", "likert_value"), ("turn", "justification"),
    }  # fmt: skip
    likert = next(one for one in asked if one.key == "likert_value")
    assert (likert.possible_values, likert.scale) == ([1, 2, 3, 4, 5, 6, 7], "low_is_first")
    assert likert.labels[0] == "Response 1 is much better"

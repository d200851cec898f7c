"""Checks of a form: what the types of its members cannot say.

Pointers lead from the form.
"""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit import ids
from plaudit.core.common.blank_text import is_blank
from plaudit.core.tasks.condition_checks import check_conditions
from plaudit.core.tasks.forms import (
    FIELDS_MAX,
    LIKERT,
    RULES,
    SECTIONS_MAX,
    TEXT_CHARS_MAX,
    VALUES_MAX,
    Field,
    Form,
    Level,
    TextUse,
    preset,
)
from plaudit.errors import InvalidContent
from plaudit.wire.v2.annotation import POSSIBLE_VALUES, AnnotationType
from plaudit.wire.v2.parse import convert


def read_form(value: Any) -> Form:
    """Read a form from decoded JSON, or a preset by name; raises InvalidContent with a pointer.

    Pointers lead from the form.
    """
    if isinstance(value, str):
        return preset(value)
    form: Form = convert(value, Form)
    check_form(form)
    return form


def check_form(form: Form) -> None:
    """Check what the types of a form's members cannot; raises InvalidContent with a pointer."""
    if not 0 < len(form.fields) <= FIELDS_MAX:
        raise InvalidContent(f"a form has 1 to {FIELDS_MAX} fields", pointer="/fields")
    seen: set[tuple[Level, str]] = set()
    for number, field in enumerate(form.fields):
        try:
            _check_field(field)
            if (field.level, field.key) in seen:
                raise InvalidContent(
                    f"the key {field.key!r} stands twice at level {field.level}; the fields of a "
                    "level are told apart by it",
                    pointer="/key",
                )
        except InvalidContent as exc:
            raise InvalidContent(exc.message, pointer=f"/fields/{number}{exc.pointer}") from exc
        seen.add((field.level, field.key))
    check_sections(form)
    check_conditions(form)


def _check_field(field: Field) -> None:
    if not ids.is_usable(field.key):
        raise InvalidContent("a key has 1 to 255 characters, no control characters", pointer="/key")
    for name in ("title", "description"):
        if len(getattr(field, name) or "") > TEXT_CHARS_MAX:
            raise InvalidContent(f"at most {TEXT_CHARS_MAX} characters", pointer=f"/{name}")
    if field.applies_to is not None and field.level not in (Level.message, Level.chunk):
        raise InvalidContent(
            "only fields of level message and chunk apply to a role", pointer="/applies_to"
        )
    is_preference = field.level is Level.turn and field.type == AnnotationType.integer
    if field.scale is not None and not is_preference:
        raise InvalidContent("only an integer of level turn has a scale", pointer="/scale")
    _check_rule_and_text(field)
    if field.possible_values is not None:
        _check_values(field, field.possible_values)
    _check_labels(field)


def _check_rule_and_text(field: Field) -> None:
    rules = RULES[field.type]
    if field.rule not in rules:
        raise InvalidContent(
            f"type {field.type} is consolidated by {' or '.join(rules)}", pointer="/consolidate"
        )
    is_text = field.type == AnnotationType.text
    levels = {TextUse.rewrite: Level.message, TextUse.response: Level.turn}
    if field.use is not None and not (is_text and field.level is levels[field.use]):
        raise InvalidContent(
            f"only a text of level {levels[field.use]} is used as a {field.use}", pointer="/use"
        )
    if field.chars_min is not None and not (is_text and 0 <= field.chars_min <= TEXT_CHARS_MAX):
        raise InvalidContent(
            f"a text has a least length of 0 to {TEXT_CHARS_MAX} characters", pointer="/chars_min"
        )
    if field.names_responses and not (is_text and field.level in (Level.turn, Level.message)):
        raise InvalidContent(
            "only a text about a turn or a message names responses", pointer="/names_responses"
        )


def _check_values(field: Field, values: list[Any]) -> None:
    pointer = "/possible_values"
    if field.type not in POSSIBLE_VALUES:
        having = ", ".join(POSSIBLE_VALUES)
        raise InvalidContent(f"only fields of type {having} have possible values", pointer=pointer)
    if not 0 < len(values) <= VALUES_MAX:
        raise InvalidContent(f"there are 1 to {VALUES_MAX} possible values", pointer=pointer)
    try:
        msgspec.convert(values, POSSIBLE_VALUES[field.type])
    except msgspec.ValidationError as exc:
        raise InvalidContent(
            f"a possible value is not one that type {field.type} can have", pointer=pointer
        ) from exc
    if len(set(values)) != len(values):
        raise InvalidContent("a possible value stands twice", pointer=pointer)
    if any(isinstance(value, str) and len(value) > TEXT_CHARS_MAX for value in values):
        raise InvalidContent(f"at most {TEXT_CHARS_MAX} characters each", pointer=pointer)
    if field.scale is not None and (len(values) < 2 or values != sorted(values)):
        raise InvalidContent("a scale has two values or more, in ascending order", pointer=pointer)


def _check_labels(field: Field) -> None:
    labels, pointer = field.labels, "/labels"
    if labels is None:
        return
    if any(len(label) > TEXT_CHARS_MAX for label in labels):
        raise InvalidContent(f"at most {TEXT_CHARS_MAX} characters each", pointer=pointer)
    if field.type == AnnotationType.labeled_text:
        if not 0 < len(labels) <= VALUES_MAX or len(set(labels)) != len(labels):
            raise InvalidContent(
                f"labels of spans are 1 to {VALUES_MAX} different texts", pointer=pointer
            )
        return
    values = field.possible_values
    if values is None and field.scale is not None:
        values = LIKERT
    if values is None or len(labels) != len(values):
        count = "no" if values is None else len(values)
        raise InvalidContent(
            f"labels name the possible values, one each; there are {count} possible values",
            pointer=pointer,
        )


def check_sections(form: Form) -> None:
    """Check the sections, and that questions stand in their order; raises InvalidContent."""
    if len(form.sections) > SECTIONS_MAX:
        raise InvalidContent(f"a form has at most {SECTIONS_MAX} sections", pointer="/sections")
    places: dict[str | None, int] = {None: 0}
    for number, section in enumerate(form.sections):
        pointer = f"/sections/{number}"
        if not ids.is_usable(section.key):
            raise InvalidContent(
                "a key has 1 to 255 characters, no control characters", pointer=f"{pointer}/key"
            )
        if section.key in places:
            raise InvalidContent("a section's key stands twice", pointer=f"{pointer}/key")
        if is_blank(section.title):
            raise InvalidContent("a section has a title", pointer=f"{pointer}/title")
        for name in ("title", "description"):
            if len(getattr(section, name) or "") > TEXT_CHARS_MAX:
                raise InvalidContent(
                    f"at most {TEXT_CHARS_MAX} characters", pointer=f"{pointer}/{name}"
                )
        places[section.key] = number + 1
    last = 0
    for number, field in enumerate(form.fields):
        place = places.get(field.section)
        pointer = f"/fields/{number}/section"
        if place is None:
            raise InvalidContent("the form has no section with this key", pointer=pointer)
        if place < last:
            raise InvalidContent(
                "the questions of a section stand together, in the order of the sections, after "
                "those without one",
                pointer=pointer,
            )
        last = place

"""Checks of the conditions of a form's questions: which question and value each may name.

A question stands behind the one that its condition names, so there is no circle. Both are asked
about one thing, or the named one about what that is part of: a step's response, a response's turn.
Responses are shown in a random order, so that a condition on a preference says the same of both
ends of its scale.
"""

from __future__ import annotations

from typing import Any

from plaudit.core.tasks.forms import (
    LIKERT,
    VALUES_MAX,
    Condition,
    Field,
    Form,
    Level,
    Operator,
)
from plaudit.errors import InvalidContent
from plaudit.wire.v2.annotation import AnnotationType
from plaudit.wire.v2.task import MessageRole

_AROUND: dict[Level, tuple[Level, ...]] = {
    Level.thread: (Level.thread,),
    Level.turn: (Level.turn,),
    Level.message: (Level.message, Level.turn),
    Level.chunk: (Level.chunk, Level.message, Level.turn),
    Level.criterion: (Level.criterion, Level.message, Level.turn),
}
"""Levels of the questions that a condition of each level may name."""
_UNASKED = (
    AnnotationType.file,
    AnnotationType.rubric_criteria,
    AnnotationType.workspace_container,
)
_NUMBERS = (AnnotationType.integer, AnnotationType.rubric_rating)
_CHOICES = (AnnotationType.category, AnnotationType.category_multiple, AnnotationType.text)


def check_conditions(form: Form) -> None:
    """Check every condition of a form; raises InvalidContent with a pointer from the form."""
    before: dict[tuple[Level, str], Field] = {}
    every = {(field.level, field.key) for field in form.fields}
    for number, field in enumerate(form.fields):
        if field.ask_if is not None:
            try:
                _check(field, field.ask_if, before, every)
            except InvalidContent as exc:
                pointer = f"/fields/{number}/ask_if{exc.pointer}"
                raise InvalidContent(exc.message, pointer=pointer) from exc
        before[field.level, field.key] = field


def operators_of(source: Field) -> tuple[Operator, ...]:
    """Operators of conditions on a question; none if nobody is asked for its type."""
    if source.type in _UNASKED:
        return ()
    if source.type == AnnotationType.boolean or source.scale is not None:
        return (Operator.is_, Operator.is_not, Operator.answered)
    if source.type in _NUMBERS:
        return tuple(Operator)
    if source.type in _CHOICES and source.possible_values is not None:
        return (Operator.is_, Operator.is_not, Operator.answered)
    return (Operator.answered,)


def _check(
    field: Field,
    condition: Condition,
    before: dict[tuple[Level, str], Field],
    every: set[tuple[Level, str]],
) -> None:
    level = condition.level or field.level
    if level not in _AROUND[field.level]:
        raise InvalidContent(
            f"a question of level {field.level} depends on one of level "
            f"{' or '.join(_AROUND[field.level])}",
            pointer="/level",
        )
    source = before.get((level, condition.key))
    if source is None:
        if (level, condition.key) in every:
            raise InvalidContent(
                f"{field.key!r} depends on {condition.key!r}, which has to stand before it",
                pointer="/key",
            )
        raise InvalidContent(
            f"{field.key!r} depends on {condition.key!r}, which is no question of level {level}",
            pointer="/key",
        )
    if level in (Level.message, Level.chunk) and _role(source) is not _role(field):
        raise InvalidContent(
            f"{condition.key!r} is asked about messages of another role", pointer="/key"
        )
    operators = operators_of(source)
    if not operators:
        raise InvalidContent(f"nobody is asked for a value of type {source.type}", pointer="/key")
    if condition.operator not in operators:
        raise InvalidContent(
            f"answers to {condition.key!r} are compared by {' or '.join(operators)}",
            pointer="/operator",
        )
    _check_value(source, condition)


def _check_value(source: Field, condition: Condition) -> None:
    value, pointer = condition.value, "/value"
    if condition.operator is Operator.answered:
        if value is not None:
            raise InvalidContent("with answered there is no value", pointer=pointer)
        return
    is_list = isinstance(value, list)
    if is_list and condition.operator in (Operator.at_least, Operator.at_most):
        raise InvalidContent("expected a number", pointer=pointer)
    values = value if is_list else [value]
    if not 0 < len(values) <= VALUES_MAX:
        raise InvalidContent(f"there are 1 to {VALUES_MAX} values", pointer=pointer)
    for number, one in enumerate(values):
        if not is_value_of(source, one):
            raise InvalidContent(
                f"{condition.key!r} has no such answer",
                pointer=f"{pointer}/{number}" if is_list else pointer,
            )
    if source.scale is not None:
        possible = source.possible_values or LIKERT
        mirrored = {possible[len(possible) - 1 - possible.index(one)] for one in values}
        if mirrored != set(values):
            raise InvalidContent(
                "responses are shown in a random order: name the values of a preference from both "
                "ends of its scale, or its middle",
                pointer=pointer,
            )


def is_value_of(source: Field, value: Any) -> bool:
    """True if a condition on this question may name the value."""
    possible = source.possible_values
    match source.type:
        case AnnotationType.boolean:
            return type(value) is bool and (possible is None or value in possible)
        case AnnotationType.rubric_rating:
            return type(value) in (int, float) and abs(value) < 2**53
        case AnnotationType.integer:
            if possible is None and source.scale is not None:
                possible = LIKERT
            return type(value) is int and (possible is None or value in possible)
    return isinstance(value, str) and value in (possible or ())


def _role(field: Field) -> MessageRole:
    """Role of the messages that a field is about; criteria are those of responses."""
    return field.applies_to or MessageRole.assistant

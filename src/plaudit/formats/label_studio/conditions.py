"""Conditions of imported questions: `visibleWhen` of a configuration, as far as it fits.

They are applied to what people's answers come to, as to those of our own people: who said that the
answer is bad, and says why, is outvoted in both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from plaudit.core.labeling.conditions import meets
from plaudit.core.tasks.condition_checks import check_conditions
from plaudit.core.tasks.forms import Condition, Field, Form, Level, Operator
from plaudit.errors import InvalidContent
from plaudit.formats.label_studio.config import LabelControl, ShownWhen

AnswerPlace = tuple[Level, str, int | None]
"""Level and key of a question, and the index of the message that it is about, None for others."""


def unasked_places(form: Form, values: Mapping[AnswerPlace, Any]) -> Collection[AnswerPlace]:
    """Places among these that are not asked where these are the values of a thread's answers."""
    fields = {(field.level, field.key): field for field in form.fields}
    left_out = set[AnswerPlace]()
    for field in form.fields:
        condition = field.ask_if
        if condition is None:
            continue
        level = condition.level or field.level
        source = fields[level, condition.key]
        for place in values:
            if place[:2] != (field.level, field.key):
                continue
            named = level, condition.key, place[2] if level is Level.message else None
            if named in left_out or not meets(condition, source, values.get(named)):
                left_out.add(place)
    return left_out


def with_conditions(
    fields: Sequence[Field], names: Mapping[int, str], controls: Mapping[str, LabelControl]
) -> list[Field]:
    """Fields with the conditions of their controls, each behind the field that it depends on.

    `names` are those of the controls by the numbers of the fields. What no condition of a form can
    say is left out: the question is always asked then.
    """
    sources: dict[int, Field] = {}
    for number, field in enumerate(fields):
        control = controls.get(names.get(number, ""))
        if control is None or control.shown_when is None:
            continue
        source = _source(fields, names, field, control.shown_when)
        if source is not None:
            field.ask_if = _condition(field, source, control.shown_when.words)
            sources[id(field)] = source
    ordered = _behind_their_sources(fields, sources)
    for number, field in enumerate(ordered):
        try:
            check_conditions(Form(fields=ordered[: number + 1]))
        except InvalidContent:
            field.ask_if = None
    return ordered


def _behind_their_sources(fields: Sequence[Field], sources: Mapping[int, Field]) -> list[Field]:
    """The fields in their order, each behind its source; in a circle one loses its condition."""
    ordered: list[Field] = []
    waiting = list(fields)
    while waiting:
        placed = {id(field) for field in ordered}
        free = [
            field for field in waiting if field.ask_if is None or id(sources[id(field)]) in placed
        ]
        if not free:
            waiting[0].ask_if = None
            free = waiting[:1]
        ordered.append(free[0])
        waiting = [field for field in waiting if field is not free[0]]
    return ordered


def _source(
    fields: Sequence[Field], names: Mapping[int, str], field: Field, shown_when: ShownWhen
) -> Field | None:
    """The field of the control that a condition names: about the same thing, else the turn."""
    named = [one for n, one in enumerate(fields) if names.get(n) == shown_when.name]
    for level in (field.level, Level.turn):
        for one in named:
            if one.level is level and one is not field:
                return one
    return None


def _condition(field: Field, source: Field, words: list[str]) -> Condition:
    level = None if source.level is field.level else source.level
    if not words:
        return Condition(key=source.key, level=level, operator=Operator.answered)
    return Condition(key=source.key, level=level, operator=Operator.is_, value=words)

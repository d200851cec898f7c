"""Conditions of questions: which of a task's questions are asked, as others were answered.

A condition is met by a value alone: no answer, a list of nothing, "not applicable" and "cannot
assess" meet none, nor does what is not asked itself. Values are stored ones, so that the same
answers ask the same of everybody, however the responses were shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from plaudit.core.labeling.questions import (
    Place,
    Question,
    has_conditions,
    in_form_order,
    place_of,
    source_of,
)
from plaudit.core.labeling.types import rules_of
from plaudit.core.tasks.forms import Condition, Field, Form, Operator


def unasked(
    form: Form, asked: Sequence[Question], value_of: Callable[[Question], Any]
) -> set[Place]:
    """Places of the questions that are not asked where these are the values of the others.

    `value_of` returns a stored value, None for none.
    """
    if not has_conditions(form):
        return set()
    left_out, by_place = set[Place](), dict[Place, Question]()
    for question in in_form_order(form, asked):
        place, source = place_of(question), source_of(question)
        condition = question.field.ask_if
        if source is not None and condition is not None:
            named = by_place.get(source)
            if named is None or not meets(condition, named.field, value_of(named)):
                left_out.add(place)
                continue
        by_place[place] = question
    return left_out


def unasked_of_all(
    form: Form,
    asked: Sequence[Question],
    wanted: Collection[Place],
    given: Sequence[Mapping[Place, Any]],
) -> set[Place]:
    """Those of the wanted places that none of several people was asked, by their own answers.

    `given` has each person's stored values. All that a question depends on is in its turn or
    thread, so that nothing else is looked at.
    """
    paths = {target.at for target, _ in wanted}
    near = [question for question in asked if question.target.at in paths]
    left = set(wanted)
    for values in given:
        if not left:
            break
        left &= unasked(form, near, lambda question, said=values: said.get(place_of(question)))  # type: ignore[misc]
    return left


def meets(condition: Condition, source: Field, value: Any) -> bool:
    """True if a stored value of the question that a condition names meets it."""
    if value is None or value == []:
        return False
    if condition.operator is Operator.answered:
        return True
    wanted = condition.value if isinstance(condition.value, list) else [condition.value]
    rating = rules_of(source).score_of
    one = rating(value) if isinstance(value, dict) and "score" in value else value
    match condition.operator:
        case Operator.is_:
            return _is_among(one, wanted)
        case Operator.is_not:
            return not _is_among(one, wanted)
    if type(one) not in (int, float) or type(wanted[0]) not in (int, float):
        return False  # the question had another type when it was answered
    return bool(one >= wanted[0] if condition.operator is Operator.at_least else one <= wanted[0])


def _is_among(value: Any, wanted: Sequence[Any]) -> bool:
    """True if a value, or one of a list of them, is wanted; true is no 1."""
    given = value if isinstance(value, list) else [value]
    return any(
        one == other and isinstance(one, bool) == isinstance(other, bool)
        for one in given
        for other in wanted
    )

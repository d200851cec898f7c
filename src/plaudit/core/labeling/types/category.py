"""Type `category`: one of the possible values, any short text, or a response of the turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plaudit.core.common.blank_text import is_blank
from plaudit.core.labeling.ballots import first_given, most_given
from plaudit.core.labeling.response_values import (
    picked_items,
    positions_of,
    response_choices,
    response_words,
    source_at,
)
from plaudit.core.labeling.type_rules import (
    AnswerContext,
    BarChart,
    Choice,
    TypeRules,
    Widget,
    accepted,
    check_scalar,
    possible_values,
    value_choices,
    value_words,
)
from plaudit.core.tasks.forms import Consolidate, Field, Level


def picks_responses(field: Field) -> bool:
    """True if the value is a response: about a turn, without values to choose from."""
    return field.level is Level.turn and field.possible_values is None


def stored(context: AnswerContext, value: Any) -> Any:
    """A text as it is, None if blank, a position as the response's source; raises InvalidAnswer."""
    if picks_responses(context.field):
        return source_at(context, value)
    text = check_scalar(context.field, value, str, "a text")
    return None if context.field.possible_values is None and is_blank(text) else text


def given(context: AnswerContext, value: Any) -> Any:
    """A stored text or the position of a stored source, None if the field takes it no more."""
    if picks_responses(context.field):
        value = positions_of(context, value)
    return accepted(stored, context, value)


def choices(field: Field, count: int) -> list[Choice]:
    """The possible values, or the responses."""
    return response_choices(count) if picks_responses(field) else value_choices(field, count)


def words(context: AnswerContext, choices: Sequence[Choice], value: Any) -> str:
    """A value by its label, or a response by its number."""
    name = response_words if picks_responses(context.field) else value_words
    return name(context, choices, value)


def widget(field: Field) -> Widget:
    """Buttons for responses or possible values, else a text box."""
    if picks_responses(field):
        return Widget("choice", "pick")
    if field.possible_values is not None:
        return Widget("choice", "choice")
    return Widget("text", "text")


def chart(field: Field) -> BarChart:
    """A bar for each value, or for the model of each response that was picked."""
    if picks_responses(field):
        return BarChart(items=picked_items)
    return BarChart(possible_values(field))


RULES = TypeRules(
    agreement={Consolidate.majority: most_given, Consolidate.first: first_given},
    stored=stored,
    given=given,
    choices=choices,
    words=words,
    widget=widget,
    chart=chart,
    picks_responses=picks_responses,
)

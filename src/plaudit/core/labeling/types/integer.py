"""Type `integer`: a whole number, one of the possible values, or on a scale a preference.

A preference says which of a turn's two responses is better; it is stored as if they had been shown
in their own order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit.core.labeling.ballots import (
    UNRESOLVED,
    Ballot,
    ConsolidatedValue,
    among_values,
    first_given,
    most_given,
)
from plaudit.core.labeling.type_rules import (
    AnswerContext,
    BarChart,
    ChartItem,
    Choice,
    ResponseNames,
    TypeRules,
    Widget,
    check_scalar,
    choice_words,
    plain_words,
    possible_values,
    ratio_distance,
    value_choices,
    value_words,
)
from plaudit.core.tasks.forms import LIKERT, Consolidate, Field, ScaleDirection
from plaudit.texts import N_


def stored(context: AnswerContext, value: Any) -> Any:
    """An int, as a preference mirrored if the responses were swapped; raises InvalidAnswer."""
    field, order = context.field, list(context.order)
    number: int = check_scalar(field, value, int, "a whole number")
    if field.scale is None or order == sorted(order):
        return number
    possible = possible_values(field) or []
    return possible[len(possible) - 1 - possible.index(number)]


def choices(field: Field, count: int) -> list[Choice]:
    """The possible values; a scale begins with the value that is best for the first response."""
    scale = value_choices(field, count)
    if field.scale is None:
        return scale
    if field.scale is ScaleDirection.high_is_first:
        scale.reverse()
    last = len(scale) - 1
    ends = {0: "Response 1 is much better", last: "Response 2 is much better"}
    if field.labels and len(field.labels) == len(scale):
        ends = {}
    return [
        msgspec.structs.replace(
            choice,
            name=ends.get(number, choice.name),
            response=None if 2 * number == last else 1 if 2 * number < last else 2,
        )
        for number, choice in enumerate(scale)
    ]


def words(context: AnswerContext, choices: Sequence[Choice], value: Any) -> str:
    """A number by its label; a preference by its label, or by the response that it prefers."""
    if context.field.scale is None or isinstance(value, list | dict):
        return value_words(context, choices, value)
    possible = possible_values(context.field) or LIKERT
    if value not in possible:
        return plain_words(value)
    text = str(possible[possible.index(value)])
    number = next(n for n, choice in enumerate(choices) if choice.value == text)
    if choices[number].name != choices[number].mark:
        return choice_words(choices[number])
    side = 2 * number - (len(choices) - 1)
    if side == 0:
        return N_("%(value)s – neither is better", value=value)
    number = 1 if side < 0 else 2
    return N_("%(value)s – Response %(number)s is better", value=value, number=number)


def widget(field: Field) -> Widget:
    """A scale, buttons for possible values, or a box for a number."""
    if field.scale is not None:
        return Widget("scale", "scale")
    return Widget("number", "number") if field.possible_values is None else _BUTTONS


def median(field: Field, values: Sequence[int]) -> ConsolidatedValue:
    """The middle value; of an even number of them the common one of the two in the middle.

    On a scale also its midpoint, if the two lie evenly about it. Else UNRESOLVED.
    """
    ordered = sorted(values)
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if lower == upper:
        return ConsolidatedValue(Ballot(lower))
    if field.scale is not None:
        possible = possible_values(field) or LIKERT
        is_even_about_it = possible.index(lower) + possible.index(upper) == len(possible) - 1
        if is_even_about_it and len(possible) % 2:
            return ConsolidatedValue(Ballot(possible[len(possible) // 2]))
    return UNRESOLVED


def distance(field: Field, one: int, other: int) -> float:
    """Squared distance in steps of the possible values, 1 from end to end.

    Without possible values that of the ratio level, which needs no bound.
    """
    possible = sorted(possible_values(field) or [])
    if one in possible and other in possible:
        steps = possible.index(one) - possible.index(other)
        return float((steps / max(len(possible) - 1, 1)) ** 2)
    return ratio_distance(one, other)


def preferred(field: Field, value: Any, sources: Sequence[str]) -> str | None:
    """The response that a preference prefers, None in the middle of the scale."""
    possible = possible_values(field) or LIKERT
    side = 2 * possible.index(value) - (len(possible) - 1)
    if side == 0:
        return None
    is_first = (side < 0) == (field.scale == ScaleDirection.low_is_first)
    return sources[0] if is_first else sources[1]


def why_below(field: Field) -> float | None:
    """The upper end of the lower half of the possible values, their middle included."""
    possible = possible_values(field)
    return float(sorted(possible)[(len(possible) - 1) // 2]) if possible else None


def chart(field: Field) -> BarChart:
    """A bar for each number; of a preference for each model, by how clearly it is the better."""
    if field.scale is None:
        return BarChart(possible_values(field))

    def items(value: int, names: ResponseNames) -> list[ChartItem]:
        return [_preference_item(field, value, names)]

    def ranks(value: int, names: ResponseNames) -> list[tuple[str, float]]:
        possible, sources = possible_values(field) or LIKERT, list(names)
        if value not in possible or len(sources) != 2:
            return []
        best = preferred(field, value, sources)
        if best is None:
            return [(names[source], 1.5) for source in sources]
        return [(names[source], 1 if source == best else 2) for source in sources]

    return BarChart(items=items, meaning="better, by steps of the scale", ranks=ranks)


def _preference_item(field: Field, value: int, names: ResponseNames) -> ChartItem:
    """The model that a preference prefers; those of one pair stand in a mirrored order."""
    possible = possible_values(field) or LIKERT
    if value not in possible:
        return ChartItem(str(value), (3, value))
    shown = names if len(names) == 2 else _UNKNOWN
    best = preferred(field, value, list(shown))
    if best is None:
        return ChartItem(N_("Neither is better"), (1,))
    steps = (abs(2 * possible.index(value) - (len(possible) - 1)) + 1) // 2
    name, is_left = shown[best], shown[best] == min(shown.values())
    return ChartItem(
        N_("%(name)s, by %(steps)s", name=name, steps=steps),
        (0, name, -steps) if is_left else (2, name, steps),
    )


_UNKNOWN = {str(n): N_("Response %(number)s (model unknown)", number=n) for n in (1, 2)}
"""Names of a preference's responses where the turn does not have two."""
_BUTTONS = Widget("choice", "choice")

RULES = TypeRules(
    agreement={
        Consolidate.median: among_values(median),
        Consolidate.majority: most_given,
        Consolidate.first: first_given,
    },
    stored=stored,
    choices=choices,
    words=words,
    widget=widget,
    chart=chart,
    distance=distance,
    preferred=preferred,
    why_below=why_below,
    score_max=lambda field: max(field.possible_values) if field.possible_values else None,
    is_number=True,
)

"""Type `category_multiple`: several of the possible values, short texts, or responses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from plaudit.core.common.blank_text import is_blank
from plaudit.core.labeling.ballots import (
    UNRESOLVED,
    Ballot,
    ConsolidatedValue,
    all_items,
    among_values,
    first_given,
)
from plaudit.core.labeling.response_values import (
    check_distinct,
    positions_of,
    response_choices,
    response_words,
    sources_at,
)
from plaudit.core.labeling.type_rules import (
    ITEMS_MAX,
    AnswerContext,
    BarChart,
    ChartItem,
    Choice,
    InvalidAnswer,
    ResponseNames,
    TypeRules,
    Widget,
    accepted,
    check_text,
    possible_values,
    value_choices,
    value_words,
)
from plaudit.core.tasks.forms import Consolidate, Field, Level


def picks_responses(field: Field) -> bool:
    """True if the values are responses: about a turn, without values to choose from."""
    return field.level is Level.turn and field.possible_values is None


def stored(context: AnswerContext, value: Any) -> list[str] | None:
    """Distinct texts as they are, positions as the responses' sources; raises InvalidAnswer.

    Blank texts of one's own are left out; None if there are no others.
    """
    if picks_responses(context.field):
        sources = sources_at(context, value)
        check_distinct(sources)
        return sources
    if not isinstance(value, list) or len(value) > ITEMS_MAX:
        raise InvalidAnswer("expected a list")
    possible = context.field.possible_values
    for number, item in enumerate(value):
        if type(item) is not str:
            raise InvalidAnswer("expected a text", f"/value/{number}")
        check_text(item, f"/value/{number}")
        if possible is not None and item not in possible:
            raise InvalidAnswer("this is not one of the possible values", f"/value/{number}")
    if len(set(value)) != len(value):
        raise InvalidAnswer("a value stands twice")
    if possible is not None or not value:
        return value
    return [item for item in value if not is_blank(item)] or None


def given(context: AnswerContext, value: Any) -> Any:
    """Stored texts or the positions of stored sources, None if the field takes them no more."""
    if picks_responses(context.field):
        value = positions_of(context, value)
    return accepted(stored, context, value)


def choices(field: Field, count: int) -> list[Choice]:
    """The possible values, or the responses."""
    return response_choices(count) if picks_responses(field) else value_choices(field, count)


def words(context: AnswerContext, choices: Sequence[Choice], value: Any) -> str:
    """The values, or the numbers of the responses, in the order in which they were chosen."""
    if not picks_responses(context.field):
        return value_words(context, choices, value)
    positions = positions_of(context, value)
    if not isinstance(positions, list):
        return response_words(context, choices, value)
    return ", ".join(f"Response {n}" for n in positions) or "none of them"


def widget(field: Field) -> Widget:
    """Boxes for responses or possible values, else a text box with a value a line."""
    if picks_responses(field):
        return Widget("several", "pick_several")
    if field.possible_values is not None:
        return Widget("several", "several")
    return Widget("text", "lines")


def majority(field: Field, values: Sequence[list[str]]) -> ConsolidatedValue:
    """The items that more than half chose; UNRESOLVED if exactly half chose one."""
    counts = Counter(item for value in values for item in value)
    if any(2 * count == len(values) for count in counts.values()):
        return UNRESOLVED
    chosen = [item for item, count in counts.items() if 2 * count > len(values)]
    order = {item: number for number, item in enumerate(field.possible_values or [])}
    return ConsolidatedValue(Ballot(sorted(chosen, key=lambda item: order.get(item, len(order)))))


def chart(field: Field) -> BarChart:
    """A bar for each item that was chosen, responses by their model, and for choosing none."""
    is_picked = picks_responses(field)

    def items(value: list[str], names: ResponseNames) -> list[ChartItem]:
        labels = [names.get(item, item) for item in value] if is_picked else value
        chosen = [ChartItem(label) for label in dict.fromkeys(labels)]
        return chosen or [ChartItem("None of them", is_value=False)]

    return BarChart(possible_values(field), items)


def masi_distance(field: Field, one: Sequence[Any], other: Sequence[Any]) -> float:
    """MASI distance of two lists, 1 − Jaccard × monotonicity (docs/quality/alpha.md)."""
    chosen, others = set(one), set(other)
    if chosen == others:
        return 0.0
    common = chosen & others
    monotonicity = 2 / 3 if common in (chosen, others) else 1 / 3
    return 1 - monotonicity * len(common) / len(chosen | others)


RULES = TypeRules(
    agreement={
        Consolidate.majority: among_values(majority),
        Consolidate.first: first_given,
        Consolidate.all: all_items,
    },
    stored=stored,
    given=given,
    choices=choices,
    words=words,
    widget=widget,
    chart=chart,
    picks_responses=picks_responses,
    distance=masi_distance,
)

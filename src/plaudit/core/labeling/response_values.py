"""Values and texts that name responses: positions on a page, `source_id`s in the store.

A page counts positions from 1 in the order on the screen; stored mentions count them in the
responses' own order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from plaudit.core.labeling.type_rules import (
    AnswerContext,
    ChartItem,
    Choice,
    InvalidAnswer,
    ResponseNames,
)

MENTION = re.compile(r"@Response (\d{1,3})(?!\d)")


def source_at(context: AnswerContext, position: Any, where: str = "/value") -> str:
    """The `source_id` of the response at a position; raises InvalidAnswer if there is none."""
    count = len(context.sources)
    if type(position) is not int or not 0 < position <= count:
        raise InvalidAnswer(f"expected a response, 1 to {count}", where)
    return context.sources[position - 1]


def sources_at(context: AnswerContext, positions: Any) -> list[str]:
    """The `source_id`s of the responses at a list of positions; raises InvalidAnswer."""
    check_responses(context, positions)
    return [
        source_at(context, position, f"/value/{number}")
        for number, position in enumerate(positions)
    ]


def check_responses(context: AnswerContext, value: Any) -> None:
    """Refuse all but a list with at most one item a response; raises InvalidAnswer."""
    if not isinstance(value, list) or len(value) > len(context.sources):
        raise InvalidAnswer("expected a list of responses")


def check_distinct(sources: Sequence[str]) -> None:
    """Refuse a response that is named twice; raises InvalidAnswer."""
    if len(set(sources)) != len(sources):
        raise InvalidAnswer("a response stands twice")


def positions_of(context: AnswerContext, value: Any) -> Any:
    """A stored value with positions for sources, nested lists kept; None if a source is unknown."""
    return _located({source: n for n, source in enumerate(context.sources, 1)}, value)


def _located(positions: dict[str, int], value: Any) -> Any:
    if isinstance(value, list):
        located = [_located(positions, item) for item in value]
        return None if None in located else located
    return positions.get(value) if isinstance(value, str) else None


def response_words(context: AnswerContext, choices: Sequence[Choice], value: Any) -> str:
    """Stored sources in words: one response, or several in order, best first, ties as equal."""
    positions = positions_of(context, value)
    if positions is None:
        return "a response that is not here"
    if isinstance(positions, int):
        return f"Response {positions}"
    groups = [[item] if isinstance(item, int) else item for item in positions]
    return " > ".join(" = ".join(f"Response {n}" for n in group) for group in groups)


def picked_items(value: Any, names: ResponseNames) -> list[ChartItem]:
    """The bar of a response that was picked: its model's."""
    return [ChartItem(names.get(value, value))]


def response_choices(count: int) -> list[Choice]:
    """The responses of a turn as choices."""
    return [Choice(str(n), str(n), f"Response {n}", response=n) for n in range(1, count + 1)]


def renumber_mentions(text: str, order: Sequence[int]) -> str:
    """Return a text whose mentions count the responses in their own order, not as shown."""
    ranks = {index: rank for rank, index in enumerate(sorted(order), 1)}

    def number(mention: re.Match[str]) -> str:
        position = int(mention[1])
        if not 0 < position <= len(order):
            return mention[0]
        return f"@Response {ranks[order[position - 1]]}"

    return MENTION.sub(number, text)

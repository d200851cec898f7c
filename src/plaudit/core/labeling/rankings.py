"""Rankings of a turn's responses: groups of equals, best first.

Several people's rankings are compared pair by pair, as in Condorcet's method.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from plaudit.core.labeling.response_values import check_distinct, positions_of
from plaudit.core.labeling.type_rules import (
    AnswerContext,
    BarChart,
    ChartItem,
    InvalidAnswer,
    ResponseNames,
    Store,
    accepted,
)
from plaudit.core.tasks.forms import Field, Level


def ranks_responses(field: Field) -> bool:
    """True if a field of a ranking type ranks the responses of a turn."""
    return field.level is Level.turn


def check_complete(context: AnswerContext, sources: Sequence[str]) -> None:
    """Refuse a ranking that leaves out a response or names one twice; raises InvalidAnswer."""
    check_distinct(sources)
    if len(sources) != len(context.sources):
        raise InvalidAnswer("rank all responses")


def ranking_given(store: Store, context: AnswerContext, value: Any) -> Any:
    """A stored ranking by position, None if the turn's responses are not the ranked ones."""
    return accepted(store, context, positions_of(context, value))


def first_ranked(field: Field, value: Any, sources: Sequence[str]) -> str | None:
    """The response that a ranking prefers, None if several stand first."""
    first = value[0] if value else []
    group: list[str] = [first] if isinstance(first, str) else first
    return group[0] if len(group) == 1 else None


def ranking_chart(field: Field) -> BarChart:
    """A bar for each model by how often it stands first, and the ranks of all."""
    return BarChart(items=_first_items, meaning="ranked first", ranks=_named_ranks)


def _first_items(value: Any, names: ResponseNames) -> list[ChartItem]:
    groups = _groups(value)
    if not groups:
        return [ChartItem("Nothing ranked", is_value=False)]
    if len(groups[0]) > 1:
        return [ChartItem("Several equally", is_value=False)]
    return [ChartItem(names.get(source, source)) for source in groups[0]]


def _named_ranks(value: Any, names: ResponseNames) -> list[tuple[str, float]]:
    ranks: list[tuple[str, float]] = []
    for group in _groups(value):
        rank = len(ranks) + (len(group) + 1) / 2
        ranks += [(names.get(source, source), rank) for source in group]
    return ranks


def _groups(value: Any) -> list[list[str]]:
    groups = [[item] if isinstance(item, str) else item for item in value]
    return [group for group in groups if group]


def majority_groups(values: Sequence[Any]) -> list[list[str]] | None:
    """The ranking in which each pair stands as most people have it; None if there is none."""
    ranks = [_ranks(value) for value in values]
    names = list(ranks[0])
    if any(set(ranking) != set(names) for ranking in ranks):
        return None
    beaten_by: dict[str, int] = dict.fromkeys(names, 0)
    wanted: dict[tuple[str, str], int] = {}
    for a, b in combinations(names, 2):
        counts = Counter(_compared(ranking, a, b) for ranking in ranks).most_common(2)
        if len(counts) > 1 and counts[0][1] == counts[1][1]:
            return None
        wanted[a, b] = counts[0][0]
        if counts[0][0]:
            beaten_by[b if counts[0][0] > 0 else a] += 1
    groups: dict[int, list[str]] = {}
    for name in names:
        groups.setdefault(beaten_by[name], []).append(name)
    ordered = [groups[count] for count in sorted(groups)]
    ranking = _ranks(ordered)
    if any(_compared(ranking, a, b) != order for (a, b), order in wanted.items()):
        return None  # most say that a beats b, b beats c and c beats a
    return ordered


def ranking_distance(field: Field, one: Any, other: Any) -> float:
    """Share of the responses' pairs that two rankings order differently; half where one ties."""
    ranks, others = _ranks(one), _ranks(other)
    names = [name for name in ranks if name in others]
    pairs = list(combinations(names, 2))
    steps = [abs(_compared(ranks, *pair) - _compared(others, *pair)) for pair in pairs]
    return sum(steps) / (2 * len(steps)) if steps else 0.0


def _compared(ranks: dict[str, int], a: str, b: str) -> int:
    """1 if a stands before b, -1 if after, 0 if they are equals."""
    return (ranks[a] < ranks[b]) - (ranks[a] > ranks[b])


def _ranks(value: Any) -> dict[str, int]:
    return {name: rank for rank, group in enumerate(_groups(value)) for name in group}

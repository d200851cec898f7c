"""Pairs that a policy takes of a verdict: all, or those that the order of the responses chooses."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from plaudit.formats.exporting.comparison import Pair


class PairPolicy(StrEnum):
    """Pairs that a ranking of more than two gives."""

    best_vs_rest = "best-vs-rest"
    all = "all"
    best_vs_worst = "best-vs-worst"
    adjacent = "adjacent"


def unbeaten(pairs: Sequence[Pair]) -> set[int]:
    """Places of the responses that win against some and lose to none."""
    return {pair.better for pair in pairs} - {pair.worse for pair in pairs}


def selected_pairs(
    pairs: Sequence[Pair], groups: Sequence[Sequence[int]] | None, policy: PairPolicy
) -> list[Pair]:
    """Pairs of one verdict that a policy takes, in their order.

    With an order the policies go by its groups, equals together; without one the best are those
    that lose to nobody, and the worst those that win against nobody.
    """
    if policy is PairPolicy.all:
        return list(pairs)
    if groups is not None:
        ranks = {place: rank for rank, group in enumerate(groups) for place in group}
        return [
            pair
            for pair in pairs
            if _is_taken(policy, ranks[pair.better], ranks[pair.worse], len(groups) - 1)
        ]
    losers = {pair.worse for pair in pairs}
    winners = {pair.better for pair in pairs}
    if policy is PairPolicy.best_vs_rest:
        return [pair for pair in pairs if pair.better not in losers]
    if policy is PairPolicy.best_vs_worst:
        return [pair for pair in pairs if pair.better not in losers and pair.worse not in winners]
    known = {(pair.better, pair.worse) for pair in pairs}
    places = winners | losers
    return [
        pair
        for pair in pairs
        if not any(
            (pair.better, between) in known and (between, pair.worse) in known for between in places
        )
    ]


def _is_taken(policy: PairPolicy, above: int, below: int, last: int) -> bool:
    """True if a policy takes the pairs of two ranks, of which 0 is the best."""
    if policy is PairPolicy.adjacent:
        return below == above + 1
    return above == 0 and (policy is PairPolicy.best_vs_rest or below == last)

"""Rankings of responses: groups of equals, their pairs, and what several judges' have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from msgspec import Struct

from plaudit.formats.exporting.comparison import Pair
from plaudit.formats.exporting.judges import Judges, VerdictOptions, mean_of

Groups = Sequence[Sequence[int]]


class SharedRanking(Struct, frozen=True):
    """Pairs that judges agree on; numbers of pairs that they find equal, and disagree on."""

    pairs: Sequence[Pair]
    ties: int
    undecided: int


def ranked_groups(value: Any, places: Mapping[str, int]) -> list[list[int]]:
    """Places of a stored ranking, best first; sources that the turn does not have are left out.

    Of a source that stands twice the first place counts.
    """
    groups = []
    seen: set[int] = set()
    for item in value if isinstance(value, list) else ():
        group = []
        for source in item if isinstance(item, list) else [item]:
            place = places.get(source) if isinstance(source, str) else None
            if place is not None and place not in seen:
                seen.add(place)
                group.append(place)
        if group:
            groups.append(group)
    return groups


def pairs_of_groups(groups: Groups, contributor_id: str | None = None) -> list[Pair]:
    """Every pair of different groups; the strength is the share of the greatest gap of ranks."""
    steps = max(len(groups) - 1, 1)
    return [
        Pair(better, worse, (low - high) / steps, contributor_id)
        for (high, above), (low, below) in combinations(enumerate(groups), 2)
        for better in above
        for worse in below
    ]


def shared_ranking(
    rankings: Sequence[Groups], places: Sequence[int], options: VerdictOptions
) -> SharedRanking:
    """Verdicts of several rankings on each pair, by the policy on judges.

    Who ranks only one of two says nothing about them, and counts among all.
    """
    pairs: list[Pair] = []
    ties = undecided = 0
    for first, second in combinations(places, 2):
        gap = _shared_gap([_gap(groups, first, second) for groups in rankings], options)
        if gap is None:
            undecided += 1
        elif gap == 0:
            ties += 1
        elif gap > 0:
            pairs.append(Pair(first, second, gap))
        else:
            pairs.append(Pair(second, first, -gap))
    return SharedRanking(pairs, ties, undecided)


def _gap(groups: Groups, first: int, second: int) -> float | None:
    """Share of the greatest gap of ranks, positive if the first is better; None if unranked."""
    ranks = {place: rank for rank, group in enumerate(groups) for place in group}
    if first not in ranks or second not in ranks:
        return None
    return (ranks[second] - ranks[first]) / max(len(groups) - 1, 1)


def _shared_gap(gaps: Sequence[float | None], options: VerdictOptions) -> float | None:
    known = [gap for gap in gaps if gap is not None]
    if options.judges is Judges.mean_strength:
        return mean_of(known, options) if known else None
    needed = len(gaps) if options.judges is Judges.unanimous else len(gaps) // 2 + 1
    for sign in (1, -1, 0):
        agreeing = [gap for gap in known if (gap > 0) - (gap < 0) == sign]
        if len(agreeing) >= needed:
            return sum(agreeing) / len(agreeing)
    return None


def weak_order(pairs: Sequence[Pair], places: Sequence[int]) -> list[list[int]] | None:
    """Groups of equals, best first, if the verdicts on all pairs have such an order, else None."""
    better = {(pair.better, pair.worse) for pair in pairs}
    by_wins: dict[int, list[int]] = {}
    for place in places:
        by_wins.setdefault(sum((place, other) in better for other in places), []).append(place)
    groups = [by_wins[number] for number in sorted(by_wins, reverse=True)]
    ranks = {place: rank for rank, group in enumerate(groups) for place in group}
    is_order = all(
        ((a, b) in better) == (ranks[a] < ranks[b]) for a in places for b in places if a != b
    )
    return groups if is_order else None

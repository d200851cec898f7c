"""From the answers of several people to one: the rules, as functions of the answers alone.

`majority` is what most said; equally many is no majority, and nobody guesses. Rankings are compared
pair by pair, lists of choices choice by choice. `median` is the middle of an odd number; of an even
number it is the common value of the two in the middle, or on a scale its midpoint if they lie
evenly about it. `first` is what was said first; `all` is the first text, or whatever anybody marked
or chose. Answers that there is no answer (not applicable, cannot assess) count as answers.

What the rules leave open is unresolved, and a reviewer decides.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.tasks.forms import LIKERT, Consolidate, Field, ScaleDirection
from plaudit.wire.v2.annotation import AnnotationType

_encode = msgspec.json.Encoder(order="deterministic").encode


class Ballot(Struct, frozen=True):
    """What one person answered: a value, or one of the two answers that there is none."""

    value: Any = None
    not_applicable: bool = False
    cannot_assess: bool = False

    @property
    def is_value(self) -> bool:
        return not (self.not_applicable or self.cannot_assess)


class ConsolidatedValue(Struct, frozen=True):
    """What several answers come to; nothing, if `is_resolved` is false."""

    ballot: Ballot = Ballot()
    is_resolved: bool = True


UNRESOLVED = ConsolidatedValue(is_resolved=False)


def settle(field: Field, ballots: Sequence[Ballot]) -> ConsolidatedValue:
    """Consolidate one question's answers, one or more, in the order in which they were given."""
    if len(ballots) == 1:
        return ConsolidatedValue(ballots[0])
    if field.rule in (Consolidate.first, Consolidate.all):
        return ConsolidatedValue(_first(field, ballots))
    if field.rule is Consolidate.majority and field.type not in _BY_PARTS:
        return _most(ballots)
    kinds = _most([msgspec.structs.replace(one, value=None) for one in ballots])
    if not kinds.is_resolved or not kinds.ballot.is_value:
        return kinds
    values = [one.value for one in ballots if one.is_value]
    if field.rule is Consolidate.majority:
        return _BY_PARTS[field.type](field, values)
    if field.type == AnnotationType.rubric_rating:
        return _middle_rating(values)
    return _middle(field, values)


def differ(field: Field, ballots: Sequence[Ballot]) -> bool:
    """Whether people answered a question differently. Free texts are never the same, and do not."""
    is_text = field.type in _FREE and field.possible_values is None
    said = {
        _encode(msgspec.structs.replace(one, value=None) if is_text else one) for one in ballots
    }
    return len(said) > 1


def preferred(field: Field, value: Any, sources: Sequence[str]) -> str | None:
    """Which response an answer to a preference or ranking prefers; None for a tie.

    `sources` are the turn's responses in their own order.
    """
    if field.scale is None:
        first = value[0] if value else []
        group = [first] if isinstance(first, str) else first
        return group[0] if len(group) == 1 else None
    possible = field.possible_values or LIKERT
    side = 2 * possible.index(value) - (len(possible) - 1)
    if side == 0:
        return None
    is_first = (side < 0) == (field.scale == ScaleDirection.low_is_first)
    return sources[0] if is_first else sources[1]


def _first(field: Field, ballots: Sequence[Ballot]) -> Ballot:
    """What was said first; of marks and choices, everything that was said under `all`."""
    valued = [one for one in ballots if one.is_value]
    if not valued or field.rule is Consolidate.first:
        return ballots[0]
    if field.type == AnnotationType.text:
        return valued[0]
    every = {_encode(part): part for one in valued for part in one.value}
    return Ballot(list(every.values()))


def _most(ballots: Sequence[Ballot]) -> ConsolidatedValue:
    """The answer that more people gave than any other."""
    counts = Counter(_encode(one) for one in ballots)
    (best, count), *rest = counts.most_common(2)
    if rest and rest[0][1] == count:
        return UNRESOLVED
    return ConsolidatedValue(next(one for one in ballots if _encode(one) == best))


def _middle(field: Field, values: Sequence[int]) -> ConsolidatedValue:
    ordered = sorted(values)
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if lower == upper:
        return ConsolidatedValue(Ballot(lower))
    if field.scale is not None:
        possible = field.possible_values or LIKERT
        is_even_about_it = possible.index(lower) + possible.index(upper) == len(possible) - 1
        if is_even_about_it and len(possible) % 2:
            return ConsolidatedValue(Ballot(possible[len(possible) // 2]))
    return UNRESOLVED


def _middle_rating(values: Sequence[dict[str, Any]]) -> ConsolidatedValue:
    """The rating with the middle score; between two of them there is always a score."""
    ordered = sorted(values, key=lambda one: float(one["score"]))
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    if lower["score"] == upper["score"]:
        return ConsolidatedValue(Ballot(lower))
    return ConsolidatedValue(Ballot({"score": (lower["score"] + upper["score"]) / 2}))


def _most_choices(field: Field, values: Sequence[list[str]]) -> ConsolidatedValue:
    """The choices that more than half made; one that exactly half made is open."""
    counts = Counter(choice for value in values for choice in value)
    if any(2 * count == len(values) for count in counts.values()):
        return UNRESOLVED
    chosen = [choice for choice, count in counts.items() if 2 * count > len(values)]
    order = {choice: number for number, choice in enumerate(field.possible_values or [])}
    return ConsolidatedValue(Ballot(sorted(chosen, key=lambda one: order.get(one, len(order)))))


def _most_ranked(field: Field, values: Sequence[Any]) -> ConsolidatedValue:
    """The ranking in which each pair stands as most people have it, if there is one."""
    ranks = [_ranks(value) for value in values]
    names = list(ranks[0])
    if any(set(one) != set(names) for one in ranks):
        return UNRESOLVED
    beaten_by: dict[str, int] = dict.fromkeys(names, 0)
    standings: dict[tuple[str, str], int] = {}
    for a, b in combinations(names, 2):
        counts = Counter(_standing(one, a, b) for one in ranks).most_common(2)
        if len(counts) > 1 and counts[0][1] == counts[1][1]:
            return UNRESOLVED
        standings[a, b] = counts[0][0]
        if counts[0][0]:
            beaten_by[b if counts[0][0] > 0 else a] += 1
    groups: dict[int, list[str]] = {}
    for name in names:
        groups.setdefault(beaten_by[name], []).append(name)
    ordered = [groups[count] for count in sorted(groups)]
    place = _ranks(ordered)
    if any(_standing(place, a, b) != said for (a, b), said in standings.items()):
        return UNRESOLVED  # most say that a beats b, b beats c and c beats a
    if field.type == AnnotationType.ranked_groups:
        return ConsolidatedValue(Ballot(ordered))
    if any(len(group) > 1 for group in ordered):
        return UNRESOLVED
    return ConsolidatedValue(Ballot([group[0] for group in ordered]))


def _standing(ranks: dict[str, int], a: str, b: str) -> int:
    """1 if a stands before b, -1 if after, 0 if they are equals."""
    return (ranks[a] < ranks[b]) - (ranks[a] > ranks[b])


def _ranks(value: Any) -> dict[str, int]:
    groups = [[one] if isinstance(one, str) else one for one in value]
    return {name: rank for rank, group in enumerate(groups) for name in group}


_FREE = (AnnotationType.text, AnnotationType.labeled_text)
_BY_PARTS: dict[str, Callable[[Field, Sequence[Any]], ConsolidatedValue]] = {
    AnnotationType.category_multiple: _most_choices,
    AnnotationType.ranked_choices: _most_ranked,
    AnnotationType.ranked_groups: _most_ranked,
}

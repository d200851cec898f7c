"""Ballots: answers without their addresses, and the ways to make one of several.

Each way takes the ballots on one question, one or more, in the order in which they were given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.tasks.forms import Field

_encode = msgspec.json.Encoder(order="deterministic").encode


class Ballot(Struct, frozen=True):
    """One person's answer: a value, not applicable, or cannot assess."""

    value: Any = None
    not_applicable: bool = False
    cannot_assess: bool = False

    @property
    def is_value(self) -> bool:
        """True if it is neither "not applicable" nor "cannot assess"."""
        return not (self.not_applicable or self.cannot_assess)


class ConsolidatedValue(Struct, frozen=True):
    """The one answer that several became; meaningless unless `is_resolved`."""

    ballot: Ballot = Ballot()
    is_resolved: bool = True


UNRESOLVED = ConsolidatedValue(is_resolved=False)

CombineValues = Callable[[Field, Sequence[Any]], ConsolidatedValue]


def encoded(value: Any) -> bytes:
    """JSON of a value or ballot, equal for equal ones."""
    return _encode(value)


def first_given(field: Field, ballots: Sequence[Ballot]) -> ConsolidatedValue:
    """The first ballot."""
    return ConsolidatedValue(ballots[0])


def first_value(field: Field, ballots: Sequence[Ballot]) -> ConsolidatedValue:
    """The first ballot with a value; the first of all if none has one."""
    return ConsolidatedValue(next((ballot for ballot in ballots if ballot.is_value), ballots[0]))


def all_items(field: Field, ballots: Sequence[Ballot]) -> ConsolidatedValue:
    """The items of every list, each once; the first ballot if none has a value."""
    lists = [ballot.value for ballot in ballots if ballot.is_value]
    if not lists:
        return ConsolidatedValue(ballots[0])
    every = {_encode(item): item for items in lists for item in items}
    return ConsolidatedValue(Ballot(list(every.values())))


def most_given(field: Field, ballots: Sequence[Ballot]) -> ConsolidatedValue:
    """The ballot that more people gave than any other, UNRESOLVED for a tie."""
    return plurality(ballots)


def plurality(ballots: Sequence[Ballot]) -> ConsolidatedValue:
    """The most frequent ballot, UNRESOLVED if two are equally frequent."""
    counts = Counter(_encode(ballot) for ballot in ballots)
    (best, count), *rest = counts.most_common(2)
    if rest and rest[0][1] == count:
        return UNRESOLVED
    return ConsolidatedValue(next(ballot for ballot in ballots if _encode(ballot) == best))


def among_values(
    combine: CombineValues,
) -> Callable[[Field, Sequence[Ballot]], ConsolidatedValue]:
    """A way that combines the values alone, where most people gave one.

    Not applicable and cannot assess win by plurality; a tie with them is UNRESOLVED.
    """

    def combine_ballots(field: Field, ballots: Sequence[Ballot]) -> ConsolidatedValue:
        kinds = plurality([msgspec.structs.replace(ballot, value=None) for ballot in ballots])
        if not kinds.is_resolved or not kinds.ballot.is_value:
            return kinds
        return combine(field, [ballot.value for ballot in ballots if ballot.is_value])

    return combine_ballots

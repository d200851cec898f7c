"""Policies on several judges: which votes count, and the value that they make together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from plaudit import clock
from plaudit.formats.common.imported_task import ALL_BAD, TIE
from plaudit.formats.exporting.comparison import VerdictKind
from plaudit.wire.v2.annotation import Annotation, Vote

_TIES = frozenset((TIE, "same", "equal", "both_good"))
_BAD = frozenset((ALL_BAD, "both_bad", "none", "neither", "tie (bothbad)", "bothbad"))


ROUNDING = 1e-9
"""Difference of means that comes from the rounding of their terms."""


class Judges(StrEnum):
    """Policy on several judges of one comparison."""

    majority = "majority"
    """More than half of all votes."""
    unanimous = "unanimous"
    mean_strength = "mean-strength"
    """The mean of the signed strengths: of the preference's scale, else 1 for each vote."""
    each = "each"
    """A row for each vote."""


class VerdictOptions(Struct, frozen=True, kw_only=True):
    """Choices that verdicts depend on.

    `prefer` is the key of an annotation of the messages that decides where nothing else does, if
    two differ by `min_difference` at least.
    """

    judges: Judges = Judges.majority
    prefer: str | None = None
    min_difference: float | None = None


def kind_of_value(value: Any, places: Mapping[str, int]) -> VerdictKind:
    """Kind of the verdict that a stored value is; `none` for a response that is not there."""
    if isinstance(value, str):
        if value in places:
            return VerdictKind.prefer
        if value.lower() in _TIES:
            return VerdictKind.tie
        if value.lower() in _BAD:
            return VerdictKind.all_bad
    return VerdictKind.none


def votes_of(given: Annotation | None) -> list[Vote]:
    """Votes that say something; the later of a person's two counts, also where it says nothing."""
    latest: dict[str, Vote] = {}
    for vote in () if given is None else given.votes or ():
        before = latest.get(vote.contributor_id)
        if before is None or not _is_before(vote, before):
            latest[vote.contributor_id] = vote
    return [vote for vote in latest.values() if vote.has_value]


def mean_of(strengths: Sequence[float], options: VerdictOptions) -> float:
    """Mean of signed strengths; 0 for one that is less than asked for."""
    mean = sum(strengths) / len(strengths)
    least = max((options.min_difference or 0.0) - ROUNDING, ROUNDING)
    return mean if abs(mean) >= least else 0.0


def _is_before(vote: Vote, other: Vote) -> bool:
    """True if a vote is known to be older; without two times the order of the list counts."""
    if vote.submitted_at is None or other.submitted_at is None:
        return False
    try:
        return clock.parse_moment(vote.submitted_at) < clock.parse_moment(other.submitted_at)
    except ValueError:
        return False


def is_settled(given: Annotation, votes: Sequence[Vote]) -> bool:
    """True if somebody decided the value against the votes, such as a reviewer.

    It is then no most frequent vote, nor between the middle ones of numbers.
    """
    if given.value is None or not votes:
        return False
    values = [vote.value for vote in votes]
    counts = Counter(map(repr, values))
    if counts[repr(given.value)] == max(counts.values()):
        return False
    if all(type(value) is int for value in (*values, given.value)):
        ordered = sorted(values)
        return not ordered[(len(ordered) - 1) // 2] <= given.value <= ordered[len(ordered) // 2]
    return True


def decided_values(
    given: Annotation, places: Mapping[str, int], judges: Judges
) -> list[tuple[Any, str | None]]:
    """Values that count, each with the judge whose vote it is; None for the value of all.

    Empty where the judges disagree. The words for a tie are one value, and those for all bad.
    """
    votes = votes_of(given)
    if not votes:
        return [(given.value, None)]
    if judges is Judges.each:
        return [(vote.value, vote.contributor_id) for vote in votes]
    if judges is not Judges.unanimous and is_settled(given, votes):
        return [(given.value, None)]
    counts = Counter(_word(vote.value, places) for vote in votes)
    value, most = counts.most_common(1)[0]
    needed = len(votes) if judges is Judges.unanimous else len(votes) // 2 + 1
    return [(value, None)] if most >= needed else []


def _word(value: Any, places: Mapping[str, int]) -> str:
    kind = kind_of_value(value, places)
    words = {VerdictKind.tie: TIE, VerdictKind.all_bad: ALL_BAD}
    return words.get(kind) or str(value)

"""Verdicts on the responses of a turn, from its annotations and the votes that they carry.

In this order: verdicts on pairs, a ranking, the selected response or a tie, the preference's
scale; and where there is none of them and one was asked for, the difference of a rating.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import combinations
from typing import Any

from msgspec import Struct

from plaudit.core.tasks.forms import LIKERT, Form, Level, ScaleDirection
from plaudit.formats.common.imported_task import ALL_BAD, TIE
from plaudit.formats.exporting.comparison import Candidate, Flag, Pair, VerdictKind
from plaudit.wire.v2.annotation import Annotation, AnnotationType, Vote

SELECTED, PREFERENCE, LIKERT_KEY, OVERALL = (
    "selected_model_id", "preference", "likert_value", "overall",
)  # fmt: skip
RANKINGS = (AnnotationType.ranked_choices, AnnotationType.ranked_groups)
RESPONSES_MAX = 100
"""Responses of a turn of which verdicts on pairs are looked for."""

_TIES = frozenset((TIE, "same", "equal", "both_good"))
_BAD = frozenset((ALL_BAD, "both_bad", "none", "neither", "tie (bothbad)", "bothbad"))


class Judges(StrEnum):
    """Policy on several judges of one comparison."""

    majority = "majority"
    """More than half of all votes."""
    unanimous = "unanimous"
    mean_strength = "mean-strength"
    """The mean of the signed strengths, by the preference's scale."""
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


class Verdict(Struct, frozen=True, kw_only=True):
    """Verdict on the responses of a turn; see the members of Comparison."""

    kind: VerdictKind = VerdictKind.none
    pairs: Sequence[Pair] = ()
    groups: Sequence[Sequence[int]] | None = None
    likert: int | None = None
    votes: int = 0
    flags: Sequence[Flag] = ()


class Scale(Struct, frozen=True):
    """Scale of a preference: its key, least and greatest value, and its direction."""

    key: str
    least: int
    most: int
    is_low_first: bool

    def signed(self, value: Any) -> float | None:
        """Strength from -1 (the second response is much better) to 1; None for no value of it."""
        if type(value) is not int or not self.least <= value <= self.most:
            return None
        middle, half = (self.least + self.most) / 2, (self.most - self.least) / 2
        towards_low = (middle - value) / half
        return towards_low if self.is_low_first else -towards_low


def scale_of(form: Form, annotations: Mapping[str, Annotation]) -> Scale | None:
    """Scale of the turn's preference: that of the form, or of the annotation's possible values."""
    for field in form.fields:
        if field.level is Level.turn and field.scale is not None and field.key in annotations:
            values = field.possible_values or LIKERT
            is_low_first = field.scale is ScaleDirection.low_is_first
            return Scale(field.key, min(values), max(values), is_low_first)
    given = annotations.get(LIKERT_KEY)
    if given is None or type(given.value) is not int:
        return None
    values = [one for one in given.possible_values or LIKERT if type(one) is int]
    least, most = min(values, default=1), max(values, default=7)
    return Scale(LIKERT_KEY, least, most, True) if least < most else None


def find_verdict(
    annotations: Sequence[Annotation],
    responses: Sequence[Candidate],
    form: Form,
    options: VerdictOptions,
) -> Verdict:
    """Return the verdict on at least two responses of a turn."""
    by_key = {given.key: given for given in annotations if not _is_empty(given)}
    places = {response.source_id: place for place, response in enumerate(responses)}
    scale = scale_of(form, by_key)
    for find in (_of_pairs, _of_ranking):
        verdict = find(by_key, places, options)
        if verdict is not None:
            return _flagged(verdict, by_key, places, responses, scale)
    verdict = _of_choice(by_key, places, scale, options)
    if verdict.kind is VerdictKind.none and options.prefer is not None:
        verdict = _of_ratings(responses, options.prefer, options.min_difference)
    return _flagged(verdict, by_key, places, responses, scale)


def _is_empty(annotation: Annotation) -> bool:
    is_unanswered = annotation.not_applicable or annotation.cannot_assess
    return bool(is_unanswered) or (annotation.value is None and not annotation.votes)


def _of_pairs(
    by_key: Mapping[str, Annotation], places: Mapping[str, int], options: VerdictOptions
) -> Verdict | None:
    """Verdicts on the single pairs, `preference__<a>__<b>`."""
    if len(places) > RESPONSES_MAX or not any(key.startswith("preference__") for key in by_key):
        return None
    pairs, ties, count = [], 0, 0
    for (a, first), (b, second) in combinations(places.items(), 2):
        given = by_key.get(f"preference__{a}__{b}")
        if given is None:
            continue
        count += 1
        for value, contributor_id in _decided(given, options):
            if value == a:
                pairs.append(Pair(first, second, contributor_id=contributor_id))
            elif value == b:
                pairs.append(Pair(second, first, contributor_id=contributor_id))
            else:
                ties += 1
    if not count:
        return None
    is_complete = count == len(places) * (len(places) - 1) // 2
    groups = weak_order(pairs, len(places)) if is_complete else None
    kind = VerdictKind.prefer if pairs else VerdictKind.tie
    return Verdict(kind=kind, pairs=pairs, groups=groups, votes=1)


def _decided(given: Annotation, options: VerdictOptions) -> list[tuple[Any, str | None]]:
    """Values that count, each with the judge whose vote it is; None for the value of all."""
    votes = _votes(given)
    if not votes:
        return [(given.value, None)]
    if options.judges is Judges.each:
        return [(vote.value, vote.contributor_id) for vote in votes]
    counts = Counter(str(vote.value) for vote in votes)
    value, most = counts.most_common(1)[0]
    needed = len(votes) if options.judges is Judges.unanimous else len(votes) // 2 + 1
    return [(value, None)] if most >= needed else []


def _votes(given: Annotation) -> list[Vote]:
    """Votes that say something; the later of a person's two counts."""
    latest: dict[str, Vote] = {}
    for vote in given.votes or ():
        if vote.value is None:
            continue
        before = latest.get(vote.contributor_id)
        if before is None or (vote.submitted_at or "") >= (before.submitted_at or ""):
            latest[vote.contributor_id] = vote
    return list(latest.values())


def weak_order(pairs: Sequence[Pair], count: int) -> list[list[int]] | None:
    """Groups of equals, best first, if the verdicts on all pairs have such an order, else None."""
    better = {(pair.better, pair.worse) for pair in pairs}
    wins = [sum((place, other) in better for other in range(count)) for place in range(count)]
    by_wins: dict[int, list[int]] = {}
    for place in range(count):
        by_wins.setdefault(wins[place], []).append(place)
    groups = [by_wins[number] for number in sorted(by_wins, reverse=True)]
    ranks = {place: rank for rank, group in enumerate(groups) for place in group}
    is_order = all(
        ((a, b) in better) == (ranks[a] < ranks[b])
        for a in range(count)
        for b in range(count)
        if a != b
    )
    return groups if is_order else None


def _of_ranking(
    by_key: Mapping[str, Annotation], places: Mapping[str, int], options: VerdictOptions
) -> Verdict | None:
    given = next((one for one in by_key.values() if one.type in RANKINGS), None)
    if given is None:
        return None
    pairs: list[Pair] = []
    groups: list[list[int]] | None = None
    for value, contributor_id in _rankings(given, options):
        groups = ranked_groups(value, places)
        pairs += pairs_of_groups(groups, contributor_id)
    if groups is None:
        return Verdict(kind=VerdictKind.conflict, votes=len(given.votes or ()))
    kind = VerdictKind.prefer if pairs else VerdictKind.tie
    is_each = options.judges is Judges.each and bool(given.votes)
    if sum(map(len, groups)) < len(places):
        flags = [Flag.partial_ranking]
        return Verdict(kind=kind, pairs=pairs, votes=len(given.votes or ()) or 1, flags=flags)
    return Verdict(
        kind=kind, pairs=pairs, groups=None if is_each else groups,
        votes=len(given.votes or ()) or 1,
    )  # fmt: skip


def _rankings(given: Annotation, options: VerdictOptions) -> list[tuple[Any, str | None]]:
    votes = _votes(given)
    if options.judges is Judges.each and votes:
        return [(vote.value, vote.contributor_id) for vote in votes]
    if options.judges is Judges.unanimous and votes:
        is_one = all(vote.value == votes[0].value for vote in votes)
        return [(votes[0].value, None)] if is_one else []
    return [] if given.value is None else [(given.value, None)]


def ranked_groups(value: Any, places: Mapping[str, int]) -> list[list[int]]:
    """Places of a stored ranking, best first; sources that the turn does not have are left out."""
    groups = []
    for item in value if isinstance(value, list) else ():
        sources = item if isinstance(item, list) else [item]
        group = [places[source] for source in sources if source in places]
        if group:
            groups.append(group)
    return groups


def pairs_of_groups(groups: Sequence[Sequence[int]], contributor_id: str | None) -> list[Pair]:
    """Every pair of different groups; the strength is the share of the greatest gap of ranks."""
    steps = max(len(groups) - 1, 1)
    return [
        Pair(better, worse, (low - high) / steps, contributor_id)
        for (high, above), (low, below) in combinations(enumerate(groups), 2)
        for better in above
        for worse in below
    ]


def _of_choice(
    by_key: Mapping[str, Annotation],
    places: Mapping[str, int],
    scale: Scale | None,
    options: VerdictOptions,
) -> Verdict:
    """Verdict of the selected response, of a tie, or of the preference's scale."""
    likert = None if scale is None else by_key[scale.key]
    chosen = by_key.get(SELECTED) or by_key.get(PREFERENCE)
    if options.judges is Judges.mean_strength and likert is not None and scale is not None:
        return _of_scale(likert, scale, len(places), options)
    if chosen is None:
        if likert is None or scale is None:
            return Verdict()
        return _of_scale(likert, scale, len(places), options)
    decided = _decided(chosen, options)
    count = len(_votes(chosen)) or 1
    if not decided:
        return Verdict(kind=VerdictKind.conflict, votes=count)
    strength = None
    if likert is not None and scale is not None and options.judges is not Judges.each:
        signed = scale.signed(likert.value)
        strength = None if signed is None else abs(signed)
    pairs: list[Pair] = []
    kinds = set()
    for value, contributor_id in decided:
        kind = kind_of_value(value, places)
        kinds.add(kind)
        if kind is VerdictKind.prefer:
            best = places[value]
            pairs += [
                Pair(best, other, strength, contributor_id)
                for other in places.values()
                if other != best
            ]
    kind = VerdictKind.prefer if pairs else kinds.pop()
    groups: list[list[int]] | None = None
    if kind is VerdictKind.tie:
        groups = [list(places.values())]
    elif kind is VerdictKind.prefer and len(places) == 2 and len(decided) == 1:
        groups = [[pairs[0].better], [pairs[0].worse]]
    return Verdict(kind=kind, pairs=pairs, groups=groups, votes=count)


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


def _of_scale(likert: Annotation, scale: Scale, count: int, options: VerdictOptions) -> Verdict:
    """Verdict of the scale alone, which compares two responses."""
    if count != 2:
        return Verdict()
    votes = _votes(likert)
    given: list[tuple[Any, str | None]] = [(vote.value, vote.contributor_id) for vote in votes]
    if options.judges is not Judges.each or not given:
        signed = [strength for value, _ in given if (strength := scale.signed(value)) is not None]
        if options.judges is Judges.mean_strength and signed:
            return _of_signed(sum(signed) / len(signed), options, len(votes))
        if options.judges is Judges.unanimous and signed and len({_sign(s) for s in signed}) > 1:
            return Verdict(kind=VerdictKind.conflict, votes=len(votes))
        strength = scale.signed(likert.value)
        return Verdict() if strength is None else _of_signed(strength, options, len(votes) or 1)
    pairs = []
    for value, contributor_id in given:
        strength = scale.signed(value)
        if strength:
            better = 0 if strength > 0 else 1
            pairs.append(Pair(better, 1 - better, abs(strength), contributor_id))
    return Verdict(kind=VerdictKind.prefer if pairs else VerdictKind.tie, pairs=pairs,
                   votes=len(votes))  # fmt: skip


def _sign(strength: float) -> int:
    return (strength > 0) - (strength < 0)


def _of_signed(strength: float, options: VerdictOptions, votes: int) -> Verdict:
    is_mean = options.judges is Judges.mean_strength
    least = options.min_difference if is_mean and options.min_difference is not None else 0.0
    if strength == 0 or abs(strength) < least:
        return Verdict(kind=VerdictKind.tie, groups=[[0, 1]], votes=votes)
    better = 0 if strength > 0 else 1
    pair = Pair(better, 1 - better, min(abs(strength), 1.0))
    return Verdict(
        kind=VerdictKind.prefer, pairs=[pair], groups=[[better], [1 - better]], votes=votes
    )


def _of_ratings(responses: Sequence[Candidate], key: str, min_difference: float | None) -> Verdict:
    """Verdicts by the difference of a rating, a boolean or a number, of each two responses."""
    numbers = {
        place: float(response.ratings[key])
        for place, response in enumerate(responses)
        if isinstance(response.ratings.get(key), bool | int | float)
    }
    if len(numbers) < 2:
        return Verdict()
    least = min_difference if min_difference is not None else 0.0
    pairs = []
    for a, b in combinations(numbers, 2):
        difference = numbers[a] - numbers[b]
        if difference and abs(difference) >= least:
            pairs.append(Pair(a, b) if difference > 0 else Pair(b, a))
    is_order = len(numbers) == len(responses) and not least
    groups = weak_order(pairs, len(responses)) if is_order else None
    return Verdict(kind=VerdictKind.prefer if pairs else VerdictKind.tie, pairs=pairs,
                   groups=groups, votes=1)  # fmt: skip


def _flagged(
    verdict: Verdict,
    by_key: Mapping[str, Annotation],
    places: Mapping[str, int],
    responses: Sequence[Candidate],
    scale: Scale | None,
) -> Verdict:
    """Add the value of the scale, and what contradicts the verdict."""
    likert = None
    flags = list(verdict.flags)
    best = {pair.better for pair in verdict.pairs}
    if scale is not None:
        value = by_key[scale.key].value
        signed = scale.signed(value)
        likert = value if signed is not None else None
        if signed and len(places) == 2 and len(best) == 1 and (0 if signed > 0 else 1) not in best:
            flags.append(Flag.likert_conflict)
    if len(best) == 1:
        (winner,) = best
        mine = responses[winner].ratings.get(OVERALL)
        others = [responses[pair.worse].ratings.get(OVERALL) for pair in verdict.pairs]
        if type(mine) is int and any(type(other) is int and other > mine for other in others):
            flags.append(Flag.rating_conflict)
    return Verdict(
        kind=verdict.kind,
        pairs=verdict.pairs,
        groups=verdict.groups,
        likert=likert,
        votes=verdict.votes,
        flags=flags,
    )

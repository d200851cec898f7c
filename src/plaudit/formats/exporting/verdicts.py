"""Verdicts on the responses of a turn, from its annotations and the votes that they carry.

In this order: verdicts on pairs, a ranking, the selected response or a tie, the preference's
scale; and where there is none of them and one was asked for, the difference of a rating.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from msgspec import Struct

from plaudit.core.tasks.forms import Form
from plaudit.formats.exporting.comparison import Candidate, Flag, Pair, VerdictKind
from plaudit.formats.exporting.judges import (
    ROUNDING,
    Judges,
    VerdictOptions,
    decided_values,
    is_settled,
    kind_of_value,
    mean_of,
    votes_of,
)
from plaudit.formats.exporting.rankings import (
    Groups,
    pairs_of_groups,
    ranked_groups,
    shared_ranking,
    weak_order,
)
from plaudit.formats.exporting.scales import Scale, scale_of, verdict_of_scale
from plaudit.wire.v2.annotation import Annotation, AnnotationType

SELECTED, PREFERENCE, OVERALL = "selected_model_id", "preference", "overall"
ACCEPTABLE = "acceptable"
LABEL_KEYS = (ACCEPTABLE, "is_correct")
"""Boolean annotations of a response that label it, where no other key was asked for."""

RANKINGS = (AnnotationType.ranked_choices, AnnotationType.ranked_groups)
RESPONSES_MAX = 100
"""Responses of a turn of which verdicts on pairs are looked for."""

_PAIR_PREFIX = "preference__"


class TurnVerdict(Struct, frozen=True, kw_only=True):
    """Verdict on the responses of a turn; see the members of Comparison."""

    kind: VerdictKind = VerdictKind.none
    pairs: Sequence[Pair] = ()
    groups: Sequence[Sequence[int]] | None = None
    likert: int | None = None
    votes: int = 0
    flags: Sequence[Flag] = ()
    other_votes: Sequence[VerdictKind] = ()


class _Judged(Struct, frozen=True):
    """Annotations of a turn by key, places of the responses that are compared, and the scale."""

    by_key: Mapping[str, Annotation]
    places: Mapping[str, int]
    scale: Scale | None
    options: VerdictOptions

    @property
    def likert(self) -> Annotation | None:
        return None if self.scale is None else self.by_key[self.scale.key]


def find_verdict(
    annotations: Sequence[Annotation],
    responses: Sequence[Candidate],
    form: Form,
    options: VerdictOptions,
) -> TurnVerdict:
    """Return the verdict on at least two responses of a turn.

    A person's rewrite stands beside the responses and is compared only if a verdict names it.
    """
    by_key = {given.key: given for given in annotations if not _is_empty(given)}
    judged = _Judged(by_key, _compared(by_key, responses), scale_of(form, by_key), options)
    verdict = _of_pairs(judged) or _of_ranking(judged) or _of_choice(judged)
    is_open = verdict.kind is VerdictKind.none and Flag.unknown_response not in verdict.flags
    if is_open and options.prefer is not None:
        verdict = _of_ratings(judged.places, responses, options)
    if verdict.kind is VerdictKind.none and is_open and _are_all_refused(judged.places, responses):
        verdict = TurnVerdict(kind=VerdictKind.all_bad, votes=1)
    return _flagged(verdict, judged, responses)


def _is_empty(annotation: Annotation) -> bool:
    is_unanswered = annotation.not_applicable or annotation.cannot_assess
    return bool(is_unanswered) or (annotation.value is None and not annotation.votes)


def _compared(
    by_key: Mapping[str, Annotation], responses: Sequence[Candidate]
) -> Mapping[str, int]:
    """Places of the responses by source; rewrites only if named, or beside a single response."""
    if sum(not response.is_rewrite for response in responses) < 2:
        named = {response.source_id for response in responses}
    else:
        named = set(_named_sources(by_key))
    return {
        response.source_id: place
        for place, response in enumerate(responses)
        if not response.is_rewrite or response.source_id in named
    }


def _named_sources(by_key: Mapping[str, Annotation]) -> Iterator[str]:
    """Sources that verdicts name."""
    for key, given in by_key.items():
        if key.startswith(_PAIR_PREFIX):
            yield from key.removeprefix(_PAIR_PREFIX).split("__")
        elif key in (SELECTED, PREFERENCE) or given.type in RANKINGS:
            for value in (given.value, *(vote.value for vote in given.votes or ())):
                for item in value if isinstance(value, list) else [value]:
                    yield from (
                        source
                        for source in (item if isinstance(item, list) else [item])
                        if isinstance(source, str)
                    )


def _are_all_refused(places: Mapping[str, int], responses: Sequence[Candidate]) -> bool:
    return all(responses[place].ratings.get(ACCEPTABLE) is False for place in places.values())


def _of_pairs(judged: _Judged) -> TurnVerdict | None:
    """Verdicts on the single pairs, `preference__<a>__<b>`; None without any."""
    by_key, places = judged.by_key, judged.places
    if len(places) > RESPONSES_MAX or not any(key.startswith(_PAIR_PREFIX) for key in by_key):
        return None
    pairs: list[Pair] = []
    kinds: set[VerdictKind] = set()
    count = decided = judges = 0
    for (a, first), (b, second) in combinations(places.items(), 2):
        is_turned = f"{_PAIR_PREFIX}{a}__{b}" not in by_key
        given = by_key.get(f"{_PAIR_PREFIX}{b}__{a}" if is_turned else f"{_PAIR_PREFIX}{a}__{b}")
        if given is None:
            continue
        count += 1
        judges = max(judges, len(votes_of(given)))
        values = decided_values(given, {a: first, b: second}, judged.options.judges)
        decided += bool(values)
        for value, contributor_id in values:
            kind = kind_of_value(value, {a: first, b: second})
            kinds.add(kind)
            if kind is VerdictKind.prefer:
                better, worse = (first, second) if value == a else (second, first)
                pairs.append(Pair(better, worse, contributor_id=contributor_id))
    if not count:
        return None
    is_complete = decided == count == len(places) * (len(places) - 1) // 2
    is_each = judged.options.judges is Judges.each and judges > 0
    groups = weak_order(pairs, list(places.values())) if is_complete and not is_each else None
    kind = _kind_of_all(kinds, has_pairs=bool(pairs))
    return TurnVerdict(kind=kind, pairs=pairs, groups=groups, votes=judges or 1)


def _kind_of_all(kinds: set[VerdictKind], *, has_pairs: bool) -> VerdictKind:
    """Kind of several verdicts together; `conflict` for no verdict, or for different ones."""
    if has_pairs:
        return VerdictKind.prefer
    return next(iter(kinds)) if len(kinds) == 1 else VerdictKind.conflict


def _of_ranking(judged: _Judged) -> TurnVerdict | None:
    """Verdict of a ranking, or of several judges' on each pair; None without one."""
    given = next((one for one in judged.by_key.values() if one.type in RANKINGS), None)
    if given is None:
        return None
    places, judges = judged.places, judged.options.judges
    votes = votes_of(given)
    cast = [(ranked_groups(vote.value, places), vote.contributor_id) for vote in votes]
    is_settled_otherwise = judges is not Judges.unanimous and is_settled(given, votes)
    if votes and judges is Judges.each:
        return _of_single_rankings(cast, places)
    if votes and not is_settled_otherwise:
        return _of_shared_ranking([groups for groups, _ in cast], judged)
    groups = ranked_groups(given.value, places)
    if not groups:
        return TurnVerdict(flags=[Flag.unknown_response], votes=1)
    pairs = pairs_of_groups(groups)
    is_partial = sum(map(len, groups)) < len(places)
    return TurnVerdict(
        kind=VerdictKind.prefer if pairs else VerdictKind.none if is_partial else VerdictKind.tie,
        pairs=pairs,
        groups=None if is_partial else groups,
        votes=len(votes) or 1,
        flags=[Flag.partial_ranking] if is_partial else [],
    )


def _of_single_rankings(
    cast: Sequence[tuple[Groups, str]], places: Mapping[str, int]
) -> TurnVerdict:
    pairs: list[Pair] = []
    others: list[VerdictKind] = []
    for groups, contributor_id in cast:
        mine = pairs_of_groups(groups, contributor_id)
        pairs += mine
        if not mine:
            is_whole = sum(map(len, groups)) == len(places)
            others.append(VerdictKind.tie if is_whole else VerdictKind.none)
    is_partial = any(sum(map(len, groups)) < len(places) for groups, _ in cast)
    return TurnVerdict(
        kind=_kind_of_all(set(others), has_pairs=bool(pairs)),
        pairs=pairs,
        votes=len(cast),
        flags=[Flag.partial_ranking] if is_partial else [],
        other_votes=others,
    )


def _of_shared_ranking(rankings: Sequence[Groups], judged: _Judged) -> TurnVerdict:
    sides = list(judged.places.values())
    shared = shared_ranking(rankings, sides, judged.options)
    kind = VerdictKind.conflict
    if shared.pairs:
        kind = VerdictKind.prefer
    elif not shared.undecided:
        kind = VerdictKind.tie
    is_partial = all(sum(map(len, groups)) < len(sides) for groups in rankings)
    return TurnVerdict(
        kind=kind,
        pairs=shared.pairs,
        groups=None if shared.undecided else weak_order(shared.pairs, sides),
        votes=len(rankings),
        flags=[Flag.partial_ranking] if is_partial else [],
    )


def _of_choice(judged: _Judged) -> TurnVerdict:
    """Verdict of the selected response, of a tie, or of the preference's scale."""
    scale, likert, sides = judged.scale, judged.likert, list(judged.places.values())
    chosen = judged.by_key.get(SELECTED)
    if chosen is None and (scale is None or scale.key != PREFERENCE):
        chosen = judged.by_key.get(PREFERENCE)
    if scale is not None and likert is not None and len(sides) == 2:
        is_voted, is_chosen_by_votes = bool(votes_of(likert)), bool(votes_of(chosen))
        if judged.options.judges is Judges.mean_strength:
            is_by_scale = is_voted or not is_chosen_by_votes
        else:
            is_by_scale = chosen is None or (
                is_voted and not is_chosen_by_votes and _follows(chosen, likert, scale, judged)
            )
        if is_by_scale:
            by_scale = verdict_of_scale(likert, scale, sides, judged.options)
            return _with_groups(
                TurnVerdict(
                    kind=by_scale.kind, pairs=by_scale.pairs, votes=by_scale.votes,
                    other_votes=by_scale.other_votes,
                ),
                sides,
            )  # fmt: skip
    return TurnVerdict() if chosen is None else _of_chosen(chosen, judged)


def _follows(chosen: Annotation, likert: Annotation, scale: Scale, judged: _Judged) -> bool:
    """True if the selected response is that of the scale's value, and so derived of its votes."""
    signed = scale.signed(likert.value)
    if not signed or not isinstance(chosen.value, str):
        return False
    sides = list(judged.places.values())
    return judged.places.get(chosen.value) == sides[0 if signed > 0 else 1]


def _of_chosen(chosen: Annotation, judged: _Judged) -> TurnVerdict:
    places, options = judged.places, judged.options
    sides = list(places.values())
    votes = votes_of(chosen)
    is_mean = options.judges is Judges.mean_strength and len(sides) == 2
    if is_mean and any(v.value in places for v in votes) and not is_settled(chosen, votes):
        signs = [1 - 2 * sides.index(places[v.value]) if v.value in places else 0 for v in votes]
        mean = mean_of(signs, options)
        ends = sides if mean > 0 else sides[::-1]
        pairs = [Pair(ends[0], ends[1], abs(mean))] if mean else []
        kind = VerdictKind.prefer if pairs else VerdictKind.tie
        return _with_groups(TurnVerdict(kind=kind, pairs=pairs, votes=len(votes)), sides)
    decided = decided_values(chosen, places, options.judges)
    if not decided:
        return TurnVerdict(kind=VerdictKind.conflict, votes=len(votes))
    pairs = []
    others: list[VerdictKind] = []
    for value, contributor_id in decided:
        kind = kind_of_value(value, places)
        if kind is not VerdictKind.prefer:
            others.append(kind)
            continue
        best = places[value]
        strength = _strength(best, sides, contributor_id, judged)
        pairs += [Pair(best, other, strength, contributor_id) for other in sides if other != best]
    is_unknown = VerdictKind.none in others and not pairs
    verdict = TurnVerdict(
        kind=_kind_of_all(set(others), has_pairs=bool(pairs)),
        pairs=pairs,
        votes=len(votes) or 1,
        flags=[Flag.unknown_response] if is_unknown else [],
        other_votes=others if options.judges is Judges.each and votes else (),
    )
    return _with_groups(verdict, sides)


def _strength(
    best: int, sides: Sequence[int], contributor_id: str | None, judged: _Judged
) -> float | None:
    """Strength by the scale, of the same judge; None where it points to the other response."""
    if judged.scale is None or judged.likert is None or len(sides) != 2:
        return None
    value = judged.likert.value
    if contributor_id is not None:
        votes = votes_of(judged.likert)
        value = next((one.value for one in votes if one.contributor_id == contributor_id), None)
    signed = judged.scale.signed(value)
    if signed is None:
        return None
    towards_best = signed if best == sides[0] else -signed
    return towards_best if towards_best >= 0 else None


def _with_groups(verdict: TurnVerdict, sides: Sequence[int]) -> TurnVerdict:
    """Add the order of two responses, or that of equals; a single judge's has none."""
    groups: list[list[int]] | None = None
    if verdict.kind is VerdictKind.tie:
        groups = [list(sides)]
    elif len(sides) == 2 and len(verdict.pairs) == 1 and verdict.pairs[0].contributor_id is None:
        groups = [[verdict.pairs[0].better], [verdict.pairs[0].worse]]
    return TurnVerdict(
        kind=verdict.kind, pairs=verdict.pairs, groups=groups, votes=verdict.votes,
        flags=verdict.flags, other_votes=verdict.other_votes,
    )  # fmt: skip


def _of_ratings(
    places: Mapping[str, int], responses: Sequence[Candidate], options: VerdictOptions
) -> TurnVerdict:
    """Verdicts by the difference of a rating, a boolean or a number, of each two responses."""
    numbers: dict[int, float] = {}
    for place in places.values():
        value = responses[place].ratings.get(options.prefer or "")
        if isinstance(value, bool | int | float):
            numbers[place] = float(value)
    if len(numbers) < 2:
        return TurnVerdict()
    least = max((options.min_difference or 0.0) - ROUNDING, ROUNDING)
    pairs = []
    for a, b in combinations(numbers, 2):
        difference = numbers[a] - numbers[b]
        if abs(difference) >= least:
            pairs.append(Pair(a, b) if difference > 0 else Pair(b, a))
    groups = weak_order(pairs, list(numbers)) if len(numbers) == len(places) else None
    kind = VerdictKind.prefer if pairs else VerdictKind.tie
    return TurnVerdict(kind=kind, pairs=pairs, groups=groups, votes=1)


def _flagged(verdict: TurnVerdict, judged: _Judged, responses: Sequence[Candidate]) -> TurnVerdict:
    """Add the value of the scale, and what contradicts the verdict."""
    likert: Any = None
    flags = list(verdict.flags)
    best = {pair.better for pair in verdict.pairs}
    sides = list(judged.places.values())
    if judged.scale is not None and judged.likert is not None:
        signed = judged.scale.signed(judged.likert.value)
        likert = None if signed is None else judged.likert.value
        if signed and len(sides) == 2 and len(best) == 1 and sides[signed < 0] not in best:
            flags.append(Flag.likert_conflict)
    if len(best) == 1:
        (winner,) = best
        ratings = responses[winner].ratings
        mine = _number(ratings.get(OVERALL))
        others = [_number(responses[pair.worse].ratings.get(OVERALL)) for pair in verdict.pairs]
        if mine is not None and any(other is not None and other > mine for other in others):
            flags.append(Flag.rating_conflict)
        if any(ratings.get(key) is False for key in LABEL_KEYS):
            flags.append(Flag.unacceptable)
    return TurnVerdict(
        kind=verdict.kind, pairs=verdict.pairs, groups=verdict.groups, likert=likert,
        votes=verdict.votes, flags=flags, other_votes=verdict.other_votes,
    )  # fmt: skip


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and type(value) is not bool else None

"""Annotations of a turn: the verdict on its responses, on their pairs, and their ranking."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from plaudit.formats.common.imported_task import ALL_BAD, TIE, annotation
from plaudit.formats.table.item import Item, with_value
from plaudit.formats.table.judgments import Topic, Verdict
from plaudit.formats.table.mapping import VerdictWord
from plaudit.formats.table.ratings import median
from plaudit.formats.table.votes import CastBallot, Outcome, VoteCount, earliest, majority

SELECTED, LIKERT_VALUE, PREFERENCE = "selected_model_id", "likert_value", "preference"
RANKING, RANKED_GROUPS = "ranking", "ranked_groups"
PLAIN_SCALE = [1, 2, 3]
"""Values of `likert_value` where a verdict has no strength: first, tie, second."""

PLAIN_LABELS = ["Response 1 is better", "About the same", "Response 2 is better"]

NO_ORDER = "the verdicts on pairs make no order; they are kept as pairs alone"

Pair = tuple[int, int]


def compare(item: Item, count: VoteCount, scale: list[int] | None) -> list[dict[str, Any]]:
    """Return the annotations of the turn of an item."""
    made = _verdict(item, count, scale)
    made += _pairs(item, count)
    made += _ranking(item, count, has_verdict=bool(made))
    ballots = item.ballots.get((Topic.justification, "justification", None))
    if ballots:
        outcome = count.settle(ballots, earliest)
        made.append(_annotation("justification", "text", outcome))
    return made


def _annotation(key: str, kind: str, outcome: Outcome, **members: Any) -> dict[str, Any]:
    return annotation(key, kind, outcome.value, votes=outcome.votes, **members)


def _verdict(item: Item, count: VoteCount, scale: list[int] | None) -> list[dict[str, Any]]:
    ballots = item.ballots.get((Topic.verdict, "", None))
    if not ballots:
        return []
    settled = count.settle([_without_likert(ballot) for ballot in ballots], majority)
    verdict: Verdict | None = settled.value
    outcome = _in_words(item, settled)
    if verdict is None or verdict.response is not None:
        made = [_annotation(SELECTED, "category", outcome)]
    elif verdict.word is VerdictWord.none:
        made = [_annotation(SELECTED, "category", outcome, cannot_assess=True)]
    else:
        made = [_annotation(PREFERENCE, "category", outcome)]
    if len(item.responses) == 2:
        made += _likert(ballots, verdict, count, scale)
    return made


def _without_likert(ballot: CastBallot) -> CastBallot:
    verdict: Verdict = ballot.value
    return with_value(ballot, Verdict(response=verdict.response, word=verdict.word))


def _in_words(item: Item, outcome: Outcome) -> Outcome:
    """Verdicts as values of annotations: the name of a response, a word, or None."""

    def word(verdict: Verdict | None) -> str | None:
        if verdict is None:
            return None
        if verdict.response is not None:
            return item.responses[verdict.response].source
        return None if verdict.word is VerdictWord.none else str(verdict.word)

    votes = outcome.votes
    if votes is not None:
        votes = [{**cast, "value": word(cast["value"])} for cast in votes]
    return Outcome(word(outcome.value), votes)


def _likert(
    ballots: Sequence[CastBallot],
    verdict: Verdict | None,
    count: VoteCount,
    scale: list[int] | None,
) -> list[dict[str, Any]]:
    """Strength and direction of the verdict, from the numbers that agree with it."""
    if scale is None:
        place = _plain_place(verdict)
        if place is None:
            return []
        return [
            annotation(
                LIKERT_VALUE, "integer", place, possible_values=PLAIN_SCALE, labels=PLAIN_LABELS
            )
        ]
    numbers = [
        with_value(ballot, ballot.value.likert)
        for ballot in ballots
        if ballot.value.likert is not None
    ]
    middle = _middle(scale)
    if not numbers:
        is_tie = verdict is not None and verdict.word is VerdictWord.tie and middle is not None
        if not is_tie:
            return []
        return [annotation(LIKERT_VALUE, "integer", middle, possible_values=scale)]

    def agreeing(values: list[int]) -> int | None:
        if verdict is None:
            return None
        near = [value for value in values if _side(value, scale) == verdict]
        return None if not near else median(near) or sorted(near)[(len(near) - 1) // 2]

    outcome = count.settle(numbers, agreeing, is_remarked=False)
    return [_annotation(LIKERT_VALUE, "integer", outcome, possible_values=scale)]


def _plain_place(verdict: Verdict | None) -> int | None:
    if verdict is None:
        return None
    if verdict.response is not None:
        return PLAIN_SCALE[2 * verdict.response]
    return PLAIN_SCALE[1] if verdict.word is VerdictWord.tie else None


def _side(value: int, scale: list[int]) -> Verdict:
    distance = 2 * value - scale[0] - scale[-1]
    if distance == 0:
        return Verdict(word=VerdictWord.tie)
    return Verdict(response=0 if distance < 0 else 1)


def _middle(scale: list[int]) -> int | None:
    return scale[len(scale) // 2] if len(scale) % 2 else None


def _pairs(item: Item, count: VoteCount) -> list[dict[str, Any]]:
    made = []
    settled: dict[Pair, Verdict] = {}
    questions = [place for topic, _, place in item.ballots if topic is Topic.pair]
    for pair in sorted(place for place in questions if isinstance(place, tuple)):
        outcome = count.settle(item.ballots[Topic.pair, "", pair], majority)
        first, second = (item.responses[place].source for place in pair)
        in_words = _in_words(item, outcome)
        cast = [in_words.value, *(given["value"] for given in in_words.votes or ())]
        possible = [first, second, TIE, *([ALL_BAD] if ALL_BAD in cast else [])]
        made.append(
            _annotation(
                f"preference__{first}__{second}",
                "category",
                in_words,
                possible_values=possible,
            )
        )
        if outcome.value is not None:
            settled[pair] = outcome.value
    if not made:
        return []
    groups = order_of(settled, len(item.responses))
    if groups is None:
        count.note(NO_ORDER)
        return made
    return made + _ranked(item, groups)


def _ranked(item: Item, groups: list[list[int]]) -> list[dict[str, Any]]:
    names = [[item.responses[place].source for place in group] for group in groups]
    made = [annotation(RANKED_GROUPS, "ranked_groups", names)]
    if len(names) == 1:
        made.append(annotation(PREFERENCE, "category", TIE))
    elif len(names[0]) == 1:
        made.append(annotation(SELECTED, "category", names[0][0]))
    return made


def order_of(pairs: Mapping[Pair, Verdict], count: int) -> list[list[int]] | None:
    """Return groups of equals, best first, where the verdicts on all pairs make a weak order.

    None where a pair has no verdict, or where the verdicts contradict one another.
    """
    wins = [0] * count
    for first in range(count):
        for second in range(first + 1, count):
            verdict = pairs.get((first, second))
            if verdict is None or verdict.word not in (None, VerdictWord.tie):
                return None
            if verdict.response is not None:
                wins[verdict.response] += 1
    groups: dict[int, list[int]] = defaultdict(list)
    for place, won in enumerate(wins):
        groups[won].append(place)
    ordered = [groups[won] for won in sorted(groups, reverse=True)]
    rank = {place: number for number, group in enumerate(ordered) for place in group}
    for (first, second), verdict in pairs.items():
        better = min((first, second), key=lambda place: rank[place])
        expected = None if rank[first] == rank[second] else better
        if verdict.response != expected:
            return None
    return ordered


def _ranking(item: Item, count: VoteCount, *, has_verdict: bool) -> list[dict[str, Any]]:
    ballots = item.ballots.get((Topic.rank, "", None))
    if not ballots:
        return []
    by_judge: dict[Any, dict[int, int]] = defaultdict(dict)
    first: dict[Any, CastBallot] = {}
    for ballot in ballots:
        judge = ballot.judge if ballot.judge is not None else count.voice(ballot)
        response, rank = ballot.value
        by_judge[judge][response] = rank
        first.setdefault(judge, ballot)
    ranked = [
        with_value(first[judge], _groups(item, ranks))
        for judge, ranks in by_judge.items()
        if len(ranks) > 1
    ]
    if not ranked:
        return []
    outcome = count.settle(ranked, majority)
    cast = [outcome.value, *(given["value"] for given in outcome.votes or ())]
    has_ties = any(len(group) > 1 for groups in cast for group in groups or ())
    if not has_ties:
        votes = outcome.votes
        if votes is not None:
            votes = [{**given, "value": _flat(given["value"])} for given in votes]
        made = [annotation(RANKING, "ranked_choices", _flat(outcome.value), votes=votes)]
    else:
        made = [_annotation(RANKED_GROUPS, "ranked_groups", outcome)]
    groups = outcome.value or []
    is_whole = sum(map(len, groups)) == len(item.responses)
    if not has_verdict and is_whole and len(groups) == 1:
        made.append(annotation(PREFERENCE, "category", TIE))
    elif not has_verdict and is_whole and len(groups[0]) == 1:
        made.append(annotation(SELECTED, "category", groups[0][0]))
    return made


def _groups(item: Item, ranks: Mapping[int, int]) -> list[list[str]]:
    groups: dict[int, list[str]] = defaultdict(list)
    for response, rank in sorted(ranks.items()):
        groups[rank].append(item.responses[response].source)
    return [groups[rank] for rank in sorted(groups)]


def _flat(groups: list[list[str]] | None) -> list[str] | None:
    return None if groups is None else [name for group in groups for name in group]

"""Two responses of a turn side by side, in the task's own order, with the verdict and its votes.

Formats that show a left and a right response are made of these. A turn with more than two
responses gives one for each pair that the policy takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum

from msgspec import Struct

from plaudit.core.tasks.forms import Form
from plaudit.formats.exporting.comparison import Candidate, Comparison, Skip, VerdictKind
from plaudit.formats.exporting.export_format import ExportedTask
from plaudit.formats.exporting.judges import kind_of_value
from plaudit.formats.exporting.rows import (
    PreferenceRow,
    RowOptions,
    context_problem,
    preference_rows,
    text_problem,
)
from plaudit.formats.exporting.scales import scale_of
from plaudit.formats.exporting.verdicts import PREFERENCE, SELECTED
from plaudit.wire.v2.task import Turn

UNNAMED = "unnamed annotator 1"
"""Person of a verdict that nobody is named for, as imports call one."""

_EVEN = (Skip.tie, Skip.all_bad)


class Winner(StrEnum):
    """Verdict on two responses."""

    first = "first"
    second = "second"
    tie = "tie"
    all_bad = "all_bad"


class DuelVote(Struct, frozen=True):
    """One person's verdict; `submitted_at` is ISO 8601, None where it is not known."""

    contributor_id: str
    winner: Winner
    submitted_at: str | None = None


class Duel(Struct, frozen=True, kw_only=True):
    """Two responses and the verdict on them; `winner` is None where the votes do not agree.

    `contributor_id` is the judge where a row is one vote, `strength` is 0 to 1.
    """

    comparison: Comparison
    first: Candidate
    second: Candidate
    winner: Winner | None
    strength: float | None = None
    contributor_id: str | None = None
    votes: Sequence[DuelVote] = ()


def turn_of(task: ExportedTask, comparison: Comparison) -> Turn:
    """Turn that a comparison was made of."""
    return task.threads[comparison.thread].turns[comparison.turn]


def duels(
    task: ExportedTask,
    comparison: Comparison,
    options: RowOptions,
    *,
    says_even: bool,
    says_votes: bool = False,
) -> Iterator[Duel | Skip]:
    """Yield the duels of a comparison, and a Skip for each that it does not give.

    With `says_even` ties and two bad responses are duels too; with `says_votes` so are votes that
    do not agree.
    """
    votes = _votes(turn_of(task, comparison), comparison, task.form)
    even = _undecided(comparison, options, votes, says_even=says_even, says_votes=says_votes)
    if even is not None:
        yield even
    for row in preference_rows(comparison, options):
        if not isinstance(row, Skip):
            yield _of_pair(row, votes)
        elif even is None or row not in (*_EVEN, Skip.judges_disagree):
            yield row


def _undecided(
    comparison: Comparison,
    options: RowOptions,
    votes: Sequence[DuelVote],
    *,
    says_even: bool,
    says_votes: bool,
) -> Duel | Skip | None:
    """Duel without a better response; None where there is none, or the format cannot say it."""
    winners: dict[VerdictKind, Winner | None] = {}
    if says_even:
        winners |= {VerdictKind.tie: Winner.tie, VerdictKind.all_bad: Winner.all_bad}
    if says_votes and votes:
        winners[VerdictKind.conflict] = None
    if len(comparison.responses) != 2 or comparison.kind not in winners:
        return None
    if context_problem(comparison, options) is not None:
        return None
    first, second = comparison.responses
    problem = text_problem(first) or text_problem(second)
    return problem or Duel(
        comparison=comparison,
        first=first,
        second=second,
        winner=winners[comparison.kind],
        votes=votes,
    )


def _of_pair(row: PreferenceRow, votes: Sequence[DuelVote]) -> Duel:
    comparison = row.comparison
    places = {one.source_id: place for place, one in enumerate(comparison.responses)}
    worse_at = places[row.rejected_source]
    better_at = places.get(row.chosen_source, len(places))
    is_response = better_at < len(places) and comparison.responses[better_at].text == row.chosen
    better = Candidate(source_id=row.chosen_source, text=row.chosen)
    if is_response:
        better = comparison.responses[better_at]
    worse = comparison.responses[worse_at]
    is_first = is_response and better_at < worse_at
    return Duel(
        comparison=comparison,
        first=better if is_first else worse,
        second=worse if is_first else better,
        winner=Winner.first if is_first else Winner.second,
        strength=row.margin,
        contributor_id=row.contributor_id,
        votes=votes if is_response else (),
    )


def _votes(turn: Turn, comparison: Comparison, form: Form) -> list[DuelVote]:
    """Votes on two responses, each person's latest; none for more responses."""
    if len(comparison.responses) != 2:
        return []
    by_key = {given.key: given for given in turn.annotations}
    chosen = by_key.get(SELECTED) or by_key.get(PREFERENCE)
    places = {one.source_id: place for place, one in enumerate(comparison.responses)}
    latest: dict[str, DuelVote] = {}
    if chosen is not None and chosen.votes:
        for vote in chosen.votes:
            kind = kind_of_value(vote.value, places)
            _add(latest, vote.contributor_id, vote.submitted_at, _winner(kind, vote.value, places))
        return list(latest.values())
    scale = None if chosen is not None else scale_of(form, by_key)
    if scale is not None:
        for vote in by_key[scale.key].votes or ():
            signed = scale.signed(vote.value)
            side = None if signed is None else _side(signed)
            _add(latest, vote.contributor_id, vote.submitted_at, side)
    return list(latest.values())


def _add(
    latest: dict[str, DuelVote], person: str, submitted_at: str | None, winner: Winner | None
) -> None:
    before = latest.get(person)
    is_later = before is None or (submitted_at or "") >= (before.submitted_at or "")
    if winner is not None and is_later:
        latest[person] = DuelVote(person, winner, submitted_at)


def _winner(kind: VerdictKind, value: str, places: dict[str, int]) -> Winner | None:
    if kind is VerdictKind.prefer:
        return (Winner.first, Winner.second)[places[value]]
    return {VerdictKind.tie: Winner.tie, VerdictKind.all_bad: Winner.all_bad}.get(kind)


def _side(signed: float) -> Winner:
    if signed == 0:
        return Winner.tie
    return Winner.first if signed > 0 else Winner.second


def persons_votes(duel: Duel) -> list[DuelVote]:
    """Votes of a duel, or its verdict as the vote of the one person who judged."""
    if duel.votes or duel.winner is None:
        return list(duel.votes)
    people = duel.comparison.contributor_ids
    person = duel.contributor_id or (people[0] if len(people) == 1 else UNNAMED)
    return [DuelVote(person, duel.winner)]

"""Several judges: whose vote counts, and the value that their votes make together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import clock
from plaudit.formats.common.imported_task import vote
from plaudit.formats.common.rows import ImportNotes, Row
from plaudit.formats.table.ratings import median

REPLACED = "a person judged an item again; the later vote counts"
UNNAMED = "an item has several rows without a judge's name; their votes are those of judge_1, …"
NO_MAJORITY = "the votes on a question have no majority; it has votes and no settled value"
DIFFERING = "rows of an item differ in a settled value; the last one counts"

_encode = msgspec.json.Encoder(order="sorted").encode


class CastBallot(Struct, frozen=True):
    """One judge's value, which row of the item it comes from, and when it was given."""

    value: Any
    row_number: int
    judge: str | None = None
    submitted_at: str | None = None
    is_final: bool = False


class Outcome(Struct, frozen=True):
    """Settled value of a question, None where the votes are divided, and the votes."""

    value: Any
    votes: list[dict[str, Any]] | None


class VoteCount:
    """Counting of the votes of one item; `judges` are all who voted, with their latest time."""

    def __init__(self, notes: ImportNotes, row: Row, *, is_long: bool) -> None:
        self.judges: dict[str, str | None] = {}
        self._notes = notes
        self._row = row
        self._is_long = is_long
        self._remarked: set[tuple[str, int]] = set()

    def settle(
        self,
        ballots: Sequence[CastBallot],
        consolidate: Callable[[list[Any]], Any],
        *,
        is_remarked: bool = True,
    ) -> Outcome:
        """Return the settled value of one question, of which there is at least one ballot.

        Without `is_remarked` it is known already that there is no majority.
        """
        finals = [ballot.value for ballot in ballots if ballot.is_final]
        if len({_encode(value) for value in finals}) > 1:
            self._notes.add(DIFFERING, self._row)
        given = [ballot for ballot in ballots if not ballot.is_final]
        if not given:
            return Outcome(finals[-1], None)
        if self._is_one_voice(given):
            return Outcome(finals[-1] if finals else given[0].value, None)
        counted = self._latest(given)
        votes = [
            vote(judge, cast.value, cast.submitted_at)
            for judge, cast in counted.items()
            if cast.value is not None
        ] or None
        if finals:
            return Outcome(finals[-1], votes)
        value = consolidate([cast.value for cast in counted.values()])
        if (
            is_remarked
            and value is None
            and any(cast.value is not None for cast in counted.values())
        ):
            self._notes.add(NO_MAJORITY, self._row)
        return Outcome(value, votes)

    def voice(self, ballot: CastBallot) -> int:
        """Number that a ballot without a judge has in common with those of one voice."""
        return 0 if self._is_long else ballot.row_number

    def note(self, remark: str) -> None:
        """Add a remark on the item."""
        self._notes.add(remark, self._row)

    def _note_once(self, remark: str, number: int) -> None:
        if (remark, number) not in self._remarked:
            self._remarked.add((remark, number))
            self.note(remark)

    def _is_one_voice(self, given: Sequence[CastBallot]) -> bool:
        if any(ballot.judge is not None for ballot in given):
            return False
        return len(given) == 1 or (
            self._is_long and len({_encode(ballot.value) for ballot in given}) == 1
        )

    def _latest(self, given: Sequence[CastBallot]) -> dict[str, CastBallot]:
        """Return the ballot of each judge that counts, in the order of their first."""
        counted: dict[str, CastBallot] = {}
        for ballot in given:
            judge = ballot.judge
            if judge is None:
                judge = f"judge_{ballot.row_number + 1}"
                self._note_once(UNNAMED, 0)
            known = counted.get(judge)
            if known is None or _moment(ballot) >= _moment(known):
                counted[judge] = ballot
            if known is not None and _encode(known.value) != _encode(ballot.value):
                self._note_once(REPLACED, ballot.row_number)
        for judge, ballot in counted.items():
            if self.judges.get(judge) is None:
                self.judges[judge] = ballot.submitted_at
        return counted


def _moment(ballot: CastBallot) -> int:
    return -1 if ballot.submitted_at is None else clock.parse_moment(ballot.submitted_at)


def majority(values: list[Any]) -> Any:
    """Value of more than half of the votes, else None."""
    forms = [_encode(value) for value in values]
    most, count = Counter(forms).most_common(1)[0]
    return values[forms.index(most)] if 2 * count > len(forms) else None


def majority_or_median(values: list[int]) -> int | None:
    """Majority of integers, else their median if it is one of them."""
    most = majority(values)
    return median(values) if most is None else most


def earliest(values: list[Any]) -> Any:
    """First of the values, of texts that cannot be counted."""
    return values[0]

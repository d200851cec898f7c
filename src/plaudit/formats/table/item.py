"""Rows of one item: their responses side by side, whatever order each row has them in."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.formats.common.row_members import REPEATED_SOURCE
from plaudit.formats.common.rows import ImportNotes, Row, RowProblem
from plaudit.formats.table.judgments import RowJudgment, Topic, UnmappedValues, Verdict
from plaudit.formats.table.mapping_checks import default_name
from plaudit.formats.table.row_reading import ReadResponse, RowContent
from plaudit.formats.table.votes import CastBallot

Question = tuple[Topic, str, int | tuple[int, int] | None]
"""Topic and key of a question, and the response or the pair that it is about; None for all."""


RESPONSES_MAX = 1000
"""Responses of an item, from all of its rows."""


class ItemResponse(Struct):
    """A response of an item; `source` is its name in the task, set when all are known."""

    read: ReadResponse
    source: str = ""


class Item:
    """Responses of an item in the order of their first row, and the ballots on each question."""

    def __init__(
        self, notes: ImportNotes, unmapped: UnmappedValues, scale: list[int] | None
    ) -> None:
        self.responses: list[ItemResponse] = []
        self.ballots: dict[Question, list[CastBallot]] = defaultdict(list)
        self._notes = notes
        self._unmapped = unmapped
        self._scale = scale
        self._named_so: dict[str, list[int]] = defaultdict(list)
        self._known: dict[tuple[str | None, str], list[int]] = defaultdict(list)
        self._rows: list[tuple[Row, list[int], list[tuple[RowJudgment, CastBallot]]]] = []

    def add(
        self, row: Row, content: RowContent, judge: str | None, submitted_at: str | None
    ) -> None:
        """Take in a row; `judge` is the contributor who judged it, if the table names one."""
        places = self._places(content.responses)
        number = len(self._rows)
        cast = [
            (
                judgment,
                CastBallot(
                    judgment.value,
                    number,
                    judge if judgment.judge is None else judgment.judge,
                    submitted_at,
                    judgment.is_final,
                ),
            )
            for judgment in content.judgments
        ]
        self._rows.append((row, places, cast))

    def _places(self, responses: list[ReadResponse]) -> list[int]:
        """Place in the item of each response of a row: that of an equal one, else a new one."""
        taken: list[int] = []
        for response in responses:
            known = self._known[response.name, response.text]
            place = next((place for place in known if place not in taken), None)
            if place is None:
                place = len(self.responses)
                if place >= RESPONSES_MAX:
                    raise InvalidContent(f"an item has at most {RESPONSES_MAX} responses")
                self.responses.append(ItemResponse(response))
                known.append(place)
            taken.append(place)
        return taken

    def finish(self, row: Row) -> None:
        """Name the responses, each by a name of its own, and put every ballot in its place."""
        taken: set[str] = set()
        names = [
            response.read.name or default_name(number)
            for number, response in enumerate(self.responses)
        ]
        given = set(names)
        for name, response in zip(names, self.responses, strict=True):
            unique, number = name, 2
            while unique in taken or (unique != name and unique in given):
                unique, number = f"{name}_{number}", number + 1
            if unique != name:
                self._notes.add(REPEATED_SOURCE, row)
            taken.add(unique)
            response.source = unique
        for place, response in enumerate(self.responses):
            self._named_so[response.read.name or response.source].append(place)
        for place, response in enumerate(self.responses):
            if response.source not in self._named_so:
                self._named_so[response.source].append(place)
        for given_row, places, cast in self._rows:
            for judgment, ballot in cast:
                self._place(given_row, places, judgment, ballot)

    def _place(
        self, row: Row, places: list[int], judgment: RowJudgment, ballot: CastBallot
    ) -> None:
        response = None if judgment.response is None else places[judgment.response]
        if not isinstance(judgment.value, Verdict):
            if judgment.topic is Topic.rank:
                self.ballots[judgment.topic, "", None].append(
                    with_value(ballot, (response, judgment.value))
                )
                return
            self.ballots[judgment.topic, judgment.key, response].append(ballot)
            return
        pair = judgment.pair
        if pair is None and len(places) == 2 < len(self.responses):
            pair = (0, 1)  # each row compares two of the item's responses
        value = self._placed(judgment.value, places, pair)
        if value is None:
            try:
                self._unmapped.note("preference", judgment.value.named, row)
            except InvalidContent as exc:
                raise RowProblem(row, exc) from exc
            return
        if pair is None:
            self.ballots[Topic.verdict, "", None].append(with_value(ballot, value))
            return
        first, second = sorted((places[pair[0]], places[pair[1]]))
        self.ballots[Topic.pair, "", (first, second)].append(with_value(ballot, value))

    def _placed(
        self, verdict: Verdict, places: list[int], pair: tuple[int, int] | None
    ) -> Verdict | None:
        """Return a verdict by the places of the item; None if it names no response of it."""
        response = verdict.response
        if response is not None:
            response = places[response]
        elif verdict.named is not None:
            response = self._named(verdict.named, places if len(places) > 1 else None)
            if response is None:
                return None
        likert = verdict.likert
        if likert is not None and (pair is not None or len(self.responses) != 2):
            likert = None
        if likert is not None and self._scale is not None and places[:1] == [1]:
            likert = self._scale[0] + self._scale[-1] - likert  # the row has them the other way
        return Verdict(response=response, word=verdict.word, likert=likert)

    def _named(self, name: str, places: list[int] | None) -> int | None:
        """Place of the one response of this name; None for none or several."""
        found = (
            self._named_so[name]
            if places is None
            else [place for place in self._named_so[name] if place in places]
        )
        return found[0] if len(found) == 1 else None


def with_value(ballot: CastBallot, value: Any) -> CastBallot:
    """Return a ballot for another form of its value."""
    return CastBallot(value, ballot.row_number, ballot.judge, ballot.submitted_at, ballot.is_final)

"""Rows of one item: their responses side by side, whatever order each row has them in."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from msgspec import Struct

from plaudit.formats.common.row_members import REPEATED_SOURCE
from plaudit.formats.common.rows import ImportNotes, Row
from plaudit.formats.table.judgments import Judgment, Topic, UnmappedValues, Verdict
from plaudit.formats.table.mapping_checks import default_name
from plaudit.formats.table.row_reading import ReadResponse, RowContent
from plaudit.formats.table.votes import Ballot

Question = tuple[Topic, str, int | tuple[int, int] | None]
"""Topic and key of a question, and the response or the pair that it is about; None for all."""


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
        self.ballots: dict[Question, list[Ballot]] = defaultdict(list)
        self._notes = notes
        self._unmapped = unmapped
        self._scale = scale
        self._rows: list[tuple[Row, list[int], list[tuple[Judgment, Ballot]]]] = []

    def add(
        self, row: Row, content: RowContent, judge: str | None, submitted_at: str | None
    ) -> None:
        """Take in a row; `judge` is the contributor who judged it, if the table names one."""
        places = self._places(content.responses)
        number = len(self._rows)
        cast = [
            (
                judgment,
                Ballot(
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
            place = next(
                (
                    number
                    for number, known in enumerate(self.responses)
                    if number not in taken and _is_equal(known.read, response)
                ),
                None,
            )
            if place is None:
                place = len(self.responses)
                self.responses.append(ItemResponse(response))
            taken.append(place)
        return taken

    def finish(self, row: Row) -> None:
        """Name the responses, each by a name of its own, and put every ballot in its place."""
        taken: set[str] = set()
        names = [
            response.read.name or default_name(number)
            for number, response in enumerate(self.responses)
        ]
        for name, response in zip(names, self.responses, strict=True):
            unique, number = name, 2
            while unique in taken or (unique != name and unique in names):
                unique, number = f"{name}_{number}", number + 1
            if unique != name:
                self._notes.add(REPEATED_SOURCE, row)
            taken.add(unique)
            response.source = unique
        for given_row, places, cast in self._rows:
            for judgment, ballot in cast:
                self._place(given_row, places, judgment, ballot)

    def _place(self, row: Row, places: list[int], judgment: Judgment, ballot: Ballot) -> None:
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
            self._unmapped.note("preference", judgment.value.named, row)
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
        among = range(len(self.responses)) if places is None else places
        found = [place for place in among if self.responses[place].source == name]
        found = found or [place for place in among if self.responses[place].read.name == name]
        return found[0] if len(found) == 1 else None


def _is_equal(known: ReadResponse, response: ReadResponse) -> bool:
    """True for one response twice: of one text, and of one name where both have one."""
    return known.text == response.text and known.name == response.name


def with_value(ballot: Ballot, value: Any) -> Ballot:
    """Return a ballot for another form of its value."""
    return Ballot(value, ballot.row_number, ballot.judge, ballot.submitted_at, ballot.is_final)

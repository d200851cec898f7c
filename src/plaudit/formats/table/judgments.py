"""Judgments as rows give them: of one response or of all, by one judge or by several."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from msgspec import Struct

from plaudit import ids
from plaudit.errors import InvalidContent
from plaudit.formats.common.row_members import as_integer, shown
from plaudit.formats.common.rows import ImportNotes, Row
from plaudit.formats.table.mapping import (
    ORDINALS,
    Preference,
    Value,
    VerdictWord,
)
from plaudit.formats.table.table_row import TableRow, is_blank, value_key

SEVERAL_SET = "several columns of one_hot are true; the row is kept without a verdict"
NONE_SET = "no column of one_hot is true; the row is kept without a verdict"
OFF_SCALE = "a number is not on the scale; the row is kept without it"
_SET = ("1", "true", "True", "TRUE", "yes")
_UNSET = ("0", "false", "False", "FALSE", "no", "")
REMARKED_VALUES_MAX = 20
"""Unmapped values that have a remark of their own."""


class Topic(StrEnum):
    """Kinds of judgments."""

    rating = "rating"
    rewrite = "rewrite"
    rank = "rank"
    spans = "spans"
    verdict = "verdict"
    pair = "pair"
    justification = "justification"


class Verdict(Struct, frozen=True):
    """Verdict on the responses of a row: a response by its place or its name, or a word.

    `likert` is the strength, low for the first response of the row.
    """

    response: int | None = None
    word: VerdictWord | None = None
    named: str | None = None
    likert: int | None = None


class RowJudgment(Struct, frozen=True, kw_only=True):
    """One judge's answer to one question, about a response of the row or, for None, about all.

    `pair` are the places of the two responses that a verdict is about. A final judgment is the
    settled one beside those of the judges.
    """

    topic: Topic
    key: str
    value: Any
    response: int | None = None
    pair: tuple[int, int] | None = None
    judge: str | None = None
    is_final: bool = False


class UnmappedValues:
    """Remarks on values that the mapping does not know; the first few are shown.

    A strict import refuses such a row.
    """

    def __init__(self, notes: ImportNotes, *, is_strict: bool) -> None:
        self._is_strict = is_strict
        self.count = 0
        self._notes = notes
        self._shown: set[tuple[str, str]] = set()

    def note(self, name: str, value: Any, row: Row, pointer: str = "") -> None:
        """Count a value of the column or key `name`; raises InvalidContent if strict."""
        if self._is_strict:
            raise InvalidContent(
                f"the value {shown(value)} of {name!r} is not in the mapping", pointer=pointer
            )
        self.count += 1
        known = (name, shown(value))
        if known not in self._shown and len(self._shown) >= REMARKED_VALUES_MAX:
            remark = "a value is not in the mapping, like those named before; it is left out"
        else:
            self._shown.add(known)
            remark = f"the value {known[1]} of {name!r} is not in the mapping; it is left out"
        self._notes.add(remark, row)


class VerdictReader:
    """Reading of the columns of the preference."""

    def __init__(self, preference: Preference, count: int, unmapped: UnmappedValues) -> None:
        self._preference = preference
        self._count = count if count > 1 else 0
        self._unmapped = unmapped
        self._scale = scale_of(preference)

    def read(self, row: TableRow) -> Iterator[RowJudgment]:
        """Yield the verdicts of a row, one for each judge or pair."""
        preference = self._preference
        if preference.column is not None:
            yield from self._judgment(row, preference.column)
        for judge, column in (preference.columns or {}).items():
            yield from self._judgment(row, column, judge)
        if preference.final is not None:
            yield from self._judgment(row, preference.final, is_final=True)
        if preference.one_hot is not None:
            yield from self._one_hot(row, preference.one_hot)
        if preference.pairs is not None:
            yield from self._pairs(row, preference.pairs)
        if preference.justification is not None:
            text = row.text_or_none(preference.justification)
            if not is_blank(text):
                yield RowJudgment(topic=Topic.justification, key="justification", value=text)

    def _judgment(
        self, row: TableRow, column: str, judge: str | None = None, *, is_final: bool = False
    ) -> Iterator[RowJudgment]:
        value, pointer = row.cell(column)
        verdict = self._verdict(value, column, pointer, row, self._count)
        if verdict is not None:
            yield RowJudgment(
                topic=Topic.verdict, key="", value=verdict, judge=judge, is_final=is_final
            )

    def _verdict(
        self, value: Any, column: str, pointer: str, row: TableRow, count: int
    ) -> Verdict | None:
        if isinstance(value, dict | list):
            raise InvalidContent("a verdict is a text or a number", pointer=pointer)
        key = value_key(value)
        values = self._preference.values or {}
        if value is not None and key in values:
            return self._meaning(values[key], count)
        if is_blank(value):
            return None
        if self._scale is not None:
            number = as_integer(value)
            if number is not None:
                if self._scale[0] <= number <= self._scale[-1]:
                    return self._meaning(number, count)
                row.notes.add(OFF_SCALE, row.row)
                return None
        if key in ORDINALS[:count] or key in (*VerdictWord,):
            return self._meaning(key, count)
        if isinstance(value, str) and ids.is_usable(key):
            return Verdict(named=key)
        self._unmapped.note(column, value, row.row, pointer)
        return None

    def _meaning(self, word: Value, count: int) -> Verdict:
        if isinstance(word, int):
            return self._on_scale(word)
        text = str(word)
        if text in ORDINALS[:count]:
            return Verdict(response=ORDINALS.index(text))
        return Verdict(word=VerdictWord(text)) if text in (*VerdictWord,) else Verdict(named=text)

    def _on_scale(self, number: int) -> Verdict:
        scale = self._scale
        assert scale is not None
        assert self._preference.scale is not None
        ends = self._preference.scale
        likert = number if ends[0] < ends[1] else sum(ends) - number
        side = 2 * likert - sum(ends)
        if side == 0:
            return Verdict(word=VerdictWord.tie, likert=likert)
        return Verdict(response=0 if side < 0 else 1, likert=likert)

    def _one_hot(self, row: TableRow, columns: dict[str, str]) -> Iterator[RowJudgment]:
        marked = []
        for column, word in columns.items():
            value, pointer = row.cell(column)
            key = "" if value is None else value_key(value)
            if key in _SET:
                marked.append(word)
            elif key not in _UNSET:
                self._unmapped.note(column, value, row.row, pointer)
        if len(marked) == 1:
            yield RowJudgment(
                topic=Topic.verdict, key="", value=self._meaning(marked[0], self._count)
            )
        else:
            row.notes.add(SEVERAL_SET if marked else NONE_SET, row.row)

    def _pairs(self, row: TableRow, column: str) -> Iterator[RowJudgment]:
        verdicts, pointer = row.list_or_none(column)
        if verdicts is None:
            return
        pairs = [(a, b) for a in range(self._count) for b in range(a + 1, self._count)]
        if len(verdicts) != len(pairs):
            raise InvalidContent(
                f"{self._count} responses have {len(pairs)} pairs, but here are {len(verdicts)}"
                " verdicts",
                pointer=pointer,
            )
        for number, (value, pair) in enumerate(zip(verdicts, pairs, strict=True)):
            verdict = self._verdict(value, column, f"{pointer}/{number}", row, 2)
            if verdict is not None:
                if verdict.response is not None:
                    verdict = Verdict(response=pair[verdict.response])
                yield RowJudgment(topic=Topic.pair, key="", value=verdict, pair=pair)


def scale_of(preference: Preference | None) -> list[int] | None:
    """Values of the scale in ascending order; low is the first response in what is stored."""
    if preference is None or preference.scale is None:
        return None
    return list(range(min(preference.scale), max(preference.scale) + 1))

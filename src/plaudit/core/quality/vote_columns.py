"""Votes of a project by column: a few numbers for each vote, so that a million fit into memory.

Tasks, people and what values mean are numbered as they come, one numbering of tasks and people for
all questions. Votes on tasks that have changed are taken out and read anew (`drop_tasks`), so that
a later run reads only what has changed.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from plaudit.core.labeling.questions import SELECTED
from plaudit.core.labeling.types import rules_of
from plaudit.core.quality.question_columns import (
    ABSTAINED,
    NOBODY_KNOWS,
    Address,
    QuestionColumns,
)
from plaudit.core.quality.vote_codes import (
    ALL_BAD,
    UNKNOWN,
    CodeKind,
    ValueCodes,
    decode,
    meaning_key,
)
from plaudit.core.quality.vote_extras import TEXT_BYTES_MAX, SeqColumns, TextRows, array_of
from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.store.engine.engine import Row
from plaudit.wire.v2.annotation import TIE, AnnotationType

PREFERENCE = "preference"
"""Key under which imported sets have a verdict for no response; it is asked with SELECTED."""


class CountedOut(NamedTuple):
    """Votes that are not counted: their key, the level of what they are about, and why."""

    key: str
    level: Level
    why: str


class _Columns:
    """Votes on one question as they come."""

    def __init__(self, field: Field) -> None:
        self.codes_of = ValueCodes(field)
        self.units, self.people, self.codes = array("i"), array("i"), array("i")
        self.times, self.orders = array("q"), array("i")
        self.unit_seqs, self.turns = array("q"), array("i")
        self.places = array("i")
        self.addresses: dict[Address, int] = {}
        is_written = field.type in (AnnotationType.text, AnnotationType.labeled_text)
        self.texts = TextRows() if is_written else None
        self.repeats = array("i")
        self.responses: dict[bytes, int] = {}
        self.shown: dict[bytes, int] = {}

    def new_unit(self, seq: int, address: Address, responses: bytes | None) -> int:
        """Number of a new unit of a task."""
        self.unit_seqs.append(seq)
        self.places.append(self.addresses.setdefault(address, len(self.addresses)))
        self.turns.append(_index(self.responses, responses))
        return len(self.unit_seqs) - 1

    def add(self, unit: int, person: int, code: int, time: int, shown: bytes | None) -> int:
        """Add a vote; its number."""
        self.units.append(unit)
        self.people.append(person)
        self.codes.append(code)
        self.times.append(time)
        self.orders.append(_index(self.shown, shown))
        return len(self.units) - 1


class QuestionState(Struct, array_like=True):
    """Columns of a question as a snapshot has them: arrays as bytes, dictionaries as lists."""

    meanings: list[Any]
    columns: list[bytes]
    """Arrays in the order of _ARRAYS."""
    responses: list[bytes]
    shown: list[bytes]
    addresses: list[Address]
    texts: tuple[list[bytes], list[bytes | None]] | None
    """Columns and values of texts."""


class VotesState(NamedTuple):
    """All that votes consist of, beside the people and the last change."""

    reasons: list[CountedOut]
    counted_out: array[int]
    counted_out_seqs: array[int]
    ballots: list[bytes]
    questions: dict[tuple[Level, str], QuestionState]


_ARRAYS = ("units", "people", "codes", "times", "orders", "unit_seqs", "turns", "places",
           "repeats")  # fmt: skip


class ProjectVotes:
    """Votes of a project as they are read; `change_no` is the last change that is among them."""

    def __init__(self, form: Form) -> None:
        self.change_no = 0
        self._fields = {(field.level, field.key): field for field in form.fields}
        self._columns: dict[tuple[Level, str], _Columns] = {}
        self._people: dict[str, int] = {}
        self._reasons: dict[CountedOut, int] = {}
        self._counted_out, self._counted_out_seqs = array("i"), array("q")
        self._text_bytes = 0
        self.ballots = SeqColumns("qiq")
        """Task, person and active time in milliseconds of each ballot."""
        self._is_one_question = _is_one_question(self._fields)
        self._deciding = {
            field.key
            for field in form.fields
            if field.level is Level.turn and (field.scale is not None or rules_of(field).is_ranking)
        }

    @property
    def contributor_ids(self) -> list[str]:
        """People by their numbers."""
        return list(self._people)

    @property
    def counted_out(self) -> dict[CountedOut, int]:
        """Number of votes that are not counted, by what they are and why."""
        counts = Counter(self._counted_out)
        return {
            reason: counts[number] for reason, number in self._reasons.items() if counts[number]
        }

    def add(self, rows: Iterable[Row]) -> None:
        """Add votes, all of a task's at once, in the order of task, person and number.

        Rows have the columns of store/quality/vote_pages.py.
        """
        for seq, of_task in groupby(rows, itemgetter(0)):
            units: dict[Any, int] = {}
            for contributor_id, given in groupby(of_task, itemgetter(1)):
                person = self._people.setdefault(contributor_id, len(self._people))
                self._add_ballot(seq, person, given, units)

    def drop_tasks(self, seqs: Iterable[int]) -> None:
        """Take out all votes on some tasks."""
        dropped = np.array(sorted(set(seqs)), dtype=np.int64)
        for columns in self._columns.values():
            unit_seqs = np.frombuffer(columns.unit_seqs, dtype=np.int64)
            is_kept = ~np.isin(unit_seqs, dropped)
            if is_kept.all():
                continue
            numbers = np.cumsum(is_kept, dtype=np.int32) - np.int32(1)
            votes = is_kept[np.frombuffer(columns.units, dtype=np.int32)]
            repeats = np.frombuffer(columns.repeats, dtype=np.int32).reshape(-1, 4)
            repeats = repeats[is_kept[repeats[:, 0]]] if len(repeats) else repeats.copy()
            repeats[:, 0] = numbers[repeats[:, 0]]
            columns.units = array_of("i", numbers[np.frombuffer(columns.units, np.int32)[votes]])
            for name in ("people", "codes", "times", "orders"):
                old = getattr(columns, name)
                setattr(columns, name, array_of(old.typecode, np.array(old)[votes]))
            columns.unit_seqs = array_of("q", unit_seqs[is_kept])
            columns.turns = array_of("i", np.array(columns.turns)[is_kept])
            columns.places = array_of("i", np.array(columns.places)[is_kept])
            if columns.texts is not None:
                columns.texts.drop(dropped, numbers)
            columns.repeats = array_of("i", repeats.ravel())
        self.ballots.drop(dropped)
        is_kept = ~np.isin(np.array(self._counted_out_seqs, dtype=np.int64), dropped)
        self._counted_out = array_of("i", np.array(self._counted_out, dtype=np.int32)[is_kept])
        self._counted_out_seqs = array_of(
            "q", np.array(self._counted_out_seqs, dtype=np.int64)[is_kept]
        )

    def state(self) -> VotesState:
        """Everything that a snapshot needs."""
        questions = {
            key: QuestionState(
                columns.codes_of.seen,
                [getattr(columns, name).tobytes() for name in _ARRAYS],
                list(columns.responses),
                list(columns.shown),
                list(columns.addresses),
                None if columns.texts is None else columns.texts.state(),
            )
            for key, columns in self._columns.items()
        }
        reasons = list(self._reasons)
        return VotesState(
            reasons, self._counted_out, self._counted_out_seqs, self.ballots.state(), questions
        )

    def restore(
        self,
        people: Sequence[str],
        reasons: Sequence[CountedOut],
        counted_out: bytes,
        counted_out_seqs: bytes,
        ballots: Sequence[bytes],
        questions: Mapping[tuple[Level, str], QuestionState],
    ) -> None:
        """Take over the state of votes on the same form; there must be no votes yet."""
        self._people = {contributor_id: number for number, contributor_id in enumerate(people)}
        self._reasons = {reason: number for number, reason in enumerate(reasons)}
        self._counted_out.frombytes(counted_out)
        self._counted_out_seqs.frombytes(counted_out_seqs)
        self.ballots.restore(ballots)
        for key, state in questions.items():
            columns = self._columns[key] = _Columns(self._fields[key])
            columns.codes_of.restore(state.meanings)
            for name, values in zip(_ARRAYS, state.columns, strict=True):
                getattr(columns, name).frombytes(values)
            columns.responses = {one: number for number, one in enumerate(state.responses)}
            columns.shown = {one: number for number, one in enumerate(state.shown)}
            columns.addresses = {one: number for number, one in enumerate(state.addresses)}
            if columns.texts is not None and state.texts is not None:
                columns.texts.restore(*state.texts)
                self._text_bytes += columns.texts.kept_bytes

    def task_seqs(self) -> NDArray[np.int64]:
        """Tasks that have votes on a question, ascending: their numbers are the indexes."""
        listed = [np.frombuffer(one.unit_seqs, np.int64) for one in self._columns.values()]
        return np.unique(np.concatenate(listed)) if listed else np.zeros(0, np.int64)

    def questions(self) -> list[QuestionColumns]:
        """Questions with votes, in the order of the form."""
        seqs, order = self.task_seqs(), list(self._fields)
        return [
            self._question(self._columns[key], seqs)
            for key in sorted(self._columns, key=order.index)
            if len(self._columns[key].units)
        ]

    def _add_ballot(
        self, seq: int, person: int, given: Iterable[Row], units: dict[Any, int]
    ) -> None:
        """Add a person's votes on a task; `units` numbers the units of the task."""
        listed = list(given)
        active_ms = listed[0][9]
        self.ballots.add(seq, person, NOBODY_KNOWS if active_ms is None else active_ms)
        decided: set[str] = set()
        if self._deciding and len(listed) > 1:
            decided = {row[4] for row in listed if row[3] in self._deciding and row[5] is None}
        own: dict[tuple[Level, str, int], int] = {}
        repeated: dict[tuple[Level, str, int], int] = {}
        for row in listed:
            key, at, source, chunk, criterion, time, _, abstained, turn, shown, value = row[3:]
            level = _level(at, source, chunk, criterion)
            if level is Level.turn:
                if key == SELECTED and at in decided:
                    continue  # it follows from the scale or the ranking
                if key == PREFERENCE and self._is_one_question:
                    key = SELECTED
            columns = self._columns_of(level, key)
            if columns is None:
                self._count_out(seq, key, level, "the form does not ask this")
                continue
            code = ABSTAINED if abstained is not None else columns.codes_of.code(value, turn)
            if code == UNKNOWN:
                self._count_out(seq, key, level, "the form does not take this value")
                continue
            compares = columns.codes_of.is_of_responses
            address = at, source, chunk, criterion
            unit = units.get((key, address))
            if unit is None:
                unit = columns.new_unit(seq, address, turn if compares else None)
                units[key, address] = unit
            when = NOBODY_KNOWS if time is None else time
            if columns.texts is not None and value is not None:
                self._keep_text(columns.texts, (seq, unit, person, when), value)
            question_unit = level, key, unit
            place = own.get(question_unit)
            if place is None:
                own[question_unit] = columns.add(
                    unit,
                    person,
                    code,
                    when,
                    shown if compares else None,
                )
                continue
            # A person's last vote on a unit counts; the first is kept beside it.
            if question_unit not in repeated:
                repeated[question_unit] = len(columns.repeats)
                columns.repeats.extend((unit, person, columns.codes[place], code))
            columns.codes[place] = columns.repeats[repeated[question_unit] + 3] = code

    def _keep_text(self, texts: TextRows, row: tuple[int, int, int, int], value: bytes) -> None:
        self._text_bytes += len(value)
        texts.add(*row, value if self._text_bytes <= TEXT_BYTES_MAX else None)

    def _columns_of(self, level: Level, key: str) -> _Columns | None:
        columns = self._columns.get((level, key))
        if columns is None and (field := self._fields.get((level, key))) is not None:
            columns = self._columns[level, key] = _Columns(field)
        return columns

    def _count_out(self, seq: int, key: str, level: Level, why: str) -> None:
        reason = CountedOut(key, level, why)
        self._counted_out.append(self._reasons.setdefault(reason, len(self._reasons)))
        self._counted_out_seqs.append(seq)

    def _question(self, columns: _Columns, seqs: NDArray[np.int64]) -> QuestionColumns:
        unit_seqs = np.frombuffer(columns.unit_seqs, np.int64)
        by_task = np.argsort(unit_seqs, kind="stable")
        numbers = np.empty(len(by_task), np.int32)
        numbers[by_task] = np.arange(len(by_task), dtype=np.int32)
        units = numbers[np.frombuffer(columns.units, np.int32)]
        order = np.argsort(units, kind="stable")
        codes = columns.codes_of
        repeats = np.array(columns.repeats, dtype=np.int32).reshape(-1, 4)
        given = np.frombuffer(columns.codes, np.int32)
        meanings, code_of = _in_order(codes, np.union1d(given, repeats[:, 2:]).tolist())
        repeats[:, 0] = numbers[repeats[:, 0]]
        repeats[:, 2:] = code_of[repeats[:, 2:]]
        return QuestionColumns(
            field=codes.field,
            kind=codes.kind,
            categories=codes.declared,
            meanings=meanings,
            units=units[order],
            people=np.frombuffer(columns.people, np.int32)[order],
            codes=code_of[given[order]],
            times=np.frombuffer(columns.times, np.int64)[order],
            orders=np.frombuffer(columns.orders, np.int32)[order],
            unit_tasks=np.searchsorted(seqs, unit_seqs[by_task]).astype(np.int32),
            turns=np.frombuffer(columns.turns, np.int32)[by_task],
            responses=_lists(columns.responses),
            shown=_lists(columns.shown),
            places=np.frombuffer(columns.places, np.int32)[by_task],
            addresses=list(columns.addresses),
            texts=columns.texts,
            text_units=numbers[_text_column(columns.texts, 1)],
            text_people=_text_column(columns.texts, 2),
            repeats=repeats,
            value_codes=codes,
            code_by_key={meaning_key(one): code for code, one in enumerate(meanings)},
            person_count=len(self._people),
            task_count=len(seqs),
        )


def _is_one_question(fields: Mapping[tuple[Level, str], Field]) -> bool:
    """True if verdicts for no response are votes on which response is better."""
    verdict = fields.get((Level.turn, PREFERENCE))
    words = [] if verdict is None else verdict.possible_values or [""]
    return (Level.turn, SELECTED) in fields and set(words) <= {TIE, ALL_BAD}


def _level(at: str, source: str | None, chunk: int | None, criterion: str | None) -> Level:
    if chunk is not None:
        return Level.chunk
    if criterion is not None:
        return Level.criterion
    if source is not None:
        return Level.message
    return Level.turn if "u" in at else Level.thread


def _in_order(codes: ValueCodes, used: Iterable[int]) -> tuple[list[Any], NDArray[np.int32]]:
    """Meanings in their order, and the new code of each old one: those that occur ascend.

    So they do not depend on what came first. Declared ones stand as they are declared. The two
    negative codes stay what they are.
    """
    seen, places = codes.seen, list(range(len(codes.seen)))
    if codes.kind not in (CodeKind.categories, CodeKind.free):
        declared = 0 if codes.kind is CodeKind.sets else len(codes.declared or ())
        places = sorted({*range(declared), *(place for place in used if place >= 0)})
    if codes.kind in (CodeKind.numbers, CodeKind.sets, CodeKind.rankings):
        places.sort(key=seen.__getitem__)
    elif codes.kind is CodeKind.responses:
        places.sort(key=lambda place: (seen[place] in (TIE, ALL_BAD), seen[place]))
    code_of = np.zeros(max(1, len(seen)) + 2, np.int32)  # texts all have code 0 and no meaning
    code_of[places] = np.arange(len(places), dtype=np.int32)
    code_of[UNKNOWN], code_of[ABSTAINED] = UNKNOWN, ABSTAINED
    return [seen[place] for place in places], code_of


def _index(known: dict[bytes, int], listed: bytes | None) -> int:
    return NOBODY_KNOWS if listed is None else known.setdefault(listed, len(known))


def _lists(known: dict[bytes, int]) -> list[tuple[str, ...]]:
    return [tuple(decode(one)) for one in known]


def _text_column(texts: TextRows | None, at: int) -> NDArray[np.int32]:
    return np.array([] if texts is None else texts.rows.columns[at], np.int32)

"""Argilla records, of version 2 (nested or flattened) and of version 1.

Only submitted answers are votes; drafts, discarded answers and suggestions stay in the metadata.
Exports of version 2 with `to_json` have lost the status: all their answers count, with a remark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct

from plaudit.core.tasks.forms import FIELDS_MAX, Form, Level
from plaudit.errors import InvalidContent
from plaudit.formats.argilla import records
from plaudit.formats.argilla.questions import (
    LABEL,
    LABELS,
    RANKING,
    RATING,
    SPAN,
    TEXT,
    ArgillaQuestion,
    SeenAnswers,
    read_settings,
)
from plaudit.formats.argilla.records import ArgillaAnswer, ArgillaRecord, read_record
from plaudit.formats.common.conversations import Utterance, read_messages
from plaudit.formats.common.imported_task import ALL_BAD, NON_TEXT, TIE, ImportedTask, thread
from plaudit.formats.common.judgments import (
    PREFERENCE_FIELD,
    SELECTED_FIELD,
    Judgment,
    judged,
    submissions,
    verdict,
)
from plaudit.formats.common.plain_columns import SYSTEM, ColumnConversation, is_chat, is_response
from plaudit.formats.common.row_members import RowMembers, as_integer, pointer_of
from plaudit.formats.common.rows import ImportNotes, Row
from plaudit.formats.import_format import FormatReader, ImportFormat, ImportOptions
from plaudit.wire.v2.task import MessageRole

STATUS_LOST = (
    "an answer has no status in the file (to_json and to_dict lose it), so that drafts look like "
    "votes; it counts as submitted"
)
NOT_SUBMITTED = "an answer is a draft or was discarded; it is no vote and stays in the metadata"
ANONYMOUS = "an answer does not name its author; its author has a made-up name"
ANSWERED_TWICE = "a person answered a question of a record twice; the later answer counts"
OTHER_ANSWER = "an answer does not fit the kind of its question; it stays in the metadata"

_TIES = {"tie": TIE, "both_good": TIE, "both_bad": ALL_BAD, "neither": ALL_BAD}


class QuestionSlot(Struct, frozen=True):
    """A question on a response (`message`, an index) or on the turn."""

    key: str
    question: str
    message: int | None = None


class RecordLayout(Struct):
    """A record's conversation, whose messages fields name."""

    said: ColumnConversation
    sides: dict[str, str]
    """`source_id`s of the responses, by their field and by it with `-` for `_`."""
    rest: dict[str, Any]


class ArgillaReader(FormatReader):
    """Reader of records, with the dataset's settings if they are given."""

    needs_first_pass = True

    def __init__(self, options: ImportOptions, notes: ImportNotes) -> None:
        super().__init__(options, notes)
        self._questions = {} if options.config is None else read_settings(options.config)
        self._seen: dict[str, SeenAnswers] = {}
        self._sides: set[str] = set()
        self._slots: dict[str, QuestionSlot] = {}
        self._roles: dict[str, MessageRole] = {}

    def observe(self, row: Row) -> None:
        """Learn of what kind the answers to each question are."""
        if not isinstance(row.value, dict):
            return
        with suppress(InvalidContent):
            record = read_record(row.value)
            names = set(record.fields) | {name.replace("_", "-") for name in record.fields}
            self._sides |= {name for name in names if is_response(name)}
            for answer in record.answers:
                if answer.value is not None:
                    self._seen.setdefault(answer.question, SeenAnswers()).add(answer.value, names)
            layout = _layout(record, self._members(row))
            for name in (*self._questions, *(answer.question for answer in record.answers)):
                slot = _slot(name, layout)
                self._slots.setdefault(slot.key, slot)
                index = _span_index(self._questions.get(name), layout)
                if index is not None:
                    self._roles.setdefault(name, layout.said.role(index))

    def form(self) -> Form | None:
        """The dataset's questions."""
        names = dict.fromkeys((*self._questions, *self._seen))
        known = {name: question for name in names if (question := self._question(name))}
        fields = []
        if any(self._is_verdict(question) for question in known.values()):
            fields += [SELECTED_FIELD, PREFERENCE_FIELD]
        for slot in self._slots.values():
            question = known.get(slot.question)
            if question is None or self._is_verdict(question):
                continue
            on_message = slot.message is not None or question.kind == SPAN
            role = MessageRole.assistant if slot.message is not None else None
            if question.kind == SPAN:
                role = self._roles.get(question.name)
            field = question.form_field(
                self._key(slot, question), Level.message if on_message else Level.turn, role
            )
            if field.type != "category" or field.possible_values is not None:
                fields.append(field)
        return Form(fields=fields[:FIELDS_MAX]) if fields else None

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the task of a record; one without a submitted answer is open work."""
        row = rows[0]
        members = self._members(row, self.notes)
        record = read_record(members.value)
        layout = _layout(record, members)
        if not (layout.said.context or layout.said.responses):
            raise InvalidContent("a record has no field with a text", pointer=record.at_fields)
        counted, kept = self._counted(record, row)
        threads = [self._thread(members, layout, counted, kept)]
        metadata = {**record.kept, **kept}
        if layout.rest:
            metadata["fields"] = layout.rest
            if NON_TEXT not in members.flags:
                members.flags.append(NON_TEXT)
        identity = record.kept.get("id", record.kept.get("external_id"))
        has_id = isinstance(identity, int | str) and not isinstance(identity, bool)
        yield ImportedTask(
            item_id=str(identity) if has_id else None,
            threads=threads,
            metadata={"argilla": metadata} if metadata else {},
            flags=members.flags,
            is_judged=bool(counted),
        )

    def _members(self, row: Row, notes: ImportNotes | None = None) -> RowMembers:
        return RowMembers(row, self.options, notes if notes is not None else ImportNotes())

    def _question(self, name: str) -> ArgillaQuestion | None:
        if name in self._questions:
            return self._questions[name]
        return self._seen[name].question(name) if name in self._seen else None

    def _is_verdict(self, question: ArgillaQuestion) -> bool:
        """True for a label that names a record's response, or says that none is better."""
        if question.kind != LABEL or not question.options:
            return False
        words = {str(option) for option in question.options}
        return bool(words & self._sides) and words <= self._sides | set(_TIES)

    def _key(self, slot: QuestionSlot, question: ArgillaQuestion) -> str:
        """Key of a question's annotations, `ranking` for one that ranks the responses."""
        seen = self._seen.get(question.name)
        words = set(map(str, question.options or (seen.words if seen is not None else ())))
        is_of_sides = question.kind == RANKING and bool(words) and words <= self._sides
        return "ranking" if is_of_sides else slot.key

    def _counted(
        self, record: ArgillaRecord, row: Row
    ) -> tuple[list[ArgillaAnswer], dict[str, Any]]:
        """Split the answers into votes and the others by status, each person's last one counts."""
        votes: dict[tuple[str, str], ArgillaAnswer] = {}
        kept: dict[str, Any] = {}
        unnamed: dict[str, int] = {}
        for answer in record.answers:
            if answer.status not in (None, records.SUBMITTED):
                self.notes.add(NOT_SUBMITTED, row)
                plain = {"question": answer.question, "value": answer.value, "user": answer.person}
                kept.setdefault(f"{answer.status}_answers", []).append(plain)
                continue
            if answer.value is None:
                continue
            if answer.status is None:
                self.notes.add(STATUS_LOST, row)
            if answer.person is None:
                self.notes.add(ANONYMOUS, row)
                unnamed[answer.question] = unnamed.get(answer.question, 0) + 1
                answer.person = f"unnamed annotator {unnamed[answer.question]}"
            if (answer.question, answer.person) in votes:
                self.notes.add(ANSWERED_TWICE, row)
            votes[answer.question, answer.person] = answer
        return list(votes.values()), kept

    def _thread(
        self,
        members: RowMembers,
        layout: RecordLayout,
        counted: list[ArgillaAnswer],
        kept: dict[str, Any],
    ) -> dict[str, Any]:
        """Return the conversation with its answers; answers that do not fit are added to `kept`."""
        of_turn: list[dict[str, Any]] = []
        of_messages: dict[int, list[dict[str, Any]]] = {}
        by_question: dict[str, list[ArgillaAnswer]] = {}
        for answer in counted:
            by_question.setdefault(answer.question, []).append(answer)
        for name, given in by_question.items():
            question = self._question(name)
            judgments = []
            for answer in given:
                value = None if question is None else self._value(question, answer, layout)
                if value is None:
                    members.remark(OTHER_ANSWER)
                    plain = {"question": name, "value": answer.value, "user": answer.person}
                    kept.setdefault("other_answers", []).append(plain)
                    continue
                judgments.append(Judgment(value=value, contributor_id=answer.person))
            if question is None or not judgments:
                continue
            if self._is_verdict(question):
                of_turn += verdict(judgments)
                continue
            slot = _slot(name, layout)
            index = _span_index(question, layout) if question.kind == SPAN else slot.message
            level = Level.turn if index is None else Level.message
            made = judged(question.form_field(self._key(slot, question), level), judgments)
            (of_turn if index is None else of_messages.setdefault(index, [])).append(made)
        everybody = [Judgment(value=None, contributor_id=answer.person) for answer in counted]
        dialogue = layout.said.dialogue(members, (), of_messages, of_turn)
        kept.update(dialogue.metadata)
        return thread(dialogue.turns, submissions=submissions(everybody))

    def _value(self, question: ArgillaQuestion, answer: ArgillaAnswer, layout: RecordLayout) -> Any:
        """Return an answer as the value of an annotation, None if it does not fit."""
        value, kind = answer.value, question.kind
        if kind == RATING:
            number = as_integer(value)
            is_option = question.options is None or number in question.options
            return number if is_option else None
        if kind in (LABEL, TEXT):
            if not isinstance(value, str):
                return None
            is_verdict = self._is_verdict(question)
            return layout.sides.get(value, _TIES.get(value)) if is_verdict else value
        if not isinstance(value, list):
            return None
        if kind == RANKING:
            return _ranked(value, layout)
        if kind == LABELS:
            return value if all(isinstance(one, str) for one in value) else None
        return _spans(value, _span_index(question, layout), layout)


def _layout(record: ArgillaRecord, members: RowMembers) -> RecordLayout:
    """Make messages of a record's fields; raises InvalidContent for texts that are none."""
    made = RecordLayout(ColumnConversation([], [], {}), {}, {})
    responses = {}
    for name, value in record.fields.items():
        pointer = record.at_fields + pointer_of(name)
        if is_chat(value):
            made.said.context += read_messages(members, value, pointer)
        elif not isinstance(value, str | int | float) or f"{value}".startswith("data:"):
            made.rest |= {} if value is None else {name: value}
        elif is_response(name):
            responses[name] = value
        else:
            role = "system" if name in SYSTEM else "user"
            made.said.add(name, Utterance(role=role, text=members.as_text(value, pointer)))
    metadata = record.kept.get("metadata")
    about = {**record.kept, **(metadata if isinstance(metadata, dict) else {})}
    made.said.add_responses(members, responses, about, record.at_fields)
    for name, source in zip(responses, made.said.sources, strict=True):
        made.sides[name] = made.sides[name.replace("_", "-")] = source
    return made


def _slot(question: str, layout: RecordLayout) -> QuestionSlot:
    """The response that a question names (`rating_response_1`), else the turn."""
    for name in layout.sides:
        for end in (f"_{name}", f"-{name}"):
            if name in layout.said.at and len(question) > len(end) and question.endswith(end):
                return QuestionSlot(question.removesuffix(end), question, layout.said.at[name])
    return QuestionSlot(question, question)


def _span_index(question: ArgillaQuestion | None, layout: RecordLayout) -> int | None:
    """The message that spans are marked in: of the question's field, or the only one."""
    if question is not None and question.field is not None:
        return layout.said.at.get(question.field)
    return next(iter(layout.said.at.values())) if len(layout.said.at) == 1 else None


def _spans(value: list[Any], index: int | None, layout: RecordLayout) -> list[Any] | None:
    if index is None:
        return None
    text, spans = layout.said.text(index), []
    for span in value:
        given = span if isinstance(span, dict) else {}
        label, start, end = given.get("label"), given.get("start"), given.get("end")
        if not isinstance(label, str) or type(start) is not int or type(end) is not int:
            return None
        if not 0 <= start < end <= len(text):
            return None
        spans.append({"label": label, "text": text[start:end]})
    return spans


def _ranked(value: list[Any], layout: RecordLayout) -> list[str] | None:
    """Names of the ranked options, best first, as `source_id`s where they are responses."""
    if all(isinstance(one, dict) and as_integer(one.get("rank")) is not None for one in value):
        ordered = sorted(value, key=lambda one: as_integer(one["rank"]) or 0)
        value = [one.get("value") for one in ordered]
    if not value or not all(isinstance(one, str) for one in value) or len(set(value)) < len(value):
        return None
    return [layout.sides.get(one, one) for one in value]


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Members of a record, nested or flattened."""
    columns: set[str] = set()
    for row in rows:
        value = row.value
        if not isinstance(value, dict):
            return None
        found = [
            name
            for name in value
            if (name.endswith(records.RESPONSES) and f"{name}.users" in value)
            or (name.endswith(records.SUGGESTION) and f"{name}.score" in value)
        ]
        if isinstance(value.get("fields"), dict) and isinstance(
            value.get("responses"), dict | list
        ):
            found += [name for name in ("suggestions", "_server_id", "vectors") if name in value]
            found += ["fields", "responses"] if found else []
        if not found and "_server_id" not in value:
            return None
        columns.update(found)
    return sorted(columns) or None


FORMAT = ImportFormat(
    name="argilla",
    title="Argilla records",
    reader=ArgillaReader,
    detect=detect,
    specificity=80,
)

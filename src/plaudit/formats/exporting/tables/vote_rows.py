"""Table of votes: a row for each vote that counts, with where it was given, when and by whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from plaudit import clock
from plaudit.core.tasks.forms import Form, Level
from plaudit.formats.exporting.export_format import (
    ColumnType,
    ExportColumn,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Origin,
    Skipped,
)
from plaudit.formats.exporting.tables.annotation_rows import typed
from plaudit.formats.exporting.tables.tables import TABULAR
from plaudit.model.votes import Abstention, VoteRow
from plaudit.wire.v2.annotation import guess_type
from plaudit.wire.v2.task import Message, MessageRole, Thread, Turn

_PATH = re.compile(r"t(\d+)(?:u(\d+))?")
_decode = msgspec.json.Decoder().decode


def _votes(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    task_id = task.value["task_id"]
    for vote in task.votes:
        values = _values(task, vote)
        origin = Origin(task_id, values["thread_id"], values["turn_id"], [vote.contributor_id])
        yield ExportRow({"task_id": task_id} | values, origin)


def _values(task: ExportedTask, vote: VoteRow) -> dict[str, Any]:
    match = _PATH.fullmatch(vote.at)
    assert match is not None, vote.at
    thread_number, turn_number = int(match[1]), None if match[2] is None else int(match[2])
    thread: Thread | None = next(iter(task.threads[thread_number:]), None)
    turns = thread.turns if thread is not None else []
    turn = None if turn_number is None else next(iter(turns[turn_number:]), None)
    message = None
    if turn is not None:
        message = next((one for one in turn.messages if one.source_id == vote.source_id), None)
    level = _level(vote, turn_number)
    value = None if vote.value is None else _decode(vote.value)
    return {
        "thread_id": None if thread is None else thread.id,
        "turn_id": None if turn is None else turn.id,
        "thread": thread_number,
        "turn": turn_number,
        "level": level.value,
        "source_id": vote.source_id,
        "model": _model(message),
        "place": None if turn is None or message is None else _place(turn, message),
        "chunk": vote.chunk,
        "criterion_id": vote.criterion,
        "key": vote.question_key,
        "type": _type(task.form, level, vote.question_key, value),
        **typed(value),
        "not_applicable": vote.abstention == Abstention.not_applicable,
        "cannot_assess": vote.abstention == Abstention.cannot_assess,
        "contributor_id": vote.contributor_id,
        "submitted_at": None if vote.submitted_ms is None else clock.format_ms(vote.submitted_ms),
        "active_ms": vote.active_ms,
        "place_shown": vote.place,
        "responses": None if vote.responses is None else _decode(vote.responses),
        "shown": None if vote.shown is None else _decode(vote.shown),
        "form_version": vote.form_version,
        "is_imported": vote.is_imported,
    }


def _model(message: Message | None) -> str | None:
    parameters = None if message is None else message.model_parameters
    return None if parameters is None else parameters.model


def _place(turn: Turn, message: Message) -> int | None:
    """Place of a response among those of its turn in their own order, from 1."""
    responses = [one for one in turn.messages if one.role is MessageRole.assistant]
    return responses.index(message) + 1 if message in responses else None


def _level(vote: VoteRow, turn: int | None) -> Level:
    if vote.chunk is not None:
        return Level.chunk
    if vote.criterion is not None:
        return Level.criterion
    if vote.source_id is not None:
        return Level.message
    return Level.thread if turn is None else Level.turn


def _type(form: Form, level: Level, key: str, value: Any) -> str:
    """The type of a question in the form, else that of its value."""
    for field in form.fields:
        if (field.level, field.key) == (level, key):
            return field.type
    return "rubric_rating" if isinstance(value, float) else guess_type(key, value).value


def _nullable(kind: ColumnType, *names: str) -> tuple[ExportColumn, ...]:
    return tuple(ExportColumn(name, kind, is_nullable=True) for name in names)


FORMATS = (
    ExportFormat(
        name="votes",
        title="a vote a row",
        purpose="For what each person said: agreement, bias and leaderboards in pandas or R.",
        columns=(
            ExportColumn("task_id", ColumnType.text),
            *_nullable(ColumnType.text, "thread_id", "turn_id"),
            ExportColumn("thread", ColumnType.integer),
            *_nullable(ColumnType.integer, "turn"),
            ExportColumn("level", ColumnType.text),
            *_nullable(ColumnType.text, "source_id", "model"),
            *_nullable(ColumnType.integer, "place", "chunk"),
            *_nullable(ColumnType.text, "criterion_id"),
            *(ExportColumn(name, ColumnType.text) for name in ("key", "type")),
            *_nullable(ColumnType.number, "value_number"),
            *_nullable(ColumnType.text, "value_text"),
            *_nullable(ColumnType.boolean, "value_bool"),
            *_nullable(ColumnType.json, "value_json"),
            ExportColumn("not_applicable", ColumnType.boolean),
            ExportColumn("cannot_assess", ColumnType.boolean),
            ExportColumn("contributor_id", ColumnType.text),
            *_nullable(ColumnType.time, "submitted_at"),
            *_nullable(ColumnType.integer, "active_ms", "place_shown"),
            *_nullable(ColumnType.json, "responses", "shown"),
            *_nullable(ColumnType.text, "form_version"),
            ExportColumn("is_imported", ColumnType.boolean),
        ),
        make=_votes,
        containers=TABULAR,
        is_of_completed=False,
        reads_votes=True,
    ),
)

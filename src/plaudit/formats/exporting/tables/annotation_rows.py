"""Table of annotations: a row for each value, and for each vote that the threads carry.

A value stands in the column of its kind: `value_number`, `value_text`, `value_bool`, and any other
as JSON in `value_json`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.questions import responses
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
from plaudit.formats.exporting.tables.tables import TABULAR
from plaudit.wire.v2.annotation import Annotation
from plaudit.wire.v2.parse import annotation_lists
from plaudit.wire.v2.task import MessageRole, Thread, Turn

_PATH = re.compile(
    r"t(?P<thread>\d+)(u(?P<turn>\d+))?(m(?P<message>\d+))?"
    r"((?P<part>[cre])(?P<number>\d+)([kv](?P<criterion>\d+))?)?"
)
_LEVELS = {"c": "chunk", "r": "criterion", "e": "criterion"}


class _Place(Struct, kw_only=True):
    """Place of an annotation in its task, as the columns of the table say it."""

    thread_id: str
    turn_id: str | None
    values: dict[str, Any]
    turn: Turn | None
    path: str
    """Path of the turn, by which orders of display are known."""
    message: int | None
    person: str | None
    """Contributor of the thread's only submission; None where it has several or none."""
    submitted_at: str | None


def _annotations(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for place, given in _found(task):
        consolidated = {
            "contributor_id": place.person,
            "is_consolidated": True,
            "place_shown": _place_shown(task, place, given.value, place.person, place.submitted_at),
            "submitted_at": place.submitted_at,
        }
        yield _row(task, place, given, given.value, consolidated)
        yield from _vote_rows(task, place, given)


def _vote_rows(task: ExportedTask, place: _Place, given: Annotation) -> Iterator[ExportRow]:
    for vote in given.votes or ():
        cast: dict[str, Any] = {
            "not_applicable": bool(vote.not_applicable),
            "cannot_assess": bool(vote.cannot_assess),
            "contributor_id": vote.contributor_id,
            "is_consolidated": False,
            "place_shown": _place_shown(
                task, place, vote.value, vote.contributor_id, vote.submitted_at
            ),
            "submitted_at": vote.submitted_at,
        }
        yield _row(task, place, given, vote.value if vote.has_value else None, cast)


def _place_shown(
    task: ExportedTask, place: _Place, value: Any, person: str | None, submitted_at: str | None
) -> int | None:
    """Place, from 1, in which a person was shown the response of a row, where it is known.

    The response is the one that the value is about, or that the value of a turn names.
    """
    if place.turn is None or person is None or submitted_at is None:
        return None
    display = task.displays.get((person, submitted_at))
    if display is None:
        return None
    message = place.message
    if message is None and isinstance(value, str):
        sources = [one.source_id for one in place.turn.messages]
        message = sources.index(value) if sources.count(value) == 1 else None
    order = _decode_display(display).get(place.path, [])
    return order.index(message) + 1 if message in order else None


_decode_display = msgspec.json.Decoder(dict[str, list[int]]).decode


def _row(
    task: ExportedTask, place: _Place, given: Annotation, value: Any, cast: dict[str, Any]
) -> ExportRow:
    task_id = task.value["task_id"]
    values = {
        "task_id": task_id,
        **place.values,
        "key": given.key,
        "type": given.type,
        **typed(value),
        "not_applicable": bool(given.not_applicable),
        "cannot_assess": bool(given.cannot_assess),
        **cast,
    }
    return ExportRow(values, Origin(task_id, place.thread_id, place.turn_id))


def typed(value: Any) -> dict[str, Any]:
    """The value in the column of its kind, and null in the others."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_other = value is not None and not isinstance(value, str | bool | int | float)
    return {
        "value_number": float(value) if is_number else None,
        "value_text": value if isinstance(value, str) else None,
        "value_bool": value if isinstance(value, bool) else None,
        "value_json": value if is_other else None,
    }


def _found(task: ExportedTask) -> Iterator[tuple[_Place, Annotation]]:
    """Annotations of a task with their places, each once."""
    threads = list(task.threads)
    seen: set[str] = set()
    for path, given in annotation_lists(threads, {}):
        if not given:
            continue
        place = _place(threads, path)
        for one in given:
            if one.id is not None and one.id in seen:
                continue
            seen.add(one.id or "")
            yield place, one


def _place(threads: list[Thread], path: str) -> _Place:
    found = _PATH.fullmatch(path)
    assert found is not None, path
    thread = threads[int(found["thread"])]
    turn = None if found["turn"] is None else thread.turns[int(found["turn"])]
    number = None if turn is None or found["message"] is None else int(found["message"])
    message = None if turn is None or number is None else turn.messages[number]
    level = "thread" if turn is None else "turn" if message is None else "message"
    people = thread.submissions or []
    alone = people[0] if len(people) == 1 else None
    return _Place(
        thread_id=thread.id,
        turn_id=None if turn is None else turn.id,
        values={
            "thread_id": thread.id,
            "turn_id": None if turn is None else turn.id,
            "thread": int(found["thread"]),
            "turn": None if found["turn"] is None else int(found["turn"]),
            "level": _LEVELS.get(found["part"] or "", level),
            "source_id": None if message is None else message.source_id,
            "model": (
                message.model_parameters.model if message and message.model_parameters else None
            ),
            "place": (
                None
                if turn is None or message is None or message.role is not MessageRole.assistant
                else responses(turn).index(number or 0) + 1
            ),
            "part": None if found["number"] is None else int(found["number"]),
            "criterion": None if found["criterion"] is None else int(found["criterion"]),
        },
        turn=turn,
        path=f"t{found['thread']}u{found['turn']}",
        message=number,
        person=None if alone is None else alone.contributor_id,
        submitted_at=None if alone is None else alone.submitted_at,
    )


def _nullable(kind: ColumnType, *names: str) -> tuple[ExportColumn, ...]:
    return tuple(ExportColumn(name, kind, is_nullable=True) for name in names)


_SHARED = (
    ExportColumn("task_id", ColumnType.text),
    ExportColumn("thread_id", ColumnType.text),
    *_nullable(ColumnType.text, "turn_id"),
    ExportColumn("thread", ColumnType.integer),
    *_nullable(ColumnType.integer, "turn"),
    ExportColumn("level", ColumnType.text),
    *_nullable(ColumnType.text, "source_id", "model"),
    *_nullable(ColumnType.integer, "place", "part", "criterion"),
    *(ExportColumn(name, ColumnType.text) for name in ("key", "type")),
    *_nullable(ColumnType.number, "value_number"),
    *_nullable(ColumnType.text, "value_text"),
    *_nullable(ColumnType.boolean, "value_bool"),
    *_nullable(ColumnType.json, "value_json"),
    *(ExportColumn(name, ColumnType.boolean) for name in ("not_applicable", "cannot_assess")),
)

FORMATS = (
    ExportFormat(
        name="annotations",
        title="a value or a vote a row",
        purpose="For agreement, ratings and labels in pandas, polars, duckdb or Spark.",
        columns=(
            *_SHARED,
            *_nullable(ColumnType.text, "contributor_id"),
            ExportColumn("is_consolidated", ColumnType.boolean),
            *_nullable(ColumnType.integer, "place_shown"),
            *_nullable(ColumnType.time, "submitted_at"),
        ),
        make=_annotations,
        containers=TABULAR,
        shows_places=True,
    ),
)

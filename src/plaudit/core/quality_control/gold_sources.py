"""Sources of gold besides the API: rows of CSV, and tasks that people have settled."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.question_results import ReviewState
from plaudit.core.labeling.questions import Question
from plaudit.core.quality_control.expected_answers import is_scored
from plaudit.core.tasks.forms import Field, Form
from plaudit.errors import InvalidContent
from plaudit.wire.manage.gold import ExpectedAnswer, NewGold
from plaudit.wire.v2.annotation import AnnotationType

ROWS_MAX = 5000
COLUMNS = (
    *("task_id", "prompt", "at", "source_id", "key", "value", "tolerance", "threshold"),
    *("training", "reason"),
)
"""Columns besides those of responses, `response_` and the source's id."""
_RESPONSE = "response_"
_TASK = re.compile(r"/tasks/(\d+)(?:/expected/(\d+))?(.*)")


class ProposedAnswer(Struct, frozen=True):
    """A question of a task that can be gold, and the answer that people came to, if any."""

    question: Question
    expected: ExpectedAnswer
    is_answered: bool


def proposed_answers(state: ReviewState) -> list[ProposedAnswer]:
    """Expected answers that a task offers: those that are or would be delivered."""
    found = []
    for result in state.results:
        if not (result.is_asked and is_scored(result.question.field)):
            continue
        at, source_id, chunk, criterion, key = result.address
        expected = ExpectedAnswer(
            at=at, source_id=source_id, chunk=chunk, criterion=criterion, key=key
        )
        answer = result.answer
        if answer is not None:
            expected = msgspec.structs.replace(
                expected,
                value=answer.value,
                not_applicable=answer.not_applicable,
                cannot_assess=answer.cannot_assess,
            )
        found.append(ProposedAnswer(result.question, expected, answer is not None))
    return found


def read_value(field: Field | None, text: str) -> Any:
    """A value as somebody typed it: a category as it stands, others as JSON if they are that."""
    if field is not None and field.type == AnnotationType.category:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def typed_value(value: Any) -> str:
    """The text that `read_value` reads as a value; empty for none."""
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()


class GoldRows(Struct, frozen=True):
    """Gold tasks that rows of CSV describe, and the lines of each expected answer."""

    tasks: list[NewGold]
    lines: list[list[int]]

    def at_line(self, problem: InvalidContent) -> InvalidContent:
        """The problem of a task with the line that it is about."""
        found = _TASK.fullmatch(problem.pointer)
        if found is None:
            return InvalidContent(problem.message, pointer="/rows")
        lines = self.lines[int(found[1])]
        line = lines[int(found[2] or 0)]
        where = f"line {line}, {found[3].strip('/')}" if found[3].strip("/") else f"line {line}"
        return InvalidContent(f"{where}: {problem.message}", pointer="/rows")


def read_csv(form: Form, text: str) -> GoldRows:
    """Read rows with a heading, a row for each expected answer; raises InvalidContent.

    Rows of one task have its `task_id`, or the same `prompt` and responses, and may lie apart.
    """
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff").strip("\n")), strict=True)
    fields = {field.key: field for field in form.fields}
    order: dict[tuple[str, ...], int] = {}
    read = GoldRows([], [])
    try:
        _check_heading(reader.fieldnames or [])
        for row in reader:
            if reader.line_num > ROWS_MAX:
                raise _wrong(f"at most {ROWS_MAX} lines")
            _add(read, order, fields, row, reader.line_num)
    except csv.Error as exc:
        raise _wrong(f"line {reader.line_num}: this is no CSV ({exc})") from exc
    if not read.tasks:
        raise _wrong("there is no row below the heading")
    return read


def _check_heading(names: Sequence[str]) -> None:
    unknown = [one for one in names if one not in COLUMNS and not one.startswith(_RESPONSE)]
    if unknown:
        raise _wrong(f"line 1: there is no column {unknown[0]!r}; there are {', '.join(COLUMNS)}")
    for name in ("key", "value"):
        if name not in names:
            raise _wrong(f"line 1: the column {name} is missing")
    if len(set(names)) != len(names):
        raise _wrong("line 1: a column stands twice")


def _add(
    read: GoldRows,
    order: dict[tuple[str, ...], int],
    fields: dict[str, Field],
    row: dict[str, Any],
    line: int,
) -> None:
    if None in row or None in row.values():
        raise _wrong(f"line {line}: it has not as many fields as the heading")
    task_id, prompt = row.get("task_id") or None, row.get("prompt") or None
    said = {name: text for name, text in row.items() if name.startswith(_RESPONSE) and text}
    if (task_id is None) == (prompt is None):
        raise _wrong(f"line {line}: give task_id or prompt, one of them")
    which = (task_id or "", prompt or "", *said.values())
    number = order.setdefault(which, len(read.tasks))
    if number == len(read.tasks):
        content = None if prompt is None else _content(prompt, said)
        is_training = str(row.get("training") or "").lower() in ("1", "true", "yes")
        reason = row.get("reason") or None
        new = NewGold(
            content=content, task_id=task_id, expected=[], training=is_training, reason=reason
        )
        read.tasks.append(new)
        read.lines.append([])
    read.tasks[number].expected.append(
        ExpectedAnswer(
            at=row.get("at") or "t0u0",
            source_id=row.get("source_id") or None,
            key=row["key"],
            value=read_value(fields.get(row["key"]), row["value"]),
            tolerance=_number(row, "tolerance", 0, line),
            threshold=_number(row, "threshold", 0.5, line),
        )
    )
    read.lines[number].append(line)


def _number(row: dict[str, Any], name: str, default: float, line: int) -> float:
    try:
        return float(row.get(name) or default)
    except ValueError as exc:
        raise _wrong(f"line {line}: {name} is a number") from exc


def _content(prompt: str, responses: dict[str, str]) -> list[dict[str, Any]]:
    messages = [{"role": "user", "source_id": "user", "content": {"text": prompt}}]
    messages += [
        {
            "role": "assistant",
            "source_id": name.removeprefix(_RESPONSE),
            "content": {"text": text},
        }
        for name, text in responses.items()
    ]
    return [{"id": "thread_0", "turns": [{"id": "turn_0", "messages": messages}]}]


def _wrong(message: str) -> InvalidContent:
    return InvalidContent(message, pointer="/rows")

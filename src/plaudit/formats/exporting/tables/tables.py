"""Tables of tasks, messages and comparisons, for pandas, polars, duckdb and Spark.

Times are timestamps in UTC, free-form values are JSON texts in Parquet, CSV and XLSX.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plaudit.formats.exporting.compare import SeenTurns
from plaudit.formats.exporting.comparison import Candidate, Comparison
from plaudit.formats.exporting.export_format import (
    ColumnType,
    ExportColumn,
    ExportContainer,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Origin,
    Skipped,
    origin_of,
)
from plaudit.formats.exporting.messages import context_messages
from plaudit.formats.exporting.splits import first_user_text
from plaudit.wire.v2.task import Message, MessageContent, MessageRole

TABULAR = (
    ExportContainer.parquet,
    ExportContainer.jsonl,
    ExportContainer.csv,
    ExportContainer.xlsx,
)


def _tasks(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    value = task.value
    seen = SeenTurns()
    turns = [turn for thread in task.threads for turn in thread.turns if seen.is_new(turn)]
    messages = [message for turn in turns for message in turn.messages]
    people = {
        one.contributor_id
        for thread in task.threads
        for one in thread.submissions or ()
        if one.contributor_id is not None
    }
    values = {
        "task_id": value["task_id"],
        "project": value["project"],
        "batch": value.get("batch"),
        "status": value["status"],
        "created_at": value["created_at"],
        "completed_at": value.get("completed_at"),
        "threads": len(task.threads),
        "turns": len(turns),
        "messages": len(messages),
        "responses": sum(message.role is MessageRole.assistant for message in messages),
        "contributors": len(people),
        "prompt": first_user_text(task.threads),
        "metadata": value.get("metadata"),
        "errors": value.get("errors"),
    }
    yield ExportRow(values, Origin(value["task_id"]))


def _messages(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    task_id, seen = task.value["task_id"], SeenTurns()
    for t, thread in enumerate(task.threads):
        for u, turn in enumerate(thread.turns):
            if not seen.is_new(turn):
                continue
            for number, message in enumerate(turn.messages):
                place = {"task_id": task_id, "thread_id": thread.id, "turn_id": turn.id}
                place |= {"thread": t, "turn": u, "message": number}
                values = place | _message(message)
                yield ExportRow(values, Origin(task_id, thread.id, turn.id))


def _message(message: Message) -> dict[str, Any]:
    content = message.content
    reasoning = [piece.content for piece in content.reasoning or () if piece.content]
    return {
        "source_id": message.source_id,
        "role": message.role.value,
        "model": message.model_parameters.model if message.model_parameters else None,
        "text": content.text,
        "reasoning": "\n\n".join(reasoning) or None,
        "chunks": [chunk.text for chunk in content.chunks or ()],
        "references": _references(content),
        "attachments": len(content.attachments or ()),
        "annotations": len(message.annotations),
    }


def _references(content: MessageContent) -> list[str]:
    return [one.content for one in content.reference_texts or () if one.content]


def _comparisons(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    for comparison in task.comparisons:
        yield ExportRow(_comparison(comparison, options), origin_of(comparison))


def _comparison(comparison: Comparison, options: ExportOptions) -> dict[str, Any]:
    strengths = {pair.strength for pair in comparison.pairs}
    return {
        "task_id": comparison.task_id,
        "project": comparison.project,
        "batch": comparison.batch,
        "thread_id": comparison.thread_id,
        "turn_id": comparison.turn_id,
        "thread": comparison.thread,
        "turn": comparison.turn,
        "context": context_messages(comparison.context, options),
        "responses": [_response(one) for one in comparison.responses],
        "verdict": comparison.kind.value,
        "strength": strengths.pop() if len(strengths) == 1 else None,
        "pairs": [
            {
                "better": comparison.responses[pair.better].source_id,
                "worse": comparison.responses[pair.worse].source_id,
                "strength": pair.strength,
                "contributor_id": pair.contributor_id,
            }
            for pair in comparison.pairs
        ],
        "preference_value": comparison.likert,
        "votes": comparison.votes,
        "contributor_ids": list(comparison.contributor_ids),
        "flags": [flag.value for flag in comparison.flags],
        "skip": None if comparison.skip is None else comparison.skip.value,
        "completed_at": comparison.completed_at,
    }


def _response(response: Candidate) -> dict[str, Any]:
    return {
        "source_id": response.source_id,
        "model": response.model,
        "text": response.text,
        "reasoning": response.reasoning,
        "rewrite": response.rewrite,
        "ratings": response.ratings,
    }


def _columns(kind: ColumnType, *names: str) -> tuple[ExportColumn, ...]:
    return tuple(ExportColumn(name, kind) for name in names)


def _nullable(kind: ColumnType, *names: str) -> tuple[ExportColumn, ...]:
    return tuple(ExportColumn(name, kind, is_nullable=True) for name in names)


_RESPONSE = (
    *_columns(ColumnType.text, "source_id"),
    *_nullable(ColumnType.text, "model"),
    *_columns(ColumnType.text, "text"),
    *_nullable(ColumnType.text, "reasoning", "rewrite"),
    *_columns(ColumnType.json, "ratings"),
)
_PAIR = (
    *_columns(ColumnType.text, "better", "worse"),
    *_nullable(ColumnType.number, "strength"),
    *_nullable(ColumnType.text, "contributor_id"),
)

FORMATS = (
    ExportFormat(
        name="tasks",
        title="a task a row, of every status",
        purpose="For counting and joining in pandas, polars, duckdb or Spark.",
        columns=(
            *_columns(ColumnType.text, "task_id", "project"),
            *_nullable(ColumnType.text, "batch"),
            *_columns(ColumnType.text, "status"),
            *_columns(ColumnType.time, "created_at"),
            *_nullable(ColumnType.time, "completed_at"),
            *_columns(ColumnType.integer, "threads", "turns", "messages", "responses",
                      "contributors"),
            *_nullable(ColumnType.text, "prompt"),
            *_nullable(ColumnType.json, "metadata", "errors"),
        ),
        make=_tasks,
        containers=TABULAR,
        is_of_completed=False,
    ),
    ExportFormat(
        name="messages",
        title="a message a row",
        purpose="For looking at texts in pandas, polars, duckdb or Spark.",
        columns=(
            *_columns(ColumnType.text, "task_id", "thread_id", "turn_id"),
            *_columns(ColumnType.integer, "thread", "turn", "message"),
            *_columns(ColumnType.text, "source_id", "role"),
            *_nullable(ColumnType.text, "model", "text", "reasoning"),
            *_columns(ColumnType.texts, "chunks", "references"),
            *_columns(ColumnType.integer, "attachments", "annotations"),
        ),
        make=_messages,
        containers=TABULAR,
    ),
    ExportFormat(
        name="comparisons",
        title="a judged turn a row, with its responses and the verdict",
        purpose="For one's own training rows, and for win rates.",
        columns=(
            *_columns(ColumnType.text, "task_id", "project"),
            *_nullable(ColumnType.text, "batch"),
            *_columns(ColumnType.text, "thread_id", "turn_id"),
            *_columns(ColumnType.integer, "thread", "turn"),
            *_columns(ColumnType.messages, "context"),
            ExportColumn("responses", ColumnType.records, fields=_RESPONSE),
            *_columns(ColumnType.text, "verdict"),
            *_nullable(ColumnType.number, "strength"),
            ExportColumn("pairs", ColumnType.records, fields=_PAIR),
            *_nullable(ColumnType.integer, "preference_value"),
            *_columns(ColumnType.integer, "votes"),
            *_columns(ColumnType.texts, "contributor_ids", "flags"),
            *_nullable(ColumnType.text, "skip"),
            *_nullable(ColumnType.time, "completed_at"),
        ),
        make=_comparisons,
        containers=TABULAR,
    ),
)  # fmt: skip

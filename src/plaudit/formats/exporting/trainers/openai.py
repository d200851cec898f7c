"""Files of OpenAI's fine-tuning, which Azure, Together (1.5.25) and Fireworks take as well.

A line has no other members than these, so the origin of each row is in the manifest alone. Each
side is one assistant message. The hosts refuse two messages of one role in a row, empty messages,
and weights other than 0 and 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plaudit.formats.exporting.comparison import Skip
from plaudit.formats.exporting.export_format import (
    Column,
    ColumnType,
    Container,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Skipped,
    origin_of,
)
from plaudit.formats.exporting.messages import (
    context_messages,
    merged_messages,
    message,
    spoken,
)
from plaudit.formats.exporting.rows import PreferenceRow, target_rows
from plaudit.formats.exporting.trainers.pairs import (
    Messages,
    Values,
    cannot_be_written,
    each_pair,
)

_BLANK = "a message of the prompt is blank"
_NOT_ASKED = "the prompt does not end with the user"


def hosted_messages(messages: Messages) -> Messages | Skipped:
    """Messages of a prompt, neighbours of one role merged; Skipped for one that hosts refuse."""
    if not all(one["content"].strip() for one in messages):
        return cannot_be_written(_BLANK)
    merged = merged_messages(messages)
    if merged[-1]["role"] not in ("user", "tool"):
        return cannot_be_written(_NOT_ASKED)
    return merged


def _write_pair(row: PreferenceRow, prompt: Messages) -> Values | Skipped:
    messages = hosted_messages(prompt)
    if isinstance(messages, Skipped):
        return messages
    return {
        "input": {"messages": messages, "tools": [], "parallel_tool_calls": True},
        "preferred_output": [message("assistant", row.chosen)],
        "non_preferred_output": [message("assistant", row.rejected)],
    }


def _preferences(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    return each_pair(task, options, _write_pair)


def _weighted(role: str, content: str, weight: int) -> dict[str, Any]:
    said = message(role, content)
    return {**said, "weight": weight} if role == "assistant" else said


def _conversations(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    """Rows in which the target has the weight 1, and earlier responses 0: nobody vouches for them.

    Without an earlier response no weight is written.
    """
    for comparison in task.comparisons:
        for row in target_rows(comparison, task.form, options.rows):
            if isinstance(row, Skip):
                yield Skipped(row)
                continue
            prompt = hosted_messages(context_messages(row.context, options))
            if isinstance(prompt, Skipped):
                yield prompt
                continue
            target = spoken(row.target, row.reasoning, options)
            messages = [*prompt, message("assistant", target)]
            if any(one["role"] == "assistant" for one in prompt):
                last = len(messages) - 1
                messages = [
                    _weighted(one["role"], one["content"], int(number == last))
                    for number, one in enumerate(messages)
                ]
            yield ExportRow({"messages": messages}, origin_of(comparison))


FORMATS = (
    ExportFormat(
        name="openai-dpo",
        title="pairs for OpenAI's preference fine-tuning",
        purpose="For hosted DPO: OpenAI, Azure, Together and Fireworks.",
        columns=(
            Column("input", ColumnType.json),
            Column("preferred_output", ColumnType.messages),
            Column("non_preferred_output", ColumnType.messages),
        ),
        make=_preferences,
        containers=(Container.jsonl,),
    ),
    ExportFormat(
        name="openai-sft",
        title="conversations for OpenAI's fine-tuning",
        purpose="For hosted supervised fine-tuning: OpenAI, Azure, Together and Fireworks.",
        columns=(Column("messages", ColumnType.json),),
        make=_conversations,
        containers=(Container.jsonl,),
    ),
)

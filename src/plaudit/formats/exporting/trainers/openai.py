"""Files of OpenAI's fine-tuning, which Azure, Together (1.5.25) and Fireworks take as well.

A line has no other members than these, so the origin of each row is in the manifest alone. Each
side is one assistant message. The hosts refuse two messages of one role in a row, empty messages,
and weights other than 0 and 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from plaudit.formats.common.conversations import MESSAGE_MEMBERS
from plaudit.formats.exporting.conversations import Conversation, conversations
from plaudit.formats.exporting.export_format import (
    ColumnType,
    ExportColumn,
    ExportContainer,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Skipped,
    origin_of,
)
from plaudit.formats.exporting.messages import merged_messages, message
from plaudit.formats.exporting.rows import PreferenceRow
from plaudit.formats.exporting.source_ids import is_imported
from plaudit.formats.exporting.trainers.pairs import (
    Messages,
    Values,
    cannot_be_written,
    each_pair,
)

_BLANK = "a message of the prompt is blank"
_NOT_ASKED = "the prompt does not end with the user"


def hosted_messages(messages: Sequence[dict[str, Any]]) -> Messages | Skipped:
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


def _weights(made: Conversation) -> Sequence[int | bool]:
    """Weights of the responses: those of the row that was imported, else by what is learned."""
    members = made.comparison.metadata.get(MESSAGE_MEMBERS)
    if is_imported(made.comparison.task_id) and isinstance(members, dict):
        known = [one.get("weight") for one in members.values() if isinstance(one, dict)]
        given = [weight for weight in known if weight in (0, 1)]
        if len(given) == len(made.are_learned):
            return given
    return made.are_learned


def _conversations(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    """Rows in which a response to learn has the weight 1 and another 0.

    Without one that is not learned no weight is written.
    """
    for made in conversations(task, options):
        if isinstance(made, Skipped):
            yield made
            continue
        prompt = hosted_messages(made.prompt)
        if isinstance(prompt, Skipped):
            yield prompt
            continue
        messages = [*prompt, message("assistant", made.target)]
        given = _weights(made)
        if not all(given):
            weights = iter(given)
            for one in messages:
                if one["role"] == "assistant":
                    one["weight"] = int(next(weights))
        yield ExportRow({"messages": messages}, origin_of(made.comparison))


FORMATS = (
    ExportFormat(
        name="openai-dpo",
        title="pairs for OpenAI's preference fine-tuning",
        purpose="For hosted DPO: OpenAI, Azure, Together and Fireworks.",
        columns=(
            ExportColumn("input", ColumnType.json),
            ExportColumn("preferred_output", ColumnType.messages),
            ExportColumn("non_preferred_output", ColumnType.messages),
        ),
        make=_preferences,
        containers=(ExportContainer.jsonl,),
    ),
    ExportFormat(
        name="openai-sft",
        title="conversations for OpenAI's fine-tuning",
        purpose="For hosted supervised fine-tuning: OpenAI, Azure, Together and Fireworks.",
        columns=(ExportColumn("messages", ColumnType.json),),
        make=_conversations,
        containers=(ExportContainer.jsonl,),
    ),
)

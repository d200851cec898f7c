"""OpenAI's files for fine-tuning: conversations to learn from, and pairs of outputs.

A pair has `input.messages`, `preferred_output` and `non_preferred_output`; a conversation has
`messages`, with tools and weights. Both stay as they are in the metadata, except for what is said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plaudit.errors import InvalidContent
from plaudit.formats.common.conversations import is_conversation, read_messages, read_side
from plaudit.formats.common.imported_task import ImportedTask
from plaudit.formats.common.judged_conversations import (
    JudgedReader,
    Kind,
    Side,
    answer_task,
    have_no_others,
    objects_of,
    pair_task,
)
from plaudit.formats.common.row_members import RowMembers, name_of_kind
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import ImportFormat

_OUTPUTS = ("preferred_output", "non_preferred_output")
_SIGNS = ("tools", "parallel_tool_calls", "functions")
"""Columns beside `messages` that only these files have."""

_MESSAGE_SIGNS = ("weight", "tool_calls", "tool_call_id", "function_call")


class OpenAiReader(JudgedReader):
    """Reader of conversations and of pairs."""

    def kind(self, value: dict[str, Any]) -> Kind | None:
        """Kind of a row by its members; None for a row of another shape."""
        if any(name in value for name in _OUTPUTS):
            return Kind.pair
        return Kind.answer if "messages" in value else None

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the one task of a row; raises InvalidContent."""
        members = RowMembers(rows[0], self.options, self.notes)
        kind = self.kind(members.value)
        if kind is Kind.pair:
            yield _read_pair(members)
        elif kind is Kind.answer:
            said = read_messages(members, members.value["messages"], "/messages")
            yield answer_task(members, said, used={"messages"}, pointer="/messages")
        else:
            raise InvalidContent("a row has messages, or input and two outputs")


def _read_pair(members: RowMembers) -> ImportedTask:
    given = members.value.get("input")
    if not isinstance(given, dict):
        raise InvalidContent(f"expected an object, not {name_of_kind(given)}", pointer="/input")
    context = read_messages(members, given.get("messages"), "/input/messages")
    better, worse = (
        Side(said=read_side(members, members.listed(name), f"/{name}")) for name in _OUTPUTS
    )
    task = pair_task(members, context, better, worse, used={"input", *_OUTPUTS})
    rest = {name: one for name, one in given.items() if name != "messages" and one is not None}
    task.metadata = {**rest, **task.metadata}
    return task


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Columns of a pair, or `messages` and what only these files have beside them."""
    values = objects_of(rows)
    if values is None:
        return None
    if all(_is_pair(value) for value in values):
        return "input", *_OUTPUTS
    known = {"messages", *_SIGNS}
    if not (have_no_others(rows, known) and all(_is_conversation(value) for value in values)):
        return None
    signs = [
        name
        for name in _SIGNS
        if any(value.get(name) is not None for value in values)
        and not any(isinstance(value.get(name), str) for value in values)
    ]
    said = [message for value in values for message in value["messages"]]
    if signs or any(name in message for message in said for name in _MESSAGE_SIGNS):
        return ["messages", *signs]
    return None


def _is_pair(value: Mapping[str, Any]) -> bool:
    given = value.get("input")
    return (
        isinstance(given, dict)
        and is_conversation(given.get("messages"))
        and all(is_conversation(value.get(name)) for name in _OUTPUTS)
    )


def _is_conversation(value: Mapping[str, Any]) -> bool:
    return is_conversation(value.get("messages")) and not any(
        "from" in message or _has_values(message) for message in value["messages"]
    )


def _has_values(message: Mapping[str, Any]) -> bool:
    """True for parts of LLaMA-Factory's kind, `{type, value}`."""
    parts = message.get("content")
    return isinstance(parts, list) and any(
        isinstance(part, dict) and "value" in part for part in parts
    )


FORMAT = ImportFormat(
    name="openai",
    title="conversations or pairs for OpenAI's fine-tuning",
    reader=OpenAiReader,
    detect=detect,
    specificity=60,
)

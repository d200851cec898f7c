"""Messages of a context as training formats write them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from plaudit.formats.exporting.comparison import ContextMessage
from plaudit.formats.exporting.export_format import ExportOptions
from plaudit.formats.exporting.rows import PreferenceRow


def message(role: str, content: str) -> dict[str, Any]:
    """Return a message with its role and its text."""
    return {"role": role, "content": content}


def spoken(text: str, reasoning: str | None, options: ExportOptions) -> str:
    """Text of a response, after its reasoning as `<think>…</think>` if that is asked for."""
    if options.include_reasoning and reasoning is not None:
        return f"<think>\n{reasoning}\n</think>\n\n{text}"
    return text


def spoken_pair(row: PreferenceRow, options: ExportOptions) -> PreferenceRow:
    """Return a pair with the reasoning of its responses in their texts, if that is asked for."""
    if not options.include_reasoning:
        return row
    return replace(
        row,
        chosen=spoken(row.chosen, row.chosen_reasoning, options),
        rejected=spoken(row.rejected, row.rejected_reasoning, options),
    )


def context_messages(
    context: Sequence[ContextMessage], options: ExportOptions
) -> list[dict[str, Any]]:
    """Messages of a context in their order, with the roles system, user, assistant and tool."""
    return [message(one.role, spoken(one.text, one.reasoning, options)) for one in context]


def merged_messages(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages with neighbours of one role joined by a blank line, as strict templates ask for."""
    merged: list[dict[str, Any]] = []
    for one in messages:
        if merged and merged[-1]["role"] == one["role"] and one["role"] != "tool":
            text = f"{merged[-1]['content']}\n\n{one['content']}"
            merged[-1] = message(one["role"], text)
        else:
            merged.append(dict(one))
    return merged


def alternation_problem(messages: Sequence[dict[str, Any]]) -> str:
    """Rule that a context breaks where user and assistant must take turns; empty if it keeps it.

    One system message may stand before, and does not count. A tool stands in the user's place.
    """
    said = messages[1:] if messages and messages[0]["role"] == "system" else messages
    if any(one["role"] == "system" for one in said):
        return "system message after the first place"
    for number, one in enumerate(said):
        if one["role"] not in (("user", "tool"), ("assistant",))[number % 2]:
            return "user and assistant do not take turns"
    return "" if len(said) % 2 else "the prompt does not end with the user"

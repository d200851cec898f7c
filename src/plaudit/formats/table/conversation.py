"""Context of a table's row: a list of earlier messages, in the member names that are in use."""

from __future__ import annotations

from typing import Any

import msgspec

from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import NON_TEXT
from plaudit.formats.common.row_members import name_of_kind, shown
from plaudit.formats.table.table_row import TableRow

ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "function": "function",
    "tool": "function",
    "observation": "function",
}
MESSAGES_MAX = 1000
_ROLE, _TEXT = ("role", "from"), ("content", "value", "text")


def read_context(row: TableRow, column: str) -> list[tuple[str, str]]:
    """Return the messages of a column as role and text; raises InvalidContent.

    Messages that hold something else than text are flagged; what it was stands in the text, as
    JSON.
    """
    listed, pointer = row.list_or_none(column)
    if len(listed or ()) > MESSAGES_MAX:
        raise InvalidContent(f"a context has at most {MESSAGES_MAX} messages", pointer=pointer)
    return [
        _message(row, message, f"{pointer}/{number}") for number, message in enumerate(listed or ())
    ]


def _message(row: TableRow, message: Any, pointer: str) -> tuple[str, str]:
    if not isinstance(message, dict):
        raise InvalidContent(
            f"a message is an object with a role and a content, not {name_of_kind(message)}",
            pointer=pointer,
        )
    role = next((message[name] for name in _ROLE if name in message), None)
    if not isinstance(role, str) or role not in ROLES:
        raise InvalidContent(
            f"the role {shown(role)} is none of {', '.join(ROLES)}", pointer=pointer
        )
    content = next((message[name] for name in _TEXT if message.get(name) is not None), None)
    if isinstance(content, str) and len(message) == 2:
        return ROLES[role], content
    return ROLES[role], _as_text(row, message, content, pointer)


def _as_text(row: TableRow, message: dict[str, Any], content: Any, pointer: str) -> str:
    extra = {
        name: member
        for name, member in message.items()
        if name not in (*_ROLE, *_TEXT) and member not in (None, "", [], {})
    }
    if isinstance(content, str) and not extra:
        return content
    texts = [content] if isinstance(content, str) else []
    for part in content if isinstance(content, list) else []:
        is_text = isinstance(part, dict) and isinstance(part.get("text"), str)
        texts.append(part["text"] if is_text else _flagged(row, part))
    if isinstance(content, int | float | dict):
        raise InvalidContent(f"expected a text, not {name_of_kind(content)}", pointer=pointer)
    if extra:
        texts.append(_flagged(row, extra))
    return "\n".join(texts)


def _flagged(row: TableRow, part: Any) -> str:
    if NON_TEXT not in row.flags:
        row.flags.append(NON_TEXT)
    return msgspec.json.encode(part).decode()


def split_turns(messages: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Cut a conversation into turns: each begins with what a user says after an answer."""
    turns: list[list[tuple[str, str]]] = []
    is_answered = True
    for role, text in messages:
        if role in ("user", "system") and is_answered:
            turns.append([])
            is_answered = False
        if not turns:
            turns.append([])
        turns[-1].append((role, text))
        is_answered = is_answered or role == "assistant"
    return turns

"""Conversation of a Label Studio task: its data as messages, and what the regions name of it.

With a labelling configuration the objects that are shown say which columns are texts, and a
`Pairwise` or `Ranker` says which of them are responses. Without one, columns with plain names do
(`answer_a`, `response_2`, `output`); everything else stays in the metadata.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.formats.common.conversations import DialogueResponse, Utterance, read_messages
from plaudit.formats.common.plain_columns import (
    PROMPTS,
    SYSTEM,
    ColumnConversation,
    is_chat,
    is_response,
    plain_source,
)
from plaudit.formats.common.row_members import RowMembers, pointer_of
from plaudit.formats.common.rows import ImportNotes
from plaudit.formats.label_studio.config import LabelConfig
from plaudit.wire.v2.parse import MESSAGES_PER_TASK_MAX

UNKNOWN_TEXT = "no column of a task is known as its text; all of them stand in one message"

_SHOWN_AS_TEXT = {"text", "hypertext", "markdown"}
_MEDIA = {"image", "audio", "audioplus", "video", "pdf", "timeseries"}


class TaskLayout(Struct, kw_only=True):
    """A task's conversation, whose messages objects and columns name."""

    said: ColumnConversation
    items: dict[str, str]
    """`source_id`s by the ids of a ranked list."""
    rest: dict[str, Any]
    """Members of the data that are no message."""
    is_chat: bool = False
    has_media: bool = False


def lay_out(
    members: RowMembers,
    data: dict[str, Any],
    config: LabelConfig | None,
    ranked: set[str],
    notes: ImportNotes,
    *,
    is_written: bool = False,
) -> TaskLayout:
    """Make messages of a task's data; `ranked` are ids that its regions rank.

    With `is_written` annotators wrote the conversation, and the data's texts are not part of it.
    Raises InvalidContent with a pointer for texts that are none.
    """
    made = TaskLayout(said=ColumnConversation([], [], {}), items={}, rest=dict(data))
    names = dict(_shown(config)) if config is not None else {}
    chat = next((column for column in data if is_chat(data[column])), None)
    responses = _responses(data, config, names)
    made.is_chat = is_written or chat is not None
    for column in _prompts(data, names, {chat, *responses}):
        is_system = column in SYSTEM
        if is_system or not made.is_chat:
            text = members.as_text(data[column], f"/data{pointer_of(column)}")
            made.said.add(column, Utterance(role="system" if is_system else "user", text=text))
    if chat is not None:
        made.said.context += read_messages(members, data[chat], f"/data{pointer_of(chat)}")
        made.rest.pop(chat)
    items = None if is_written else _ranked_items(data, ranked)
    is_empty = not made.said.context and not is_written
    if is_empty and _add_unknown(made, data, {items, *responses}):
        notes.add(UNKNOWN_TEXT, members.row)
    if items is not None:
        _add_items(made, members, items, data[items])
    elif not is_written:
        texts = {column: data.get(column, ...) for column in responses}
        made.said.add_responses(members, texts, data, "/data")
    for column in list(made.said.at):
        made.rest.pop(column, None)
        made.said.at.setdefault(names.get(column, column), made.said.at[column])
    kinds = {shown.kind for shown in config.objects.values()} if config is not None else set()
    made.has_media = bool(kinds & _MEDIA)
    return made


def _shown(config: LabelConfig) -> Iterator[tuple[str, str]]:
    """Each column that is shown as a text or compared, with the name of its object."""
    control = config.pairwise()
    compared = control.objects if control is not None else []
    for shown in config.objects.values():
        is_shown = shown.kind in _SHOWN_AS_TEXT or shown.name in compared
        if shown.column is not None and is_shown:
            yield shown.column, shown.name


def _responses(
    data: dict[str, Any], config: LabelConfig | None, names: dict[str, str]
) -> list[str]:
    control = config.pairwise() if config is not None else None
    if config is not None and control is not None:
        return [config.objects[name].column or "" for name in control.objects]
    columns = names if names else data
    return [
        column for column in columns if is_response(column) and isinstance(data.get(column), str)
    ]


def _prompts(data: dict[str, Any], names: dict[str, str], others: set[str | None]) -> list[str]:
    columns = list(names) if names else [name for name in PROMPTS if name in data]
    return [
        column
        for column in columns
        if column not in others and isinstance(data.get(column), str | int | float)
    ]


def _add_unknown(made: TaskLayout, data: dict[str, Any], others: set[str | None]) -> bool:
    """Put a task's texts into one message, where none of its columns is known as the text.

    Returns False if there are none.
    """
    texts = {
        column: value
        for column, value in data.items()
        if column not in others and isinstance(value, str) and value
    }
    if texts:
        lines = "\n".join(f"{name}: {text}" for name, text in texts.items())
        made.said.context.append(Utterance(role="user", text=lines))
    return bool(texts)


def _ranked_items(data: dict[str, Any], ranked: set[str]) -> str | None:
    """The column with a list of items that the regions rank, told by their ids."""
    for column, value in data.items():
        if not ranked or not isinstance(value, list):
            continue
        ids = {str(one.get("id")) for one in value if isinstance(one, dict)}
        if len(ids) == len(value) and ranked <= ids:
            return column
    return None


def _add_items(made: TaskLayout, members: RowMembers, column: str, items: list[Any]) -> None:
    if len(items) > MESSAGES_PER_TASK_MAX:
        raise InvalidContent(
            f"more than {MESSAGES_PER_TASK_MAX} items", pointer=f"/data{pointer_of(column)}"
        )
    ids = [str(item["id"]) for item in items]
    sources = members.unique_names([plain_source(n, name) for n, name in enumerate(ids)])
    made.items = dict(zip(ids, sources, strict=True))
    for number, (item, source) in enumerate(zip(items, sources, strict=True)):
        parts = [item[name] for name in ("title", "body") if isinstance(item.get(name), str)]
        text = "\n\n".join(parts) or item.get("html", item.get("text", ""))
        said = members.as_response(text, f"/data{pointer_of(column)}/{number}")
        utterance = Utterance(role="assistant", text=said)
        made.said.responses.append(DialogueResponse(source_id=source, utterance=utterance))
    made.rest.pop(column)

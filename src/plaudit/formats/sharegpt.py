"""LLaMA-Factory's files: ShareGPT conversations, Alpaca instructions, and those of its version 1.

https://llamafactory.readthedocs.io/en/latest/getting_started/data_preparation.html. `chosen` and
`rejected` are the two ends of a conversation, `kto_tag` says whether its answer is acceptable.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plaudit.errors import InvalidContent
from plaudit.formats.common.conversations import (
    Utterance,
    as_conversation,
    read_messages,
    read_side,
)
from plaudit.formats.common.imported_task import ImportedTask
from plaudit.formats.common.judged_conversations import (
    SIDES,
    JudgedReader,
    Kind,
    Side,
    answer_task,
    have_no_others,
    objects_of,
    pair_task,
    read_label,
    with_system,
)
from plaudit.formats.common.row_members import RowMembers
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import ImportFormat

V1_SIDES = ("chosen_messages", "rejected_messages")
_TAGS = ("kto_tag", "label")
_CONVERSATIONS = ("conversations", "messages")
_ALPACA = {"instruction", "input", "output", "history", "system", "tools", "text", "id", *SIDES,
           "kto_tag", "images", "videos", "audios"}  # fmt: skip


class ShareGptReader(JudgedReader):
    """Reader of all of these files."""

    def kind(self, value: dict[str, Any]) -> Kind | None:
        """Kind of a row by its members; None for a row of another shape."""
        if any(name in value for name in V1_SIDES):
            return Kind.pair
        if not any(name in value for name in (*_CONVERSATIONS, "instruction")):
            return None
        if any(value.get(name) is not None for name in SIDES):
            return Kind.pair
        if any(name in value for name in SIDES) and value.get("output") is None:
            return Kind.pair
        return Kind.label if _tag_of(value) else Kind.answer

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the one task of a row; raises InvalidContent."""
        members = RowMembers(rows[0], self.options, self.notes)
        kind = self.kind(members.value)
        if kind is None:
            raise InvalidContent("a row has conversations, an instruction, or two conversations")
        if any(name in members.value for name in V1_SIDES):
            yield _read_pair(members, [], V1_SIDES, {"system"})
            return
        column = next((name for name in _CONVERSATIONS if name in members.value), None)
        if column is None:
            said, used = _read_instruction(members), {"instruction", "history", "system"}
        else:
            said = read_messages(members, members.value[column], f"/{column}")
            used = {column, "system"}
        if kind is Kind.pair:
            yield _read_pair(members, said, SIDES, used)
            return
        if column is None:
            answer = members.response("output")
            said, used = [*said, Utterance(role="assistant", text=answer)], used | {"output"}
        tag = _tag_of(members.value)
        label = read_label(members, tag) if tag else None
        yield answer_task(
            members,
            with_system(members, said),
            used={*used, tag or ""},
            label=label,
            pointer=f"/{column or 'output'}",
        )


def _tag_of(value: Mapping[str, Any]) -> str | None:
    return next((name for name in _TAGS if name in value), None)


def _read_pair(
    members: RowMembers, context: Sequence[Utterance], names: Sequence[str], used: set[str]
) -> ImportedTask:
    better, worse = (read_side(members, members.value.get(name, ...), f"/{name}") for name in names)
    is_whole = not context and better[0].role == "system" == worse[0].role
    if is_whole:
        used = used - {"system"}
    return pair_task(
        members,
        context if is_whole else with_system(members, context),
        Side(said=better),
        Side(said=worse),
        used={*used, *names},
        pointer=f"/{names[1]}",
    )


def _read_instruction(members: RowMembers) -> list[Utterance]:
    """Return the earlier turns and the instruction; an input follows it on a line of its own.

    The row's `input` stays in the metadata, so that both can be told apart.
    """
    said: list[Utterance] = []
    history = members.listed("history") if members.has("history") else []
    for number, pair in enumerate(history):
        if not isinstance(pair, list) or len(pair) != 2:
            raise InvalidContent(
                "an earlier turn is a list of a prompt and an answer", pointer=f"/history/{number}"
            )
        for place, role in enumerate(("user", "assistant")):
            text = members.as_text(pair[place], f"/history/{number}/{place}")
            said.append(Utterance(role=role, text=text))
    prompt = members.text("instruction")
    more = members.optional_text("input")
    text = "\n".join(part for part in (prompt, more) if part)
    return [*said, Utterance(role="user", text=text)] if text else said


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Columns of one of these files, if all rows have them."""
    values = objects_of(rows)
    if values is None:
        return None
    if all(all(as_conversation(value.get(name)) for name in V1_SIDES) for value in values):
        return V1_SIDES if have_no_others(rows, V1_SIDES) else None
    if all(_is_alpaca(value) for value in values):
        sides = [name for name in SIDES if name in values[0]]
        return ["instruction", *(sides or ["input", "output"])]
    column = next((name for name in _CONVERSATIONS if name in values[0]), None)
    conversations = [as_conversation(value.get(column or "")) for value in values]
    if column is None or not all(conversations):
        return None
    said = [message for messages in conversations for message in messages or ()]
    is_ours = all("from" in message and "value" in message for message in said) or any(
        _has_values(message) for message in said
    )
    if not is_ours or not have_no_others(rows, {column, *SIDES, *_TAGS}):
        return None
    others = [name for name in (*SIDES, *_TAGS) if any(name in value for value in values)]
    if any(not _is_message(value[name]) for value in values for name in SIDES if name in value):
        return None
    return [column, *others]


def _is_alpaca(value: Mapping[str, Any]) -> bool:
    """True for a row of texts with an instruction, and an output or two sides."""
    if not value.keys() <= _ALPACA or not isinstance(value.get("instruction"), str):
        return False
    if all(isinstance(value.get(name), str) for name in SIDES):
        return True
    return isinstance(value.get("output"), str) and "input" in value


def _is_message(value: Any) -> bool:
    return (
        value is None or as_conversation([value] if isinstance(value, dict) else value) is not None
    )


def _has_values(message: Mapping[str, Any]) -> bool:
    parts = message.get("content")
    return isinstance(parts, list) and any(
        isinstance(part, dict) and isinstance(part.get("type"), str) and "value" in part
        for part in parts
    )


FORMAT = ImportFormat(
    name="sharegpt",
    title="LLaMA-Factory's conversations and instructions, with pairs and tags",
    reader=ShareGptReader,
    detect=detect,
    specificity=55,
)

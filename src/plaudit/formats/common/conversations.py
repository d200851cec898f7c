"""Conversations as sets of others write them: lists of messages, which become turns.

A message is `{role, content}` or `{from, value}`. Its content is a text or a list of parts; parts
that are no text, such as calls of tools, become chunks of the message, and the task is flagged. An
assistant's message ends a turn, so that two of them stand in one turn only where they are responses
to compare; the results of a tool begin the next turn. Members of a message that have no place in a
task, such as `weight`, go to its metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

import msgspec
from msgspec import Struct

from plaudit import json_guard
from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import NON_TEXT, message, turn
from plaudit.formats.common.row_members import EMPTY_RESPONSE, RowMembers, name_of_kind, shown
from plaudit.wire.v2.parse import MESSAGES_PER_TASK_MAX

ROLES = {
    **dict.fromkeys(("user", "human", "prompter"), "user"),
    **dict.fromkeys(("assistant", "gpt", "model", "bot", "chatgpt", "bing", "bard"), "assistant"),
    **dict.fromkeys(("system", "developer"), "system"),
    **dict.fromkeys(("function", "tool", "observation", "tool_response", "ipython"), "function"),
    **dict.fromkeys(("function_call", "tool_call"), "assistant"),
}
"""v2 role of each word for one, in lower case."""

MESSAGE_MEMBERS = "message_members"
"""Member of a task's metadata: what messages had besides, by `turn_0/source_id`."""

ODD_ROLES = "odd_roles"
"""Flag of a task in which user and assistant do not take turns."""

PARTS = "a message has parts that are no text, such as calls of tools; they are kept, and flagged"
JSON_TEXT = "a conversation is written as JSON in a text; it is read as a conversation"
NOT_IN_TURN = "user and assistant do not take turns; the messages are kept in order, and flagged"
LONG_RESPONSE = "a response has several messages; they are kept as its pieces, and flagged"

_CALL_ROLES = {"function_call", "tool_call"}
_TEXT_PARTS = {"text", "input_text", "output_text"}
_REASONING_PARTS = {"reasoning", "thinking"}
_REASONING_MEMBERS = ("reasoning_content", "reasoning", "thinking")
_PLAIN_ROLES = {"user", "human", "assistant", "gpt", "system", "function", "tool"}
"""Words for roles that need not be kept."""

_JSON_START = re.compile(r"\s*(\[\s*)?\{")


class Utterance(Struct, kw_only=True):
    """One message of a conversation, before it has a place in a task.

    `role` is a v2 role. `chunks` are the pieces (type, text) that `text` does not hold: those after
    the text, or all of them where they are mixed. `members` are those that a task has no place for.
    """

    role: str
    text: str | None = None
    reasoning: list[str] = []
    chunks: list[tuple[str, str]] = []
    members: dict[str, Any] = {}

    def says(self) -> tuple[Any, ...]:
        """Return all that the message says, to compare it with another."""
        return self.role, self.text, self.reasoning, self.chunks

    def content(self) -> dict[str, Any]:
        """Return the content in v2 shape, without `text`."""
        parts: dict[str, Any] = {}
        if self.chunks:
            parts["chunks"] = [
                {"type": kind, "text": text, "annotations": []} for kind, text in self.chunks
            ]
        if self.reasoning:
            parts["reasoning"] = [{"content": text} for text in self.reasoning]
        return parts


class DialogueResponse(Struct, kw_only=True):
    """One response at the end of a conversation, with what was said of it."""

    source_id: str
    utterance: Utterance
    annotations: list[dict[str, Any]] = []
    model: str | None = None


class Dialogue(Struct, kw_only=True):
    """A conversation as turns; `metadata` holds the members that messages had besides."""

    turns: list[dict[str, Any]]
    metadata: dict[str, Any]


def is_conversation(value: Any) -> bool:
    """True for a list of objects that look like messages of known roles, one or more."""
    return isinstance(value, list) and bool(value) and all(map(_is_message, value))


def _is_message(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    role = value.get("role", value.get("from"))
    says = value.keys() & {"content", "value", "tool_calls", "function_call"}
    return isinstance(role, str) and role.casefold() in ROLES and bool(says)


def is_json_conversation(value: Any) -> bool:
    """True for a text that is a conversation or message written as JSON, as in a cell."""
    return isinstance(value, str) and as_conversation(value) is not None


def as_conversation(value: Any) -> list[Any] | None:
    """The messages of a list, or of one or a single message as JSON in a text; else None."""
    if isinstance(value, str):
        if _JSON_START.match(value) is None:
            return None
        try:
            value = json_guard.check(value.encode())
        except (InvalidContent, UnicodeEncodeError):
            return None
        value = [value] if isinstance(value, dict) else value
    return value if is_conversation(value) else None


def read_messages(members: RowMembers, value: Any, pointer: str) -> list[Utterance]:
    """Read a list of messages, also where it is JSON in a text; raises InvalidContent.

    Calls and results of tools flag the task; the order of roles is checked by `as_dialogue`.
    """
    decoded = as_conversation(value) if isinstance(value, str) else None
    if decoded is not None:
        members.remark(JSON_TEXT)
        value = decoded
    if not isinstance(value, list):
        raise InvalidContent(
            f"expected a list of messages, not {name_of_kind(value)}", pointer=pointer
        )
    if len(value) > MESSAGES_PER_TASK_MAX:
        raise InvalidContent(f"more than {MESSAGES_PER_TASK_MAX} messages", pointer=pointer)
    read = [read_message(members, one, f"{pointer}/{number}") for number, one in enumerate(value)]
    if any(one.chunks or one.role == "function" for one in read):
        members.remark(PARTS, NON_TEXT)
    return read


def read_side(members: RowMembers, value: Any, pointer: str) -> list[Utterance]:
    """Read a response: a text, a message, or a list of messages that ends with the assistant's.

    Raises InvalidContent. A blank one is kept with a remark.
    """
    if isinstance(value, dict):
        read = read_messages(members, [value], pointer)
    elif isinstance(value, list) or is_json_conversation(value):
        read = read_messages(members, value, pointer)
    else:
        return [Utterance(role="assistant", text=members.as_response(value, pointer))]
    if not read:
        raise InvalidContent("a response has one message or more", pointer=pointer)
    last = read[-1]
    if last.role != "assistant":
        raise InvalidContent(
            f"a response ends with the assistant's message, not with one of role {last.role!r}",
            pointer=pointer,
        )
    if last.text is not None and not last.text.strip() and not last.chunks:
        members.remark(EMPTY_RESPONSE)
    return read


def read_message(members: RowMembers, value: Any, pointer: str) -> Utterance:
    """Read one message; raises InvalidContent for an unknown role, or if it says nothing."""
    if not isinstance(value, dict):
        raise InvalidContent(f"a message is an object, not {name_of_kind(value)}", pointer=pointer)
    role_name = "role" if value.get("role") is not None or "from" not in value else "from"
    word = value.get(role_name)
    word = word.casefold() if isinstance(word, str) else ""
    if word not in ROLES:
        raise InvalidContent(
            f"the role {shown(value.get(role_name))} is not known; there is {', '.join(ROLES)}",
            pointer=f"{pointer}/{role_name}",
        )
    read = Utterance(role=ROLES[word])
    name = "content" if value.get("content") is not None or "value" not in value else "value"
    used = {role_name, name, *_read_reasoning(read, value)}
    content = value.get(name)
    if isinstance(content, list):
        _read_parts(members, read, content, f"{pointer}/{name}")
    elif content is not None:
        text = members.as_text(content, f"{pointer}/{name}")
        if word in _CALL_ROLES:
            read.chunks = [("tool_call", text)]
        else:
            read.text = text
    used |= _read_calls(read, value)
    if read.text is None and not read.chunks and not (read.reasoning and word != "user"):
        raise InvalidContent("a message without a text", pointer=f"{pointer}/{name}")
    besides = {key: one for key, one in value.items() if key not in used and one is not None}
    read.members = besides if word in _PLAIN_ROLES else {"role": value[role_name], **besides}
    return read


def _read_reasoning(read: Utterance, value: dict[str, Any]) -> set[str]:
    """Take over the texts of reasoning; returns the members that they were read from."""
    texts = {name: value.get(name) for name in _REASONING_MEMBERS}
    given = {name: text for name, text in texts.items() if isinstance(text, str)}
    read.reasoning = list(dict.fromkeys(text for text in given.values() if text))
    return set(given)


def _read_parts(members: RowMembers, read: Utterance, parts: list[Any], pointer: str) -> None:
    """Fill text, reasoning and chunks from the parts of a content; raises InvalidContent."""
    pieces: list[tuple[str, str]] = []
    reasoning: list[str] = []
    for number, part in enumerate(parts):
        kind, text = _read_part(members, part, f"{pointer}/{number}")
        if kind == "reasoning":
            reasoning.append(text)
        else:
            pieces.append((kind, text))
    read.reasoning = [*read.reasoning, *reasoning]
    texts = [text for kind, text in pieces if kind == "text"]
    read.text = "".join(texts) if texts else None
    is_text_first = len(texts) < 2 and (not texts or pieces[0][0] == "text")
    read.chunks = [piece for piece in pieces if piece[0] != "text"] if is_text_first else pieces


def _read_part(members: RowMembers, part: Any, pointer: str) -> tuple[str, str]:
    """Kind and text of a part; what is neither text nor reasoning is written as JSON."""
    if isinstance(part, str):
        return "text", part
    if not isinstance(part, dict):
        raise InvalidContent(
            f"a part is an object with a type, not {name_of_kind(part)}", pointer=pointer
        )
    kind = part.get("type")
    if not isinstance(kind, str) or not kind:
        raise InvalidContent("a part has a type, a text", pointer=f"{pointer}/type")
    named = {name: one for name, one in part.items() if name != "type" and one is not None}
    if kind in _TEXT_PARTS or kind in _REASONING_PARTS:
        name = next((name for name in ("text", "value", kind) if name in named), "text")
        text = members.as_text(named.get(name), f"{pointer}/{name}")
        return "text" if kind in _TEXT_PARTS else "reasoning", text
    value = named.get("value")
    return kind, value if isinstance(value, str) and len(named) == 1 else _json(named)


def _read_calls(read: Utterance, value: dict[str, Any]) -> set[str]:
    """Add calls of tools and refusals, which OpenAI's messages have beside the content.

    Returns the members that they were read from.
    """
    calls = value.get("tool_calls")
    pieces = [("tool_call", call) for call in (calls if isinstance(calls, list) else [calls])]
    pieces += [(name, value.get(name)) for name in ("function_call", "refusal")]
    read.chunks = [
        *read.chunks,
        *(
            (kind, piece if isinstance(piece, str) else _json(piece))
            for kind, piece in pieces
            if piece is not None
        ),
    ]
    return {"tool_calls", "function_call", "refusal"}


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def shared_beginning(first: Sequence[Utterance], second: Sequence[Utterance]) -> int:
    """Return how many messages both begin with, of each all but the last."""
    pairs = zip(first[:-1], second[:-1], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0].says() == pair[1].says(), pairs))


def as_one(members: RowMembers, tail: Sequence[Utterance]) -> Utterance:
    """Return a response of several messages as one of pieces, without a text, flagged.

    So that nobody trains on its last message as if the others had not been said.
    """
    if len(tail) == 1:
        return tail[0]
    members.remark(LONG_RESPONSE, NON_TEXT)
    chunks = [piece for one in tail for piece in _pieces(one)]
    besides = [one.members for one in tail]
    return Utterance(
        role="assistant",
        chunks=chunks,
        reasoning=[text for one in tail for text in one.reasoning],
        members={"messages": besides} if any(besides) else {},
    )


def _pieces(one: Utterance) -> Iterator[tuple[str, str]]:
    if one.text is not None and not any(kind == "text" for kind, _ in one.chunks):
        yield one.role, one.text
    for kind, text in one.chunks:
        yield one.role if kind == "text" else kind, text


def as_dialogue(
    members: RowMembers,
    context: Sequence[Utterance],
    responses: Sequence[DialogueResponse],
    annotations: Sequence[dict[str, Any]] = (),
) -> Dialogue:
    """Return the turns of a conversation; its responses, and `annotations`, are in the last one.

    Without responses it ends as the context does. A conversation out of turn is kept, with a
    remark and a flag.
    """
    groups: list[list[Utterance]] = [[]]
    for one in context:
        if groups[-1] and groups[-1][-1].role == "assistant":
            groups.append([])
        groups[-1].append(one)
    if responses and groups[-1] and groups[-1][-1].role == "assistant":
        groups.append([])
    if not _is_in_turn(groups, bool(responses)):
        members.remark(NOT_IN_TURN, ODD_ROLES)
    turns, besides = [], {}
    for number, group in enumerate(groups):
        is_last = number == len(groups) - 1
        named = dict(_named(group, {one.source_id for one in responses} if is_last else set()))
        answers = responses if is_last else ()
        messages = [
            message(one.role, one.text, source_id=name, **one.content())
            for name, one in named.items()
        ]
        messages += [
            message(
                "assistant",
                answer.utterance.text,
                source_id=answer.source_id,
                model=answer.model,
                annotations=answer.annotations,
                **answer.utterance.content(),
            )
            for answer in answers
        ]
        named |= {answer.source_id: answer.utterance for answer in answers}
        for name, one in named.items():
            if one.members:
                besides[f"turn_{number}/{name}"] = one.members
        if messages:
            turns.append(turn(number, messages, annotations if is_last else ()))
    return Dialogue(turns=turns, metadata={MESSAGE_MEMBERS: besides} if besides else {})


def _named(group: Sequence[Utterance], taken: set[str]) -> Iterator[tuple[str, Utterance]]:
    """Messages with their source ids: the role, with a number from the second on."""
    counts: dict[str, int] = {}
    for one in group:
        counts[one.role] = counts.get(one.role, 0) + 1
        name = one.role if counts[one.role] == 1 else f"{one.role}_{counts[one.role]}"
        yield (f"{name}_context" if name in taken else name), one


def _is_in_turn(groups: Sequence[Sequence[Utterance]], is_answered: bool) -> bool:
    """True if each turn is user's or tool's, and the system speaks at the beginning alone."""
    if groups == [[]]:
        return True
    for number, group in enumerate(groups):
        roles = [one.role for one in group]
        if number == 0 and roles[:1] == ["system"]:
            roles = roles[1:]
        is_asked = roles[:1] in (["user"], ["function"])
        is_bare = not roles and not (is_answered and number == len(groups) - 1)
        if "system" in roles or not (is_asked or is_bare):
            return False
        if number == 0 and roles[:1] == ["function"]:
            return False
    return True

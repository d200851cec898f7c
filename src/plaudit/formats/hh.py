"""Anthropic's HH transcripts: two conversations in one text each, of which one was chosen.

A transcript is `\\n\\nHuman: …\\n\\nAssistant: …`, without escapes. Both sides of a row usually
have one context and differ in the last answer. Published rows break that: a role speaks twice in a
row, the contexts differ, the last answer is empty. A strict import refuses these; a lenient one
keeps them with a remark. Sides with different contexts are responses in pieces: the messages from
the first that differs on.

`render` gives back the text of a transcript. Where that is not byte for byte what the row had, the
task's metadata has the row's own text (TRANSCRIPTS).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.errors import InvalidContent
from plaudit.formats.common.alternation import alternates, in_turns
from plaudit.formats.common.conversations import NOT_IN_TURN, ODD_ROLES
from plaudit.formats.common.imported_task import (
    NON_TEXT,
    ImportedTask,
    annotation,
    message,
    thread,
    turn,
)
from plaudit.formats.common.judged_conversations import EQUAL_RESPONSES
from plaudit.formats.common.row_members import EMPTY_RESPONSE, RowMembers, comes_second, pointer_of
from plaudit.formats.common.row_shapes import have_members, other_members
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import FormatReader, ImportFormat
from plaudit.wire.v2.parse import MESSAGES_PER_TASK_MAX

CONTEXTS_DIFFER = (
    "the two sides differ before their last answer; what differs is kept as pieces, and flagged"
)

DIFFERENT_CONTEXTS = "contexts_differ"
"""Flag of a task whose two responses are pieces of conversations."""

TRANSCRIPTS = "hh_transcripts"
"""Member of a task's metadata: texts of transcripts that `render` does not give back, by the
`source_id` of the response."""

Said = tuple[str, str]
"""Role and text of a message."""

_COLUMNS = ("chosen", "rejected")
_SOURCES = ("response_1", "response_2")
_ROLES = {"Human": "user", "Assistant": "assistant"}
_NAMES = {role: name for name, role in _ROLES.items()}
_MARK = re.compile(r"\n\n(Human|Assistant): ?")

_FORM = Form(
    fields=[
        Field(
            key="selected_model_id",
            level=Level.turn,
            type="category",
            title="Which response is better?",
            required=True,
        )
    ]
)


def parse(transcript: str) -> list[Said]:
    """Read the messages of a transcript; raises InvalidContent for a text that is none."""
    if sum(transcript.count(f"\n\n{name}:") for name in _ROLES) > MESSAGES_PER_TASK_MAX:
        raise InvalidContent(f"more than {MESSAGES_PER_TASK_MAX} messages")
    before, *parts = _MARK.split(transcript)
    if before or not parts:
        raise InvalidContent("a transcript begins with two line feeds and 'Human:' or 'Assistant:'")
    return [(_ROLES[name], text) for name, text in zip(parts[::2], parts[1::2], strict=True)]


def render(messages: Sequence[Said]) -> str:
    """Return the transcript of messages."""
    return "".join(f"\n\n{_NAMES[role]}: {text}" for role, text in messages)


class HhReader(FormatReader):
    """Reader of one pair of transcripts a task."""

    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the task of a pair."""
        members = RowMembers(rows[0], self.options, self.notes)
        texts = {name: members.text(name) for name in _COLUMNS}
        sides = {name: _side(members, name) for name in _COLUMNS}
        if any(not alternates([role for role, _ in side]) for side in sides.values()):
            members.remark(NOT_IN_TURN, ODD_ROLES)
        if sides["chosen"] == sides["rejected"]:
            members.remark(EQUAL_RESPONSES)
        shared = _shared_beginning(*sides.values())
        if any([role for role, _ in side[shared:]] != ["assistant"] for side in sides.values()):
            _refuse_if_strict(members, "the two sides differ before their last answer", "/rejected")
            members.remark(CONTEXTS_DIFFER, DIFFERENT_CONTEXTS, NON_TEXT)
        order = list(_COLUMNS)
        if comes_second(texts["chosen"], texts["rejected"]):
            order.reverse()
        named = dict(zip(_SOURCES, order, strict=True))
        answers = [_answer(sides[side][shared:], source) for source, side in named.items()]
        turns = _turns(sides["chosen"][:shared], answers)
        selected = _SOURCES[order.index("chosen")]
        turns[-1]["annotations"] = [annotation("selected_model_id", "category", selected)]
        metadata = other_members(members.value, _COLUMNS)
        kept = {
            source: texts[side]
            for source, side in named.items()
            if render(sides[side]) != texts[side]
        }
        if kept:
            metadata[TRANSCRIPTS] = kept
        yield ImportedTask(threads=[thread(turns)], metadata=metadata, flags=members.flags)

    def form(self) -> Form:
        """Form that asks for the better response."""
        return _FORM


def _side(members: RowMembers, name: str) -> list[Said]:
    """Messages of one side; refuses what a strict import refuses."""
    pointer = pointer_of(name)
    try:
        side = parse(members.text(name))
    except InvalidContent as problem:
        raise InvalidContent(problem.message, pointer=pointer) from problem
    if not alternates([role for role, _ in side]):
        _refuse_if_strict(members, "'Human:' begins, and the two take turns", pointer)
    role, text = side[-1]
    if role == "assistant" and not text.strip():
        _refuse_if_strict(members, "the last answer is empty", pointer)
        members.remark(EMPTY_RESPONSE)
    return side


def _refuse_if_strict(members: RowMembers, sentence: str, pointer: str) -> None:
    if members.is_strict:
        raise InvalidContent(sentence, pointer=pointer)


def _shared_beginning(first: list[Said], second: list[Said]) -> int:
    """Number of messages that both begin with, of each all but the last."""
    pairs = zip(first[:-1], second[:-1], strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _answer(tail: list[Said], source: str) -> dict[str, Any]:
    """Message of a side's end: an answer, or pieces whose types are their roles."""
    role, text = tail[0]
    if len(tail) == 1 and role == "assistant":
        return message("assistant", text, source_id=source)
    pieces = [{"type": role, "text": text, "annotations": []} for role, text in tail]
    return message("assistant", None, source_id=source, chunks=pieces)


def _turns(context: list[Said], answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Turns of a context with both answers in the last one."""
    groups = in_turns([message(role, text) for role, text in context])
    if not groups or groups[-1][-1]["role"] == "assistant":
        groups.append([])
    groups[-1] += answers
    return [turn(number, group) for number, group in enumerate(groups)]


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Return the columns that show pairs of HH transcripts, None for others."""
    if not have_members(rows, _COLUMNS):
        return None
    texts = [row.value[name] for row in rows for name in _COLUMNS]
    are_transcripts = all(isinstance(text, str) and _MARK.match(text) for text in texts)
    return _COLUMNS if are_transcripts else None


FORMAT = ImportFormat(
    name="hh",
    title="Anthropic HH transcripts",
    reader=HhReader,
    detect=detect,
    specificity=50,
)

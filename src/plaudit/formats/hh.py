"""Anthropic's HH transcripts: two conversations in one text each, of which one was chosen.

A transcript is `\\n\\nHuman: …\\n\\nAssistant: …`, without escapes. Both sides of a row usually
have one context and differ in the last answer. Published rows break that: a role speaks twice in a
row, the contexts differ, the last answer is empty. A strict import refuses these; a lenient one
keeps them with a remark.

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
from plaudit.formats.common.alternation import (
    NOT_ALTERNATING,
    ROLES_REPEAT,
    alternates,
    in_turns,
)
from plaudit.formats.common.imported_task import ImportedTask, annotation, message, thread, turn
from plaudit.formats.common.row_members import EMPTY_RESPONSE, RowMembers, comes_second, pointer_of
from plaudit.formats.common.row_shapes import have_members, other_members
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import FormatReader, ImportFormat

CONTEXTS_DIFFER = (
    "the two sides differ before their last answer; each is a thread of its own, and no training"
    " file will have the pair"
)
IDENTICAL = "both responses are equal; no training file will have the pair"

DIFFERENT_CONTEXTS = "contexts_differ"
"""Flag of a task whose threads are the two sides of a row."""

IS_PREFERRED = "is_preferred"
"""Key of the annotation that tells the two threads of such a task apart."""

TRANSCRIPTS = "hh_transcripts"
"""Member of a task's metadata: texts of transcripts that `render` does not give back, by the
`source_id` of the response, or by the id of the thread where contexts differ."""

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
        sides = {name: self._side(members, name) for name in _COLUMNS}
        if any(not alternates([role for role, _ in side]) for side in sides.values()):
            self.notes.add(NOT_ALTERNATING, members.row)
            members.flags.append(ROLES_REPEAT)
        winner, loser = sides["chosen"], sides["rejected"]
        order = list(_COLUMNS)
        if comes_second(texts["chosen"], texts["rejected"]):
            order.reverse()
        ordered = [sides[name] for name in order]
        metadata = other_members(members.value, _COLUMNS)
        if is_comparison := _share_context(winner, loser):
            if winner == loser:
                self.notes.add(IDENTICAL, members.row)
            threads = [_comparison(ordered, order.index("chosen"))]
        else:
            self._refuse_if_strict("the two sides differ before their last answer", "/rejected")
            self.notes.add(CONTEXTS_DIFFER, members.row)
            members.flags.append(DIFFERENT_CONTEXTS)
            threads = _conversations(ordered, order.index("chosen"))
        kept = {
            _SOURCES[number] if is_comparison else threads[number]["id"]: texts[name]
            for number, name in enumerate(order)
            if render(sides[name]) != texts[name]
        }
        if kept:
            metadata[TRANSCRIPTS] = kept
        yield ImportedTask(threads=threads, metadata=metadata, flags=members.flags)

    def form(self) -> Form:
        """Form that asks for the better response."""
        return _FORM

    def _side(self, members: RowMembers, name: str) -> list[Said]:
        """Messages of one side; refuses what a strict import refuses."""
        pointer = pointer_of(name)
        try:
            side = parse(members.text(name))
        except InvalidContent as problem:
            raise InvalidContent(problem.message, pointer=pointer) from problem
        if not alternates([role for role, _ in side]):
            self._refuse_if_strict("'Human:' begins, and the two take turns", pointer)
        role, text = side[-1]
        if role == "assistant" and not text.strip():
            self._refuse_if_strict("the last answer is empty", pointer)
            self.notes.add(EMPTY_RESPONSE, members.row)
        return side

    def _refuse_if_strict(self, sentence: str, pointer: str) -> None:
        if self.options.is_strict:
            raise InvalidContent(sentence, pointer=pointer)


def _share_context(first: list[Said], second: list[Said]) -> bool:
    """True if two sides differ in a last answer at most."""
    are_answers = first[-1][0] == second[-1][0] == "assistant"
    return are_answers and first[:-1] == second[:-1]


def _comparison(sides: Sequence[list[Said]], preferred: int) -> dict[str, Any]:
    """Thread of two sides with one context: its last turn has both answers."""
    *context, last = sides[0]
    answers = [(side[-1][1], source) for side, source in zip(sides, _SOURCES, strict=True)]
    groups = in_turns([message(role, text) for role, text in [*context, last]])
    groups[-1][-1:] = [message("assistant", text, source_id=source) for text, source in answers]
    turns = [turn(number, group) for number, group in enumerate(groups)]
    turns[-1]["annotations"] = [annotation("selected_model_id", "category", _SOURCES[preferred])]
    return thread(turns)


def _conversations(sides: Sequence[list[Said]], preferred: int) -> list[dict[str, Any]]:
    """Threads of two sides; turns that both begin with have one id, others an id of their own."""
    grouped = [in_turns([message(role, text) for role, text in side]) for side in sides]
    pairs = zip(*grouped, strict=False)
    shared = len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))
    threads = []
    for number, groups in enumerate(grouped):
        first_own = len(grouped[0]) if number else shared
        own = enumerate(groups[shared:], first_own)
        turns = [
            *(turn(at, group) for at, group in enumerate(groups[:shared])),
            *(turn(at, group) for at, group in own),
        ]
        told = annotation(IS_PREFERRED, "boolean", number == preferred)
        threads.append(thread(turns, [told], number=number))
    return threads


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

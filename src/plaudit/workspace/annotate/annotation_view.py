"""A task as the annotation page draws it: the conversation, its questions, and nothing else.

The page must not tell which model wrote what, so of a message only the text, the files and the
position on the screen come through here. Answers name responses by their position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from markupsafe import Markup
from msgspec import Struct

from plaudit.core.common.blank_text import is_blank
from plaudit.core.labeling.questions import (
    SELECTED,
    Display,
    Question,
    asked_turns,
    questions,
    responses,
)
from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.wire.v2.task import Chunk, Message, MessageContent, MessageRole, Thread, Turn
from plaudit.workspace.annotate import message_parts
from plaudit.workspace.annotate.controls import Control, control_of, why_key
from plaudit.workspace.annotate.files import Files
from plaudit.workspace.annotate.message_parts import FileShown, ReferenceShown
from plaudit.workspace.render import rich_text

_ROLES = {
    MessageRole.system: "Instructions to the assistant",
    MessageRole.user: "Prompt",
    MessageRole.assistant: "Response",
    MessageRole.function: "Result of a tool",
}


class Step(Struct, frozen=True):
    """A chunk of a message, with the questions about it; `kind` is None for plain text.

    The body is None if it is empty.
    """

    number: int
    kind: str | None
    body: Markup | None
    raw: str
    controls: list[Control]


class MessageShown(Struct, frozen=True):
    """A message, and the questions that stand at it.

    `position` is a response's position on the screen, from 1; None for other messages. `body` is
    None if there is no text or the steps say all of it, `results` are those of a response's tools.
    """

    role: str
    title: str
    position: int | None
    body: Markup | None
    raw: str
    is_empty: bool
    words: int
    files: list[FileShown]
    references: list[ReferenceShown]
    reasoning: list[Markup]
    steps: list[Step]
    results: list[MessageShown]
    controls: list[Control]
    model: str | None
    """The model that wrote it; None in a blind project."""


class GridRow(Struct, frozen=True):
    """One question about each response: a line of the rating grid. `weight` is a criterion's."""

    title: str
    description: str | None
    cells: list[Control]
    whys: list[Control]
    weight: float | None = None


class TurnShown(Struct, frozen=True, kw_only=True):
    """A turn that is asked about, or one that led there (`is_asked` is false)."""

    at: str
    name: str
    is_asked: bool
    prompt: list[MessageShown]
    responses: list[MessageShown]
    continued: MessageShown | None = None
    """The response with which the conversation went on, where that is known."""
    rows: list[GridRow] = []
    criteria: list[GridRow] = []
    controls: list[Control] = []


class ThreadShown(Struct, frozen=True):
    """A conversation."""

    at: str
    name: str
    turns: list[TurnShown]
    controls: list[Control]


class TaskShown(Struct, frozen=True):
    """The page's threads, and by `Control.text_key` the exact texts to mark or rewrite."""

    threads: list[ThreadShown]
    texts: dict[str, str]
    asked_count: int


def build(
    form: Form,
    content: Sequence[Thread],
    display: Display,
    *,
    is_blind: bool = True,
    files: Files | None = None,
) -> TaskShown:
    """Lay out a task. Renders every text, so call it outside the event loop."""
    return _Builder(form, content, display, is_blind, files or Files()).task()


def fingerprint(text: str) -> str:
    """Hash of a text, such as the guidelines, 16 hex digits."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


class _Builder:
    def __init__(
        self,
        form: Form,
        content: Sequence[Thread],
        display: Display,
        is_blind: bool,
        files: Files,
    ) -> None:
        self._files = files
        self._form = form
        self._content = content
        self._display = display
        self._is_blind = is_blind
        self._asked = questions(form, content)
        self._controls = [
            control_of(n, question, display) for n, question in enumerate(self._asked)
        ]
        self._texts: dict[str, str] = {}

    def task(self) -> TaskShown:
        threads = [self._thread(number, thread) for number, thread in enumerate(self._content)]
        return TaskShown(threads, self._texts, len(self._asked))

    def _thread(self, t: int, thread: Thread) -> ThreadShown:
        asked = [u for u in asked_turns(self._form, thread) if self._is_asked(f"t{t}u{u}")]
        asked = asked or [max(asked_turns(self._form, thread), default=0)]
        last = max(asked)
        turns = [
            self._asked_turn(t, u, turn) if u in asked else self._earlier_turn(t, u, turn)
            for u, turn in enumerate(thread.turns)
            if u <= last
        ]
        name = "Conversation" if len(self._content) == 1 else f"Conversation {t + 1}"
        return ThreadShown(f"t{t}", name, turns, self._of(f"t{t}", level=Level.thread))

    def _is_asked(self, at: str) -> bool:
        return any(question.target.at == at for question in self._asked)

    def _earlier_turn(self, t: int, u: int, turn: Turn) -> TurnShown:
        at = f"t{t}u{u}"
        order = self._display.get(at, responses(turn))
        chosen = _continued(turn, order)
        shown = {index: self._message(at, turn, index, None) for index in order}
        return TurnShown(
            at=at,
            name=f"Turn {u + 1}",
            is_asked=False,
            prompt=self._prompt(at, turn),
            responses=[shown[index] for index in order],
            continued=None if chosen is None else shown[chosen],
        )

    def _asked_turn(self, t: int, u: int, turn: Turn) -> TurnShown:
        at = f"t{t}u{u}"
        order = self._display.get(at, [])
        return TurnShown(
            at=at,
            name=f"Turn {u + 1}",
            is_asked=True,
            prompt=self._prompt(at, turn),
            responses=[
                self._message(at, turn, index, position) for position, index in enumerate(order, 1)
            ],
            rows=self._rows(at, order),
            criteria=self._criteria(at, turn, order),
            controls=self._of(at, level=Level.turn),
        )

    def _prompt(self, at: str, turn: Turn) -> list[MessageShown]:
        below = {index for listed in message_parts.tool_results(turn).values() for index in listed}
        return [
            self._message(at, turn, index, None)
            for index, message in enumerate(turn.messages)
            if message.role is not MessageRole.assistant and index not in below
        ]

    def _message(self, at: str, turn: Turn, index: int, position: int | None) -> MessageShown:
        message = turn.messages[index]
        content = message.content
        own = self._of(at, index=index, level=Level.message)
        if message.role is MessageRole.assistant:
            own = [control for control in own if control.is_beside_text]
        for control in own:
            self._texts[control.text_key] = content.text or ""
        text = message_parts.own_text(content)
        return MessageShown(
            role=message.role.value,
            title=_ROLES[message.role] if position is None else f"Response {position}",
            position=position,
            body=None if text is None else self._rendered(text),
            raw=text or "",
            is_empty=message_parts.is_empty(content),
            words=rich_text.word_count(_words(content)),
            files=[
                message_parts.file_shown(attachment, self._files)
                for attachment in content.attachments or ()
            ],
            references=[
                message_parts.reference_shown(reference, self._files)
                for reference in content.reference_texts or ()
            ],
            reasoning=[
                self._rendered(step.content)
                for step in content.reasoning or ()
                if step.content and not is_blank(step.content)
            ],
            steps=[
                self._step(at, index, number, chunk)
                for number, chunk in enumerate(content.chunks or ())
            ],
            results=[
                self._message(at, turn, result, None)
                for result in message_parts.tool_results(turn).get(index, ())
            ],
            controls=own,
            model=None if self._is_blind else _model(message),
        )

    def _rendered(self, text: str) -> Markup:
        return message_parts.rendered(text, self._files)

    def _step(self, at: str, index: int, number: int, chunk: Chunk) -> Step:
        own = self._of(at, index=index, chunk=number, level=Level.chunk)
        for control in own:
            self._texts[control.text_key] = chunk.text
        body = None if is_blank(chunk.text) else self._rendered(chunk.text)
        return Step(number + 1, message_parts.chunk_kind(chunk), body, chunk.text, own)

    def _rows(self, at: str, order: list[int]) -> list[GridRow]:
        fields = [field for field in self._form.fields if field.level is Level.message]
        whys = {why_key(field, fields) for field in fields} - {None}
        rows = []
        for field in fields:
            cells = self._cells(at, order, field)
            if not cells or cells[0].is_beside_text or field.key in whys:
                continue
            extra = [
                cell
                for why in fields
                if why.key == why_key(field, fields)
                for cell in self._cells(at, order, why)
            ]
            rows.append(GridRow(field.title or field.key, field.description, cells, extra))
        return rows

    def _criteria(self, at: str, turn: Turn, order: list[int]) -> list[GridRow]:
        fields = [field for field in self._form.fields if field.level is Level.criterion]
        whys = {why_key(field, fields) for field in fields} - {None}
        rows = []
        for rubric in turn.rubrics or ():
            for criterion in rubric.criteria_definitions:
                for field in fields:
                    cells = self._cells(at, order, field, criterion.id)
                    if not cells or field.key in whys:
                        continue
                    extra = [
                        cell
                        for why in fields
                        if why.key == why_key(field, fields)
                        for cell in self._cells(at, order, why, criterion.id)
                    ]
                    title = criterion.criterion
                    about = field.title if len(fields) - len(whys) > 1 else None
                    rows.append(GridRow(title, about, cells, extra, criterion.weight))
        return rows

    def _cells(
        self, at: str, order: list[int], field: Field, criterion: str | None = None
    ) -> list[Control]:
        """The controls of one field, in the order of the responses on the screen."""
        controls = {
            question.target.message: control
            for question, control in self._pairs()
            if question.target.at == at
            and question.field is field
            and question.target.criterion == criterion
        }
        return [controls[index] for index in order if index in controls]

    def _of(
        self, at: str, *, level: Level, index: int | None = None, chunk: int | None = None
    ) -> list[Control]:
        return [
            control
            for question, control in self._pairs()
            if question.target.at == at
            and question.field.level is level
            and question.target.message == index
            and question.target.chunk == chunk
        ]

    def _pairs(self) -> zip[tuple[Question, Control]]:
        return zip(self._asked, self._controls, strict=True)


def _continued(turn: Turn, order: list[int]) -> int | None:
    """Index of the response that the conversation went on from: the only one, or the selected."""
    if len(order) == 1:
        return order[0]
    chosen = {note.value for note in turn.annotations if note.key == SELECTED}
    return next((index for index in order if turn.messages[index].source_id in chosen), None)


def _words(content: MessageContent) -> str:
    """Words that are counted: the text, or what the chunks say in its place."""
    text = message_parts.own_text(content)
    return " ".join(chunk.text for chunk in content.chunks or ()) if text is None else text


def _model(message: Message) -> str:
    parameters = message.model_parameters
    return (parameters.model if parameters else None) or message.source_id


def as_json(value: Any) -> str:
    """JSON for an attribute of the page; the template escapes it."""
    return msgspec.json.encode(value).decode()

"""A task as the annotation page draws it: the conversation, its questions, and nothing else.

The page must not tell which model wrote what, so of a message only the text, the files and the
position on the screen come through here. Answers name responses by their position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.questions import (
    SELECTED,
    Display,
    Question,
    asked_turns,
    questions,
    responses,
)
from plaudit.core.labeling.suggestions import suggestion_for
from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.wire.v2.task import Chunk, Message, MessageContent, MessageRole, Thread, Turn
from plaudit.workspace.annotate import message_parts
from plaudit.workspace.annotate.controls import Control, control_of, why_key
from plaudit.workspace.annotate.files import Files
from plaudit.workspace.annotate.message_parts import FileShown, ReferenceShown, ToolResults
from plaudit.workspace.render import rich_text
from plaudit.workspace.render.text_batch import RenderedText, TextBatch

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
    body: RenderedText | None
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
    body: RenderedText | None
    raw: str
    is_empty: bool
    words: int
    files: list[FileShown]
    references: list[ReferenceShown]
    reasoning: list[RenderedText]
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


class Section(Struct, frozen=True):
    """A turn that is asked about, and what stands before it: each turn is drawn once.

    `led_by` are the turns between it and the one that was asked about before, `above`.
    """

    turn: TurnShown
    led_by: list[TurnShown]
    above: TurnShown | None
    is_last: bool


class ThreadShown(Struct, frozen=True):
    """A conversation."""

    at: str
    name: str
    turns: list[TurnShown]
    """Up to the last one that is asked about."""
    controls: list[Control]

    @property
    def sections(self) -> list[Section]:
        """The turns as they are drawn, in order."""
        sections: list[Section] = []
        above, led_by = None, []
        for turn in self.turns:
            if not turn.is_asked:
                led_by.append(turn)
                continue
            sections.append(Section(turn, led_by, above, turn is self.turns[-1]))
            above, led_by = turn, []
        return sections


class TaskShown(Struct, frozen=True):
    """The page's threads, and by `Control.text_key` the exact texts to mark or rewrite."""

    threads: list[ThreadShown]
    texts: dict[str, str]
    asked_count: int
    suggested_count: int = 0


def build(
    form: Form,
    content: Sequence[Thread],
    display: Display,
    *,
    texts: TextBatch,
    is_blind: bool = True,
    files: Files | None = None,
) -> TaskShown:
    """Lay out a task, with its texts added to a batch; for `RenderPool.build`."""
    return _Builder(form, content, display, texts, is_blind, files or Files()).task()


def fingerprint(text: str) -> str:
    """Hash of a text, such as the guidelines, 16 hex digits."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


_Place = tuple[str, Level, int | None, int | None]
"""Path of a turn or thread, level of a question, and the indexes of its message and chunk."""


class _Builder:
    def __init__(
        self,
        form: Form,
        content: Sequence[Thread],
        display: Display,
        batch: TextBatch,
        is_blind: bool,
        files: Files,
    ) -> None:
        self._batch = batch
        self._files = files
        self._form = form
        self._content = content
        self._display = display
        self._is_blind = is_blind
        self._controls = _Controls(questions(form, content), content, display)
        self._texts: dict[str, str] = {}

    def task(self) -> TaskShown:
        threads = [self._thread(number, thread) for number, thread in enumerate(self._content)]
        controls = self._controls
        return TaskShown(threads, self._texts, controls.count, controls.suggested_count)

    def _thread(self, t: int, thread: Thread) -> ThreadShown:
        named = asked_turns(self._form, thread)
        asked = {u for u in named if f"t{t}u{u}" in self._controls.paths}
        asked = asked or {max(named, default=0)}
        last = max(asked)
        turns = [
            self._asked_turn(t, u, turn) if u in asked else self._earlier_turn(t, u, turn)
            for u, turn in enumerate(thread.turns)
            if u <= last
        ]
        name = "Conversation" if len(self._content) == 1 else f"Conversation {t + 1}"
        return ThreadShown(f"t{t}", name, turns, self._controls.of(f"t{t}", level=Level.thread))

    def _earlier_turn(self, t: int, u: int, turn: Turn) -> TurnShown:
        at = f"t{t}u{u}"
        order = self._display.get(at, responses(turn))
        chosen = _continued(turn, order)
        tools = message_parts.tool_results(turn)
        shown = {index: self._message(at, turn, index, None, tools) for index in order}
        return TurnShown(
            at=at,
            name=f"Turn {u + 1}",
            is_asked=False,
            prompt=self._prompt(at, turn, tools),
            responses=[shown[index] for index in order],
            continued=None if chosen is None else shown[chosen],
        )

    def _asked_turn(self, t: int, u: int, turn: Turn) -> TurnShown:
        at = f"t{t}u{u}"
        order = self._display.get(at, [])
        tools = message_parts.tool_results(turn)
        return TurnShown(
            at=at,
            name=f"Turn {u + 1}",
            is_asked=True,
            prompt=self._prompt(at, turn, tools),
            responses=[
                self._message(at, turn, index, position, tools)
                for position, index in enumerate(order, 1)
            ],
            rows=self._rows(at, order),
            criteria=self._criteria(at, turn, order),
            controls=self._controls.of(at, level=Level.turn),
        )

    def _prompt(self, at: str, turn: Turn, tools: ToolResults) -> list[MessageShown]:
        below = {index for listed in tools.values() for index in listed}
        return [
            self._message(at, turn, index, None, tools)
            for index, message in enumerate(turn.messages)
            if message.role is not MessageRole.assistant and index not in below
        ]

    def _message(
        self, at: str, turn: Turn, index: int, position: int | None, tools: ToolResults
    ) -> MessageShown:
        message = turn.messages[index]
        content = message.content
        own = self._controls.of(at, index=index, level=Level.message)
        if message.role is MessageRole.assistant:
            own = [control for control in own if control.is_beside_text]
        for control in own:
            self._texts[control.text_key] = content.text or ""
        text = message_parts.own_text(content)
        return MessageShown(
            role=message.role.value,
            title=_ROLES[message.role] if position is None else f"Response {position}",
            position=position,
            body=self._rendered(text),
            raw=text or "",
            is_empty=message_parts.is_empty(content),
            words=rich_text.word_count(_words(content)),
            files=[
                message_parts.file_shown(attachment, self._files)
                for attachment in content.attachments or ()
            ],
            references=[
                message_parts.reference_shown(reference, self._files, self._batch)
                for reference in content.reference_texts or ()
            ],
            reasoning=[
                body
                for step in content.reasoning or ()
                if (body := self._rendered(step.content)) is not None
            ],
            steps=[
                self._step(at, index, number, chunk)
                for number, chunk in enumerate(content.chunks or ())
            ],
            results=[
                self._message(at, turn, result, None, tools) for result in tools.get(index, ())
            ],
            controls=own,
            model=None if self._is_blind else _model(message),
        )

    def _rendered(self, text: str | None) -> RenderedText | None:
        return message_parts.rendered(text, self._files, self._batch)

    def _step(self, at: str, index: int, number: int, chunk: Chunk) -> Step:
        own = self._controls.of(at, index=index, chunk=number, level=Level.chunk)
        for control in own:
            self._texts[control.text_key] = chunk.text
        body = self._rendered(chunk.text)
        return Step(number + 1, message_parts.chunk_kind(chunk), body, chunk.text, own)

    def _rows(self, at: str, order: list[int]) -> list[GridRow]:
        fields = [field for field in self._form.fields if field.level is Level.message]
        whys = {why_key(field, fields) for field in fields} - {None}
        rows = []
        for field in fields:
            cells = self._controls.cells(at, order, field)
            if not cells or cells[0].is_beside_text or field.key in whys:
                continue
            extra = [
                cell
                for why in fields
                if why.key == why_key(field, fields)
                for cell in self._controls.cells(at, order, why)
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
                    cells = self._controls.cells(at, order, field, criterion.id)
                    if not cells or field.key in whys:
                        continue
                    extra = [
                        cell
                        for why in fields
                        if why.key == why_key(field, fields)
                        for cell in self._controls.cells(at, order, why, criterion.id)
                    ]
                    title = criterion.criterion
                    about = field.title if len(fields) - len(whys) > 1 else None
                    rows.append(GridRow(title, about, cells, extra, criterion.weight))
        return rows


class _Controls:
    """The controls of a page by what they are about; looking one up costs the same on any page."""

    def __init__(
        self, asked: Sequence[Question], content: Sequence[Thread], display: Display
    ) -> None:
        self.count = len(asked)
        self.suggested_count = 0
        self.paths = {question.target.at for question in asked}
        self._at: dict[tuple[str, Level, int | None, int | None], list[Control]] = {}
        self._cells: dict[tuple[str, Level, str, str | None], dict[int | None, Control]] = {}
        for number, question in enumerate(asked):
            control, target = control_of(number, question, display), question.target
            suggestion = suggestion_for(question, content, display, control.choices)
            if suggestion is not None:
                control = msgspec.structs.replace(control, suggestion=suggestion)
                self.suggested_count += 1
            level, key = question.field.level, question.field.key
            place = (target.at, level, target.message, target.chunk)
            self._at.setdefault(place, []).append(control)
            line = (target.at, level, key, target.criterion)
            self._cells.setdefault(line, {})[target.message] = control

    def of(
        self, at: str, *, level: Level, index: int | None = None, chunk: int | None = None
    ) -> list[Control]:
        """The controls at a thread, a turn, a message or a step, in the order of the form."""
        return self._at.get((at, level, index, chunk), [])

    def cells(
        self, at: str, order: list[int], field: Field, criterion: str | None = None
    ) -> list[Control]:
        """The controls of one field, in the order of the responses on the screen."""
        controls = self._cells.get((at, field.level, field.key, criterion), {})
        return [controls[index] for index in order if index in controls]


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

"""A task as the annotation page draws it: the conversation, its questions, and nothing else.

The page must not tell which model wrote what, so of a message only the text, the files and the
position on the screen come through here. Answers name responses by their position.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from markupsafe import Markup
from msgspec import Struct

from plaudit.core.labeling.questions import (
    SELECTED,
    Display,
    Question,
    asked_turns,
    questions,
    responses,
)
from plaudit.core.tasks.forms import Field, Form, Level
from plaudit.wire.v2.task import Attachment, Chunk, Message, MessageRole, Thread, Turn
from plaudit.workspace.annotate.controls import Control, control_of, why_key
from plaudit.workspace.annotate.files import Files
from plaudit.workspace.render import rich_text

_ROLES = {
    MessageRole.system: "Instructions to the assistant",
    MessageRole.user: "Prompt",
    MessageRole.assistant: "Response",
    MessageRole.function: "Result of a tool",
}


class FileShown(Struct, frozen=True):
    """A file beside a message. `shown_as` is image, audio, video, link or name; only files that
    this server keeps are shown or played."""

    name: str
    kind: str
    shown_as: str
    url: str | None
    transcript: str | None


class Step(Struct, frozen=True):
    """A chunk of a message, with the questions about it."""

    number: int
    body: Markup
    controls: list[Control]


class MessageShown(Struct, frozen=True):
    """A message, and the questions that stand at it.

    `position` is a response's position on the screen, from 1; None for other messages.
    """

    role: str
    title: str
    position: int | None
    body: Markup
    raw: str
    words: int
    files: list[FileShown]
    references: list[tuple[str, Markup]]
    reasoning: list[Markup]
    steps: list[Step]
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
        return [
            self._message(at, turn, index, None)
            for index, message in enumerate(turn.messages)
            if message.role is not MessageRole.assistant
        ]

    def _message(self, at: str, turn: Turn, index: int, position: int | None) -> MessageShown:
        message = turn.messages[index]
        text = message.content.text or ""
        is_response = message.role is MessageRole.assistant
        own = self._of(at, index=index, level=Level.message)
        if is_response:
            own = [control for control in own if control.is_beside_text]
        for control in own:
            self._texts[control.text_key] = text
        return MessageShown(
            role=message.role.value,
            title=_ROLES[message.role] if position is None else f"Response {position}",
            position=position,
            body=self._rendered(text),
            raw=text,
            words=rich_text.word_count(text),
            files=[file_shown(file, self._files) for file in message.content.attachments or ()],
            references=[
                (reference.category or "Reference", self._rendered(reference.content or ""))
                for reference in message.content.reference_texts or ()
            ],
            reasoning=[
                self._rendered(step.content)
                for step in message.content.reasoning or ()
                if step.content
            ],
            steps=[
                self._step(at, index, number, chunk)
                for number, chunk in enumerate(message.content.chunks or ())
            ],
            controls=own,
            model=None if self._is_blind else _model(message),
        )

    def _rendered(self, text: str) -> Markup:
        return rich_text.render_markdown(self._files.put_into(text), self._files.is_shown)

    def _step(self, at: str, index: int, number: int, chunk: Chunk) -> Step:
        own = self._of(at, index=index, chunk=number, level=Level.chunk)
        for control in own:
            self._texts[control.text_key] = chunk.text
        return Step(number + 1, self._rendered(chunk.text), own)

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


def file_shown(attachment: Attachment, files: Files) -> FileShown:
    """A file beside a message, as pages show it."""
    url = attachment.url or ""
    kept = files.find(url)
    mime = attachment.mime_type or (kept and kept.mime_type) or ""
    name = (
        attachment.name or (kept and kept.name) or urlsplit(url).path.rpartition("/")[2] or "file"
    )
    if kept is not None:
        shown_as = _shown_as(kept.shown_as, mime)
        url = f"/files/{kept.attachment_id}"
    elif urlsplit(url).scheme in ("http", "https"):
        shown_as = "link"
    else:
        shown_as, url = "name", ""
    return FileShown(name, mime or "file", shown_as, url or None, attachment.transcript)


def _model(message: Message) -> str:
    parameters = message.model_parameters
    return (parameters.model if parameters else None) or message.source_id


def _shown_as(sniffed: str, mime: str) -> str:
    """`FileShown.shown_as` of a kept file; `sniffed` is the media type of its first bytes."""
    kind = sniffed.partition("/")[0]
    if kind == "video" and mime.startswith("audio/"):
        return "audio"
    return kind or "link"


def as_json(value: Any) -> str:
    """JSON for an attribute of the page; the template escapes it."""
    return msgspec.json.encode(value).decode()

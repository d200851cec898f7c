"""A task as the annotation page draws it, for its templates: threads, sections, turns, messages."""

from __future__ import annotations

from msgspec import Struct

from plaudit.workspace.annotate.controls import Control
from plaudit.workspace.annotate.message_parts import FileShown, ReferenceShown
from plaudit.workspace.annotate.portions import Gap
from plaudit.workspace.annotate.question_index import QuestionIndex
from plaudit.workspace.render.text_batch import RenderedText


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


class QuestionGroup(Struct, frozen=True):
    """The questions of one section of the form about a turn or thread; `title` is None without one.

    `rows` and `criteria` are lines of grids, `controls` stand for themselves.
    """

    title: str | None
    description: str | None
    is_folded: bool
    rows: list[GridRow]
    criteria: list[GridRow]
    controls: list[Control]


class TurnShown(Struct, frozen=True, kw_only=True):
    """A turn that is asked about, or one that led there (`is_asked` is false)."""

    at: str
    name: str
    is_asked: bool
    prompt: list[MessageShown]
    responses: list[MessageShown]
    opening: str = ""
    """First line of the prompt of a turn that is not asked about."""
    continued: MessageShown | None = None
    """The response with which the conversation went on, where that is known."""
    groups: list[QuestionGroup] = []
    """Those with questions, in the order of the form."""


class Section(Struct, frozen=True):
    """A turn that is asked about, and what stands before it: each turn is drawn once.

    `led_by` are the turns between it and the one that was asked about before, `above`; in a long
    context, `gap` stands for those that are not drawn, and `led_by_last` are the ones after it.
    """

    turn: TurnShown
    led_by: list[TurnShown]
    gap: Gap | None
    led_by_last: list[TurnShown]
    above: TurnName | None
    is_last: bool


class TurnName(Struct, frozen=True):
    """Name and path of a turn."""

    at: str
    name: str


class ThreadShown(Struct, frozen=True):
    """A conversation, as far as it is drawn."""

    at: str
    name: str
    sections: list[Section]
    """Up to the last turn that is asked about."""
    groups: list[QuestionGroup]
    """Questions about the whole conversation; they stand in its last section."""

    @property
    def turns(self) -> list[TurnShown]:
        """The turns that are drawn, in order."""
        return [
            turn
            for section in self.sections
            for turn in (*section.led_by, *section.led_by_last, section.turn)
        ]


class TaskShown(Struct, frozen=True):
    """The threads of a portion, and by `Control.text_key` the exact texts to mark or rewrite.

    `before` and `after` are the sections that are not drawn. `context` are turns of one section's
    context, where these are asked for; there are no threads then.
    """

    threads: list[ThreadShown]
    texts: dict[str, str]
    asked_count: int
    suggested_count: int
    """Suggestions in the portion."""
    section_count: int
    thread_count: int
    before: Gap | None
    after: Gap | None
    context: list[TurnShown]
    paths: set[str]
    """Of the turns that are asked about, and of the threads whose last turn is drawn."""
    questions: QuestionIndex | None
    """All questions of the task; None for a further portion."""

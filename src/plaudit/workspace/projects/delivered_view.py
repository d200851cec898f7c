"""A task as it is delivered, for people to read: conversations with everybody's judgement beside.

Unlike the annotation page it hides nothing: who wrote what, and what people said of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from markupsafe import Markup
from msgspec import Struct

from plaudit.wire.v2.annotation import Annotation
from plaudit.wire.v2.task import Message, Thread, Turn
from plaudit.workspace.annotate.annotation_view import FileShown, file_shown
from plaudit.workspace.annotate.files import Files
from plaudit.workspace.render import rich_text

LONG_CHARS = 80
"""A value with more characters stands below its name, not beside it."""


class Judgement(Struct, frozen=True):
    """An annotation: what was asked, what was said, and why."""

    title: str
    value: str
    is_long: bool
    why: str | None


class StepDelivered(Struct, frozen=True):
    """A piece of a message with what was said of it."""

    body: Markup
    judgements: list[Judgement]


class MessageDelivered(Struct, frozen=True):
    """A message with everything in it and what was said of it, criteria included."""

    role: str
    source_id: str
    model: str | None
    body: Markup
    reasoning: list[Markup]
    references: list[tuple[str, Markup]]
    files: list[FileShown]
    steps: list[StepDelivered]
    judgements: list[Judgement]


class TurnDelivered(Struct, frozen=True):
    """A turn: its messages, and what compares them."""

    name: str
    messages: list[MessageDelivered]
    judgements: list[Judgement]


class ThreadDelivered(Struct, frozen=True):
    """A conversation."""

    name: str
    turns: list[TurnDelivered]
    judgements: list[Judgement]


def build(threads: Sequence[Thread], files: Files) -> list[ThreadDelivered]:
    """Lay out a task's threads. Renders every text, so call it outside the event loop."""
    return [
        ThreadDelivered(
            "Conversation" if len(threads) == 1 else f"Conversation {number}",
            [_turn(turn, place, files) for place, turn in enumerate(thread.turns, 1)],
            _judgements(thread.annotations),
        )
        for number, thread in enumerate(threads, 1)
    ]


def _turn(turn: Turn, number: int, files: Files) -> TurnDelivered:
    criteria = {
        one.id: one.criterion
        for rubric in turn.rubrics or ()
        for one in rubric.criteria_definitions
    }
    return TurnDelivered(
        f"Turn {number}",
        [_message(one, criteria, files) for one in turn.messages],
        _judgements(turn.annotations),
    )


def _message(message: Message, criteria: dict[str, str], files: Files) -> MessageDelivered:
    def rendered(text: str | None) -> Markup:
        return rich_text.render_markdown(files.put_into(text or ""), files.is_shown)

    parameters, said = message.model_parameters, message.content
    return MessageDelivered(
        role=message.role.value,
        source_id=message.source_id,
        model=parameters.model if parameters else None,
        body=rendered(said.text),
        reasoning=[rendered(one.content) for one in said.reasoning or () if one.content],
        references=[
            (one.category or "Reference", rendered(one.content))
            for one in said.reference_texts or ()
        ],
        files=[file_shown(one, files) for one in said.attachments or ()],
        steps=[
            StepDelivered(rendered(one.text), _judgements(one.annotations))
            for one in said.chunks or ()
        ],
        judgements=[*_judgements(message.annotations), *_scores(message, criteria)],
    )


def _scores(message: Message, criteria: dict[str, str]) -> list[Judgement]:
    """What the criteria of rubrics came to for a message."""
    found = []
    for evaluation in message.rubric_evaluations or ():
        for one in evaluation.criteria_evaluations or ():
            name = criteria.get(one.criterion_definition_id or "", "Criterion")
            if one.score is not None:
                found.append(Judgement(name, str(one.score), False, None))
            found += _judgements(one.annotations or (), f"{name}: ")
    return found


def _judgements(annotations: Sequence[Annotation], prefix: str = "") -> list[Judgement]:
    found = []
    for one in annotations:
        text = _text(one)
        is_long = len(text) > LONG_CHARS or "\n" in text
        found.append(Judgement(prefix + (one.title or one.key), text, is_long, one.justification))
    return found


def _text(one: Annotation) -> str:
    if one.value is None:
        if one.not_applicable:
            return "not applicable"
        return "cannot assess" if one.cannot_assess else "–"
    label = _label(one)
    return _plain(one.value) if label is None else f"{_plain(one.value)} · {label}"


def _label(one: Annotation) -> str | None:
    """What the value is called, where the annotation says so and it differs."""
    values = one.possible_values or []
    if one.labels and len(one.labels) == len(values) and one.value in values:
        label = one.labels[values.index(one.value)]
        return None if label == str(one.value) else label
    return None


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(one, str | int) for one in value):
        return ", ".join(map(str, value))
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()

"""View of a task's delivered threads with their annotations, for managers.

Unlike the annotation page it shows the models' names and all annotations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.wire.v2.annotation import Annotation
from plaudit.wire.v2.task import Message, Thread, Turn
from plaudit.workspace.annotate import message_parts
from plaudit.workspace.annotate.files import Files
from plaudit.workspace.annotate.message_parts import FileShown, ReferenceShown
from plaudit.workspace.annotate.portions import Gap, Place, Plan, Portion, all_places
from plaudit.workspace.language.speech import say
from plaudit.workspace.language.words import built_in
from plaudit.workspace.render.text_batch import RenderedText, TextBatch

LONG_CHARS = 80
"""Longest value, in characters, that is shown beside its title instead of below."""


class Judgement(Struct, frozen=True):
    """Annotation as text; `why` is its justification."""

    title: str
    value: str
    is_long: bool
    why: str | None


class StepDelivered(Struct, frozen=True):
    """Step of a message with its annotations; `kind` is None for plain text, the body if empty."""

    kind: str | None
    body: RenderedText | None
    judgements: list[Judgement]


class MessageDelivered(Struct, frozen=True):
    """Message with its parts, annotations and rubric scores.

    `body` is None if there is no text or the steps say all of it; `after` is the source_id of the
    response whose tool gave this result.
    """

    role: str
    source_id: str
    after: str | None
    model: str | None
    body: RenderedText | None
    is_empty: bool
    reasoning: list[RenderedText]
    references: list[ReferenceShown]
    files: list[FileShown]
    steps: list[StepDelivered]
    judgements: list[Judgement]


class TurnDelivered(Struct, frozen=True):
    """Turn with its messages and its own annotations, which compare them."""

    name: str
    messages: list[MessageDelivered]
    judgements: list[Judgement]


class ThreadDelivered(Struct, frozen=True):
    """Turns of a thread, and below the last one the thread's own annotations."""

    name: str
    has_names: bool
    """True if its turns are named: if it has several."""
    turns: list[TurnDelivered]
    judgements: list[Judgement]


class PortionDelivered(Struct, frozen=True):
    """The threads of a portion; `before` and `after` are the turns that are not drawn."""

    threads: list[ThreadDelivered]
    before: Gap | None
    after: Gap | None


def build(
    threads: Sequence[Thread],
    files: Files,
    texts: TextBatch,
    choose: Callable[[Plan], Portion],
) -> PortionDelivered:
    """Build the view of a portion of a task's threads, with its texts added to a batch."""
    counts = {
        f"t{t}u{u}": sum(len(message.annotations) for message in turn.messages)
        for t, thread in enumerate(threads)
        for u, turn in enumerate(thread.turns)
    }
    plan = Plan(threads, all_places(threads), counts)
    portion = choose(plan)
    places = [plan.places[number] for number in portion.sections]
    return PortionDelivered(
        [
            _thread(threads, t, list(of_thread), files, texts)
            for t, of_thread in groupby(places, lambda place: place.thread)
        ],
        portion.before,
        portion.after,
    )


def _thread(
    threads: Sequence[Thread], t: int, places: Sequence[Place], files: Files, texts: TextBatch
) -> ThreadDelivered:
    thread, first = threads[t], places[0].first
    name = (
        say("Conversation") if len(threads) == 1 else say("Conversation %(number)s", number=t + 1)
    )
    turns = [place.turn for place in places if place.turn >= 0]
    return ThreadDelivered(
        say("%(name)s, from turn %(number)s", name=name, number=first + 1) if first else name,
        len(thread.turns) > 1,
        [_turn(thread.turns[number], number + 1, files, texts) for number in turns],
        _judgements(thread.annotations) if places[-1].is_last else [],
    )


def _turn(turn: Turn, number: int, files: Files, texts: TextBatch) -> TurnDelivered:
    criteria = {
        definition.id: definition.criterion
        for rubric in turn.rubrics or ()
        for definition in rubric.criteria_definitions
    }
    response_of = {
        result: response
        for response, results in message_parts.tool_results(turn).items()
        for result in results
    }
    return TurnDelivered(
        say("Turn %(number)s", number=number),
        [
            _message(
                message,
                turn.messages[response_of[index]] if index in response_of else None,
                criteria,
                files,
                texts,
            )
            for index, message in enumerate(turn.messages)
        ],
        _judgements(turn.annotations),
    )


def _message(
    message: Message,
    after: Message | None,
    criteria: dict[str, str],
    files: Files,
    texts: TextBatch,
) -> MessageDelivered:
    def rendered(text: str | None) -> RenderedText | None:
        return message_parts.rendered(text, files, texts)

    parameters, content = message.model_parameters, message.content
    return MessageDelivered(
        role=message.role.value,
        source_id=message.source_id,
        after=None if after is None else after.source_id,
        model=parameters.model if parameters else None,
        body=rendered(message_parts.own_text(content)),
        is_empty=message_parts.is_empty(content),
        reasoning=[
            body for part in content.reasoning or () if (body := rendered(part.content)) is not None
        ],
        references=[
            message_parts.reference_shown(reference, files, texts)
            for reference in content.reference_texts or ()
        ],
        files=[
            message_parts.file_shown(attachment, files) for attachment in content.attachments or ()
        ],
        steps=[
            StepDelivered(
                message_parts.chunk_kind(chunk),
                rendered(chunk.text),
                _judgements(chunk.annotations),
            )
            for chunk in content.chunks or ()
        ],
        judgements=[*_judgements(message.annotations), *_scores(message, criteria)],
    )


def _scores(message: Message, criteria: dict[str, str]) -> list[Judgement]:
    """Rubric scores of a message, with the annotations of each criterion."""
    judgements = []
    for evaluation in message.rubric_evaluations or ():
        for scored in evaluation.criteria_evaluations or ():
            name = criteria.get(scored.criterion_definition_id or "", say("Criterion"))
            if scored.score is not None:
                judgements.append(Judgement(name, str(scored.score), False, None))
            judgements += _judgements(scored.annotations or (), f"{name}: ")
    return judgements


def _judgements(annotations: Sequence[Annotation], prefix: str = "") -> list[Judgement]:
    judgements = []
    for annotation in annotations:
        text = _text(annotation)
        is_long = len(text) > LONG_CHARS or "\n" in text
        title = prefix + built_in(annotation.title or annotation.key)
        judgements.append(Judgement(title, text, is_long, annotation.justification))
    return judgements


def _text(annotation: Annotation) -> str:
    if annotation.value is None:
        if annotation.not_applicable:
            return say("not applicable")
        return say("cannot assess") if annotation.cannot_assess else "–"
    label = _label(annotation)
    return _plain(annotation.value) if label is None else f"{_plain(annotation.value)} · {label}"


def _label(annotation: Annotation) -> str | None:
    """Label of the annotation's value, None without one or if it equals the value."""
    values = annotation.possible_values or []
    if annotation.labels and len(annotation.labels) == len(values) and annotation.value in values:
        label = annotation.labels[values.index(annotation.value)]
        return None if label == str(annotation.value) else built_in(label)
    return None


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
        return ", ".join(map(str, value))
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()

"""A task as somebody who works on it is shown it: without what would tell the models apart.

Responses stand in the order that the lease says, by position; everything is addressed as answers
address it (answers.py). Ids, sources, model parameters and what is annotated already are left
out; unless the project is blind, sources and models stand beside the responses.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from plaudit.core.labeling.questions import SELECTED, Display, asked_turns, questions, responses
from plaudit.core.tasks.forms import Field, Form
from plaudit.wire.v2.annotation import Number
from plaudit.wire.v2.task import Message, MessageContent, MessageRole, Thread, Turn


class ShownMessage(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One message: a response has a position, any other its index in the turn."""

    position: int | None = None
    message: int | None = None
    role: MessageRole
    content: MessageContent
    source_id: str | None = None
    model: str | None = None


class ShownCriterion(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One criterion of a turn's rubrics."""

    id: str
    criterion: str
    weight: Number | None = None


class ShownTurn(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One turn. `continued` is the position of the response that the next turn goes on from."""

    at: str
    is_asked: bool
    messages: list[ShownMessage]
    responses: list[ShownMessage]
    criteria: list[ShownCriterion]
    continued: int | None = None


class ShownThread(Struct, frozen=True, kw_only=True):
    """One conversation."""

    at: str
    turns: list[ShownTurn]


class ShownQuestion(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One question, addressed as its answer is."""

    at: str
    position: int | None = None
    message: int | None = None
    chunk: int | None = None
    criterion: str | None = None
    field: Field


class ShownTask(Struct, frozen=True, kw_only=True):
    """What is worked on, and what is asked."""

    threads: list[ShownThread]
    questions: list[ShownQuestion]


def show(form: Form, content: Sequence[Thread], display: Display, *, is_blind: bool) -> ShownTask:
    """A conversation and its questions, responses in this order."""
    threads = []
    for t, thread in enumerate(content):
        asked = set(asked_turns(thread))
        shown = [
            _turn(turn, f"t{t}u{u}", display, is_asked=u in asked, is_blind=is_blind)
            for u, turn in enumerate(thread.turns)
        ]
        threads.append(ShownThread(at=f"t{t}", turns=shown))
    listed = []
    for question in questions(form, content):
        place = question.place
        order = display.get(place.at, [])
        is_response = place.message is not None and place.message in order
        listed.append(
            ShownQuestion(
                at=place.at,
                position=order.index(place.message) + 1
                if is_response and place.message is not None
                else None,
                message=None if is_response else place.message,
                chunk=place.chunk,
                criterion=place.criterion,
                field=question.field,
            )
        )
    return ShownTask(threads=threads, questions=listed)


def _turn(turn: Turn, at: str, display: Display, *, is_asked: bool, is_blind: bool) -> ShownTurn:
    order = display.get(at, [])
    answered = set(responses(turn))
    chosen = {one.value for one in turn.annotations if one.key == SELECTED}
    return ShownTurn(
        at=at,
        is_asked=is_asked,
        messages=[
            _message(one, message=m, is_blind=is_blind)
            for m, one in enumerate(turn.messages)
            if m not in answered
        ],
        responses=[
            _message(turn.messages[m], position=position, is_blind=is_blind)
            for position, m in enumerate(order, 1)
        ],
        criteria=[
            ShownCriterion(id=one.id, criterion=one.criterion, weight=one.weight)
            for rubric in turn.rubrics or ()
            for one in rubric.criteria_definitions
        ],
        continued=next(
            (
                position
                for position, m in enumerate(order, 1)
                if turn.messages[m].source_id in chosen and not is_asked
            ),
            None,
        ),
    )


def _message(
    one: Message, *, position: int | None = None, message: int | None = None, is_blind: bool
) -> ShownMessage:
    said = one.content
    if said.chunks:
        bare = [msgspec.structs.replace(chunk, annotations=[]) for chunk in said.chunks]
        said = msgspec.structs.replace(said, chunks=bare)
    parameters = one.model_parameters
    return ShownMessage(
        position=position,
        message=message,
        role=one.role,
        content=said,
        source_id=None if is_blind else one.source_id,
        model=None if is_blind or parameters is None else parameters.model,
    )

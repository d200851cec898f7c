"""Questions of a conversation: the form's fields, put to its threads, turns and responses.

Which turns are asked about follows from the conversation. Where the form asks for responses and
turns lack one, these turns; else, where a turn has several responses, the turns that have (the
others led there); else the turns that lack a response, or every turn. A preference is asked where
there are exactly two responses, a ranking or a choice among responses where there are two or more.
A remark explains a comparison where the form has one: it is not asked where no response is.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from plaudit.core.labeling.types import rules_of
from plaudit.core.tasks.forms import Field, Form, Level, TextUse
from plaudit.wire.v2.task import Message, MessageRole, Thread, Turn

SELECTED = "selected_model_id"
"""The key that names the preferred response; it follows from a preference or ranking, if asked."""

Display = dict[str, list[int]]
"""Indexes of each turn's responses among its messages, in the order shown, by the turn's path."""


class QuestionTarget(Struct, frozen=True):
    """The thing that a question is about. `at` is the path of a thread or turn, such as `t0u1`.

    `message` and `chunk` are indexes, `criterion` is an id.
    """

    at: str
    thread: int
    turn: int | None = None
    message: int | None = None
    chunk: int | None = None
    criterion: str | None = None


class Question(Struct, frozen=True):
    """One field, asked about one target."""

    field: Field
    target: QuestionTarget


Place = tuple[QuestionTarget, str]
"""The thing that a question is about, and its key: no two questions of a task have the same."""


def place_of(question: Question) -> Place:
    """The place of a question."""
    return question.target, question.field.key


def source_of(question: Question) -> Place | None:
    """The place of the question that a condition names; None for a question without one."""
    condition, target = question.field.ask_if, question.target
    if condition is None:
        return None
    level = condition.level or question.field.level
    if level is not question.field.level:
        message = target.message if level is Level.message else None
        target = QuestionTarget(target.at, target.thread, target.turn, message)
    return target, condition.key


def has_conditions(form: Form) -> bool:
    """True if any question of a form has a condition."""
    return any(field.ask_if is not None for field in form.fields)


def in_form_order(form: Form, asked: Sequence[Question]) -> list[Question]:
    """Questions in the order of the form, in which each stands behind what its condition names."""
    order = {(field.level, field.key): number for number, field in enumerate(form.fields)}
    return sorted(asked, key=lambda one: order[one.field.level, one.field.key])


def questions(form: Form, content: Sequence[Thread]) -> list[Question]:
    """Every question that a form asks about a conversation, in the order of the conversation.

    Those with a condition are among them, but for those whose condition nothing there can meet.
    """
    asked: list[Question] = []
    for t, thread in enumerate(content):
        for u in asked_turns(form, thread):
            asked += _about_turn(form, thread.turns[u], QuestionTarget(f"t{t}u{u}", t, u))
        asked += [
            Question(field, QuestionTarget(f"t{t}", t))
            for field in _fields(form, Level.thread)
            if not rules_of(field).is_ranking
        ]
    return _reachable(form, asked) if has_conditions(form) else asked


def asked_turns(form: Form, thread: Thread) -> list[int]:
    """The indexes of the turns that are asked about."""
    counts = [len(responses(turn)) for turn in thread.turns]
    lacking = [number for number, count in enumerate(counts) if count == 0]
    comparing = [number for number, count in enumerate(counts) if count > 1]
    written = lacking if _asks_for_responses(form) else []
    return written or comparing or lacking or list(range(len(counts)))


def responses(turn: Turn) -> list[int]:
    """The indexes of a turn's responses, the messages of the assistant."""
    return [
        index
        for index, message in enumerate(turn.messages)
        if message.role is MessageRole.assistant
    ]


def picks_responses(field: Field) -> bool:
    """True if the answer to a field is one or more of the turn's responses."""
    return rules_of(field).picks_responses(field)


def deriving_field(form: Form, turn: Turn) -> Field | None:
    """The field whose answer decides on the preferred response of a turn, None without one."""
    asked = [field for field in _fields(form, Level.turn) if _is_asked(form, field, turn)]
    preferences = [field for field in asked if field.scale is not None]
    rankings = [field for field in asked if rules_of(field).is_ranking]
    return next(iter(preferences + rankings), None)


def random_order(content: Sequence[Thread]) -> Display:
    """A random order of each turn's responses."""
    source, display = secrets.SystemRandom(), {}
    for path, turn in turns(content):
        order = responses(turn)
        source.shuffle(order)
        if order:
            display[path] = order
    return display


def own_order(content: Sequence[Thread]) -> Display:
    """Each turn's responses in their own order, that of the conversation."""
    return {path: order for path, turn in turns(content) if (order := responses(turn))}


def turns(content: Sequence[Thread]) -> Iterator[tuple[str, Turn]]:
    """Each turn of a conversation with its path, in order."""
    for t, thread in enumerate(content):
        for u, turn in enumerate(thread.turns):
            yield f"t{t}u{u}", turn


def _reachable(form: Form, asked: Sequence[Question]) -> list[Question]:
    """The questions but for those whose condition names what is not among them."""
    places = set[Place]()
    for question in in_form_order(form, asked):
        source = source_of(question)
        if source is None or source in places:
            places.add(place_of(question))
    return [question for question in asked if place_of(question) in places]


def _about_turn(form: Form, turn: Turn, target: QuestionTarget) -> Iterator[Question]:
    for m, message in enumerate(turn.messages):
        yield from _about_message(form, turn, message, _inside(target, message=m))
    for field in _fields(form, Level.turn):
        is_derived = field.key == SELECTED and deriving_field(form, turn) is not None
        if _is_asked(form, field, turn) and not is_derived:
            yield Question(field, target)


def _about_message(
    form: Form, turn: Turn, message: Message, target: QuestionTarget
) -> Iterator[Question]:
    for field in _fields(form, Level.message):
        if _applies(field, message) and not rules_of(field).is_ranking:
            yield Question(field, target)
    for c in range(len(message.content.chunks or ())):
        for field in _fields(form, Level.chunk):
            if _applies(field, message) and not rules_of(field).is_ranking:
                yield Question(field, _inside(target, chunk=c))
    if message.role is MessageRole.assistant:
        for rubric in turn.rubrics or ():
            for criterion in rubric.criteria_definitions:
                for field in _fields(form, Level.criterion):
                    if not rules_of(field).is_ranking:
                        yield Question(field, _inside(target, criterion=criterion.id))


def _is_asked(form: Form, field: Field, turn: Turn) -> bool:
    """True if a field of level turn applies to this turn."""
    count = len(responses(turn))
    if field.use is TextUse.response:
        return count == 0
    if count == 0 and rules_of(field).is_reason and not _asks_for_responses(form):
        return not (field.names_responses or _compares(form))
    if field.scale is not None:
        return count == 2
    return count > 1 or not picks_responses(field)


def _asks_for_responses(form: Form) -> bool:
    """True if people write the response of a turn that has none."""
    return any(field.use is TextUse.response for field in _fields(form, Level.turn))


def _compares(form: Form) -> bool:
    """True if a form asks which of a turn's responses is better."""
    return any(
        field.scale is not None or rules_of(field).is_ranking or picks_responses(field)
        for field in _fields(form, Level.turn)
    )


def _applies(field: Field, message: Message) -> bool:
    return message.role is (field.applies_to or MessageRole.assistant)


def _fields(form: Form, level: Level) -> list[Field]:
    return [
        field
        for field in form.fields
        if field.level is level and rules_of(field).widget is not None
    ]


def _inside(
    target: QuestionTarget,
    *,
    message: int | None = None,
    chunk: int | None = None,
    criterion: str | None = None,
) -> QuestionTarget:
    return QuestionTarget(
        target.at,
        target.thread,
        target.turn,
        target.message if message is None else message,
        chunk,
        criterion,
    )


class Positions:
    """Positions of responses on the screen; looking one up costs the same in any turn."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._of: dict[str, dict[int, int]] = {}

    def of(self, at: str) -> dict[int, int]:
        """Positions of a turn's responses, from 1, by their indexes."""
        if at not in self._of:
            order = self._display.get(at, [])
            self._of[at] = {index: position for position, index in enumerate(order, 1)}
        return self._of[at]


def address_in_turn(question: Question, positions: Positions) -> dict[str, Any]:
    """The address of a question without its turn."""
    target, address = question.target, dict[str, Any]()
    if target.message is not None:
        position = positions.of(target.at).get(target.message)
        if position is not None:
            address["position"] = position
        else:
            address["message"] = target.message
    if target.chunk is not None:
        address["chunk"] = target.chunk
    if target.criterion is not None:
        address["criterion"] = target.criterion
    address["key"] = question.field.key
    return address

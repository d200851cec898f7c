"""What is asked about a conversation: the form's fields, put to its threads, turns and responses.

Which turns are asked about follows from the conversation: where a turn lacks a response, the turns
that lack one (somebody is to write it); else, where a turn has several responses, the turns that
have (the others led there); else every turn. A preference is asked where there are exactly two
responses, a ranking or a choice among responses where there are two or more.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence

from msgspec import Struct

from plaudit.core.tasks.forms import Field, Form, Level, TextUse
from plaudit.wire.v2.annotation import AnnotationType
from plaudit.wire.v2.task import Message, MessageRole, Thread, Turn

SELECTED = "selected_model_id"
"""The key that names the preferred response; it follows from a preference or ranking, if asked."""

RANKED = (AnnotationType.ranked_choices, AnnotationType.ranked_groups)
_UNASKED = (
    AnnotationType.file,
    AnnotationType.rubric_criteria,
    AnnotationType.workspace_container,
)
"""Types that nobody fills in by hand here; a form may have them for what is imported."""

Display = dict[str, list[int]]
"""For each turn with responses, by its path: their indexes among its messages, as shown."""


class QuestionTarget(Struct, frozen=True):
    """What a question is about. `at` is the path of a thread or turn, such as `t0u1`.

    `message` and `chunk` are indexes, `criterion` is an id.
    """

    at: str
    thread: int
    turn: int | None = None
    message: int | None = None
    chunk: int | None = None
    criterion: str | None = None


class Question(Struct, frozen=True):
    """One field, asked about one place."""

    field: Field
    place: QuestionTarget


def questions(form: Form, content: Sequence[Thread]) -> list[Question]:
    """Every question that a form asks about a conversation, in the order of the conversation."""
    found: list[Question] = []
    for t, thread in enumerate(content):
        for u in asked_turns(thread):
            found += _about_turn(form, thread.turns[u], QuestionTarget(f"t{t}u{u}", t, u))
        found += [
            Question(field, QuestionTarget(f"t{t}", t))
            for field in _fields(form, Level.thread)
            if field.type not in RANKED
        ]
    return found


def asked_turns(thread: Thread) -> list[int]:
    """The indexes of the turns that are asked about."""
    counts = [len(responses(turn)) for turn in thread.turns]
    lacking = [number for number, count in enumerate(counts) if count == 0]
    comparing = [number for number, count in enumerate(counts) if count > 1]
    return lacking or comparing or list(range(len(counts)))


def responses(turn: Turn) -> list[int]:
    """The indexes of a turn's responses: what the assistant says."""
    return [m for m, one in enumerate(turn.messages) if one.role is MessageRole.assistant]


def names_response(field: Field) -> bool:
    """Whether the answer to a field is one or more of the turn's responses."""
    return field.level is Level.turn and (
        field.type in RANKED
        or (
            field.type in (AnnotationType.category, AnnotationType.category_multiple)
            and field.possible_values is None
        )
    )


def deriving_field(form: Form, turn: Turn) -> Field | None:
    """The field whose answer says which response of a turn is the preferred one, if one does."""
    asked = [field for field in _fields(form, Level.turn) if _is_asked(field, turn)]
    preferences = [field for field in asked if field.scale is not None]
    rankings = [field for field in asked if field.type in RANKED]
    return next(iter(preferences + rankings), None)


def shuffled(content: Sequence[Thread]) -> Display:
    """An order in which to show each turn's responses, at random."""
    source, found = secrets.SystemRandom(), {}
    for path, turn in turns(content):
        order = responses(turn)
        source.shuffle(order)
        if order:
            found[path] = order
    return found


def unshuffled(content: Sequence[Thread]) -> Display:
    """The order in which each turn's responses were given."""
    return {path: order for path, turn in turns(content) if (order := responses(turn))}


def turns(content: Sequence[Thread]) -> Iterator[tuple[str, Turn]]:
    """Each turn with its path."""
    for t, thread in enumerate(content):
        for u, turn in enumerate(thread.turns):
            yield f"t{t}u{u}", turn


def _about_turn(form: Form, turn: Turn, place: QuestionTarget) -> Iterator[Question]:
    for m, message in enumerate(turn.messages):
        yield from _about_message(form, turn, message, _inside(place, message=m))
    for field in _fields(form, Level.turn):
        is_derived = field.key == SELECTED and deriving_field(form, turn) is not None
        if _is_asked(field, turn) and not is_derived:
            yield Question(field, place)


def _about_message(
    form: Form, turn: Turn, message: Message, place: QuestionTarget
) -> Iterator[Question]:
    for field in _fields(form, Level.message):
        if _applies(field, message) and field.type not in RANKED:
            yield Question(field, place)
    for c in range(len(message.content.chunks or ())):
        for field in _fields(form, Level.chunk):
            if _applies(field, message) and field.type not in RANKED:
                yield Question(field, _inside(place, chunk=c))
    if message.role is MessageRole.assistant:
        for rubric in turn.rubrics or ():
            for criterion in rubric.criteria_definitions:
                for field in _fields(form, Level.criterion):
                    if field.type not in RANKED:
                        yield Question(field, _inside(place, criterion=criterion.id))


def _is_asked(field: Field, turn: Turn) -> bool:
    """Whether a field of a turn makes sense for this one."""
    count = len(responses(turn))
    if field.use is TextUse.response:
        return count == 0
    if field.scale is not None:
        return count == 2
    return count > 1 or not names_response(field)


def _applies(field: Field, message: Message) -> bool:
    return message.role is (field.applies_to or MessageRole.assistant)


def _fields(form: Form, level: Level) -> list[Field]:
    return [one for one in form.fields if one.level is level and one.type not in _UNASKED]


def _inside(
    place: QuestionTarget,
    *,
    message: int | None = None,
    chunk: int | None = None,
    criterion: str | None = None,
) -> QuestionTarget:
    return QuestionTarget(
        place.at,
        place.thread,
        place.turn,
        place.message if message is None else message,
        chunk,
        criterion,
    )

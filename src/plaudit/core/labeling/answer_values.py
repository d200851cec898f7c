"""What the value of an answer may be, by the type of its field, and how it is stored.

Values that depend on the order in which responses were shown are stored as if they had been shown
in their own order.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.questions import (
    RANKED,
    Question,
    QuestionTarget,
    names_response,
    responses,
)
from plaudit.core.tasks.forms import LIKERT, TEXT_CHARS_MAX, Field
from plaudit.json_guard import INT_MAX, INT_MIN
from plaudit.wire.v2.annotation import AnnotationType
from plaudit.wire.v2.task import Thread

ANSWER_CHARS_MAX = 100_000
SPANS_MAX = 1000
SCORE_MAX = 1_000_000

MENTION = re.compile(r"@Response (\d{1,3})(?!\d)")
_UNFIT = re.compile(r"[\x00\ud800-\udfff]")


class InvalidAnswer(Exception):
    """One thing that is wrong with an answer; `where` is a pointer below it."""

    def __init__(self, message: str, where: str = "/value") -> None:
        super().__init__(message)
        self.message = message
        self.where = where


def stored_value(
    question: Question, content: Sequence[Thread], order: list[int], value: Any
) -> Any:
    """A value as it is stored, None if it is empty; raises Wrong."""
    field = question.field
    if names_response(field):
        sources = _shown_sources(content, question.place, order)
        return _named(field, sources, value)
    match field.type:
        case AnnotationType.boolean:
            return _typed(value, bool, "true or false", field)
        case AnnotationType.integer:
            return _mirrored(field, order, _typed(value, int, "a whole number", field))
        case AnnotationType.text:
            return _text(field, order, value)
        case AnnotationType.category:
            return _typed(value, str, "a text", field)
        case AnnotationType.category_multiple:
            return _several(field, value)
        case AnnotationType.labeled_text:
            return _spans(field, _text_at(content, question.place), value)
        case _:
            return _rating(value)


def as_shown(question: Question, content: Sequence[Thread], value: Any) -> Any:
    """A stored value as somebody gives it who sees the responses in their own order.

    None if the question, as it is asked now, does not take it: forms and responses may have changed
    since it was stored. Texts may have become too short for it, and stay.
    """
    place = question.place
    order: list[int] = []
    if place.turn is not None:
        order = responses(content[place.thread].turns[place.turn])
    if names_response(question.field):
        sources = _shown_sources(content, place, order)
        value = placed({source: n for n, source in enumerate(sources, 1)}, value)
    elif question.field.type == AnnotationType.text:
        return value if isinstance(value, str) else None
    if value is None:
        return None
    try:
        stored_value(question, content, order, value)
    except InvalidAnswer:
        return None
    return value


def placed(positions: dict[str, int], value: Any) -> Any:
    """Sources as positions, in whatever lists they stand; None if one is unknown."""
    if isinstance(value, list):
        found = [placed(positions, one) for one in value]
        return None if None in found else found
    return positions.get(value) if isinstance(value, str) else None


def _typed(value: Any, kind: type, word: str, field: Field) -> Any:
    if type(value) is not kind:
        raise InvalidAnswer(f"expected {word}")
    if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        raise InvalidAnswer("the number is too large")
    if isinstance(value, str):
        check_text(value, "/value")
    possible = possible_values(field)
    if possible is not None and value not in possible:
        raise InvalidAnswer("this is not one of the possible values")
    return value


def possible_values(field: Field) -> list[Any] | None:
    """What an answer may be; None if the type alone decides. A scale is 1 to 7 unless given."""
    if field.possible_values is None and field.scale is not None:
        return LIKERT
    return field.possible_values


def _mirrored(field: Field, order: list[int], value: int) -> int:
    """A preference as if the two responses had been shown in their own order."""
    if field.scale is None or order == sorted(order):
        return value
    possible: list[int] = possible_values(field) or []
    return possible[len(possible) - 1 - possible.index(value)]


def _text(field: Field, order: list[int], value: Any) -> str | None:
    if type(value) is not str:
        raise InvalidAnswer("expected a text")
    check_text(value, "/value", ANSWER_CHARS_MAX)
    if not value.strip():
        return None
    if len(value.strip()) < (field.chars_min or 0):
        raise InvalidAnswer(f"at least {field.chars_min} characters")
    if field.names_responses and order:
        named = {int(number) for number in MENTION.findall(value)}
        if not named & set(range(1, len(order) + 1)):
            raise InvalidAnswer("name a response, such as @Response 1")
    return value if field.use is not None else renumbered(value, order)


def renumbered(text: str, order: list[int]) -> str:
    """A text whose mentions count the responses in their own order, not as they were shown."""
    ranks = {index: rank for rank, index in enumerate(sorted(order), 1)}

    def number(found: re.Match[str]) -> str:
        position = int(found[1])
        if not 0 < position <= len(order):
            return found[0]
        return f"@Response {ranks[order[position - 1]]}"

    return MENTION.sub(number, text)


def _several(field: Field, value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > SPANS_MAX:
        raise InvalidAnswer("expected a list")
    for number, one in enumerate(value):
        if type(one) is not str:
            raise InvalidAnswer("expected a text", f"/value/{number}")
        check_text(one, f"/value/{number}")
        if field.possible_values is not None and one not in field.possible_values:
            raise InvalidAnswer("this is not one of the possible values", f"/value/{number}")
    if len(set(value)) != len(value):
        raise InvalidAnswer("a value stands twice")
    return value


def _shown_sources(content: Sequence[Thread], place: QuestionTarget, order: list[int]) -> list[str]:
    assert place.turn is not None, "only turns have responses"
    messages = content[place.thread].turns[place.turn].messages
    return [messages[index].source_id for index in order]


def _named(field: Field, sources: list[str], value: Any) -> Any:
    """Positions on the screen as the sources that stood there."""

    def source(position: Any, where: str) -> str:
        if type(position) is not int or not 0 < position <= len(sources):
            raise InvalidAnswer(f"expected a response, 1 to {len(sources)}", where)
        return sources[position - 1]

    if field.type == AnnotationType.category:
        return source(value, "/value")
    if not isinstance(value, list) or len(value) > len(sources):
        raise InvalidAnswer("expected a list of responses")
    if field.type == AnnotationType.ranked_groups:
        if not all(isinstance(group, list) and group for group in value):
            raise InvalidAnswer("expected a list of groups, none of them empty")
        named: Any = [
            [source(one, f"/value/{g}/{n}") for n, one in enumerate(group)]
            for g, group in enumerate(value)
        ]
        flat = [one for group in named for one in group]
    else:
        named = flat = [source(one, f"/value/{n}") for n, one in enumerate(value)]
    if len(set(flat)) != len(flat):
        raise InvalidAnswer("a response stands twice")
    if field.type in RANKED and len(flat) != len(sources):
        raise InvalidAnswer("rank all responses")
    return named


class _Span(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    label: str
    text: str
    start: int | None = None
    end: int | None = None
    comment: str | None = None


def _spans(field: Field, text: str | None, value: Any) -> list[Any]:
    """Marked pieces of a text. `start` and `end` count characters, as Python does."""
    if not isinstance(value, list) or len(value) > SPANS_MAX:
        raise InvalidAnswer(f"expected a list of at most {SPANS_MAX} spans")
    for number, raw in enumerate(value):
        where = f"/value/{number}"
        try:
            span = msgspec.convert(raw, _Span)
        except msgspec.ValidationError as exc:
            raise InvalidAnswer(
                "expected label, text and perhaps start, end, comment", where
            ) from exc
        if field.labels is not None and span.label not in field.labels:
            raise InvalidAnswer("this is not one of the labels", where + "/label")
        for name in ("label", "text", "comment"):
            check_text(getattr(span, name) or "", f"{where}/{name}", ANSWER_CHARS_MAX)
        if not span.text or (span.start is None) != (span.end is None):
            raise InvalidAnswer("a span has a text, and start and end or neither", where)
        if text is None:
            continue
        if span.start is None or span.end is None:
            if span.text not in text:
                raise InvalidAnswer("the message does not say that", where + "/text")
        elif span.start < 0 or text[span.start : span.end] != span.text:
            raise InvalidAnswer("this is not what stands between start and end", where)
    return value


def _text_at(content: Sequence[Thread], place: QuestionTarget) -> str | None:
    """What the message or chunk of a place says; None for turns and threads."""
    if place.turn is None or place.message is None:
        return None
    said = content[place.thread].turns[place.turn].messages[place.message].content
    if place.chunk is not None:
        return (said.chunks or [])[place.chunk].text
    return said.text or ""


class _Rating(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    score: float | int
    justification: str | None = None


def _rating(value: Any) -> Any:
    try:
        rating = msgspec.convert(value, _Rating)
    except msgspec.ValidationError as exc:
        raise InvalidAnswer("expected a score and perhaps a justification") from exc
    if not math.isfinite(rating.score) or abs(rating.score) > SCORE_MAX:
        raise InvalidAnswer(f"a score is -{SCORE_MAX} to {SCORE_MAX}", "/value/score")
    check_text(rating.justification or "", "/value/justification")
    return value


def check_text(text: str, where: str, chars_max: int = TEXT_CHARS_MAX) -> None:
    """Refuse a text that is too long or cannot be written; raises Wrong."""
    if len(text) > chars_max:
        raise InvalidAnswer(f"at most {chars_max} characters", where)
    if _UNFIT.search(text):
        raise InvalidAnswer("the text holds characters that no text has", where)

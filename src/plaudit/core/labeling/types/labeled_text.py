"""Type `labeled_text`: spans of a message or chunk, each with a label and perhaps a comment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.ballots import all_items, first_given
from plaudit.core.labeling.line_ends import as_typed, find_piece
from plaudit.core.labeling.type_rules import (
    ANSWER_CHARS_MAX,
    ITEMS_MAX,
    AnswerContext,
    BarChart,
    ChartItem,
    Choice,
    InvalidAnswer,
    ResponseNames,
    TypeRules,
    Widget,
    check_text,
    plain_words,
    value_words,
)
from plaudit.core.tasks.forms import Consolidate, Field


class _Span(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    label: str
    text: str
    start: int | None = None
    end: int | None = None
    comment: str | None = None


def stored(context: AnswerContext, value: Any) -> list[Any]:
    """Spans of the text, each with the line ends that the text has; raises InvalidAnswer.

    `start` and `end` count Unicode code points of the text as it is delivered, as Python does.
    """
    if not isinstance(value, list) or len(value) > ITEMS_MAX:
        raise InvalidAnswer(f"expected a list of at most {ITEMS_MAX} spans")
    return [_stored_span(context, raw, f"/value/{number}") for number, raw in enumerate(value)]


def _stored_span(context: AnswerContext, raw: Any, where: str) -> Any:
    labels, text = context.field.labels, context.text
    try:
        span = msgspec.convert(raw, _Span)
    except msgspec.ValidationError as exc:
        raise InvalidAnswer("expected label, text and perhaps start, end, comment", where) from exc
    if labels is not None and span.label not in labels:
        raise InvalidAnswer("this is not one of the labels", where + "/label")
    for name in ("label", "text", "comment"):
        check_text(getattr(span, name) or "", f"{where}/{name}", ANSWER_CHARS_MAX)
    if not span.text or (span.start is None) != (span.end is None):
        raise InvalidAnswer("a span has a text, and start and end or neither", where)
    if text is None:
        return raw
    if span.start is None or span.end is None:
        piece = find_piece(text, span.text)
        if piece is None:
            raise InvalidAnswer("the message does not say that", where + "/text")
    else:
        piece = text[span.start : span.end]
        if span.start < 0 or as_typed(piece) != as_typed(span.text):
            raise InvalidAnswer("this is not what stands between start and end", where)
    return raw if piece == span.text else raw | {"text": piece}


def words(context: AnswerContext, choices: Sequence[Choice], value: Any) -> str:
    """Each span's label, text and comment."""
    if not isinstance(value, list):
        return value_words(context, choices, value)
    return "; ".join(map(_span_words, value)) or "nothing is marked"


def _span_words(span: Any) -> str:
    if not isinstance(span, dict):
        return plain_words(span)
    comment = f" ({span['comment']})" if span.get("comment") else ""
    return f"{span.get('label')}: “{span.get('text')}”{comment}"


def chart(field: Field) -> BarChart:
    """A bar for each label by the answers that use it, and for those that mark nothing."""
    return BarChart(field.labels, _label_items)


def _label_items(value: list[dict[str, Any]], names: ResponseNames) -> list[ChartItem]:
    labels = dict.fromkeys(span["label"] for span in value)
    used = [ChartItem(label) for label in labels]
    return used or [ChartItem("Nothing marked", is_value=False)]


def span_distance(
    field: Field, one: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]]
) -> float:
    """1 − F1 of the characters that two people marked, each with its label."""
    marks, others = _marks(one), _marks(other)
    size = sum(map(_length, marks.values())) + sum(map(_length, others.values()))
    common = sum(_common(marks[key], others[key]) for key in marks.keys() & others.keys())
    return 1 - 2 * common / size if size else 0.0


_Ranges = list[tuple[int, int]]


def _marks(spans: Sequence[dict[str, Any]]) -> dict[tuple[str, str], _Ranges]:
    """Ranges of each label, ascending and apart; one without a place lies in its own text."""
    found: dict[tuple[str, str], _Ranges] = {}
    for span in sorted(spans, key=lambda span: span.get("start") or 0):
        start, end = span.get("start"), span.get("end")
        key = span["label"], span["text"] if start is None else ""
        start, end = (0, len(span["text"])) if start is None or end is None else (start, end)
        ranges = found.setdefault(key, [])
        if ranges and start <= ranges[-1][1]:
            ranges[-1] = ranges[-1][0], max(end, ranges[-1][1])
        else:
            ranges.append((start, end))
    return found


def _length(ranges: _Ranges) -> int:
    return sum(end - start for start, end in ranges)


def _common(one: _Ranges, other: _Ranges) -> int:
    """Characters in both of two lists of ranges."""
    count, at = 0, 0
    for start, end in one:
        while at < len(other) and other[at][1] <= start:
            at += 1
        for low, high in other[at:]:
            if low >= end:
                break
            count += max(0, min(end, high) - max(start, low))
    return count


RULES = TypeRules(
    agreement={Consolidate.all: all_items, Consolidate.first: first_given},
    stored=stored,
    words=words,
    chart=chart,
    widget=lambda field: Widget("spans", "spans", is_beside_text=True),
    distance=span_distance,
    is_free=True,
)

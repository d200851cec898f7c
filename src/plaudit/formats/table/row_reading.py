"""Reading of one row: its responses with what was said of them, and the verdicts on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.formats.common.row_members import EMPTY_RESPONSE, as_integer, name_of_kind, shown
from plaudit.formats.common.rows import ImportNotes
from plaudit.formats.table.judgments import RowJudgment, Topic, UnmappedValues, VerdictReader
from plaudit.formats.table.mapping import (
    ResponseColumns,
    Spans,
    TableMapping,
    TextColumn,
    spans_of,
    text_column,
)
from plaudit.formats.table.mapping_checks import check_source
from plaudit.formats.table.ratings import RatingKinds, RatingReader
from plaudit.formats.table.table_row import TableRow, is_blank

NO_MODEL = "a response has no model in its column; it is named by its place"
BLANK_REWRITE = "a rewrite has nothing but white space; it is left out"
SPAN_OUTSIDE = "a span is not within its text; it is kept in the metadata of the annotation alone"
SPANS_MAX = 10_000
RANK_MAX = 1000
LABELS = ("label", "type", "error type", "error_type", "category")
"""Members of a span that are taken for its label, where the mapping names none."""


class ReadResponse(Struct, frozen=True):
    """A response of a row; `name` is its model or the name that the mapping gives it."""

    text: str
    name: str | None
    model: str | None


class ReadSpans(Struct, frozen=True):
    """Marked spans of a response: the value of the annotation, and all that the row says."""

    value: list[dict[str, str]]
    given: list[dict[str, Any]]


class RowContent(Struct, frozen=True):
    """Responses and judgments of one row."""

    responses: list[ReadResponse]
    judgments: list[RowJudgment]


class RowReader:
    """Reading of the rows of a table by its mapping."""

    def __init__(self, mapping: TableMapping, notes: ImportNotes, *, is_strict: bool) -> None:
        self._responses = mapping.responses or []
        self.unmapped = UnmappedValues(notes, is_strict=is_strict)
        self.kinds = RatingKinds(self._responses)
        self.labels: dict[str, dict[str, None]] = {}
        self._ratings = RatingReader(self.kinds, self.unmapped)
        preference = mapping.preference
        self._verdicts = (
            None
            if preference is None
            else VerdictReader(preference, len(self._responses), self.unmapped)
        )

    def observe(self, row: TableRow) -> None:
        """Look at what the form depends on: values of ratings and labels of spans."""
        for response in self._responses:
            self._ratings.observe(row, response)
            if response.spans is not None:
                spans = spans_of(response.spans)
                labels = self.labels.setdefault(spans.key, {})
                for span in _spans_of_row(row, spans)[0]:
                    label = _label(span, spans)
                    if isinstance(label, str) and label and len(labels) <= RANK_MAX:
                        labels[label] = None

    def read(self, row: TableRow) -> RowContent:
        """Read a row; raises InvalidContent with a pointer into it."""
        responses: list[ReadResponse] = []
        judgments: list[RowJudgment] = []
        for number, columns in enumerate(self._responses):
            response = _response(row, columns)
            responses.append(response)
            judgments += self._ratings.read(row, columns, number)
            judgments += _judgments(row, columns, response, number)
        if self._verdicts is not None:
            judgments += self._verdicts.read(row)
        return RowContent(responses, judgments)


def _response(row: TableRow, columns: ResponseColumns) -> ReadResponse:
    text, _ = row.required_text(text_column(columns.text))
    if not text.strip():
        row.notes.add(EMPTY_RESPONSE, row.row)
    return ReadResponse(text, *read_name(row, columns))


def read_name(row: TableRow, columns: ResponseColumns) -> tuple[str | None, str | None]:
    """Return the name of a response and its model; raises InvalidContent for unusable ones."""
    if columns.model is None:
        return columns.name, None
    column = text_column(columns.model)
    model = row.text_or_none(column)
    if model is None or not model.strip():
        row.notes.add(NO_MODEL, row.row)
        return None, None
    try:
        check_source(model)
    except InvalidContent as exc:
        raise InvalidContent(exc.message, pointer=row.look_up(column.column)[1]) from exc
    return model, model


def _judgments(
    row: TableRow, columns: ResponseColumns, response: ReadResponse, number: int
) -> Iterator[RowJudgment]:
    if columns.rewrite is not None:
        rewrite = row.text_or_none(text_column(columns.rewrite))
        if rewrite is not None and not rewrite.strip():
            row.notes.add(BLANK_REWRITE, row.row)
        elif rewrite is not None:
            yield RowJudgment(topic=Topic.rewrite, key="rewrite", value=rewrite, response=number)
    if columns.rank is not None:
        rank = _rank(row, columns.rank)
        if rank is not None:
            yield RowJudgment(topic=Topic.rank, key="", value=rank, response=number)
    if columns.spans is not None:
        spans = spans_of(columns.spans)
        marked = _read_spans(row, spans, response.text)
        if marked.given:
            yield RowJudgment(topic=Topic.spans, key=spans.key, value=marked, response=number)


def _rank(row: TableRow, column: str) -> int | None:
    value, pointer = row.cell(column)
    if is_blank(value):
        return None
    rank = as_integer(value)
    if rank is None or not 0 <= rank <= RANK_MAX:
        raise InvalidContent(
            f"a rank is an integer from 0 to {RANK_MAX}, the best first, not {shown(value)}",
            pointer=pointer,
        )
    return rank


def _spans_of_row(row: TableRow, spans: Spans) -> tuple[list[dict[str, Any]], str]:
    listed, pointer = row.list_or_none(spans.column)
    if len(listed or ()) > SPANS_MAX:
        raise InvalidContent(f"a text has at most {SPANS_MAX} spans", pointer=pointer)
    for number, span in enumerate(listed or ()):
        if not isinstance(span, dict):
            raise InvalidContent(
                f"a span is an object with a start and an end, not {name_of_kind(span)}",
                pointer=f"{pointer}/{number}",
            )
    return listed or [], pointer


def _label(span: dict[str, Any], spans: Spans) -> Any:
    if spans.label is not None:
        return span.get(spans.label)
    return next((span[name] for name in LABELS if name in span), None)


def _read_spans(row: TableRow, spans: Spans, text: str) -> ReadSpans:
    listed, pointer = _spans_of_row(row, spans)
    value = []
    for number, span in enumerate(listed):
        label = _label(span, spans)
        if not isinstance(label, str) or not label:
            raise InvalidContent(
                "a span has a label; spans = { column = …, label = … } names its member",
                pointer=f"{pointer}/{number}",
            )
        start, end = as_integer(span.get(spans.start)), as_integer(span.get(spans.end))
        if start is None or end is None:
            raise InvalidContent(
                f"a span has the integers {spans.start!r} and {spans.end!r}",
                pointer=f"{pointer}/{number}",
            )
        if 0 <= start < end <= len(text):
            value.append({"label": label, "text": text[start:end]})
        else:
            row.notes.add(SPAN_OUTSIDE, row.row)
    return ReadSpans(value, listed)


def prompt_of(row: TableRow, columns: list[TextColumn]) -> str | None:
    """Text of the prompt: the columns on lines of their own, empty ones left out.

    None if there are no columns; raises InvalidContent where all are empty.
    """
    if not columns:
        return None
    found = [row.required_text(column) for column in columns[:1]]
    texts = [text for text, _ in found]
    texts += [text for column in columns[1:] if (text := row.text_or_none(column)) is not None]
    texts = [text for text in texts if text]
    if not any(text.strip() for text in texts):
        raise InvalidContent("the prompt is empty", pointer=found[0][1])
    return "\n".join(texts)

"""Mapping of a table: which column holds the prompt, the responses and what people said of them.

A column is given by its path, such as `answer` or `result.answers[0].text` (paths.py). Mappings are
written in TOML or JSON; `read_mapping` in mapping_checks.py makes these structs of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct

Scalar = str | int | float | bool | None
Value = str | int | float | bool
"""Value in a mapping: TOML knows no null."""

ROW_NUMBER, FILE_NAME, MODELS = "$row", "$file", "$models"
"""Columns that no table has: number of the row, name of its file, models of its responses."""

ORDINALS = (
    *("first", "second", "third", "fourth", "fifth"),
    *("sixth", "seventh", "eighth", "ninth", "tenth"),
)
"""Words for the responses of a row in the mapping's order."""


class VerdictWord(StrEnum):
    """Verdicts that are no single response."""

    tie = "tie"
    all_bad = "all_bad"
    none = "none"
    """People were asked and did not say."""


class TextColumn(Struct, frozen=True, forbid_unknown_fields=True):
    """A column of texts, of which each match of the regular expression `remove` is taken out."""

    column: str
    remove: str | None = None


Text = str | TextColumn


class Rating(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Judgments of one response under one key.

    They stand in `column`, or in one of `columns` for each judge; `final` is then the column of the
    value that was settled on. `values` says what cells mean; `times` makes integers of fractions.
    """

    column: str | None = None
    columns: dict[str, str] | None = None
    final: str | None = None
    values: dict[str, Value] | None = None
    times: int | None = None


class Spans(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A column with a list of marked spans: objects with offsets into the response's text.

    `label`, `start` and `end` are the names of their members.
    """

    column: str
    label: str | None = None
    start: str = "start"
    end: str = "end"
    key: str = "spans"


class ResponseColumns(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Columns of one response: its text, who wrote it, and what was said of it alone."""

    text: Text
    model: Text | None = None
    name: str | None = None
    rewrite: Text | None = None
    rank: str | None = None
    spans: str | Spans | None = None
    ratings: dict[str, str | Rating] = {}


class Preference(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Columns of the verdict on the responses of a row; exactly one of the first four is given.

    `columns` has one column for each judge, `final` then the settled verdict. `one_hot` has a
    verdict for each column, of which one is true. `pairs` is a column with a list of verdicts on
    the pairs (1,2) (1,3) … (2,3) …. `scale` is the value for the first response as the better one,
    and that for the second.
    """

    column: str | None = None
    columns: dict[str, str] | None = None
    one_hot: dict[str, str] | None = None
    pairs: str | None = None
    final: str | None = None
    values: dict[str, Value] | None = None
    scale: list[int] | None = None
    justification: str | None = None


Selection = dict[str, Value | list[Value]]
"""Values by column, that a row must have or must not have."""


class TableMapping(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"exclusions": "not"}
):
    """A whole mapping; see docs/import/table.md for the grammar."""

    rows: str | None = None
    item: str | list[str] | None = None
    prompt: Text | list[Text] | None = None
    context: str | None = None
    system: Text | None = None
    reference: str | list[str] | None = None
    metadata: list[str] | dict[str, str] = []
    id: str | None = None
    contributor: str | None = None
    submitted_at: str | None = None
    created_at: str | None = None
    completed_at: str | None = None
    where: Selection = {}
    exclusions: Selection = {}
    responses: list[ResponseColumns] | None = None
    preference: Preference | None = None

    @property
    def prompts(self) -> list[TextColumn]:
        """Columns of the prompt, in order."""
        prompt = self.prompt
        if prompt is None:
            return []
        return [text_column(part) for part in (prompt if isinstance(prompt, list) else [prompt])]

    @property
    def items(self) -> list[str]:
        """Columns whose values say what item a row belongs to."""
        if self.item is None:
            return []
        return self.item if isinstance(self.item, list) else [self.item]

    @property
    def references(self) -> list[str]:
        """Columns with reference texts."""
        if self.reference is None:
            return []
        return self.reference if isinstance(self.reference, list) else [self.reference]

    @property
    def named_metadata(self) -> Mapping[str, str]:
        """Columns of metadata by the name that they get."""
        listed = self.metadata
        return listed if isinstance(listed, dict) else {column: column for column in listed}

    @property
    def is_long(self) -> bool:
        """True if a row has one response, and those of an item stand in several rows."""
        return len(self.responses or ()) == 1


def text_column(text: Text) -> TextColumn:
    """Column of a text with what is removed from it, however it is written."""
    return TextColumn(text) if isinstance(text, str) else text


def rating_of(rating: str | Rating) -> Rating:
    """Rating, however it is written."""
    return Rating(column=rating) if isinstance(rating, str) else rating


def spans_of(spans: str | Spans) -> Spans:
    """Spans, however they are written."""
    return Spans(column=spans) if isinstance(spans, str) else spans

"""Codes of values: each question's values as whole numbers, by what its form declares.

Categories are the declared ones, lowest first, and never those that happened to occur, where a form
declares any. What a response is called is its source: a choice among responses is coded by source,
a ranking by the ranks of the responses in their own order, never by where they stood on a screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

from plaudit.core.labeling.type_rules import possible_values
from plaudit.core.labeling.types import rules_of
from plaudit.core.tasks.forms import Field, Level
from plaudit.wire.v2.annotation import TIE, AnnotationType

ALL_BAD = "all_bad"
"""The vote that no response is good, where the value is the better one."""

UNKNOWN = -1
"""Code of a value that the form does not take, or takes no longer."""

decode = msgspec.json.Decoder().decode


class CodeKind(StrEnum):
    """Meaning of a question's codes."""

    categories = "categories"
    """Indexes into the categories."""
    numbers = "numbers"
    """Indexes into the numbers that occur, ascending."""
    responses = "responses"
    """Indexes into the sources that occur, a tie among them."""
    rankings = "rankings"
    """Indexes into the rankings that occur: ranks of the responses in their own order."""
    sets = "sets"
    """Indexes into the sets that occur, of indexes into the categories."""
    free = "free"
    """Nothing: texts, marks and files have no categories."""


class Measure(StrEnum):
    """Level of measurement of a question's values, by its type unless somebody says otherwise."""

    nominal = "nominal"
    ordinal = "ordinal"
    interval = "interval"


class ValueCodes:
    """Codes of the values of one question, made as the values come."""

    def __init__(self, field: Field) -> None:
        self.field = field
        self.kind = _kind(field)
        self.declared = _declared(field)
        """Declared values, lowest first; None where the form declares none."""
        self.seen: list[Any] = list(self.declared or ()) if self.kind is not CodeKind.sets else []
        """Meanings of the codes, by code."""
        self._code_of = {meaning_key(one): code for code, one in enumerate(self.seen)}
        self._cached: dict[tuple[bytes | None, bytes | None], int] = {}

    @property
    def measure(self) -> Measure:
        """Nominal for words, ordinal for whole numbers, interval for scores."""
        if self.field.type == AnnotationType.integer:
            return Measure.ordinal
        is_score = self.field.type == AnnotationType.rubric_rating
        return Measure.interval if is_score else Measure.nominal

    @property
    def is_of_responses(self) -> bool:
        """True if the values compare the responses of a turn."""
        compares = self.kind in (CodeKind.responses, CodeKind.rankings)
        return compares or self.field.scale is not None

    def code(self, value: bytes | None, responses: bytes | None) -> int:
        """Code of a value, given as JSON, of a turn with these responses; UNKNOWN without one."""
        if self.kind is CodeKind.free:
            return 0
        key = value, responses if self.is_of_responses else None
        code = self._cached.get(key)
        if code is None:
            code = self._cached[key] = UNKNOWN if value is None else self._coded(value, responses)
        return code

    def restore(self, meanings: Sequence[Any]) -> None:
        """Take over the meanings of codes that were made for the same field."""
        self.seen = [tuple(one) if isinstance(one, list) else one for one in meanings]
        self._code_of = {meaning_key(one): code for code, one in enumerate(self.seen)}

    def _coded(self, value: bytes, responses: bytes | None) -> int:
        meaning = self.meaning(decode(value), [] if responses is None else decode(responses))
        if meaning is None:
            return UNKNOWN
        key = meaning_key(meaning)
        code = self._code_of.get(key)
        if code is None:
            if self.kind is CodeKind.categories:
                return UNKNOWN
            code = self._code_of[key] = len(self.seen)
            self.seen.append(meaning)
        return code

    def meaning(self, value: Any, responses: Sequence[str]) -> Any:
        """Meaning of a value's code; None for a value that is none of this question."""
        match self.kind:
            case CodeKind.categories:
                return value
            case CodeKind.numbers:
                number = value.get("score") if isinstance(value, dict) else value
                is_number = isinstance(number, int | float) and not isinstance(number, bool)
                return number if is_number else None
            case CodeKind.responses:
                is_taken = isinstance(value, str) and value in (*responses, TIE, ALL_BAD)
                return value if is_taken or (isinstance(value, str) and not responses) else None
            case CodeKind.rankings:
                return _ranks(value, responses)
        return self._set(value, responses)

    def _set(self, value: Any, responses: Sequence[str]) -> tuple[Any, ...] | None:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            return None
        if self.declared is not None and not set(value) <= set(self.declared):
            return None
        return tuple(sorted(set(value)))


def _kind(field: Field) -> CodeKind:
    if rules_of(field).is_ranking:
        return CodeKind.rankings
    match field.type:
        case AnnotationType.boolean:
            return CodeKind.categories
        case AnnotationType.integer:
            return CodeKind.numbers if possible_values(field) is None else CodeKind.categories
        case AnnotationType.rubric_rating:
            return CodeKind.numbers
        case AnnotationType.category:
            if field.possible_values is not None:
                return CodeKind.categories
            return CodeKind.responses if field.level is Level.turn else CodeKind.free
        case AnnotationType.category_multiple:
            return CodeKind.sets
    return CodeKind.free


def _declared(field: Field) -> list[Any] | None:
    """Values that a form declares for a question, lowest first."""
    if field.type == AnnotationType.boolean:
        return [False, True]
    values = possible_values(field)
    if values is None:
        return None
    return sorted(values) if field.type == AnnotationType.integer else list(values)


def meaning_key(meaning: Any) -> Any:
    """Key that tells meanings apart: true is not 1."""
    return (type(meaning) is bool, meaning) if not isinstance(meaning, list | dict) else None


def _ranks(value: Any, responses: Sequence[str]) -> tuple[int, ...] | None:
    """Rank of each response in its own order, 0 the best; UNKNOWN for one that is not ranked.

    None for a value that names what is no response, or names one twice.
    """
    if not isinstance(value, list) or not responses:
        return None
    groups = [one if isinstance(one, list) else [one] for one in value]
    named = [source for group in groups for source in group]
    if any(source not in responses for source in named) or len(set(named)) < len(named):
        return None
    rank_of = {source: rank for rank, group in enumerate(groups) for source in group}
    return tuple(rank_of.get(source, UNKNOWN) for source in responses)

"""Ratings of responses: values of cells as integers, true and false, categories or texts.

Where the mapping has no `values`, the cells of the whole table decide what a rating is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from plaudit.errors import InvalidContent
from plaudit.formats.common.row_members import as_integer
from plaudit.formats.table.judgments import RowJudgment, Topic, UnmappedValues
from plaudit.formats.table.mapping import Rating, ResponseColumns, rating_of
from plaudit.formats.table.table_row import TableRow, is_blank, value_key
from plaudit.json_guard import INT_MAX, INT_MIN

RANGE_MAX = 20
"""Greatest distance of integers that are taken for a scale of possible values."""
CATEGORIES_MAX = 100
CATEGORY_CHARS_MAX = 200
FRACTION = (
    "a rating is a fraction; it is kept as text, and 'times = 100' in the mapping makes it a number"
)
ROUNDED = "a rating times its factor is still a fraction; it is rounded"
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


class ObservedRating:
    """Values of one rating over a table, as far as it takes to tell what they are."""

    def __init__(self) -> None:
        self.texts: dict[str, None] = {}
        self._are_integers = True
        self._are_words = True
        self._has_long = False
        self._low = INT_MAX
        self._high = INT_MIN

    def add(self, value: Any) -> None:
        """Look at a value that is not blank."""
        text = value_key(value)
        number = as_integer(value)
        if number is None:
            self._are_integers = False
        else:
            self._low, self._high = min(self._low, number), max(self._high, number)
        self._are_words = self._are_words and text in _WORDS
        if len(text) > CATEGORY_CHARS_MAX:
            self._has_long = True
        elif len(self.texts) <= CATEGORIES_MAX:
            self.texts[text] = None

    @property
    def has_values(self) -> bool:
        """True if anything was looked at."""
        return bool(self.texts) or self._has_long

    def kind(self) -> str:
        """Return the type of the annotation: integer, boolean, category or text."""
        if not self.has_values:
            return "text"
        if self._are_integers:
            return "integer"
        if self._are_words:
            return "boolean"
        is_open = self._has_long or len(self.texts) > CATEGORIES_MAX or self.has_fractions()
        return "text" if is_open else "category"

    def has_fractions(self) -> bool:
        """True if all values are numbers and some are no integers."""
        return not self._are_integers and all(_as_decimal(text) is not None for text in self.texts)

    def possible_values(self) -> list[Any] | None:
        """Return the values to choose from, None where there are too many."""
        if self.kind() == "integer" and self._high - self._low <= RANGE_MAX:
            return list(range(self._low, self._high + 1))
        return list(self.texts) if self.kind() == "category" else None


class RatingKinds:
    """Type and possible values of each rating of a mapping."""

    def __init__(self, responses: Iterable[ResponseColumns]) -> None:
        self.ratings: dict[str, Rating] = {}
        for response in responses:
            for key, rating in response.ratings.items():
                self.ratings.setdefault(key, rating_of(rating))
        self.observed = {
            key: ObservedRating() for key, rating in self.ratings.items() if rating.values is None
        }

    def kind(self, key: str) -> str:
        """Type of the annotations of a rating."""
        rating = self.ratings[key]
        if rating.values is None:
            return "integer" if rating.times is not None else self.observed[key].kind()
        value = next(iter(rating.values.values()))
        if isinstance(value, bool):
            return "boolean"
        return "integer" if isinstance(value, int) else "category"

    def possible_values(self, key: str) -> list[Any] | None:
        """Values to choose from, None where there is no list of them."""
        rating = self.ratings[key]
        if rating.values is None:
            return None if rating.times is not None else self.observed[key].possible_values()
        values = list(dict.fromkeys(rating.values.values()))
        kind = self.kind(key)
        if kind == "boolean":
            return None
        return sorted(values, key=int) if kind == "integer" else values


class RatingReader:
    """Reading of the ratings of a response."""

    def __init__(self, kinds: RatingKinds, unmapped: UnmappedValues) -> None:
        self._kinds = kinds
        self._unmapped = unmapped

    def observe(self, row: TableRow, response: ResponseColumns) -> None:
        """Look at the cells of ratings that the mapping has no values for."""
        for key, rating in response.ratings.items():
            observed = self._kinds.observed.get(key)
            for _, column, _ in _columns(rating_of(rating)) if observed is not None else ():
                value, _ = row.cell(column)
                if not is_blank(value) and not isinstance(value, dict | list):
                    assert observed is not None
                    observed.add(value)

    def read(self, row: TableRow, response: ResponseColumns, number: int) -> Iterable[RowJudgment]:
        """Yield the ratings of the response of this number."""
        for key, rating in response.ratings.items():
            for judge, column, is_final in _columns(rating_of(rating)):
                cell, pointer = row.cell(column)
                if isinstance(cell, dict | list):
                    raise InvalidContent(
                        "a rating is a text, a number, or true or false", pointer=pointer
                    )
                value = self._value(key, rating_of(rating), cell, row, pointer)
                if value is not None:
                    yield RowJudgment(
                        topic=Topic.rating,
                        key=key,
                        value=value,
                        response=number,
                        judge=judge,
                        is_final=is_final,
                    )

    def _value(self, key: str, rating: Rating, cell: Any, row: TableRow, pointer: str) -> Any:
        if rating.values is not None:
            return self._mapped(key, rating.values, cell, row, pointer)
        if is_blank(cell):
            return None
        if rating.times is not None:
            return self._multiplied(key, rating.times, cell, row, pointer)
        kind = self._kinds.kind(key)
        if kind == "integer":
            return as_integer(cell)
        if kind == "boolean":
            return _WORDS.get(value_key(cell))
        if kind == "text" and self._kinds.observed[key].has_fractions():
            row.notes.add(FRACTION, row.row)
        return value_key(cell)

    def _mapped(
        self, key: str, values: Mapping[str, Any], cell: Any, row: TableRow, pointer: str
    ) -> Any:
        name = "" if cell is None else value_key(cell)
        if name in values:
            return values[name]
        if not is_blank(cell):
            self._unmapped.note(key, cell, row.row, pointer)
        return None

    def _multiplied(
        self, key: str, times: int, cell: Any, row: TableRow, pointer: str
    ) -> int | None:
        number = None if isinstance(cell, bool) else _as_decimal(value_key(cell))
        if number is None or abs(number) * times > INT_MAX:
            self._unmapped.note(key, cell, row.row, pointer)
            return None
        product = number * times
        whole = product.to_integral_value(ROUND_HALF_EVEN)
        if abs(product - whole) > Decimal("1e-9"):
            row.notes.add(ROUNDED, row.row)
        return int(whole)


def _columns(rating: Rating) -> Iterable[tuple[str | None, str, bool]]:
    """Judge, column, and if it is the settled value, of each column of a rating."""
    if rating.column is not None:
        yield None, rating.column, False
    for judge, column in (rating.columns or {}).items():
        yield judge, column, False
    if rating.final is not None:
        yield None, rating.final, True


def _as_decimal(text: str) -> Decimal | None:
    if len(text) > 40:
        return None
    try:
        number = Decimal(text)
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 30 else None


def median(values: list[int]) -> int | None:
    """Middle of the values; of an even number the two in the middle, if they are equal."""
    ordered = sorted(values)
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return low if low == high else None

"""Rules of an annotation type: the struct that each module of `types/` fills, and shared checks.

A rule is a function of the field, the value and what is shown; it reads no store and knows no page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.ballots import Ballot, ConsolidatedValue
from plaudit.core.tasks.forms import LIKERT, TEXT_CHARS_MAX, Consolidate, Field
from plaudit.json_guard import INT_MAX, INT_MIN

ANSWER_CHARS_MAX = 100_000
ITEMS_MAX = 1000
"""The most values, or marked spans, in one answer."""

_UNFIT = re.compile(r"[\x00\ud800-\udfff]")


class InvalidAnswer(Exception):
    """One fault of an answer; `where` is a JSON pointer below the answer."""

    def __init__(self, message: str, where: str = "/value") -> None:
        super().__init__(message)
        self.message = message
        self.where = where


class AnswerContext(Struct, frozen=True):
    """The field that is answered, and the part of the conversation that its value may speak of."""

    field: Field
    order: Sequence[int] = ()
    """Indexes of the turn's responses among its messages, in the order on the screen."""
    sources: Sequence[str] = ()
    """`source_id` of the turn's responses, in the order on the screen."""
    text: str | None = None
    """Text of the message or chunk that is asked about; None for a turn or thread."""


class Choice(Struct, frozen=True):
    """One value that can be chosen. `mark` is the text of its button, `name` its full name.

    `digit` is the number key that chooses it, 0 to 9; None if none does. `response` is the position
    of the response that it picks or prefers, None if it does neither.
    """

    value: str
    mark: str
    name: str
    digit: int | None = None
    response: int | None = None


class ChartItem(Struct, frozen=True):
    """One thing that an answer is counted for, with a bar of its own: its label.

    Bars are sorted by `order`, those of one order by frequency. An item that is no value
    (`is_value`), such as "None of them", never shares a bar with a value of the same text.
    """

    label: str
    order: tuple[Any, ...] = ()
    is_value: bool = True


ResponseNames = Mapping[str, str]
"""Names of a turn's messages by `source_id`, responses in their own order: each its model's."""


def value_items(value: Any, names: ResponseNames) -> list[ChartItem]:
    """One bar for a single value, numbers in ascending order."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return [ChartItem(value_label(value), (value,) if is_number else ())]


def value_label(value: Any) -> str:
    """The label of a value's bar."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return plain_words(value)


class BarChart(Struct, frozen=True):
    """Chart of a field's answers: `items` are what one answer is counted for, by its value.

    `values` have a bar each, in this order, even if nobody gave them; others follow. `meaning` is
    what a bar counts, if not the value. `ranks` are the responses that one answer puts in order,
    by name with their rank: 1 is best, equals share the mean of their ranks.
    """

    values: Sequence[Any] | None = None
    items: Callable[[Any, ResponseNames], list[ChartItem]] = value_items
    meaning: str = ""
    ranks: Callable[[Any, ResponseNames], list[tuple[str, float]]] | None = None


class Widget(Struct, frozen=True):
    """The control that asks a question on a page.

    `name` is that of its script in static/annotate/widgets and its template in
    templates/annotate/widgets; `kind` tells the variants of one widget apart. A widget that
    `is_beside_text` stands at the message it is about, not in the grid of ratings.
    """

    name: str
    kind: str
    is_beside_text: bool = False


Store = Callable[[AnswerContext, Any], Any]
Combine = Callable[[Field, Sequence[Ballot]], ConsolidatedValue]


def unlike(field: Field, one: Any, other: Any) -> float:
    """Distance of two values of which only equal ones agree: 0 or 1."""
    return 0.0 if type(one) is type(other) and one == other else 1.0


def ratio_distance(one: float, other: float) -> float:
    """Distance of two numbers at the ratio level, ((a − b) / (|a| + |b|))²."""
    total = abs(one) + abs(other)
    return ((one - other) / total) ** 2 if total else 0.0


def check_text(text: str, where: str, chars_max: int = TEXT_CHARS_MAX) -> None:
    """Refuse a text that is too long or cannot be encoded; raises InvalidAnswer."""
    if len(text) > chars_max:
        raise InvalidAnswer(f"at most {chars_max} characters", where)
    if _UNFIT.search(text):
        raise InvalidAnswer("the text holds characters that no text has", where)


def check_scalar(field: Field, value: Any, kind: type, expected: str) -> Any:
    """Return a value of exactly this Python type, if it is possible; raises InvalidAnswer."""
    if type(value) is not kind:
        raise InvalidAnswer(f"expected {expected}")
    if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        raise InvalidAnswer("the number is too large")
    if isinstance(value, str):
        check_text(value, "/value")
    possible = possible_values(field)
    if possible is not None and value not in possible:
        raise InvalidAnswer("this is not one of the possible values")
    return value


def possible_values(field: Field) -> list[Any] | None:
    """Values that a field takes, None if its type alone decides; a scale has 1 to 7 by default."""
    if field.possible_values is None and field.scale is not None:
        return LIKERT
    return field.possible_values


def refuse(context: AnswerContext, value: Any) -> Any:
    """Refuse any value, of a type that no form asks people for; raises InvalidAnswer."""
    raise InvalidAnswer(f"nobody is asked for a value of type {context.field.type}")


def accepted(store: Store, context: AnswerContext, value: Any) -> Any:
    """Return a value that `store` takes as it is, None for one that it refuses."""
    if value is None:
        return None
    try:
        store(context, value)
    except InvalidAnswer:
        return None
    return value


def value_choices(field: Field, count: int) -> list[Choice]:
    """The possible values of a field as choices, by their labels; empty if any value is taken."""
    values = possible_values(field) or []
    labels = field.labels if field.labels and len(field.labels) == len(values) else None
    choices = []
    for number, value in enumerate(values):
        name = labels[number] if labels else str(value)
        mark = str(value) if isinstance(value, int) else name
        choices.append(Choice(str(value), mark, name))
    return choices


def value_words(context: AnswerContext, choices: Sequence[Choice], value: Any) -> str:
    """A stored value in words: as the choice it is, else as it stands.

    Lists, ratings and other values that the field does not take are named as well: forms change
    after their questions were answered.
    """
    if isinstance(value, dict) and "score" in value:
        reason = value.get("justification")
        return f"{value['score']} – {reason}" if reason else str(value["score"])
    if isinstance(value, list):
        return ", ".join(map(plain_words, value)) or "none of them"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    chosen = next((choice for choice in choices if choice.value == text), None)
    return plain_words(value) if chosen is None else choice_words(chosen)


def choice_words(choice: Choice) -> str:
    """A choice in words: its mark and its name, once if they are the same."""
    return choice.name if choice.mark == choice.name else f"{choice.mark} – {choice.name}"


def plain_words(value: Any) -> str:
    """A text as it is, any other value as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


class TypeRules(Struct, frozen=True, kw_only=True):
    """All that depends on an annotation's type. Types that no form asks for keep the defaults."""

    agreement: Mapping[Consolidate, Combine]
    """Function that makes one answer of several, by the rule that the field names."""
    stored: Store = refuse
    """Convert a value of the page to the stored form, None if empty; raises InvalidAnswer."""
    given: Store | None = None
    """Convert a stored value back, as of a page with the responses in their own order; None if the
    field takes it no more. By default the value as it is, if `stored` still takes it."""
    words: Callable[[AnswerContext, Sequence[Choice], Any], str] = value_words
    """A stored value in words."""
    choices: Callable[[Field, int], list[Choice]] = value_choices
    """Values to choose from, in the order of the screen; the number is that of responses."""
    widget: Callable[[Field], Widget] | None = None
    """The control that asks for a value; None for a type that no form asks people for."""
    chart: Callable[[Field], BarChart] | None = None
    """Chart of the answers; None for a type that is `uncharted`."""
    uncharted: str = ""
    """Reason why answers have no chart, a sentence; empty for a type that has one."""
    picks_responses: Callable[[Field], bool] = lambda field: False
    """True if values are responses of the turn: positions on the page, sources in the store."""
    distance: Callable[[Field, Any, Any], float] | None = unlike
    """Distance of two values, 0 if they agree to 1; None if nobody compares values of the type."""
    preferred: Callable[[Field, Any, Sequence[str]], str | None] | None = None
    """`source_id` of the response that a value prefers, None for a tie."""
    why_below: Callable[[Field], float | None] = lambda field: None
    """The value at or below which the page asks why."""
    score_max: Callable[[Field], int | None] = lambda field: None
    """The best score of a rubric's criterion, None without such a bound."""
    score_of: Callable[[Any], Any] = lambda value: value
    """A value as a criterion's score."""
    value_of_score: Callable[[Any], Any] = lambda score: score
    """A criterion's score as a value."""
    is_ranking: bool = False
    """Values order all responses of a turn."""
    is_free: bool = False
    """Values are texts of one's own: two people's are never compared."""
    is_own_text: bool = False
    """Values are written by people, and one of them is chosen in review."""
    is_number: bool = False
    is_reason: bool = False
    """A value may be the reason for another answer."""

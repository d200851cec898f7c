"""Questions as controls: from a field's type to the widget that asks it, and its address.

A control's `address` is what an answer to it carries (see answers.py); the page's scripts send
it back untouched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.answer_values import possible_values
from plaudit.core.labeling.questions import RANKED, Display, Question, names_response
from plaudit.core.tasks.forms import Field, Level, ScaleDirection, TextUse
from plaudit.wire.v2.annotation import AnnotationType

_WHYS = ("_justification", "_reason", "_why")


class Option(Struct, frozen=True):
    """One value that can be chosen. `mark` is what stands on its button, `name` says it whole.

    `digit` is the number key that chooses it, 0 if none does.
    """

    value: str
    mark: str
    name: str
    digit: int = 0


class Control(Struct, frozen=True, kw_only=True):
    """One question as it is drawn."""

    id: str
    kind: str
    """scale, choice, number, several, boolean, text, rewrite, response, spans, ranking, groups,
    pick, pick_several or rating."""
    address: str
    """JSON."""
    title: str
    description: str | None
    is_required: bool
    about: str
    """What it is about, such as "Response 1"; empty for the turn or thread."""
    choices: list[Option] = []
    """In the order of the screen. Those of a scale go from the first response to the second,
    whichever end of its values that is."""
    labels: list[str] = []
    offers: list[tuple[str, str]] = []
    """The answers beside a value: `not_applicable`, `cannot_assess`, each with its name."""
    chars_min: int = 0
    names_responses: bool = False
    responses: list[int] = []
    """The positions of the turn's responses."""
    opens_at: float | None = None
    """The value at or below which the box that asks why opens."""
    text_key: str = ""
    key: str
    is_number: bool = False
    """Whether its values are numbers, whatever the page makes of them."""


def control_of(number: int, question: Question, display: Display) -> Control:
    """A question as a control; `number` tells it apart on its page."""
    field, place = question.field, question.place
    order = display.get(place.at, [])
    kind = _kind(field)
    address: dict[str, Any] = {"at": place.at}
    about = ""
    if place.message is not None:
        if place.message in order:
            address["position"] = order.index(place.message) + 1
            about = f"Response {address['position']}"
        else:
            address["message"] = place.message
    for name in ("chunk", "criterion"):
        if getattr(place, name) is not None:
            address[name] = getattr(place, name)
    if place.chunk is not None:
        about = f"{about} step {place.chunk + 1}".strip()
    address["key"] = field.key
    choices = _with_digits(kind, _choices(field, kind, len(order)))
    return Control(
        id=f"q{number}",
        kind=kind,
        address=msgspec.json.encode(address).decode(),
        title=field.title or field.key,
        description=field.description,
        is_required=field.required,
        about=about,
        choices=choices,
        labels=field.labels or [] if kind == "spans" else [],
        offers=_offers(field),
        chars_min=field.chars_min or 0,
        names_responses=field.names_responses,
        responses=list(range(1, len(order) + 1)),
        opens_at=_threshold(field),
        text_key=f"q{number}",
        key=field.key,
        is_number=field.type == AnnotationType.integer,
    )


def why_key(field: Field, fields: Sequence[Field]) -> str | None:
    """The key of the text that asks why, if the form has one beside this field."""
    if field.type == AnnotationType.text:
        return None
    wanted = {field.key + ending for ending in _WHYS}
    beside = [one for one in fields if one.level is field.level]
    if field.level is Level.criterion and len(beside) == 2:  # a verdict and its evidence
        wanted |= {one.key for one in beside}
    return next(
        (one.key for one in beside if one.type == AnnotationType.text and one.key in wanted), None
    )


def _kind(field: Field) -> str:
    if field.scale is not None:
        return "scale"
    if field.type in RANKED:
        return "groups" if field.type == AnnotationType.ranked_groups else "ranking"
    if names_response(field):
        return "pick" if field.type == AnnotationType.category else "pick_several"
    if field.use is not None:
        return "rewrite" if field.use is TextUse.rewrite else "response"
    is_closed = possible_values(field) is not None
    kinds = {
        AnnotationType.boolean: "boolean",
        AnnotationType.integer: "choice" if is_closed else "number",
        AnnotationType.text: "text",
        AnnotationType.category: "choice" if is_closed else "text",
        AnnotationType.category_multiple: "several" if is_closed else "lines",
        AnnotationType.labeled_text: "spans",
    }
    return kinds.get(AnnotationType(field.type), "rating")


def _choices(field: Field, kind: str, count: int) -> list[Option]:
    if kind in ("pick", "pick_several"):
        return [Option(str(n), str(n), f"Response {n}") for n in range(1, count + 1)]
    if kind == "boolean":
        names = dict(zip(field.possible_values or [], field.labels or [], strict=False))
        return [
            Option(word, names.get(value, mark), names.get(value, mark))
            for value, word, mark in ((True, "true", "Yes"), (False, "false", "No"))
            if field.possible_values is None or value in field.possible_values
        ]
    values = possible_values(field) or []
    names_given = field.labels if field.labels and len(field.labels) == len(values) else None
    found = []
    for number, value in enumerate(values):
        name = names_given[number] if names_given else str(value)
        mark = str(value) if isinstance(value, int) else name
        found.append(Option(str(value), mark, name))
    if field.scale is ScaleDirection.high_is_first:
        found.reverse()
    if kind == "scale" and names_given is None and found:
        ends = {0: "Response 1 is much better", len(found) - 1: "Response 2 is much better"}
        found = [
            Option(one.value, one.mark, ends.get(number, one.mark))
            for number, one in enumerate(found)
        ]
    return found


def _with_digits(kind: str, choices: list[Option]) -> list[Option]:
    """Choices with their keys: places, but on a scale the numbers that stand on its buttons."""
    keys = list(range(1, len(choices) + 1))
    marks = [one.mark for one in choices]
    if kind == "scale" and all(len(mark) == 1 and mark in "123456789" for mark in marks):
        keys = [int(mark) for mark in marks]
    return [
        msgspec.structs.replace(one, digit=key if key < 10 else 0)
        for one, key in zip(choices, keys, strict=True)
    ]


def _offers(field: Field) -> list[tuple[str, str]]:
    not_applicable = "Not comparable" if field.scale is not None else "N/A"
    return [("not_applicable", not_applicable)] * field.not_applicable + [
        ("cannot_assess", "Cannot assess")
    ] * field.cannot_assess


def _threshold(field: Field) -> float | None:
    """The upper end of a scale's lower half, its middle included."""
    values = possible_values(field)
    if field.type == AnnotationType.boolean:
        return 0
    if field.type != AnnotationType.integer or not values:
        return None
    return float(sorted(values)[(len(values) - 1) // 2])

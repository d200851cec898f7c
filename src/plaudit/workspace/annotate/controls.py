"""Questions as controls: the widget that asks each question, its choices, and its address.

An answer carries its control's `address` (see core/labeling/answers.py); the page's scripts send it
back untouched.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from plaudit.core.labeling.questions import Positions, Question, address_in_turn
from plaudit.core.labeling.threads.suggestions import Suggestion
from plaudit.core.labeling.type_rules import Choice
from plaudit.core.labeling.types import rules_of
from plaudit.core.tasks.forms import Field, Level
from plaudit.workspace.language.speech import say
from plaudit.workspace.language.words import built_in

NAMED_MAX = 4
"""Choices in one cell of the rating grid whose buttons carry names."""

NAME_MAX = 24
"""Characters of such a name."""

WORD_MAX = 10
"""Characters of a word in it, which is not broken."""

_WHYS = ("_justification", "_reason", "_why")


class Control(Struct, frozen=True, kw_only=True):
    """One question as the page draws it."""

    id: str
    widget: str
    """Name of the script and the template that draw it."""
    kind: str
    """Variant of the widget."""
    is_beside_text: bool = False
    """True if it stands at the message that it is about, False for the grid of ratings."""
    address: str
    """JSON."""
    title: str
    description: str | None
    is_required: bool
    about: str
    """Name of its target, such as "Response 1"; empty for the turn or thread."""
    response: int | None
    """Position of the response that it is about, None for anything else."""
    choices: list[Choice] = []
    """In the order of the screen. Those of a scale go from the first response to the second,
    whichever end of its values that is."""
    labels: list[Choice] = []
    """Labels that a marked piece of a text can be given; empty for other types."""
    offers: list[tuple[str, str]] = []
    """The answers beside a value: `not_applicable`, `cannot_assess`, each with its name."""
    chars_min: int = 0
    names_responses: bool = False
    responses: range = range(0)
    """The positions of the turn's responses."""
    opens_at: float | None = None
    """The value at or below which the box that asks why opens."""
    text_key: str = ""
    key: str
    suggestion: Suggestion | None = None
    """Answer that the task came with, which somebody may take over."""
    section: str | None = None
    """Key of the form's section that it stands in."""
    is_conditional: bool = False
    """True if it is asked only where another question is answered so."""
    is_number: bool = False
    """True if its values are numbers; those that the page sends are texts."""

    @property
    def is_graded(self) -> bool:
        """True if each choice has a name beside the text of its button."""
        return bool(self.choices) and self.choices[0].name != self.choices[0].mark

    @property
    def words_fit(self) -> bool:
        """True if the names of its choices are so few and short that its buttons carry them."""
        names = [choice.name for choice in self.choices]
        is_short = all(len(word) <= WORD_MAX for name in names for word in name.split())
        is_brief = all(len(name) <= NAME_MAX for name in names)
        return self.is_graded and len(names) <= NAMED_MAX and is_short and is_brief


def control_of(number: int, question: Question, positions: Positions) -> Control:
    """The control of a question; `number` makes its id unique on the page."""
    field, target = question.field, question.target
    count = len(positions.of(target.at))
    rules = rules_of(field)
    assert rules.widget is not None, "only fields with a widget are asked"
    widget = rules.widget(field)
    address = {"at": target.at} | address_in_turn(question, positions)
    about = (
        say("Response %(address)s", address=address["position"]) if "position" in address else ""
    )
    if target.chunk is not None:
        about = say("%(about)s step %(number)s", about=about, number=target.chunk + 1).strip()
    return Control(
        id=f"q{number}",
        widget=widget.name,
        kind=widget.kind,
        is_beside_text=widget.is_beside_text,
        address=msgspec.json.encode(address).decode(),
        title=built_in(field.title or field.key),
        description=field.description and built_in(field.description),
        is_required=field.required,
        about=about,
        response=address.get("position"),
        choices=[
            msgspec.structs.replace(one, name=built_in(one.name))
            for one in _with_digits(rules.choices(field, count))
        ],
        labels=_with_digits([Choice(one, one, one) for one in field.labels or ["mark"]]),
        offers=_offers(field),
        chars_min=field.chars_min or 0,
        names_responses=field.names_responses,
        responses=range(1, count + 1),
        opens_at=rules.why_below(field),
        text_key=f"q{number}",
        key=field.key,
        section=field.section,
        is_conditional=field.ask_if is not None,
        is_number=rules.is_number,
    )


def why_key(field: Field, fields: Sequence[Field]) -> str | None:
    """The key of the field that asks for the reason of another, None without one in the form."""
    if rules_of(field).is_reason:
        return None
    wanted = {field.key + ending for ending in _WHYS}
    beside = [other for other in fields if other.level is field.level]
    if field.level is Level.criterion and len(beside) == 2:  # a verdict and its evidence
        wanted |= {other.key for other in beside}
    reasons = (other.key for other in beside if rules_of(other).is_reason)
    return next((key for key in reasons if key in wanted), None)


def _with_digits(choices: Sequence[Choice]) -> list[Choice]:
    """Choices with their number keys: the digits on their buttons, else those that are values.

    Where there are neither, the keys are 1, 2, … in the order of the screen.
    """
    named = [_digit(choice.mark) for choice in choices]
    if not any(digit is not None for digit in named):
        named = [_digit(choice.value) for choice in choices]
    if not any(digit is not None for digit in named):
        named = [place if place < 10 else None for place in range(1, len(choices) + 1)]
    return [
        msgspec.structs.replace(choice, digit=None if digit in named[:at] else digit)
        for at, (choice, digit) in enumerate(zip(choices, named, strict=True))
    ]


def _digit(text: str) -> int | None:
    """The digit that a text is, None for any other text."""
    return int(text) if len(text) == 1 and text in "0123456789" else None


def _offers(field: Field) -> list[tuple[str, str]]:
    not_applicable = say("Not comparable") if field.scale is not None else "N/A"
    return [("not_applicable", not_applicable)] * field.not_applicable + [
        ("cannot_assess", say("Cannot assess"))
    ] * field.cannot_assess

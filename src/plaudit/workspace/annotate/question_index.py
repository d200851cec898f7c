"""All questions of a page for its scripts, also those that are not drawn yet, in little space.

Turns that are asked the same share a shape: the addresses of their questions without the turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from msgspec import Struct

from plaudit.core.labeling.questions import (
    Place,
    Positions,
    Question,
    address_in_turn,
    place_of,
    source_of,
)
from plaudit.workspace.annotate.portions import Plan


class QuestionIndex(Struct, frozen=True):
    """`places` are `[at, shape, section]` in order; the section is where it is drawn.

    A shape is a list of questions, each with its address and, if it is required, `required`. With
    `ask_if` it has a condition: `[number in the shape, operator, values]`, of an earlier question.
    """

    shapes: list[list[dict[str, Any]]]
    places: list[tuple[str, int, int]]


def spans_of(asked: Sequence[Question]) -> dict[str, range]:
    """Numbers of the questions about each turn and thread, by its path; they follow one another."""
    spans, first = dict[str, range](), 0
    for at, questions in groupby(asked, key=attrgetter("target.at")):
        spans[at] = range(first, first := first + sum(1 for _ in questions))
    return spans


def question_index(
    asked: Sequence[Question], spans: Mapping[str, range], positions: Positions, plan: Plan
) -> QuestionIndex:
    """Index of a task's questions."""
    sections = {place.at: number for number, place in enumerate(plan.places)}
    sections |= {f"t{p.thread}": n for n, p in enumerate(plan.places) if p.is_last}
    shapes: dict[tuple[Any, ...], int] = {}
    places = []
    for at, numbers in spans.items():
        if at not in sections:  # a conversation without turns
            continue
        inside = [asked[number] for number in numbers]
        numbered = {place_of(question): n for n, question in enumerate(inside)}
        shape = tuple(_line(question, positions, numbered) for question in inside)
        places.append((at, shapes.setdefault(shape, len(shapes)), sections[at]))
    return QuestionIndex([[dict(line) for line in shape] for shape in shapes], places)


def _line(
    question: Question, positions: Positions, numbered: Mapping[Place, int]
) -> tuple[tuple[str, Any], ...]:
    line = tuple(address_in_turn(question, positions).items())
    line += (("required", True),) * question.field.required
    source, condition = source_of(question), question.field.ask_if
    if source is None or condition is None:
        return line
    values = condition.value if isinstance(condition.value, list) else [condition.value]
    return (*line, ("ask_if", (numbered[source], condition.operator.value, tuple(values))))

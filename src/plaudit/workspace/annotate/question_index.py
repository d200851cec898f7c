"""All questions of a page for its scripts, also those that are not drawn yet, in little space.

Turns that are asked the same share a shape: the addresses of their questions without the turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from msgspec import Struct

from plaudit.core.labeling.questions import Display, Question
from plaudit.workspace.annotate.controls import address_in_turn
from plaudit.workspace.annotate.portions import Plan


class QuestionIndex(Struct, frozen=True):
    """`places` are `[at, shape, section]` in order; the section is where it is drawn.

    A shape is a list of questions, each with its address and, if it is required, `required`.
    """

    shapes: list[list[dict[str, Any]]]
    places: list[tuple[str, int, int]]


def question_index(asked: Sequence[Question], display: Display, plan: Plan) -> QuestionIndex:
    """Index of questions, which come as those of each turn together."""
    sections = {place.at: number for number, place in enumerate(plan.places)}
    sections |= {f"t{p.thread}": n for n, p in enumerate(plan.places) if p.is_last}
    shapes: dict[tuple[Any, ...], int] = {}
    places = []
    for at, questions in groupby(asked, key=lambda question: question.target.at):
        if at not in sections:  # a conversation without turns
            continue
        shape = tuple(_line(question, display.get(at, [])) for question in questions)
        places.append((at, shapes.setdefault(shape, len(shapes)), sections[at]))
    return QuestionIndex([[dict(line) for line in shape] for shape in shapes], places)


def _line(question: Question, order: Sequence[int]) -> tuple[tuple[str, Any], ...]:
    address = address_in_turn(question, order)
    return tuple(address.items()) + (("required", True),) * question.field.required

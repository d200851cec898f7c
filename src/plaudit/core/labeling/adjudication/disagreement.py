"""Disagreement on a task: how differently two people who answered it are expected to have done.

Of each question it is the mean distance of two people's answers, 0 to 1 by the rules of its type,
over the things that it is asked about; of the task the mean over its questions, which all weigh the
same. "Not applicable" and "cannot assess" are at distance 1 from every other answer. Texts of one's
own are not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from msgspec import Struct

from plaudit.core.labeling.ballots import Ballot
from plaudit.core.labeling.questions import questions
from plaudit.core.labeling.type_rules import unlike
from plaudit.core.labeling.types import rules_of
from plaudit.core.labeling.votes import (
    AnnotatorAnswer,
    DecodedSubmission,
    answers_by_address,
    ballot_of,
    countable_answers,
    question_address,
)
from plaudit.core.tasks.forms import Field, Form
from plaudit.wire.v2.task import Thread

PAIRS_MAX = 20_000
"""Pairs of answers of a task that are compared; of more the first people stand for all."""


class Disagreement(Struct, frozen=True):
    """Disagreement on a task, 0 to 1, and on each question by key that two people answered."""

    overall: float
    questions: dict[str, float]


def disagreement(
    form: Form, content: Sequence[Thread], judged: Sequence[DecodedSubmission]
) -> Disagreement:
    """Disagreement of the people who submitted a task; answers that the form refuses do not count.

    Without a question that two answered it is 0.
    """
    by_address = answers_by_address(judged)
    asked = [one for one in questions(form, content) if _distance(one.field) is not None]
    people_max = _people_max(len(asked), len(judged))
    means: dict[str, list[float]] = {}
    for question in asked:
        votes = by_address.get(question_address(question, content), [])
        ballots = _ballots(countable_answers(question, content, votes))[:people_max]
        if len(ballots) > 1:
            means.setdefault(question.field.key, []).append(_mean(question.field, ballots))
    by_key = {key: sum(found) / len(found) for key, found in means.items()}
    return Disagreement(sum(by_key.values()) / len(by_key) if by_key else 0.0, by_key)


def distance(field: Field, one: Ballot, other: Ballot) -> float:
    """Distance of two answers to a question, 0 to 1; to one whose answers are compared."""
    measure = _distance(field)
    assert measure is not None, "answers to this question are not compared"
    if one.is_value and other.is_value:
        return measure(field, one.value, other.value)
    return 0.0 if one == other else 1.0


def is_compared(field: Field) -> bool:
    """True if people can disagree on a question; on texts of their own they cannot."""
    return _distance(field) is not None


def _distance(field: Field) -> Callable[[Field, Any, Any], float] | None:
    own = rules_of(field).distance
    return unlike if own is None and field.possible_values is not None else own


def _ballots(votes: Sequence[AnnotatorAnswer]) -> list[Ballot]:
    return [ballot_of(vote.answer) for vote in votes if not vote.answer.is_empty]


def _mean(field: Field, ballots: Sequence[Ballot]) -> float:
    found = [distance(field, one, other) for one, other in combinations(ballots, 2)]
    return sum(found) / len(found)


def _people_max(question_count: int, people: int) -> int:
    """The most people, two at least, whose pairs are within PAIRS_MAX for so many questions."""
    while people > 2 and question_count * people * (people - 1) // 2 > PAIRS_MAX:
        people -= 1
    return people

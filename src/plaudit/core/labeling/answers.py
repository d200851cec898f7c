"""Answers as a page gives them, held to the form, and turned into what is stored.

A page never needs to know which model wrote what. It names a response by where it stands on the
screen, and so do the answers:

    {"at": "t0u1", "position": 2, "key": "overall", "value": 4}     response 2 of this turn
    {"at": "t0u1", "position": 2, "chunk": 0, "key": …}             a step of it
    {"at": "t0u1", "position": 2, "criterion": "crit_1", "key": …}  a criterion, for it
    {"at": "t0u1", "message": 0, "key": …}      a message that is no response, by its index
    {"at": "t0u1", "key": "likert_value", "value": 6}               the turn
    {"at": "t0", "key": …}                                          the thread

Instead of `value` there may be `not_applicable` or `cannot_assess`, where the field offers them; a
`justification` may stand beside it. Where the answer is a response, its value is a position: 2 for
a choice, [2, 1] for ranked_choices (best first, all of them), [[2], [1, 3]] for ranked_groups. A
preference is given as it is shown: the response at position 1 is the first. Texts speak of
`@Response 2`.

What is stored speaks of responses by `source_id`, of preferences as if the responses stood in their
own order, and numbers mentions in that order, so that answers given on different screens compare.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.answer_values import InvalidAnswer, check_text, renumbered, stored_value
from plaudit.core.labeling.questions import Display, Question, QuestionTarget, questions
from plaudit.core.tasks.forms import Form
from plaudit.errors import AnswersRejected
from plaudit.model.labeling import Fault
from plaudit.wire.v2.annotation import split_error
from plaudit.wire.v2.task import Thread

ANSWERS_MAX = 20_000
FAULTS_MAX = 100


class GivenAnswer(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One answer, addressed as the page shows it. Positions count from 1, indexes from 0."""

    at: str
    position: int | None = None
    message: int | None = None
    chunk: int | None = None
    criterion: str | None = None
    key: str
    value: Any = None
    not_applicable: bool = False
    cannot_assess: bool = False
    justification: str | None = None


class Answer(Struct, omit_defaults=True, frozen=True, kw_only=True):
    """One answer as it is stored, addressed by what it is about."""

    at: str
    source_id: str | None = None
    chunk: int | None = None
    criterion: str | None = None
    key: str
    value: Any = None
    not_applicable: bool = False
    cannot_assess: bool = False
    justification: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it is a reason alone."""
        return self.value is None and not (self.not_applicable or self.cannot_assess)


def check(
    form: Form, content: Sequence[Thread], display: Display, given: Any, *, partly: bool = False
) -> list[Answer]:
    """The answers to store; raises AnswersRejected naming each fault, up to a hundred.

    `given` is decoded JSON. `partly` lets required questions go unanswered, for corrections.
    """
    asked = {_address(one): one for one in questions(form, content)}
    faults: list[Fault] = []
    tried: set[tuple[QuestionTarget, str]] = set()
    found: list[Answer] = []
    for number, raw in enumerate(_listed(given)):
        one = None
        try:
            one = _converted(raw)
            question = _question(asked, content, display, one)
            address = _address(question)
            if address in tried:
                raise InvalidAnswer("the question is answered twice", "/key")
            tried.add(address)
            answer = _answer(question, content, display, one)
        except InvalidAnswer as wrong:
            faults.append(_fault(f"/{number}{wrong.where}", wrong.message, one))
            continue
        if answer is not None:
            found.append(answer)
        if question.field.required and not partly and (answer is None or answer.is_empty):
            faults.append(_fault(f"/{number}/value", "an answer is required", one))
    if not partly:
        faults += [
            missing(question, display)
            for address, question in asked.items()
            if question.field.required and address not in tried
        ]
    if faults:
        raise AnswersRejected(faults[:FAULTS_MAX])
    return found


def _listed(given: Any) -> list[Any]:
    if not isinstance(given, list):
        raise AnswersRejected([Fault(pointer="", message="answers are a list")])
    if len(given) > ANSWERS_MAX:
        raise AnswersRejected([Fault(pointer="", message=f"at most {ANSWERS_MAX} answers")])
    return given


def _converted(raw: Any) -> GivenAnswer:
    try:
        return msgspec.convert(raw, GivenAnswer)
    except msgspec.ValidationError as exc:
        text, path = split_error(exc)
        where = re.sub(r"[.\[]", "/", path.replace("]", ""))
        raise InvalidAnswer(text[:1].lower() + text[1:].replace("`", "'"), where) from exc


def _address(question: Question) -> tuple[QuestionTarget, str]:
    return question.place, question.field.key


def _question(
    asked: dict[tuple[QuestionTarget, str], Question],
    content: Sequence[Thread],
    display: Display,
    one: GivenAnswer,
) -> Question:
    """The question that an answer is to; raises Wrong if there is none such."""
    found = re.fullmatch(r"t(\d{1,5})(?:u(\d{1,5}))?", one.at, re.ASCII)
    if found is None:
        raise InvalidAnswer("expected a thread or turn, such as t0 or t0u1", "/at")
    thread, turn = int(found[1]), None if found[2] is None else int(found[2])
    message = one.message
    if one.position is not None:
        order = display.get(one.at, [])
        if not 0 < one.position <= len(order) or message is not None:
            raise InvalidAnswer("there is no response at this position", "/position")
        message = order[one.position - 1]
    elif message is not None and message in display.get(one.at, ()):
        raise InvalidAnswer("a response is named by its position", "/message")
    place = QuestionTarget(one.at, thread, turn, message, one.chunk, one.criterion)
    question = asked.get((place, one.key))
    if question is None:
        raise InvalidAnswer("nothing is asked there under this key", "/key")
    return question


def _answer(
    question: Question, content: Sequence[Thread], display: Display, one: GivenAnswer
) -> Answer | None:
    """An answer as it is stored; None if it says nothing. Raises Wrong."""
    field, place = question.field, question.place
    order = display.get(place.at, [])
    why = one.justification
    if why is not None:
        check_text(why, "/justification")
    for name in ("not_applicable", "cannot_assess"):
        if getattr(one, name):
            if not getattr(field, name):
                raise InvalidAnswer("this question does not offer that", f"/{name}")
            if one.value is not None or (one.not_applicable and one.cannot_assess):
                raise InvalidAnswer(
                    "give a value, not_applicable or cannot_assess, one of them", f"/{name}"
                )
    value = one.value
    if value is not None:
        value = stored_value(question, content, order, value)
    found = Answer(
        at=place.at,
        source_id=_source(content, place),
        chunk=place.chunk,
        criterion=place.criterion,
        key=field.key,
        value=value,
        not_applicable=one.not_applicable,
        cannot_assess=one.cannot_assess,
        justification=renumbered(why, order) if why else None,
    )
    return None if found.is_empty and not why else found


def _source(content: Sequence[Thread], place: QuestionTarget) -> str | None:
    if place.turn is None or place.message is None:
        return None
    return content[place.thread].turns[place.turn].messages[place.message].source_id


def _fault(pointer: str, message: str, one: GivenAnswer | None) -> Fault:
    if one is None:
        return Fault(pointer=pointer, message=message)
    return Fault(
        pointer=pointer,
        message=message,
        at=one.at,
        position=one.position,
        message_index=one.message,
        chunk=one.chunk,
        criterion=one.criterion,
        key=one.key,
    )


def missing(question: Question, display: Display) -> Fault:
    """What is wrong where a question has no answer."""
    place = question.place
    order = display.get(place.at, [])
    is_response = place.message in order
    return Fault(
        pointer="",
        message="an answer is required",
        at=place.at,
        position=order.index(place.message) + 1
        if is_response and place.message is not None
        else None,
        message_index=None if is_response else place.message,
        chunk=place.chunk,
        criterion=place.criterion,
        key=question.field.key,
    )

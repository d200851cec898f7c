"""Answers of a page: checked against the form, and converted to the stored form.

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
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.common.blank_text import is_blank
from plaudit.core.labeling.answer_values import stored_value
from plaudit.core.labeling.conditions import unasked
from plaudit.core.labeling.questions import (
    Display,
    Place,
    Question,
    QuestionTarget,
    place_of,
    questions,
)
from plaudit.core.labeling.response_values import renumber_mentions
from plaudit.core.labeling.type_rules import InvalidAnswer, check_text
from plaudit.core.tasks.forms import Field, Form
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
        """True if it has neither a value nor says that there is none; it may have a reason."""
        return self.value is None and not (self.not_applicable or self.cannot_assess)

    def satisfies(self, field: Field) -> bool:
        """True if it is an answer to the field; an empty list is none where one is required."""
        return not self.is_empty and not (field.required and self.value == [])


def check(
    form: Form, content: Sequence[Thread], display: Display, sent: Any, *, partly: bool = False
) -> list[Answer]:
    """The answers to store; raises AnswersRejected naming each fault, up to a hundred.

    `sent` is decoded JSON. Answers to questions that are not asked, as others were answered, are
    left out: a page may have been loaded before its form had the condition. `partly` takes some
    answers without the others, for corrections: none is required, and no condition applied.
    """
    listed = questions(form, content)
    asked = {place_of(question): question for question in listed}
    found: list[tuple[int, Fault]] = []
    given_at: dict[Place, tuple[int, GivenAnswer, Answer | None]] = {}
    for number, raw in enumerate(_listed(sent)):
        given = None
        try:
            given = _converted(raw)
            question = _question(asked, content, display, given)
            place = place_of(question)
            if place in given_at:
                raise InvalidAnswer("the question is answered twice", "/key")
            given_at[place] = number, given, None
            given_at[place] = number, given, _answer(question, content, display, given)
        except InvalidAnswer as wrong:
            found.append((number, _fault(f"/{number}{wrong.where}", wrong.message, given)))
    if partly:
        _refuse(found)
        return [answer for _, _, answer in given_at.values() if answer is not None]
    left_out = unasked(form, listed, lambda question: _value_at(given_at, place_of(question)))
    dropped = {given_at[place][0] for place in left_out if place in given_at}
    found = [one for one in found if one[0] not in dropped]
    wrong_at = {number for number, _ in found}
    required = [one for one in listed if one.field.required and place_of(one) not in left_out]
    for question in required:
        if place_of(question) not in given_at:
            found.append((ANSWERS_MAX, missing_answer_fault(question, display)))
            continue
        number, given, answer = given_at[place_of(question)]
        is_answered = answer is not None and answer.satisfies(question.field)
        if number not in wrong_at and not is_answered:
            found.append((number, _fault(f"/{number}/value", "an answer is required", given)))
    _refuse(found)
    return [
        answer
        for place, (_, _, answer) in given_at.items()
        if answer is not None and place not in left_out
    ]


def _value_at(
    given_at: Mapping[Place, tuple[int, GivenAnswer, Answer | None]], place: Place
) -> Any:
    """The stored value of the answer that was given at a place, None without one."""
    _, _, answer = given_at.get(place, (0, None, None))
    return None if answer is None else answer.value


def _refuse(found: Sequence[tuple[int, Fault]]) -> None:
    """Raise AnswersRejected if there are faults, in the order of the answers they are about."""
    if found:
        ordered = sorted(found, key=lambda one: one[0])
        raise AnswersRejected([fault for _, fault in ordered[:FAULTS_MAX]])


def _listed(sent: Any) -> list[Any]:
    if not isinstance(sent, list):
        raise AnswersRejected([Fault(pointer="", message="answers are a list")])
    if len(sent) > ANSWERS_MAX:
        raise AnswersRejected([Fault(pointer="", message=f"at most {ANSWERS_MAX} answers")])
    return sent


def _converted(raw: Any) -> GivenAnswer:
    try:
        return msgspec.convert(raw, GivenAnswer)
    except msgspec.ValidationError as exc:
        text, path = split_error(exc)
        where = re.sub(r"[.\[]", "/", path.replace("]", ""))
        raise InvalidAnswer(text[:1].lower() + text[1:].replace("`", "'"), where) from exc


def _question(
    asked: Mapping[Place, Question],
    content: Sequence[Thread],
    display: Display,
    given: GivenAnswer,
) -> Question:
    """The question that an answer addresses; raises InvalidAnswer if it is not asked."""
    path = re.fullmatch(r"t(\d{1,5})(?:u(\d{1,5}))?", given.at, re.ASCII)
    if path is None:
        raise InvalidAnswer("expected a thread or turn, such as t0 or t0u1", "/at")
    thread, turn = int(path[1]), None if path[2] is None else int(path[2])
    message = given.message
    if given.position is not None:
        order = display.get(given.at, [])
        if not 0 < given.position <= len(order) or message is not None:
            raise InvalidAnswer("there is no response at this position", "/position")
        message = order[given.position - 1]
    elif message is not None and message in display.get(given.at, ()):
        raise InvalidAnswer("a response is named by its position", "/message")
    target = QuestionTarget(given.at, thread, turn, message, given.chunk, given.criterion)
    question = asked.get((target, given.key))
    if question is None:
        raise InvalidAnswer("nothing is asked there under this key", "/key")
    return question


def _answer(
    question: Question, content: Sequence[Thread], display: Display, given: GivenAnswer
) -> Answer | None:
    """An answer as it is stored, None if it is blank; raises InvalidAnswer."""
    field, target = question.field, question.target
    order = display.get(target.at, [])
    why = given.justification
    if why is not None:
        check_text(why, "/justification")
        why = None if is_blank(why) else why
    for name in ("not_applicable", "cannot_assess"):
        if getattr(given, name):
            if not getattr(field, name):
                raise InvalidAnswer("this question does not offer that", f"/{name}")
            if given.value is not None or (given.not_applicable and given.cannot_assess):
                raise InvalidAnswer(
                    "give a value, not_applicable or cannot_assess, one of them", f"/{name}"
                )
    value = given.value
    if value is not None:
        value = stored_value(question, content, order, value)
    answer = Answer(
        at=target.at,
        source_id=_source(content, target),
        chunk=target.chunk,
        criterion=target.criterion,
        key=field.key,
        value=value,
        not_applicable=given.not_applicable,
        cannot_assess=given.cannot_assess,
        justification=renumber_mentions(why, order) if why else None,
    )
    return None if answer.is_empty and not why else answer


def _source(content: Sequence[Thread], target: QuestionTarget) -> str | None:
    if target.turn is None or target.message is None:
        return None
    return content[target.thread].turns[target.turn].messages[target.message].source_id


def _fault(pointer: str, message: str, given: GivenAnswer | None) -> Fault:
    if given is None:
        return Fault(pointer=pointer, message=message)
    return Fault(
        pointer=pointer,
        message=message,
        at=given.at,
        position=given.position,
        message_index=given.message,
        chunk=given.chunk,
        criterion=given.criterion,
        key=given.key,
    )


def missing_answer_fault(question: Question, display: Display) -> Fault:
    """The fault of a required question without an answer, addressed as the page shows it."""
    return _addressed(Fault(pointer="", message="an answer is required"), question, display)


def unasked_fault(question: Question, display: Display) -> Fault:
    """The fault of an answer that was meant for a question whose condition is not met."""
    message = Fault(pointer="", message="this is not asked, as another question is answered")
    return _addressed(message, question, display)


def asked_now_fault(question: Question, display: Display) -> Fault:
    """The fault of a required question that nobody was asked, and that a reviewer's answers ask."""
    missing = Fault(
        pointer="",
        message="this is asked now, as another question is answered, and an answer is required",
    )
    return _addressed(missing, question, display)


def _addressed(fault: Fault, question: Question, display: Display) -> Fault:
    target = question.target
    order = display.get(target.at, [])
    is_response = target.message is not None and target.message in order
    return msgspec.structs.replace(
        fault,
        at=target.at,
        position=order.index(target.message) + 1
        if is_response and target.message is not None
        else None,
        message_index=None if is_response else target.message,
        chunk=target.chunk,
        criterion=target.criterion,
        key=question.field.key,
    )

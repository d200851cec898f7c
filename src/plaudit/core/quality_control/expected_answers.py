"""Expected answers of gold: checked against the form, and the scoring of given ones by type.

A value is right if it equals the expected one: numbers within a tolerance, lists of choices as
sets, preferences by the side that they prefer (a tie only equals a tie), marked text by its F1.
Texts of one's own are never scored. `selected_model_id` may be expected where it follows from a
preference or ranking: a response's `source_id`, or `tie`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from plaudit.core.labeling.agreement import preferred
from plaudit.core.labeling.answer_values import given_value
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.conditions import meets
from plaudit.core.labeling.questions import (
    SELECTED,
    Question,
    QuestionTarget,
    deriving_field,
    has_conditions,
    in_form_order,
    place_of,
    questions,
    responses,
    source_of,
)
from plaudit.core.labeling.types import rules_of
from plaudit.core.labeling.votes import Address, answer_address, question_address
from plaudit.core.quality.agreement.spans import matched_count
from plaudit.core.tasks.forms import Field, Form, Level, TextUse
from plaudit.errors import InvalidContent
from plaudit.wire.manage.gold import ExpectedAnswer
from plaudit.wire.v2.annotation import AnnotationType
from plaudit.wire.v2.task import Thread

EXPECTED_MAX = 100
"""Expected answers of one task."""
TIE = "tie"


class AskedQuestions:
    """The questions of one conversation by their address, with those that follow from others."""

    def __init__(self, form: Form, content: Sequence[Thread]) -> None:
        self.form = form
        self.content = content
        self.by_address: dict[Address, Question] = {}
        self.deriving: dict[Address, Question] = {}
        """Preference or ranking that decides on the preferred response of a turn."""
        for question in questions(form, content):
            self.by_address[question_address(question, content)] = question
            target = question.target
            if target.turn is None or target.message is not None:
                continue
            turn = content[target.thread].turns[target.turn]
            if question.field == deriving_field(form, turn):
                self.deriving[target.at, None, None, None, SELECTED] = question
        for address in self.by_address:
            self.deriving.pop(address, None)

    def ruled_out(self, expected: Sequence[ExpectedAnswer]) -> set[Address]:
        """Addresses of questions that whoever answers as expected is not asked."""
        if not has_conditions(self.form):
            return set()
        values = {address_of(one): one.value for one in expected}
        return self._left_out(values, set(values))

    def not_asked(
        self, expected: Sequence[ExpectedAnswer], given: Mapping[Address, Answer]
    ) -> set[Address]:
        """Addresses of questions that a person was not asked, because of expected answers alone."""
        if not has_conditions(self.form):
            return set()
        values = {address: answer.value for address, answer in given.items()}
        return self._left_out(values, {address_of(one) for one in expected})

    def _left_out(self, values: Mapping[Address, Any], known: Container[Address]) -> set[Address]:
        """Addresses of questions whose condition a `known` answer among these does not meet."""
        places = {place_of(one): address for address, one in self.by_address.items()}
        left_out = set[Address]()
        for question in in_form_order(self.form, list(self.by_address.values())):
            source, condition = source_of(question), question.field.ask_if
            if source is None or condition is None:
                continue
            address = places[source]
            named = self.by_address[address].field
            is_unmet = address in known and not meets(condition, named, values.get(address))
            if address in left_out or is_unmet:
                left_out.add(places[place_of(question)])
        return left_out

    def sources(self, target: QuestionTarget) -> list[str]:
        """Sources of the responses of a turn, in their own order."""
        if target.turn is None:
            return []
        turn = self.content[target.thread].turns[target.turn]
        return [turn.messages[index].source_id for index in responses(turn)]


def address_of(expected: ExpectedAnswer) -> Address:
    """The address of an expected answer."""
    return (
        expected.at,
        expected.source_id,
        expected.chunk,
        expected.criterion,
        expected.key,
    )


def is_scored(field: Field) -> bool:
    """True if answers to a field can be right or wrong: they are no texts of one's own."""
    if field.type == AnnotationType.labeled_text:
        return field.use is None
    picks = rules_of(field).picks_responses(field)
    is_own_text = rules_of(field).is_free and field.possible_values is None and not picks
    is_own_text = is_own_text or (
        field.type in (AnnotationType.category, AnnotationType.category_multiple)
        and field.possible_values is None
        and not (picks or field.level is Level.turn)
    )
    return not is_own_text and field.use not in (TextUse.rewrite, TextUse.response)


def check_expected(
    form: Form, content: Sequence[Thread], expected: Sequence[ExpectedAnswer], pointer: str
) -> None:
    """Check expected answers against the form; raises InvalidContent with a pointer below this."""
    if not expected:
        raise InvalidContent("give one expected answer at least", pointer=pointer)
    if len(expected) > EXPECTED_MAX:
        raise InvalidContent(f"at most {EXPECTED_MAX} expected answers", pointer=pointer)
    asked = AskedQuestions(form, content)
    seen: set[Address] = set()
    for number, one in enumerate(expected):
        where = f"{pointer}/{number}"
        if address_of(one) in seen:
            raise InvalidContent("the question is answered twice", pointer=f"{where}/key")
        seen.add(address_of(one))
        wrong = _fault(asked, one)
        if wrong is not None:
            member, message = wrong
            raise InvalidContent(message, pointer=f"{where}/{member}")
    for number, one in enumerate(expected):
        if address_of(one) in asked.ruled_out(expected):
            raise InvalidContent(
                "nobody is asked this who answers the others as expected",
                pointer=f"{pointer}/{number}/key",
            )


def is_still_asked(
    form: Form, content: Sequence[Thread], expected: Sequence[ExpectedAnswer]
) -> bool:
    """True if the form, which may have changed since, still takes all expected answers."""
    asked = AskedQuestions(form, content)
    return all(_fault(asked, one) is None for one in expected)


def _fault(asked: AskedQuestions, expected: ExpectedAnswer) -> tuple[str, str] | None:
    """The member of an expected answer that is wrong, and why; None if all is right."""
    question = asked.by_address.get(address_of(expected))
    if not 0 <= expected.tolerance < 2**53:
        return "tolerance", "a tolerance is a number from 0 on"
    if not 0 < expected.threshold <= 1:
        return "threshold", "a threshold is above 0, and at most 1"
    if question is None:
        if address_of(expected) in asked.deriving:
            sources = asked.sources(asked.deriving[address_of(expected)].target)
            if expected.value in (*sources, TIE):
                return None
            return "value", f"expected one of {', '.join([*sources, TIE])}"
        return "key", "nothing is asked there under this key"
    field = question.field
    if not is_scored(field):
        return "key", "texts of one's own are never right or wrong; expect something else"
    for name in ("not_applicable", "cannot_assess"):
        if getattr(expected, name):
            if not getattr(field, name):
                return name, "this question does not offer that"
            if expected.value is not None or (expected.not_applicable and expected.cannot_assess):
                return name, "give a value, not_applicable or cannot_assess, one of them"
            return None
    if expected.value is None:
        return "value", "an expected answer has a value"
    if given_value(question, asked.content, expected.value) is None:
        return "value", "the question does not take this value"
    return None


class ScoredAnswer(Struct, frozen=True):
    """An expected answer by its number, the answer that was given in its place, and its score."""

    number: int
    answer: Answer | None
    is_right: bool


def score_answers(
    form: Form,
    content: Sequence[Thread],
    expected: Sequence[ExpectedAnswer],
    answers: Sequence[Answer],
) -> list[ScoredAnswer]:
    """Scores of a submission; a question without an answer is wrong.

    Expected answers that the form asks or takes no longer are left out, and those to what was not
    asked because of an answer that is expected, and scored, too.
    """
    asked = AskedQuestions(form, content)
    given = {answer_address(answer): answer for answer in answers}
    found = []
    not_asked = asked.not_asked(expected, given)
    for number, one in enumerate(expected):
        if _fault(asked, one) is None and address_of(one) not in not_asked:
            answer = _given(asked, one, given)
            found.append(ScoredAnswer(number, answer, _is_right(asked, one, answer)))
    return found


def _given(
    asked: AskedQuestions, expected: ExpectedAnswer, given: Mapping[Address, Answer]
) -> Answer | None:
    address = address_of(expected)
    deriving = asked.deriving.get(address)
    if deriving is None:
        return given.get(address)
    answer = given.get(question_address(deriving, asked.content))
    if answer is None or answer.value is None:
        return answer
    best = preferred(deriving.field, answer.value, asked.sources(deriving.target))
    return msgspec.structs.replace(answer, key=SELECTED, value=TIE if best is None else best)


def _is_right(asked: AskedQuestions, expected: ExpectedAnswer, answer: Answer | None) -> bool:
    if answer is None or answer.is_empty:
        return False
    if expected.value is None or answer.value is None:
        marks = (expected.not_applicable, expected.cannot_assess)
        return answer.value is None and marks == (answer.not_applicable, answer.cannot_assess)
    if address_of(expected) in asked.deriving:
        return bool(answer.value == expected.value)
    question = asked.by_address[address_of(expected)]
    field = question.field
    if field.scale is not None:
        sources = asked.sources(question.target)
        wanted, chosen = (preferred(field, one.value, sources) for one in (expected, answer))
        return wanted == chosen
    if field.type == AnnotationType.labeled_text:
        text = _text(asked.content, question.target)
        return spans_f1(expected.value, answer.value, text) >= expected.threshold
    return is_equal(field, expected.value, answer.value, expected.tolerance)


def is_equal(field: Field, expected: Any, given: Any, tolerance: float = 0) -> bool:
    """True if two stored values of a field are equal: numbers within a tolerance, sets as sets."""
    numbers = [one["score"] if _has_score(one) else one for one in (expected, given)]
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers):
        return bool(abs(numbers[0] - numbers[1]) <= tolerance)
    if field.type == AnnotationType.category_multiple:
        return set(expected) == set(given)
    if field.type == AnnotationType.ranked_groups:
        return [set(group) for group in expected] == [set(group) for group in given]
    return type(expected) is type(given) and bool(expected == given)


def _has_score(value: Any) -> bool:
    return isinstance(value, dict) and "score" in value


def spans_f1(expected: Sequence[Any], given: Sequence[Any], text: str) -> float:
    """F1 of spans that overlap by half of their union and have one label; 1 where none is in both.

    Each span is matched with one other at most, as many as can be.
    """
    left, right = (sorted(set(_spans(listed, text))) for listed in (expected, given))
    if not left and not right:
        return 1.0
    numbers = {label: number for number, label in enumerate({one[0] for one in left + right})}
    (label, start, end), (its_label, its_start, its_end) = (
        np.array([(numbers[one[0]], *one[1:]) for one in side], dtype=np.int64).reshape(-1, 3).T
        for side in (left, right)
    )
    common = np.minimum.outer(end, its_end) - np.maximum.outer(start, its_start)
    union = np.add.outer(end - start, its_end - its_start) - common
    may_pair = np.equal.outer(label, its_label) & (common > 0) & (2 * common >= union)
    return 2 * matched_count(np.argwhere(may_pair)) / (len(left) + len(right))


def _spans(listed: Sequence[Any], text: str) -> list[tuple[str, int, int]]:
    spans = []
    for span in listed:
        start, end = span.get("start"), span.get("end")
        if start is None or end is None:
            start = max(text.find(span["text"]), 0)
            end = start + len(span["text"])
        spans.append((span["label"], start, end))
    return spans


def _text(content: Sequence[Thread], target: QuestionTarget) -> str:
    if target.turn is None or target.message is None:
        return ""
    message = content[target.thread].turns[target.turn].messages[target.message].content
    if target.chunk is not None:
        return (message.chunks or [])[target.chunk].text
    return message.text or ""

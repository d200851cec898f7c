"""Answers that the annotations of threads hold: delivered ones, or suggestions of content."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.questions import Question, QuestionTarget
from plaudit.core.labeling.types import rules_of
from plaudit.core.labeling.votes import Address
from plaudit.core.tasks.forms import TextUse
from plaudit.wire.v2.annotation import Annotation
from plaudit.wire.v2.task import CriterionEvaluation, Thread

SCORE = "score"
"""The key of the answer that is a criterion's score; others about it are annotations."""


def answer_at(address: Address, **members: object) -> Answer:
    """An answer with this address."""
    at, source_id, chunk, criterion, key = address
    about = {"at": at, "source_id": source_id, "chunk": chunk, "criterion": criterion, "key": key}
    return msgspec.convert(about | members, Answer)


def answer_in(
    question: Question, address: Address, content: Sequence[Thread], threads: Sequence[Thread]
) -> Answer | None:
    """The answer that annotations of threads hold, None without one; the first of responses.

    `threads` are delivered ones of this content, or the content itself with its suggestions.
    """
    field, target = question.field, question.target
    if field.use is TextUse.response and target.turn is not None:
        asked = content[target.thread].turns[target.turn].messages
        written = threads[target.thread].turns[target.turn].messages[len(asked) :]
        return answer_at(address, value=written[0].content.text) if written else None
    listed = _annotations(threads, target)
    scored = _score(threads, target) if target.criterion is not None else None
    if scored is not None:
        listed = scored.annotations or []
    annotation = next((candidate for candidate in listed if candidate.key == field.key), None)
    if annotation is None:
        if scored is None or scored.score is None or field.key != SCORE:
            return None
        return answer_at(address, value=rules_of(field).value_of_score(scored.score))
    return answer_at(
        address,
        value=annotation.value,
        not_applicable=bool(annotation.not_applicable),
        cannot_assess=bool(annotation.cannot_assess),
        justification=annotation.justification,
    )


def _annotations(threads: Sequence[Thread], target: QuestionTarget) -> list[Annotation]:
    thread = threads[target.thread]
    if target.turn is None:
        return thread.annotations
    turn = thread.turns[target.turn]
    if target.message is None:
        return turn.annotations
    message = turn.messages[target.message]
    if target.criterion is not None:
        return []
    if target.chunk is None:
        return message.annotations
    return (message.content.chunks or [])[target.chunk].annotations


def _score(threads: Sequence[Thread], target: QuestionTarget) -> CriterionEvaluation | None:
    assert target.turn is not None
    assert target.message is not None
    message = threads[target.thread].turns[target.turn].messages[target.message]
    return next(
        (
            scored
            for evaluation in message.rubric_evaluations or ()
            for scored in evaluation.criteria_evaluations or ()
            if scored.criterion_definition_id == target.criterion
        ),
        None,
    )

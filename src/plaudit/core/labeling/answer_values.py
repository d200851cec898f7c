"""Values of answers between page and store, by the rules of their types.

Values that depend on the order in which responses were shown are stored as if the responses had
been shown in their own order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plaudit.core.labeling.questions import Question, QuestionTarget, responses
from plaudit.core.labeling.type_rules import AnswerContext, accepted
from plaudit.core.labeling.types import rules_of
from plaudit.wire.v2.task import Thread


def stored_value(
    question: Question, content: Sequence[Thread], order: Sequence[int], value: Any
) -> Any:
    """A value as it is stored, None if it is empty; raises InvalidAnswer.

    `order` are the indexes of the turn's responses as they were shown.
    """
    return rules_of(question.field).stored(_context(question, content, order), value)


def given_value(question: Question, content: Sequence[Thread], value: Any) -> Any:
    """A stored value as a page sends it that shows the responses in their own order.

    None if the question, as it is asked now, does not take it: forms and responses may have changed
    since it was stored.
    """
    rules, context = rules_of(question.field), own_context(question, content)
    if rules.given is not None:
        return rules.given(context, value)
    return accepted(rules.stored, context, value)


def own_context(question: Question, content: Sequence[Thread]) -> AnswerContext:
    """The context of a question whose responses are shown in their own order."""
    target, order = question.target, list[int]()
    if target.turn is not None:
        order = responses(content[target.thread].turns[target.turn])
    return _context(question, content, order)


def _context(question: Question, content: Sequence[Thread], order: Sequence[int]) -> AnswerContext:
    target, sources = question.target, list[str]()
    if target.turn is not None:
        messages = content[target.thread].turns[target.turn].messages
        sources = [messages[index].source_id for index in order]
    return AnswerContext(question.field, order, sources, _text_at(content, target))


def _text_at(content: Sequence[Thread], target: QuestionTarget) -> str | None:
    """The text of a message or chunk; None for turns and threads."""
    if target.turn is None or target.message is None:
        return None
    message = content[target.thread].turns[target.turn].messages[target.message].content
    if target.chunk is not None:
        return (message.chunks or [])[target.chunk].text
    return message.text or ""

"""Values of answers between page and store, by the rules of their types.

Values that depend on the order in which responses were shown are stored as if the responses had
been shown in their own order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from plaudit.core.labeling.questions import Question, QuestionTarget, responses
from plaudit.core.labeling.response_values import renumber_mentions
from plaudit.core.labeling.type_rules import AnswerContext, InvalidAnswer, accepted
from plaudit.core.labeling.types import rules_of
from plaudit.wire.v2.task import Thread


def stored_value(
    question: Question, content: Sequence[Thread], order: Sequence[int], value: Any
) -> Any:
    """A value as it is stored, None if it is empty; raises InvalidAnswer.

    `order` are the indexes of the turn's responses as they were shown.
    """
    return rules_of(question.field).stored(context_of(question, content, order), value)


def given_value(question: Question, content: Sequence[Thread], value: Any) -> Any:
    """A stored value as a page sends it that shows the responses in their own order.

    None if the question, as it is asked now, does not take it: forms and responses may have changed
    since it was stored.
    """
    rules, context = rules_of(question.field), own_context(question, content)
    if rules.given is not None:
        return rules.given(context, value)
    return accepted(rules.stored, context, value)


def shown_value(
    question: Question, content: Sequence[Thread], order: Sequence[int], value: Any
) -> Any:
    """A stored value as a page sends it that shows the responses in this order.

    None if the page would send another one, or if the question does not take the value.
    """
    rules, context = rules_of(question.field), context_of(question, content, order)
    if rules.given is not None:
        shown = rules.given(context, value)
    else:
        shown = accepted(rules.stored, context, value)
    try:
        if question.field.scale is not None and shown is not None:
            shown = rules.stored(context, shown)
        elif isinstance(shown, str) and question.field.use is None:
            shown = renumber_mentions(shown, _inverse(order))
        is_taken = shown is not None and rules.stored(context, shown) == value
    except InvalidAnswer:
        return None
    return shown if is_taken else None


def _inverse(order: Sequence[int]) -> list[int]:
    """The order that leads back: positions on the page by rank in the responses' own order."""
    return [order.index(index) for index in sorted(order)]


def own_context(question: Question, content: Sequence[Thread]) -> AnswerContext:
    """The context of a question whose responses are shown in their own order."""
    target, order = question.target, list[int]()
    if target.turn is not None:
        order = responses(content[target.thread].turns[target.turn])
    return context_of(question, content, order)


def context_of(
    question: Question, content: Sequence[Thread], order: Sequence[int]
) -> AnswerContext:
    """The context of a question whose responses are shown in this order."""
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

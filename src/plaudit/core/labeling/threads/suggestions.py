"""Suggestions: annotations of a task's content that stand where answers will.

An annotation under the key of a question, about the thing that the question is about, is offered to
whoever answers. It is no answer: consensus.py leaves it out of what is delivered unless somebody
has given it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.answer_values import context_of, shown_value
from plaudit.core.labeling.questions import Display, Question
from plaudit.core.labeling.threads.answer_reading import answer_in
from plaudit.core.labeling.type_rules import Choice
from plaudit.core.labeling.types import rules_of
from plaudit.core.labeling.votes import question_address
from plaudit.wire.v2.task import Thread


class Suggestion(Struct, frozen=True):
    """A suggested value as the page sends it, and in words."""

    value: Any
    words: str

    @property
    def json(self) -> str:
        """The value as JSON, for an attribute of the page."""
        return msgspec.json.encode(self.value).decode()


def suggestion_for(
    question: Question, content: Sequence[Thread], display: Display, choices: Sequence[Choice]
) -> Suggestion | None:
    """The suggestion for a question, None without one that the question takes.

    `choices` are those of the question's control.
    """
    suggested = answer_in(question, question_address(question, content), content, content)
    if suggested is None or suggested.value is None:
        return None
    order = display.get(question.target.at, [])
    value = shown_value(question, content, order, suggested.value)
    if value is None:
        return None
    rules, field = rules_of(question.field), question.field
    is_as_shown = field.scale is not None or isinstance(value, str)
    words = rules.words(
        context_of(question, content, order), choices, value if is_as_shown else suggested.value
    )
    return Suggestion(value, words)

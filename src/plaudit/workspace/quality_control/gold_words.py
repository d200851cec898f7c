"""Expected and given answers in words, with responses numbered as somebody saw them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.labeling.answer_values import context_of, shown_value
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.questions import Display, own_order
from plaudit.core.labeling.types import rules_of
from plaudit.core.quality_control.expected_answers import TIE, AskedQuestions, address_of
from plaudit.core.quality_control.gold_sources import typed_value
from plaudit.core.tasks.forms import Form
from plaudit.texts import N_
from plaudit.wire.manage.gold import ExpectedAnswer
from plaudit.wire.v2.task import Thread
from plaudit.workspace.language.speech import say
from plaudit.workspace.language.words import built_in

NOTHING = N_("no answer")
_decode_given = msgspec.json.Decoder(Answer | None).decode


class AnswerWords(Struct, frozen=True):
    """A question by its title, and what it is about; and an answer to it in words."""

    title: str
    about: str
    words: str


class AnswerDescriber:
    """Describes answers about one conversation; a question that is asked no more by its key."""

    def __init__(
        self, form: Form, content: Sequence[Thread], display: Display | None = None
    ) -> None:
        self._asked = AskedQuestions(form, content)
        self._content = content
        self._display = own_order(content) if display is None else display

    def expected(self, expected: ExpectedAnswer) -> AnswerWords:
        """An expected answer in words."""
        words = self._words(expected, expected)
        if expected.tolerance:
            words += say(", give or take %(tolerance)s", tolerance=f"{expected.tolerance:g}")
        return AnswerWords(self._title(expected), self._about(expected), words)

    def given(self, expected: ExpectedAnswer, given: bytes) -> str:
        """A given answer in words, as a result keeps it."""
        answer = _decode_given(given)
        return NOTHING if answer is None else self._words(expected, answer)

    def _title(self, expected: ExpectedAnswer) -> str:
        question = self._asked.by_address.get(address_of(expected))
        if question is None:
            return say("Preferred response") if self._is_derived(expected) else expected.key
        return built_in(question.field.title or expected.key)

    def _about(self, expected: ExpectedAnswer) -> str:
        """The thing that an answer is about; empty for the turn or thread as a whole."""
        parts = [expected.at] if len(self._content) > 1 or expected.at not in ("t0", "t0u0") else []
        if expected.source_id is not None:
            parts.append(self._response(expected.at, expected.source_id))
        if expected.chunk is not None:
            parts.append(say("step %(number)s", number=expected.chunk + 1))
        if expected.criterion is not None:
            parts.append(expected.criterion)
        return ", ".join(parts)

    def _is_derived(self, expected: ExpectedAnswer) -> bool:
        return address_of(expected) in self._asked.deriving

    def _response(self, at: str, source_id: str) -> str:
        thread, _, turn = at[1:].partition("u")
        messages = self._content[int(thread)].turns[int(turn)].messages
        sources = [messages[index].source_id for index in self._display.get(at, [])]
        return (
            say("Response %(number)s", number=sources.index(source_id) + 1)
            if source_id in sources
            else source_id
        )

    def _words(self, expected: ExpectedAnswer, answer: Answer | ExpectedAnswer) -> str:
        value: Any = answer.value
        if answer.not_applicable or answer.cannot_assess:
            return say("Not applicable") if answer.not_applicable else say("Cannot assess")
        if value is None:
            return NOTHING
        question = self._asked.by_address.get(address_of(expected))
        if question is None:
            if self._is_derived(expected) and isinstance(value, str):
                return (
                    say("Neither is better") if value == TIE else self._response(expected.at, value)
                )
            return typed_value(value)
        order = self._display.get(question.target.at, [])
        rules, field = rules_of(question.field), question.field
        if field.scale is not None:
            value = shown_value(question, self._content, order, value)
        if value is None:
            return typed_value(answer.value)
        choices = [
            msgspec.structs.replace(one, name=built_in(one.name))
            for one in rules.choices(field, len(order))
        ]
        return say(rules.words(context_of(question, self._content, order), choices, value))

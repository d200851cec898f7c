"""Stored answers in words for people, and as the page's scripts hold them.

Responses are numbered in their own order, as reviewers see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit.core.labeling.answer_values import given_value, own_context
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.questions import Question
from plaudit.core.labeling.types import rules_of
from plaudit.texts import N_
from plaudit.wire.v2.task import Thread
from plaudit.workspace.annotate.controls import Control

NOTHING = N_("no answer")


def describe(
    question: Question, control: Control, answer: Answer, content: Sequence[Thread]
) -> str:
    """An answer in words, without the reason given for it; NOTHING if it has none."""
    for name, title in control.offers:
        if getattr(answer, name):
            return title
    if answer.not_applicable or answer.cannot_assess or answer.value is None:
        return NOTHING
    context = own_context(question, content)
    return rules_of(question.field).words(context, control.choices, answer.value)


def given_answer(
    question: Question, control: Control, answer: Answer, content: Sequence[Thread]
) -> dict[str, Any] | None:
    """An answer as the page's scripts hold it; None for one that the form would not take.

    Without the reason that somebody gave for it: whoever changes the answer gives their own.
    """
    given: dict[str, Any] = msgspec.json.decode(control.address)
    value = answer.value
    if value is not None:
        value = given_value(question, content, value)
        if value is None:
            return None
    for name in ("not_applicable", "cannot_assess"):
        if getattr(answer, name):
            given[name] = True
    if value is not None:
        given["value"] = value
    return given

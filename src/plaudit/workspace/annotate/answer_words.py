"""Answers as they are stored, in words for people, and as the page's controls take them.

Responses are called by their place in their own order, as reviewers see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from plaudit.core.labeling.answer_values import as_shown, placed, possible_values
from plaudit.core.labeling.answers import Answer
from plaudit.core.labeling.questions import Question, names_response, responses
from plaudit.core.tasks.forms import LIKERT, Field
from plaudit.wire.v2.annotation import AnnotationType
from plaudit.wire.v2.task import Thread
from plaudit.workspace.annotate.controls import Control

NOTHING = "no answer"


def said(question: Question, control: Control, answer: Answer, content: Sequence[Thread]) -> str:
    """What an answer says, without the reason given for it."""
    for name, title in control.offers:
        if getattr(answer, name):
            return title
    value = answer.value
    if answer.not_applicable or answer.cannot_assess or value is None:
        return NOTHING
    field = question.field
    if names_response(field):
        return _named(field, _positions(question, content), value)
    if field.type == AnnotationType.labeled_text and isinstance(value, list):
        return "; ".join(map(_span, value)) or "nothing is marked"
    if isinstance(value, dict) and "score" in value:
        reason = value.get("justification")
        return f"{value['score']} – {reason}" if reason else str(value["score"])
    if isinstance(value, list):
        return ", ".join(map(_plain, value)) or "none of them"
    if field.scale is not None:
        return _preference(field, control, value)
    word = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else str(value)
    chosen = next((one for one in control.choices if one.value == word), None)
    if chosen is None:
        return _plain(value)
    return chosen.name if chosen.mark == chosen.name else f"{chosen.mark} – {chosen.name}"


def as_given(
    question: Question, control: Control, answer: Answer, content: Sequence[Thread]
) -> dict[str, Any] | None:
    """An answer as the page's scripts hold it; None for one that the form would not take.

    Without the reason that somebody gave for it: whoever changes the answer gives their own.
    """
    found: dict[str, Any] = msgspec.json.decode(control.address)
    value = answer.value
    if value is not None:
        value = as_shown(question, content, value)
        if value is None:
            return None
    for name in ("not_applicable", "cannot_assess"):
        if getattr(answer, name):
            found[name] = True
    if value is not None:
        found["value"] = value
    return found


def _positions(question: Question, content: Sequence[Thread]) -> dict[str, int]:
    """Where each response of a question's turn stands, by its source."""
    place = question.place
    assert place.turn is not None
    turn = content[place.thread].turns[place.turn]
    return {turn.messages[m].source_id: n for n, m in enumerate(responses(turn), 1)}


def _named(field: Field, positions: dict[str, int], value: Any) -> str:
    places = placed(positions, value)
    if places is None:
        return "a response that is not here"
    if isinstance(places, int):
        return f"Response {places}"
    if field.type == AnnotationType.category_multiple:
        return ", ".join(f"Response {one}" for one in places) or "none of them"
    groups = [[one] if isinstance(one, int) else one for one in places]
    return " > ".join(" = ".join(f"Response {one}" for one in group) for group in groups)


def _preference(field: Field, control: Control, value: Any) -> str:
    possible = possible_values(field) or LIKERT
    if value not in possible:
        return _plain(value)
    word = str(possible[possible.index(value)])
    place = next(n for n, one in enumerate(control.choices) if one.value == word)
    chosen = control.choices[place]
    if chosen.name != chosen.mark:
        return f"{chosen.mark} – {chosen.name}"
    # Choices begin with the first response, whichever end of the values that is.
    side = 2 * place - (len(control.choices) - 1)
    if side == 0:
        return f"{value} – neither is better"
    return f"{value} – Response {1 if side < 0 else 2} is better"


def _span(span: Any) -> str:
    if not isinstance(span, dict):
        return _plain(span)
    comment = f" ({span['comment']})" if span.get("comment") else ""
    return f"{span.get('label')}: “{span.get('text')}”{comment}"


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()

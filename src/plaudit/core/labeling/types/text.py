"""Type `text`: a remark, the rewrite of a message, or a response that a person writes.

Remarks may mention responses (`@Response 1`); they are stored with the numbers that the responses
have in their own order.
"""

from __future__ import annotations

from typing import Any

from plaudit.core.common.blank_text import is_blank, visible_length
from plaudit.core.labeling.ballots import first_given, first_value, most_given
from plaudit.core.labeling.line_ends import as_typed
from plaudit.core.labeling.response_values import MENTION, renumber_mentions
from plaudit.core.labeling.type_rules import (
    ANSWER_CHARS_MAX,
    AnswerContext,
    InvalidAnswer,
    TypeRules,
    Widget,
    check_text,
)
from plaudit.core.tasks.forms import Consolidate, Field, TextUse


def stored(context: AnswerContext, value: Any) -> str | None:
    """A text with its mentions renumbered; raises InvalidAnswer.

    None if it is blank, or the rewrite of a message that differs at most in its line ends.
    """
    field, order = context.field, context.order
    if type(value) is not str:
        raise InvalidAnswer("expected a text")
    check_text(value, "/value", ANSWER_CHARS_MAX)
    if is_blank(value) or _is_untouched(context, value):
        return None
    if visible_length(value) < (field.chars_min or 0):
        raise InvalidAnswer(f"at least {field.chars_min} characters")
    if field.names_responses and order:
        named = {int(number) for number in MENTION.findall(value)}
        if not named & set(range(1, len(order) + 1)):
            raise InvalidAnswer("name a response, such as @Response 1")
    return value if field.use is not None else renumber_mentions(value, order)


def _is_untouched(context: AnswerContext, value: str) -> bool:
    """True for the rewrite of a message that says what the message says."""
    if context.field.use is not TextUse.rewrite or context.text is None:
        return False
    return as_typed(value) == as_typed(context.text)


def given(context: AnswerContext, value: Any) -> str | None:
    """Any stored text: one that has become too short for its field stays."""
    return value if isinstance(value, str) else None


def widget(field: Field) -> Widget:
    """A text box, by the text's use."""
    if field.use is TextUse.rewrite:
        return Widget("rewrite", "rewrite", is_beside_text=True)
    if field.use is TextUse.response:
        return Widget("response", "response")
    return Widget("text", "text")


RULES = TypeRules(
    agreement={
        Consolidate.all: first_value,
        Consolidate.first: first_given,
        Consolidate.majority: most_given,
    },
    stored=stored,
    given=given,
    widget=widget,
    uncharted="Texts of one's own are read, not counted.",
    distance=None,
    is_free=True,
    is_own_text=True,
    is_reason=True,
)

"""Say a text, a number or a list in the language of the present request.

Outside of a request that is English. `workspace.http` sets the language of each request, and
carries it into the threads that fill templates.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from plaudit.texts import PageText
from plaudit.workspace.language.languages import ENGLISH, Language, catalogue

_SPOKEN: ContextVar[Language] = ContextVar("language", default=ENGLISH)


def language() -> Language:
    """Language of the present request."""
    return _SPOKEN.get()


@contextmanager
def speaking(spoken: Language) -> Iterator[None]:
    """Say everything in one language meanwhile."""
    token = _SPOKEN.set(spoken)
    try:
        yield
    finally:
        _SPOKEN.reset(token)


def say(message: str, /, **values: Any) -> str:
    """Translate a message of the catalogue, and fill `%(name)s` in it with values.

    A text made by `N_` brings its values with it. What the catalogue lacks stays as it is.
    """
    values = {name: _spoken(value) for name, value in values.items()}
    if isinstance(message, PageText):
        values |= {name: _spoken(value) for name, value in message.values.items()}
        if message.plural:
            return say_count(message.message, message.plural, message.counted, **values)
        message = message.message
    found = _found(message)
    return found % values if values else found


def say_in(context: str, message: str, /, **values: Any) -> str:
    """Translate a message that means something else elsewhere, told apart by its context."""
    found = _found(message, context)
    return found % values if values else found


def say_count(message: str, plural: str, count: int, /, **values: Any) -> str:
    """Translate a message with a number: `%(count)s` in it is the count, written for people."""
    return plural_form(message, plural, count) % ({"count": number(count)} | values)


def plural_form(message: str, plural: str, count: int, context: str = "") -> str:
    """Form of a message for a count, with its `%(name)s` unfilled."""
    texts = catalogue(language().code)
    forms = texts.texts.get((context, message))
    if forms is None:
        return message if count == 1 else plural
    return forms[texts.form_of(count)]


def number(value: float, decimals: int = 0) -> str:
    """Number with marks between thousands, such as 12,345.6."""
    spoken = language()
    text = f"{value:,.{decimals}f}"
    if spoken.thousands == ENGLISH.thousands:
        return text
    return text.translate({ord(","): spoken.thousands, ord("."): spoken.decimal})


def percent(share: float, decimals: int = 0) -> str:
    """Share of one as percent, such as 12.3%."""
    return number(share * 100, decimals) + language().percent


def listed(words: Sequence[str], last: str = "and") -> str:
    """Words as a list in a sentence: "a, b and c"; `last` may be "or"."""
    joint = say(" and ") if last == "and" else say(" or ")
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + joint + words[-1]


def _found(message: str, context: str = "") -> str:
    forms = catalogue(_SPOKEN.get().code).texts.get((context, message))
    return message if forms is None else forms[0]


def _spoken(value: Any) -> Any:
    return say(value) if type(value) is PageText else value

"""Messages of problems in the page's language: known by their patterns.

What core raises is one English sentence with its values filled in, for the API, the command line
and the log; it is kept so in the store too. A page recognizes the sentence by the pattern that it
was written with, which the catalogue has under the context "problem" (docs/translating.md).
"""

from __future__ import annotations

import re
from functools import cache

from plaudit.errors import Problem
from plaudit.texts import PageText
from plaudit.workspace.language import speech
from plaudit.workspace.language.languages import ENGLISH, Language, catalogue
from plaudit.workspace.language.message_parts import CONTEXT as PART
from plaudit.workspace.language.message_parts import DECIDING, JOINED, TYPED, TYPES, WORDED
from plaudit.workspace.language.message_pattern import MessagePattern
from plaudit.workspace.language.words import word

CONTEXT = "problem"
QUOTED = {"message", "reason", "exc", "used", "sentence"}
"""Values of a message that are messages too, such as what is wrong with a row."""

QUOTED_DEPTH_MAX = 4
"""Messages inside of one another that are looked at."""

CHARS_MAX = 20_000
"""Longest message that is compared with patterns; a longer one stays English."""


START_CHARS = 5
"""First characters of a message, by which the patterns are found that may fit."""

_NAMED_TYPES = re.compile(r"expected '([\w |]+)', got '(\w+)'")


def text_of(problem: Problem) -> str:
    """Message of a problem in the page's language; in English where no pattern fits."""
    return said(problem.text)


def said(text: str) -> str:
    """Marked text, or English text that a layer below the pages made, in the page's language."""
    return speech.say(text) if isinstance(text, PageText) else recognized(text)


def recognized(message: str) -> str:
    """English message in the page's language; itself where no pattern fits."""
    found = translation_of(message)
    return _plain(message) if found is None else found


def translation_of(message: str) -> str | None:
    """English message in the page's language; None where no pattern fits, and in English."""
    language = speech.language()
    if language.code == ENGLISH.code:
        return None
    return _translated(message, language, QUOTED_DEPTH_MAX)


def _plain(message: str) -> str:
    """English message with names of types as words: "expected a text, not an integer"."""
    named = _NAMED_TYPES.match(message)
    if named is None or speech.language().code != ENGLISH.code:
        return message
    expected, given = named[1].split(" | "), named[2]
    if not {*expected, given} <= TYPES.keys():
        return message
    words = " or ".join(TYPES[one] for one in expected)
    return f"expected {words}, not {TYPES[given]}{message[named.end() :]}"


def _translated(message: str, language: Language, depth: int) -> str | None:
    """Translation of a message; None where neither a text nor a pattern fits."""
    texts = catalogue(language.code).texts
    found = texts.get((CONTEXT, message)) or texts.get(("", message))
    if found is not None:
        return found[0]
    if len(message) > CHARS_MAX:
        return None
    patterns = _patterns(language.code)
    for pattern, translation in patterns.get(message[:START_CHARS], patterns[""]):
        values = pattern.values_of(message)
        if values is None:
            continue
        spoken = {name: _spoken(name, one, language, depth) for name, one in values.items()}
        if None not in spoken.values():
            return translation % spoken
    return None


def _spoken(name: str, value: str, language: Language, depth: int) -> str | None:
    """Value of a message in the page's language; None where it shows that the message is another.

    Most values are somebody's own words, and stay; so do those in quotes.
    """
    texts = catalogue(language.code).texts
    part = texts.get((PART, value))
    if part is not None:
        return part[0]
    if name in QUOTED and depth > 0:
        found = _translated(value, language, depth - 1)
        return value if found is None and name not in DECIDING else found
    if name in DECIDING:
        return None
    if name in TYPED:
        pieces = [texts.get((PART, TYPES.get(one, one)), [one])[0] for one in value.split(" | ")]
        return speech.listed(pieces, "or")
    if name in WORDED:
        return word(value)
    for joint, last in (" or ", "or"), (" and ", "and"):
        if name in JOINED and joint in value:
            pieces = [texts.get((PART, piece), [piece])[0] for piece in value.split(joint)]
            return speech.listed(pieces, last)
    return value


@cache
def _patterns(code: str) -> dict[str, list[tuple[MessagePattern, str]]]:
    """Patterns of messages with values, each with its translation, by their first characters.

    Each list has those that begin with a value too, and the longest first.
    """
    texts = sorted(
        (
            (MessagePattern(singular), forms[0])
            for (context, singular), forms in catalogue(code).texts.items()
            if context == CONTEXT and "%(" in singular
        ),
        key=lambda one: -one[0].chars,
    )
    starts = {one.start[:START_CHARS] for one, _ in texts if len(one.start) >= START_CHARS}
    return {
        start: [
            (one, translation)
            for one, translation in texts
            if len(one.start) < START_CHARS or (start and one.start.startswith(start))
        ]
        for start in {*starts, ""}
    }

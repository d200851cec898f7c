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
from plaudit.workspace.language.languages import ENGLISH, catalogue

CONTEXT = "problem"
QUOTED = {"message", "reason", "exc"}
"""Values of a message that are messages too, such as what is wrong with a row."""

_VALUE = re.compile(r"%\((\w+)\)s")


def text_of(problem: Problem) -> str:
    """Message of a problem in the page's language; in English where no pattern fits."""
    return said(problem.text)


def said(text: str) -> str:
    """Marked text, or English text that a layer below the pages made, in the page's language."""
    return speech.say(text) if isinstance(text, PageText) else recognized(text)


def recognized(message: str) -> str:
    """English message in the page's language; itself where no pattern fits."""
    code = speech.language().code
    if code == ENGLISH.code:
        return message
    texts = catalogue(code).texts
    found = texts.get((CONTEXT, message)) or texts.get(("", message))
    if found is not None:
        return found[0]
    for pattern, translation in _patterns(code):
        match = pattern.fullmatch(message)
        if match is not None:
            found_values = match.groupdict()
            for name in QUOTED & found_values.keys():
                found_values[name] = recognized(found_values[name])
            return translation % found_values
    return message


@cache
def _patterns(code: str) -> list[tuple[re.Pattern[str], str]]:
    """Patterns of messages with values, the longest first, each with its translation."""
    texts = [
        (singular, forms[0])
        for (context, singular), forms in catalogue(code).texts.items()
        if context == CONTEXT and "%(" in singular
    ]
    return [
        (_pattern(singular), translation)
        for singular, translation in sorted(texts, key=lambda one: -len(_VALUE.sub("", one[0])))
    ]


def _pattern(singular: str) -> re.Pattern[str]:
    first, *parts = _VALUE.split(singular.replace("%%", "%"))
    text, seen = re.escape(first), set[str]()
    for name, rest in zip(parts[::2], parts[1::2], strict=True):
        text += rf"(?P={name})" if name in seen else rf"(?P<{name}>.+?)"
        text += re.escape(rest)
        seen.add(name)
    return re.compile(text, re.DOTALL)

"""Remarks that jobs left, in the page's language: how many rows, and what about them.

A remark is stored in English, as the command line prints it: `3 × a response is empty (a.csv:7)`,
or of an export `3 × no preference`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from plaudit.workspace.language.languages import ENGLISH
from plaudit.workspace.language.problem_texts import said, translation_of
from plaudit.workspace.language.speech import language, number
from plaudit.workspace.language.words import word

_COUNTED = re.compile(r"([\d,]{1,20}) × (.+)", re.DOTALL)
PLACES_TRIED_MAX = 20
"""Brackets of a remark that may be those around the names of its rows."""


def remark_text(remark: str) -> str:
    """Stored remark in the page's language; what is not known in it stays as it is."""
    counted = _COUNTED.fullmatch(remark)
    if counted is None or language() is ENGLISH:
        return said(remark)
    return f"{number(int(counted[1].replace(',', '')))} × {_text_of(counted[2])}"


def reason_text(reason: str) -> str:
    """Reason why an export leaves something out, in the page's language."""
    return translation_of(reason) or word(reason)


def _text_of(remark: str) -> str:
    for text, rows in _cuts(remark):
        found = translation_of(text)
        if found is not None:
            return found + rows
    return word(remark)


def _cuts(remark: str) -> Iterator[tuple[str, str]]:
    """Remark as a whole, and cut before each bracket that may begin the names of its rows."""
    yield remark, ""
    if remark.endswith(")"):
        for bracket in list(re.finditer(r" \(", remark))[:PLACES_TRIED_MAX]:
            yield remark[: bracket.start()], remark[bracket.start() :]

"""Languages of the pages, and the choice of one for a request."""

from __future__ import annotations

import gettext
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from msgspec import Struct

from plaudit.workspace.language import po_file

FOLDER = Path(__file__).parent / "locale"
"""Catalogues: `<code>.po` for each language but English, and `plaudit.pot` without translations."""


class Language(Struct, frozen=True, kw_only=True):
    """Language with all its texts; `code` is that of BCP 47."""

    code: str
    name: str
    """Its name in itself, for the list it is chosen from."""
    direction: str = "ltr"
    thousands: str = ","
    decimal: str = "."
    percent: str = "%"
    """Sign after a number, with the space between them."""
    plural_categories: tuple[str, ...] = ("one", "other")
    """Unicode's names of its plural forms, in the catalogue's order; scripts choose by them."""


ENGLISH = Language(code="en", name="English")
LANGUAGES = {
    one.code: one
    for one in (
        Language(
            code="de", name="Deutsch", thousands=".", decimal=",", percent="\N{NO-BREAK SPACE}%"
        ),
        ENGLISH,
        Language(
            code="es", name="Español", thousands=".", decimal=",", percent="\N{NO-BREAK SPACE}%"
        ),
    )
}
"""Languages that can be chosen, by code, in the order of their names."""

_ACCEPTED_MAX = 20
_RANGE = re.compile(r"\s*([A-Za-z]{2,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?")


class Catalogue(Struct, frozen=True):
    """Translations of one language, by context and English singular; each a list of forms."""

    texts: dict[tuple[str, str], list[str]]
    form_of: Callable[[int], int]
    """Number of the plural form for a count."""


def choose(setting: str, cookie: str, accepted: str) -> Language:
    """Language of a request: the account's, else the browser's cookie, else Accept-Language.

    English where none of them names a language that there is. All three are untrusted text.
    """
    for code in (setting, cookie):
        if code in LANGUAGES:
            return LANGUAGES[code]
    best, weight = ENGLISH, 0.0
    for piece in accepted.split(",")[:_ACCEPTED_MAX]:
        match = _RANGE.fullmatch(piece)
        language = LANGUAGES.get(match[1].lower()) if match else None
        quality = float((match[2] if match else None) or 1)
        if language is not None and quality > weight:
            best, weight = language, quality
    return best


@cache
def catalogue(code: str) -> Catalogue:
    """Catalogue of a language, read once; empty for English, whose texts are the messages."""
    if code == ENGLISH.code:
        return Catalogue({}, lambda count: int(count != 1))
    texts = po_file.read((FOLDER / f"{code}.po").read_text())
    rule = re.search(r"plural=([^;\n]+);", texts.pop(("", ""))[0])
    assert rule is not None, f"{code}.po has no Plural-Forms"
    return Catalogue(
        {key: forms for key, forms in texts.items() if all(forms)},
        gettext.c2py(rule[1]),
    )

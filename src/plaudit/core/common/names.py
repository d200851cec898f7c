"""Names that people give: what is allowed, and the form in which two names are the same.

Names are kept as given. Two are the same when their NFC forms, without white space at the edges,
are equal (reliability T21).
"""

from __future__ import annotations

import unicodedata

from plaudit.errors import InvalidContent

CODE_POINTS_MAX = 255
BYTES_MAX = 1020

_BIDI_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset("\u200b\u200c\u200d\u2060\ufeff\u00ad")


def key_of(name: str) -> str:
    """The form under which a name is looked up."""
    return unicodedata.normalize("NFC", name).strip()


def checked(name: str, pointer: str = "/name") -> str:
    """Return the name's key; raises InvalidContent for a name that could not be told apart."""
    key = key_of(name)
    if not key or all(char in _INVISIBLE for char in key):
        raise InvalidContent("a name must have visible characters", pointer=pointer)
    if len(name) > CODE_POINTS_MAX or len(name.encode("utf-8", "replace")) > BYTES_MAX:
        raise InvalidContent(
            f"a name has at most {CODE_POINTS_MAX} characters and {BYTES_MAX} bytes",
            pointer=pointer,
        )
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name):
        raise InvalidContent("a name holds no control characters", pointer=pointer)
    if any(char in _BIDI_OVERRIDES for char in name):
        raise InvalidContent("a name holds no bidirectional overrides", pointer=pointer)
    return key

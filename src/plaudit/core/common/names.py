"""Names of projects, batches, datasets and people: what is allowed, and when two are equal.

Names are stored as given. Two are equal when their NFC forms (Unicode UAX #15), without white
space at the edges, are.
"""

from __future__ import annotations

import unicodedata

from plaudit.core.common.blank_text import is_blank
from plaudit.errors import InvalidContent

CODE_POINTS_MAX = 255
BYTES_MAX = 1020

_BIDI_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def normalize_name(name: str) -> str:
    """Return the lookup key of a name: NFC, without white space at the edges."""
    return unicodedata.normalize("NFC", name).strip()


def check_name(name: str, pointer: str = "/name") -> str:
    """Return the name's lookup key; raises InvalidContent for a name that may not be used.

    Refused are empty, invisible and too long ones, control characters and bidirectional overrides.
    """
    key = normalize_name(name)
    if is_blank(key):
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

"""Texts that show nothing: white space, and characters that have no width or no ink.

Invisible are the default-ignorable characters of Unicode (UAX #44), controls, and the blanks that
are no white space by Unicode, such as U+2800 and U+3164; static/annotate/blank.js has the same.
"""

from __future__ import annotations

import re

_INVISIBLE_RANGES = (
    "\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_INVISIBLE_RANGES}]")
_VISIBLE = re.compile(rf"[^\s{_INVISIBLE_RANGES}]")


def without_invisible(text: str) -> str:
    """Return a text without its invisible characters; white space stays."""
    return _INVISIBLE.sub("", text)


def visible_length(text: str) -> int:
    """Number of characters of a text, without invisible ones and white space at its edges."""
    return len(without_invisible(text).strip())


def is_blank(text: str) -> bool:
    """True if a text is empty, or nothing of it can be seen."""
    return _VISIBLE.search(text) is None

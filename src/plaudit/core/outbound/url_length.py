"""Bound on the length of a URL that is stored; needs no URL parser, which is slow to import."""

from __future__ import annotations

from plaudit.errors import InvalidContent

URL_CHARS_MAX = 2048


def check_url_length(text: str | None, pointer: str) -> None:
    """Raise InvalidContent at `pointer` for a URL over URL_CHARS_MAX; None is no URL."""
    if text is not None and len(text) > URL_CHARS_MAX:
        raise InvalidContent(f"a URL has at most {URL_CHARS_MAX} characters", pointer=pointer)

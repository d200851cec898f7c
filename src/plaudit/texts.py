"""Texts of pages, marked where they are written and translated where a page is made.

`N_` and `N_n` give English at once, as every other caller wants it: the API, the command line and
the log. What they give remembers its message, so that a page may say it in another language
(docs/translating.md).
"""

from __future__ import annotations

from typing import Any


class PageText(str):
    """English text that remembers the message and values it was made of.

    `plural` is empty where there is no number; else `counted` chooses between message and plural.
    """

    __slots__ = ("counted", "message", "plural", "values")

    message: str
    plural: str
    counted: int
    values: dict[str, Any]

    def __new__(
        cls, message: str, values: dict[str, Any], plural: str = "", count: int = 1
    ) -> PageText:
        """Fill `%(name)s` in the message, or in the plural, with values."""
        chosen = plural if plural and count != 1 else message
        self = super().__new__(cls, chosen % values if values else chosen)
        self.message, self.values, self.plural, self.counted = message, values, plural, count
        return self

    def __getnewargs__(self) -> tuple[str, dict[str, Any], str, int]:  # type: ignore[override]
        """Arguments of a copy, for pickle."""
        return self.message, self.values, self.plural, self.counted


def N_(message: str, **values: Any) -> str:
    """Mark a text of a page, and fill `%(name)s` in it; a `%` without values is itself."""
    return PageText(message, values)


def N_n(message: str, plural: str, count: int, **values: Any) -> str:
    """Mark a text with a number, which stands in it as `%(count)s`."""
    return PageText(message, {"count": count} | values, plural, count)

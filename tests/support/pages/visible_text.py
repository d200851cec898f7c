"""Text that a page shows: that of its elements, without those that are hidden or no text."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
_NO_TEXT = {"head", "script", "style", "template"}


class _Reader(HTMLParser):
    def __init__(self, without_class: str) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._without_class = without_class
        self._hidden: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _VOID:
            return
        named = dict(attrs)
        classes = (named.get("class") or "").split()
        is_hidden = tag in _NO_TEXT or "hidden" in named or self._without_class in classes
        self._hidden.append(is_hidden or (bool(self._hidden) and self._hidden[-1]))

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and tag not in _VOID:
            self._hidden.pop()

    def handle_data(self, data: str) -> None:
        if not (self._hidden and self._hidden[-1]):
            self.pieces.append(data)


def visible_text(page: str, *, without_class: str = "") -> str:
    """Text of a page in which every element is closed; folded parts count, attributes do not."""
    reader = _Reader(without_class)
    reader.feed(page)
    reader.close()
    return "".join(reader.pieces)

"""Line ends of texts: a browser's text area holds each as LF, whatever the message itself has.

What is stored speaks of the message as it is delivered, so its pieces keep its own line ends.
"""

from __future__ import annotations

import re

_LINE_END = re.compile("\r\n?")
_ANY_LINE_END = "(?:\r\n|\r(?!\n)|(?<!\r)\n)"


def as_typed(text: str) -> str:
    """The text as a text area holds it: every CRLF and lone CR is one LF."""
    return _LINE_END.sub("\n", text)


def find_piece(text: str, piece: str) -> str | None:
    """The first piece of `text` that is `piece` but for its line ends; None without one."""
    if piece in text:
        return piece
    lines = as_typed(piece).split("\n")
    found = re.search(_ANY_LINE_END.join(map(re.escape, lines)), text)
    return None if found is None else found[0]

"""Texts of models and customers as HTML that cannot do anything.

Everything is made here, on the server: markdown without raw HTML, coloured code, formulas as
MathML, and last a cleaner with an allow list. A page puts the results where they belong and
needs `static/shared/rendered.css`.

Time is bounded, but not short: seconds for the worst text there is. Pages that are waited for
render outside the event loop.
"""

from __future__ import annotations

import re

from markupsafe import Markup

from plaudit.workspace.render import markdown
from plaudit.workspace.render.sanitize import (
    IsAttachment,
    cleaned,
    escaped,
    no_attachment,
    with_hidden_shown,
)
from plaudit.workspace.render.text_diff import IDEOGRAPH

MARKDOWN_CHARACTERS_MAX = 200_000
TOO_LONG = f"Shown as plain text: longer than {MARKDOWN_CHARACTERS_MAX:,} characters."

# JSON can carry halves of characters, which no encoding can.
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
_LINE_END = re.compile("\r\n?")
_WORD = re.compile(rf"[{IDEOGRAPH}]|[^\W{IDEOGRAPH}]+(?:['’.,-][^\W{IDEOGRAPH}]+)*")


def render_markdown(text: str, is_attachment: IsAttachment = no_attachment) -> Markup:
    """Render markdown; beyond `MARKDOWN_CHARACTERS_MAX` as plain text with a note.

    Only images for which `is_attachment(url)` holds are shown; others become links to them.
    """
    text = _tidy(text)
    if len(text) > MARKDOWN_CHARACTERS_MAX:
        return _wrapped(f'<p class="note">{TOO_LONG}</p>{_plain(text)}')
    return _wrapped(markdown.to_html(text, is_attachment), is_attachment)


def word_count(text: str) -> int:
    """Count words as people do: "don't" and "1,000.5" are one, an ideograph is one."""
    return sum(1 for _ in _WORD.finditer(text))


def _plain(text: str) -> str:
    """A text exactly as it was written, with what is hidden in it made visible."""
    return f'<div class="plain" dir="auto">{escaped(with_hidden_shown(text))}</div>'


def _wrapped(inner: str, is_attachment: IsAttachment = no_attachment) -> Markup:
    return cleaned(f'<div class="rendered">{inner}</div>', is_attachment)


def _tidy(text: str) -> str:
    """Replace what HTML could not carry, as a browser would."""
    return _UNREADABLE.sub("\ufffd", _LINE_END.sub("\n", text))

"""Untrusted markdown of models and customers as safe HTML (docs/adr/0022).

Rendered on the server: markdown without raw HTML, highlighted code, formulas as MathML, and at
last a sanitizer with an allow list. Pages with the result need `static/shared/rendered.css`.

Time is bounded, but the worst text takes seconds: render outside the event loop.
"""

from __future__ import annotations

import re

from markupsafe import Markup

from plaudit.workspace.render import markdown
from plaudit.workspace.render.sanitize import (
    IsAttachment,
    escape_text,
    no_attachment,
    reveal_hidden,
    sanitize_html,
)
from plaudit.workspace.render.text_diff import IDEOGRAPH

MARKDOWN_CHARACTERS_MAX = 200_000
TOO_LONG = f"Shown as plain text: longer than {MARKDOWN_CHARACTERS_MAX:,} characters."

# JSON strings can hold lone surrogates, which UTF-8 cannot encode.
_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
_LINE_END = re.compile("\r\n?")
_WORD = re.compile(rf"[{IDEOGRAPH}]|[^\W{IDEOGRAPH}]+(?:['’.,-][^\W{IDEOGRAPH}]+)*")


def render_markdown(text: str, is_attachment: IsAttachment = no_attachment) -> Markup:
    """Render markdown as safe HTML; beyond MARKDOWN_CHARACTERS_MAX as plain text with a note.

    Images are shown if `is_attachment(url)` is true, and are links otherwise.
    """
    text = _tidy(text)
    if len(text) > MARKDOWN_CHARACTERS_MAX:
        return _wrapped(f'<p class="note">{TOO_LONG}</p>{_plain(text)}')
    return _wrapped(markdown.to_html(text, is_attachment), is_attachment)


def readable(text: str) -> str:
    """A text for a template to escape, with line ends and unreadable characters made plain."""
    return reveal_hidden(_tidy(text))


def word_count(text: str) -> int:
    """Count words: "don't" and "1,000.5" are one each, and so is every ideograph."""
    return sum(1 for _ in _WORD.finditer(text))


def _plain(text: str) -> str:
    """Text as HTML exactly as written, with invisible characters shown as their numbers."""
    return f'<div class="plain" dir="auto">{escape_text(reveal_hidden(text))}</div>'


def _wrapped(inner: str, is_attachment: IsAttachment = no_attachment) -> Markup:
    return sanitize_html(f'<div class="rendered">{inner}</div>', is_attachment)


def _tidy(text: str) -> str:
    """Normalise line ends, and replace NUL and lone surrogates by U+FFFD as browsers do."""
    return _UNREADABLE.sub("\ufffd", _LINE_END.sub("\n", text))

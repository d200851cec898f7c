"""Untrusted markdown of models and customers as safe HTML (docs/adr/0022).

Rendered on the server: markdown without raw HTML, highlighted code, formulas as MathML, and at
last a sanitizer with an allow list. Pages with the result need `static/shared/rendered.css`.

Time is bounded, but the worst text takes seconds: pages render by `render_pool.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from plaudit.workspace.render import markdown, source_map
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
    text = tidy(text)
    if len(text) > MARKDOWN_CHARACTERS_MAX:
        return render_plain(text, TOO_LONG)
    return _wrapped(markdown.to_html(text, is_attachment), is_attachment)


def render(text: str, attachments: Iterable[str], is_mapped: bool) -> Markup:
    """Render markdown that may show these attachments, with a map to the text if asked for."""
    renderer = render_mapped if is_mapped else render_markdown
    return renderer(text, frozenset(attachments).__contains__)


def render_mapped(text: str, is_attachment: IsAttachment = no_attachment) -> Markup:
    """Render as `render_markdown` does, with a map to the text (source_map.py) in `data-map`."""
    text = tidy(text)
    if len(text) > MARKDOWN_CHARACTERS_MAX:
        return render_plain(text, TOO_LONG, is_mapped=True)
    tokens, inner = markdown.to_tokens_and_html(text, is_attachment)
    rendered = _wrapped(inner, is_attachment)
    return _with_map(rendered, source_map.map_markdown(text, tokens, rendered))


def render_plain(text: str, note: str, *, is_mapped: bool = False) -> Markup:
    """Render a text as written, with invisible characters shown as their numbers, below a note.

    It is what the sanitizer would leave of it, and holds nothing but escaped text.
    """
    plain = escape_text(reveal_hidden(tidy(text))).replace("\xa0", "&nbsp;")
    rendered = Markup(
        f'<div class="rendered"><p class="note">{escape_text(note)}</p>'
        f'<div class="plain" dir="auto">{plain}</div></div>'
    )
    return _with_map(rendered, source_map.map_plain(tidy(text), note)) if is_mapped else rendered


def readable(text: str) -> str:
    """A text for a template to escape, with line ends and unreadable characters made plain."""
    return reveal_hidden(tidy(text))


def tidy(text: str) -> str:
    """Normalise line ends, and replace NUL and lone surrogates by U+FFFD as browsers do."""
    return _UNREADABLE.sub("\ufffd", _LINE_END.sub("\n", text))


def word_count(text: str) -> int:
    """Count words: "don't" and "1,000.5" are one each, and so is every ideograph."""
    return sum(1 for _ in _WORD.finditer(text))


def _wrapped(inner: str, is_attachment: IsAttachment = no_attachment) -> Markup:
    return sanitize_html(f'<div class="rendered">{inner}</div>', is_attachment)


def _with_map(rendered: Markup, pieces: Sequence[source_map.Piece]) -> Markup:
    opening = '<div class="rendered"'
    told = source_map.written(pieces, source_map.visible_text(rendered))
    return Markup(f'{opening} data-map="{told}"') + rendered[len(opening) :]

"""Markdown to HTML: a CommonMark parser without raw HTML, and rewriting of its tokens.

Links lead to other sites or are disabled, images are attachments or links, headings stay below
those of the page, and no element carries a style. `sanitize.sanitize_html` checks the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from plaudit.workspace.render.formulas import read_formulas
from plaudit.workspace.render.highlighting import highlight, language_of
from plaudit.workspace.render.render_budget import RenderBudget
from plaudit.workspace.render.sanitize import (
    LINK,
    SCHEMES,
    IsAttachment,
    escape_text,
    reveal_hidden,
)

NESTING_MAX = 20
HEADING_FIRST = 3
"""Level of a text's highest heading; the page itself has those above."""

TITLE_CHARACTERS_MAX = 200

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_IMAGE_IN_TEXT = "data:image/"
_BARE_LINK = re.compile(
    r"\bhttps?://[^\s<>\"`{}|\\^\x00-\x20\x7f]{1,2000}"
    r"|\bmailto:[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[\w.-]{1,255}",
    re.IGNORECASE,
)
_BLOCKS = frozenset({"p", "h3", "h4", "h5", "h6", "ul", "ol", "th", "td"})


class _Reader(MarkdownIt):
    """Parser that treats links with other schemes than SCHEMES as text."""

    def validateLink(self, url: str) -> bool:
        scheme = _SCHEME.match(url)
        return scheme is None or scheme[1].lower() in SCHEMES or url.startswith(_IMAGE_IN_TEXT)


def to_html(text: str, is_attachment: IsAttachment) -> str:
    """Convert markdown to HTML, which the caller must sanitize."""
    env = {"budget": RenderBudget(), "is_attachment": is_attachment}
    return str(_READER.render(text, env))


def _rewrite(state: StateCore) -> None:
    """Core rule of markdown-it: rewrite all tokens after parsing."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + HEADING_FIRST - 1, 6)}"
        if style := token.attrs.pop("style", ""):
            token.attrs["class"] = str(style).removeprefix("text-align:")
        if token.tag in _BLOCKS and token.nesting == 1:
            token.attrs["dir"] = "auto"
        if token.children:
            token.children = list(_rewrite_inline(token.children, state))


def _rewrite_inline(tokens: Sequence[Token], state: StateCore) -> Iterator[Token]:
    """Rewrite the links and images of a paragraph's tokens."""
    is_attachment: IsAttachment = state.env["is_attachment"]
    link = None
    for token in tokens:
        if token.type == "link_open":
            link = token
            address = str(token.attrs["href"])
            if not LINK.fullmatch(address) and not is_attachment(address):
                _disable_link(token, address)
            yield token
        elif token.type == "link_close" and link is not None:
            token.tag, link = link.tag, None
            yield token
        elif token.type == "image":
            yield from _image(token, is_attachment, in_link=link is not None)
        elif token.type == "text" and link is None:
            yield from _with_bare_links(token.content, state.md)
        else:
            yield token


def _disable_link(token: Token, address: str) -> None:
    """Turn a forbidden link into a span whose title is its address."""
    token.tag = "span"
    token.attrs = {"class": "dead-link", "title": address[:TITLE_CHARACTERS_MAX]}


def _image(token: Token, is_attachment: IsAttachment, *, in_link: bool) -> Iterator[Token]:
    """Yield an attachment's image, or a link for any other: no page loads from other sites."""
    address = str(token.attrs["src"])
    words = _plain(token.children or [])
    if is_attachment(address):
        token.type, token.children = "attachment", None
        token.attrs |= {"alt": words, "class": "attachment"}
        yield token
        return
    opening = Token("image_chip_open", "span", 1, attrs={"class": "image-chip"})
    if LINK.fullmatch(address) and not in_link:
        opening.tag = "a"
        opening.attrs["href"] = address
    yield opening
    yield Token("text", "", 0, content=f"Image: {words}" if words else "Image")
    yield Token("image_chip_close", opening.tag, -1)


def _plain(tokens: Sequence[Token]) -> str:
    """Text of inline tokens without markup."""
    pieces = []
    for token in tokens:
        if token.children:
            pieces.append(_plain(token.children))
        elif token.type in ("softbreak", "hardbreak"):
            pieces.append(" ")
        else:
            pieces.append(token.content)
    return "".join(pieces)


def _with_bare_links(text: str, reader: MarkdownIt) -> Iterator[Token]:
    """Yield a text's tokens with its bare URLs as links."""
    end = 0
    for match in _BARE_LINK.finditer(text):
        address = _without_punctuation(match[0])
        href = reader.normalizeLink(address)
        if not LINK.fullmatch(href):
            continue
        yield Token("text", "", 0, content=text[end : match.start()])
        yield Token("link_open", "a", 1, attrs={"href": href})
        yield Token("text", "", 0, content=address)
        yield Token("link_close", "a", -1)
        end = match.start() + len(address)
    yield Token("text", "", 0, content=text[end:])


def _without_punctuation(address: str) -> str:
    """Strip punctuation that ends the sentence rather than the URL."""
    while address[-1] in ".,;:!?*_~')]":
        if address[-1] == ")" and address.count("(") >= address.count(")"):
            break
        address = address[:-1]
    return address


def _write_code(
    _renderer: Any, tokens: Sequence[Token], index: int, _options: OptionsDict, env: EnvType
) -> str:
    """Render a block of code; scripts add a copy button to `data-copy`."""
    token = tokens[index]
    language = language_of(token.info)
    inner = highlight(reveal_hidden(token.content), language, env["budget"])
    named = f' data-language="{language}"' if language else ""
    code = f'<pre tabindex="0"><code>{inner}</code></pre>'
    return f'<div class="code" dir="ltr" data-copy=""{named}>{code}</div>\n'


def _write_code_inline(
    _renderer: Any, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    return f"<code>{escape_text(reveal_hidden(tokens[index].content))}</code>"


def _open_table(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    """Render a table inside a box that scrolls, also by keyboard."""
    table = renderer.renderToken(tokens, index, options, env)
    return f'<div class="table" tabindex="0">{table}'


def _close_table(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    return f"{renderer.renderToken(tokens, index, options, env)}</div>\n"


def _make_reader() -> MarkdownIt:
    # In conversations a line break is meant as one.
    options = {"html": False, "breaks": True, "maxNesting": NESTING_MAX}
    reader = _Reader("commonmark", options).enable(["table", "strikethrough"])
    reader.disable(["html_block", "html_inline"])
    read_formulas(reader)
    reader.core.ruler.push("rewrite", _rewrite)
    for name, rule in {
        "fence": _write_code,
        "code_block": _write_code,
        "code_inline": _write_code_inline,
        "table_open": _open_table,
        "table_close": _close_table,
    }.items():
        reader.add_render_rule(name, rule)
    return reader


_READER = _make_reader()

"""Markdown to HTML: a CommonMark parser without raw HTML, and rewriting of its tokens.

Links lead to other sites or are disabled, images are attachments or links, headings stay below
those of the page, and no element carries a style. `sanitize.sanitize_html` checks the result.
Every word is shown: titles of links, addresses that lead nowhere and info strings of code as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import unescapeAll
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict, PresetType

from plaudit.workspace.render.formulas import read_formulas
from plaudit.workspace.render.highlighting import highlight, language_of
from plaudit.workspace.render.markdown_rules import InlineParser, keep_everything
from plaudit.workspace.render.render_budget import RenderBudget
from plaudit.workspace.render.sanitize import (
    LINK,
    SCHEMES,
    IsAttachment,
    escape_text,
    reveal_hidden,
)
from plaudit.workspace.render.source_places import place_tokens

NESTING_MAX = 20
HEADING_FIRST = 3
"""Level of a text's highest heading; the page itself has those above."""

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

    def configure(
        self, presets: str | PresetType, options_update: Mapping[str, Any] | None = None
    ) -> MarkdownIt:
        self.inline = InlineParser()
        return super().configure(presets, options_update)

    def validateLink(self, url: str) -> bool:
        scheme = _SCHEME.match(url)
        return scheme is None or scheme[1].lower() in SCHEMES or url.startswith(_IMAGE_IN_TEXT)


def to_html(text: str, is_attachment: IsAttachment) -> str:
    """Convert markdown to HTML, which the caller must sanitize."""
    return to_tokens_and_html(text, is_attachment)[1]


def to_tokens_and_html(text: str, is_attachment: IsAttachment) -> tuple[list[Token], str]:
    """Convert markdown as `to_html` does; the tokens tell where it comes from (source_map.py)."""
    env = {"budget": RenderBudget(), "is_attachment": is_attachment}
    tokens = _READER.parse(text, env)
    return tokens, str(_READER.renderer.render(tokens, _READER.options, env))


def _rewrite(state: StateCore) -> None:
    """Core rule of markdown-it: rewrite all tokens after parsing."""
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + HEADING_FIRST - 1, 6)}"
        if style := token.attrs.pop("style", ""):
            token.attrs["class"] = str(style).removeprefix("text-align:")
        if token.tag in _BLOCKS and token.nesting == 1:
            token.attrs["dir"] = "auto"
        if token.type == "definition":
            token.children = list(_with_bare_links(token.content, state.md))
        elif token.children:
            token.children = list(_rewrite_inline(token.children, state))


def _rewrite_inline(tokens: Sequence[Token], state: StateCore) -> Iterator[Token]:
    """Rewrite the links and images of a paragraph's tokens."""
    link, said = None, ""
    words: list[Token] = []
    for token in tokens:
        if token.type == "link_open":
            link, words = token, []
            said = _link(token, state)
            yield token
        elif token.type == "link_close" and link is not None:
            token.tag, link = link.tag, None
            yield token
            yield from _aside("" if said == _plain(words) else said, token)
        elif token.type == "image":
            yield from _image(token, state, in_link=link is not None)
        elif token.type == "text" and link is None:
            yield from _with_bare_links(token.content, state.md)
        else:
            words.append(token)
            yield token


def _link(token: Token, state: StateCore) -> str:
    """Disable a link that may not be followed; the words to be said beside it."""
    address, said = _target(token, "href", state)
    if address is None:
        token.tag, token.attrs = "span", {"class": "dead-link"}
    return said


def _target(token: Token, attribute: str, state: StateCore) -> tuple[str | None, str]:
    """Address of a link or image, None if it may not be opened, and the words not shown elsewhere.

    Titles are taken off, as only a mouse that waits there would show them. What stands in a link
    definition is shown there, and costs budget here: a short text may use a long one often.
    """
    address, title = str(token.attrs[attribute]), str(token.attrs.pop("title", ""))
    is_attachment: IsAttachment = state.env["is_attachment"]
    is_open = LINK.fullmatch(address) is not None or is_attachment(address)
    if "label" in token.meta:
        budget: RenderBudget = state.env["budget"]
        budget.reference_characters -= len(address)
        return address if is_open and budget.reference_characters >= 0 else None, ""
    if is_open:
        return address, title
    return None, f"{state.md.normalizeLinkText(address)} {title}".strip()


def _aside(text: str, about: Token) -> Iterator[Token]:
    """Yield a note in parentheses on the token before it; nothing for an empty text."""
    if text:
        yield Token("aside_open", "span", 1, attrs={"class": "aside"})
        yield _text_of(f" ({text})", about)
        yield Token("aside_close", "span", -1)


def _text_of(text: str, about: Token) -> Token:
    """A text that stands for a token, and comes from its place."""
    return Token("text", "", 0, content=text, meta={"place": about.meta.get("place")})


def _image(token: Token, state: StateCore, *, in_link: bool) -> Iterator[Token]:
    """Yield an attachment's image, or a link for any other: no page loads from other sites."""
    address, said = _target(token, "src", state)
    words = _plain(token.children or [])
    if address is not None and state.env["is_attachment"](address):
        token.type, token.children = "attachment", None
        token.attrs |= {"alt": words, "class": "attachment"}
        yield token
        yield from _aside(" – ".join(filter(None, (words, said))), token)
        return
    opening = Token("image_chip_open", "span", 1, attrs={"class": "image-chip"})
    if address is not None and not in_link:
        opening.tag = "a"
        opening.attrs["href"] = address
    elif address is not None and "label" not in token.meta:
        said = f"{state.md.normalizeLinkText(address)} {said}".strip()
    yield opening
    yield _text_of(f"Image: {words}" if words else "Image", token)
    yield Token("image_chip_close", opening.tag, -1)
    yield from _aside(said, token)


def _plain(tokens: Sequence[Token]) -> str:
    """Text of inline tokens without markup, with the addresses of links and images in it."""
    pieces = []
    addresses: list[str] = []
    for token in tokens:
        if token.type == "link_open":
            addresses.append(_plain_target(token, "href"))
        elif token.type == "link_close":
            pieces.append(addresses.pop() if addresses else "")
        elif token.type == "image":
            pieces += _plain(token.children or []), _plain_target(token, "src")
        elif token.type in ("softbreak", "hardbreak"):
            pieces.append(" ")
        else:
            pieces.append(token.content)
    return "".join(pieces)


def _plain_target(token: Token, attribute: str) -> str:
    if "label" in token.meta:
        return ""
    return " (" + f"{token.attrs[attribute]} {token.attrs.get('title', '')}".strip() + ")"


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
    info = reveal_hidden(unescapeAll(token.info).strip())
    named = f' data-language="{language}"' if language else ""
    note = "" if info.lower() == language else f'<p class="note">{escape_text(info)}</p>'
    code = f'<pre tabindex="0"><code>{inner}</code></pre>'
    return f'<div class="code" dir="ltr" data-copy=""{named}>{note}{code}</div>\n'


def _write_code_inline(
    _renderer: Any, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    return f"<code>{escape_text(reveal_hidden(tokens[index].content))}</code>"


def _write_definition(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    """Render a link definition as it was written; links elsewhere in the text use it."""
    source = renderer.renderInline(tokens[index].children or [], options, env)
    return f'<p class="definition" dir="auto">{source}</p>\n'


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
    options = {"html": False, "breaks": True, "maxNesting": NESTING_MAX, "store_labels": True}
    reader = _Reader("commonmark", options).enable(["table", "strikethrough"])
    reader.disable(["html_block", "html_inline"])
    keep_everything(reader)
    read_formulas(reader)
    place_tokens(reader)
    reader.core.ruler.push("rewrite", _rewrite)
    for name, rule in {
        "fence": _write_code,
        "code_block": _write_code,
        "code_inline": _write_code_inline,
        "definition": _write_definition,
        "table_open": _open_table,
        "table_close": _close_table,
    }.items():
        reader.add_render_rule(name, rule)
    return reader


_READER = _make_reader()

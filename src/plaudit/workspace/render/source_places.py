"""Places of a paragraph's tokens in its text, noted while markdown is parsed.

A token's place is kept in its `meta`: `at` is where it begins, `place` the part of the text that it
stands for as a whole. What becomes text is joined by later rules, so it is listed by itself, as
runs, in the `meta` of the paragraph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline, image, link
from markdown_it.token import Token

InlineRule = Callable[[StateInline, bool], bool]

_RUNS = "runs"


class Run(NamedTuple):
    """Text of a paragraph, and where it comes from; as a whole, unless both are of one length."""

    content: str
    start: int
    length: int


class PlacedInline(StateInline):
    """State of a paragraph's parser that notes where its tokens begin."""

    _pending_at = 0
    _has_pending = False

    def append_pending(self, text: str) -> None:
        """Append literal text, which begins where the parser is."""
        if not self._has_pending:
            self._has_pending, self._pending_at = True, self.pos
        super().append_pending(text)

    def pushPending(self) -> Token:
        """Make the pending text a token."""
        token = super().pushPending()
        token.meta["at"] = self._pending_at
        self._has_pending = False
        return token

    def push(self, ttype: str, tag: str, nesting: Literal[-1, 0, 1]) -> Token:
        """Push a token; the marks of emphasis follow one another while the parser stays."""
        token = super().push(ttype, tag, nesting)
        self._has_pending = False
        token.meta |= {"at": self.pos, "rule": self.pos}
        if ttype == "text" and len(self.tokens) > 1:
            before = self.tokens[-2]
            if before.type == "text" and before.meta.get("rule") == self.pos:
                token.meta["at"] = before.meta["at"] + len(before.content)
        return token


def place_tokens(reader: MarkdownIt) -> None:
    """Have a parser whose paragraphs are `PlacedInline` note the places of all tokens."""
    reader.inline.ruler.at("link", _placed(link))
    reader.inline.ruler.at("image", _placed(image))
    reader.inline.ruler2.before("fragments_join", "runs", _list_runs)
    reader.core.ruler.at("inline", _parse_paragraphs)


def _placed(rule: InlineRule) -> InlineRule:
    """A rule for links or images that notes where they end: a link's last token has its address."""

    def placed(state: StateInline, silent: bool) -> bool:
        start = state.pos
        if not rule(state, silent):
            return False
        if not silent:
            token = state.tokens[-1]
            begin = token.meta["at"] if token.type == "link_close" else start
            token.meta["place"] = (begin, state.pos)
        return True

    return placed


def _parse_paragraphs(state: StateCore) -> None:
    """Core rule in the place of the parser's own: parse paragraphs, and keep their runs."""
    for token in state.tokens:
        if token.type == "inline":
            token.children = token.children or []
            state.md.inline.parse(token.content, state.md, state.env, token.children)
            token.meta[_RUNS] = state.env.pop(_RUNS, [])


def _list_runs(state: StateInline) -> None:
    """Inline rule: list the texts before they are joined, and place what stands as a whole."""
    state.env[_RUNS] = [run for token in state.tokens for run in _runs(token, state.src)]


def _runs(token: Token, src: str) -> Iterator[Run]:
    at = token.meta.get("at", 0)
    content = token.content
    if token.type == "text" and content:
        yield _text_run(content, at, src)
    elif token.type == "text_special" and token.info == "escape" and content != token.markup:
        yield Run(content, at + 1, len(content))
    elif token.type == "text_special":
        yield Run(content, at, len(token.markup))
    elif token.type == "code_inline":
        token.meta["place"] = _code_place(token, src)
    elif token.type == "formula":
        token.meta["place"] = (at, at + len(content) + 2 * len(token.markup))


def _text_run(content: str, at: int, src: str) -> Run:
    if src.startswith(content, at):
        return Run(content, at, len(content))
    if src.startswith(content, at + 1):  # <https://…>
        return Run(content, at + 1, len(content))
    return Run(content, at, src.find(">", at) + 1 - at)  # its address is shown decoded


def _code_place(token: Token, src: str) -> tuple[int, int]:
    """Place of a piece of code, without a space that stands at each of its ends for the marks."""
    start = token.meta["at"] + len(token.markup)
    end = src.find(token.markup, start + len(token.content))
    spare = (end - start - len(token.content)) // 2
    return start + spare, start + spare + len(token.content)

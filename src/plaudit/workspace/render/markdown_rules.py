"""Rules of the markdown parser that keep what CommonMark and GFM would drop or leave undone.

Models write for readers, so no word of theirs may vanish: link definitions, cells beyond a table's
header, and what is nested too deeply stay visible. Emphasis beside Chinese, Japanese and Korean
punctuation follows the amendment of https://github.com/tats-u/markdown-cjk-friendly.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator

from markdown_it import MarkdownIt
from markdown_it.common.utils import isWhiteSpace
from markdown_it.parser_inline import ParserInline
from markdown_it.rules_block import StateBlock, blockquote, list_block, reference
from markdown_it.rules_block.table import escapedSplit, table
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token
from markdown_it.utils import EnvType

from plaudit.workspace.render.source_places import PlacedInline

BlockRule = Callable[[StateBlock, int, int, bool], bool]

_LEVELS_ADDED_MAX = 2
"""Levels that one nested block adds: a list and its item."""


def keep_everything(reader: MarkdownIt) -> None:
    """Replace the rules of a parser that lose text; definitions become tokens `definition`."""
    ruler, nesting_max = reader.block.ruler, reader.options["maxNesting"]
    ruler.at("table", _read_table, {"alt": ["paragraph", "reference"]})
    ruler.at(
        "blockquote",
        _bounded(blockquote, nesting_max),
        {"alt": ["paragraph", "reference", "blockquote", "list"]},
    )
    ruler.at(
        "list",
        _bounded(list_block, nesting_max),
        {"alt": ["paragraph", "reference", "blockquote"]},
    )
    ruler.at("reference", _read_definition)


def _bounded(rule: BlockRule, nesting_max: int) -> BlockRule:
    """A rule that leaves its mark as text where the parser would skip what is inside of it."""

    def bounded(state: StateBlock, first: int, end: int, silent: bool) -> bool:
        if state.level + _LEVELS_ADDED_MAX >= nesting_max:
            return False
        return rule(state, first, end, silent)

    return bounded


def _read_definition(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Parse a link definition and keep its source; `[^1]: word` is a footnote, which is text."""
    start = state.bMarks[first] + state.tShift[first]
    if state.src.startswith("[^", start) or not reference(state, first, end, silent):
        return False
    if not silent:
        token = state.push("definition", "p", 0)
        token.content = state.getLines(first, state.line, state.blkIndent, False).strip()
        token.map = [first, state.line]
    return True


def _read_table(state: StateBlock, first: int, end: int, silent: bool) -> bool:
    """Parse a table, with the cells of a row that go beyond its header."""
    at = len(state.tokens)
    if not table(state, first, end, silent):
        return False
    read = state.tokens[at:]
    header_count = sum(token.type == "th_open" for token in read)
    kept: list[Token] = []
    line = number = 0
    for token in read:
        if token.type == "tr_open" and token.map:
            line, number = token.map[0], 0
        elif token.type == "inline":
            token.meta["cell"] = (state.bMarks[line] + state.tShift[line], number)
            number += 1
        elif token.type == "tr_close" and line > first:
            for cell in _cells(state, line)[header_count:]:
                more = list(_cell_tokens(cell, line, token.level + 1))
                more[1].meta["cell"] = (state.bMarks[line] + state.tShift[line], number)
                number += 1
                kept += more
        kept.append(token)
    state.tokens[at:] = kept
    return True


def _cells(state: StateBlock, line: int) -> list[str]:
    """Texts of a table row's cells, as the parser splits them."""
    text = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]].strip()
    cells = escapedSplit(text)
    if cells and cells[0] == "":
        cells.pop(0)
    if cells and cells[-1] == "":
        cells.pop()
    return cells


def _cell_tokens(text: str, line: int, level: int) -> Iterator[Token]:
    yield Token("td_open", "td", 1, level=level, block=True)
    yield Token(
        "inline",
        "",
        0,
        content=text.strip(),
        children=[],
        map=[line, line + 1],
        level=level + 1,
        block=True,
    )
    yield Token("td_close", "td", -1, level=level, block=True)


class InlineParser(ParserInline):
    """Parser of a paragraph whose emphasis knows Chinese, Japanese and Korean punctuation."""

    def parse(self, src: str, md: MarkdownIt, env: EnvType, tokens: list[Token]) -> list[Token]:
        """Parse a text into tokens, as the base class does with another state."""
        state = _InlineState(src, md, env, tokens)
        self.tokenize(state)
        for rule in self.ruler2.getRules(""):
            rule(state)
        return state.tokens


class _InlineState(PlacedInline):
    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:
        """Scan a run of marks: beside a CJK character only white space keeps it from its work."""
        scanned = super().scanDelims(start, canSplitWord)
        after_at = start + scanned.length
        before = self.src[start - 1] if start > 0 else " "
        after = self.src[after_at] if after_at < self.posMax else " "
        if not canSplitWord or not (_is_cjk(before) or _is_cjk(after)):
            return scanned
        return Scanned(not isWhiteSpace(ord(after)), not isWhiteSpace(ord(before)), scanned.length)


def _is_cjk(character: str) -> bool:
    """True for letters and punctuation of East Asian width; emoji and other symbols are neither."""
    is_wide = unicodedata.east_asian_width(character) in ("W", "F", "H")
    return is_wide and not unicodedata.category(character).startswith("S")

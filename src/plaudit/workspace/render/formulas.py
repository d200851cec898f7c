r"""Formulas in markdown: `$…$`, `$$…$$`, `\(…\)` and `\[…\]`, converted from LaTeX to MathML.

Formulas that cannot be parsed, would lose text, or are too large or too deep, stay as source text.
Amounts of money in dollars are not formulas.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element

from latex2mathml import exceptions
from latex2mathml.converter import Converter
from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from plaudit.workspace.render.latex_source import WRAPPED, amenable, is_complete
from plaudit.workspace.render.render_budget import RenderBudget
from plaudit.workspace.render.sanitize import TAGS, escape_text, is_allowed

CHARACTERS_MAX = 2_000
LINES_MAX = 60
DEPTH_MAX = 60
ELEMENTS_MAX = 4_000
COST_AT_LEAST = 20
"""Least number of characters that a formula takes from the budget, which bounds their count."""

_CLOSERS = {"$$": "$$", "$": "$", r"\(": r"\)", r"\[": r"\]"}
_DISPLAYED = ("$$", r"\[")
_MONEY = re.compile(r"\d[\d.,]*(?:[kKmMbB]|bn)?\s+(?!\\)[^\W\d_]{2,}")
_SIGNS = re.compile(r"[\\^_={}+*/<>|]")
# latex2mathml parses one argument twice, so each level of nesting doubles the time.
_DOUBLING = r"\sideset"
_DOUBLING_MAX = 2

_FAILURES = (
    exceptions.DenominatorNotFoundError,
    exceptions.DoubleSubscriptsError,
    exceptions.DoubleSuperscriptsError,
    exceptions.ExtraLeftOrMissingRightError,
    exceptions.InvalidAlignmentError,
    exceptions.InvalidStyleForGenfracError,
    exceptions.InvalidWidthError,
    exceptions.LimitsMustFollowMathOperatorError,
    exceptions.MissingEndError,
    exceptions.MissingSuperScriptOrSubscriptError,
    exceptions.NoAvailableTokensError,
    exceptions.NumeratorNotFoundError,
    # latex2mathml checks little, so malformed input also raises these.
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)


class _NoMacros(dict[str, Any]):
    """Macro table that refuses definitions: nested ones grow exponentially."""

    def __setitem__(self, name: str, value: Any) -> None:
        raise ValueError("formulas define nothing")


def read_formulas(reader: MarkdownIt) -> None:
    """Add the formula rules to a markdown parser; its `env["budget"]` must be a RenderBudget."""
    reader.inline.ruler.before("escape", "formula", _read_inline)
    ending: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    reader.block.ruler.before("fence", "formula", _read_block, ending)
    reader.add_render_rule("formula", _write)


def to_mathml(latex: str, *, is_display: bool = False) -> str | None:
    """Convert LaTeX to MathML of allowed elements without links.

    None if it cannot be parsed, or if some of it would be lost or out of its place.
    """
    if len(latex) > CHARACTERS_MAX or latex.count(_DOUBLING) > _DOUBLING_MAX:
        return None
    latex = amenable(latex)
    if not is_complete(latex):
        return None
    mathml = _convert(latex, is_display)
    if mathml is None and "\\\\" in latex:
        # Rows without an environment around them.
        mathml = _convert(WRAPPED.format(latex), is_display)
    return mathml


def _convert(latex: str, is_display: bool) -> str | None:
    converter = Converter(display="block" if is_display else "inline")
    converter.macros = _NoMacros()
    pieces: list[str] = []
    try:
        _write_element(converter.convert_to_element(latex), pieces, DEPTH_MAX)
    except _FAILURES:
        return None
    # The converter writes marks of rows and columns that are in no table as if they were names.
    if pieces.count("&amp;") > latex.count(r"\&"):
        return None
    return "".join(pieces)


def _write_element(element: Element, pieces: list[str], depth: int) -> None:
    """Append an element as HTML; its text has character references and no markup."""
    tag = element.tag
    if tag not in TAGS or depth == 0 or len(pieces) > ELEMENTS_MAX * 3:
        raise ValueError("too deep, too large, or an unknown element")
    if "linebreak" in element.attrib:
        raise ValueError("the end of a row that is in no table")
    attributes = "".join(
        f' {name}="{html.escape(value)}"'
        for name, value in element.attrib.items()
        if is_allowed(tag, name, value)
    )
    pieces.append(f"<{tag}{attributes}>")
    pieces.append(escape_text(html.unescape(element.text or "")))
    for child in element:
        _write_element(child, pieces, depth - 1)
    pieces.append(f"</{tag}>")


def _write(
    _renderer: Any, tokens: Sequence[Token], index: int, _options: OptionsDict, env: EnvType
) -> str:
    token = tokens[index]
    budget: RenderBudget = env["budget"]
    latex = token.content
    cost = max(len(latex), COST_AT_LEAST)
    is_display = token.markup in _DISPLAYED
    mathml = None
    if cost <= budget.formula_characters:
        budget.formula_characters -= cost
        mathml = to_mathml(latex, is_display=is_display)
    if mathml is None:
        source = escape_text(token.markup + latex + _CLOSERS[token.markup])
        mathml = f'<code class="formula-source" dir="ltr">{source}</code>'
    token.meta["html"] = mathml
    if token.block:
        return f'<div class="formula" tabindex="0">{mathml}</div>\n'
    return mathml


def _read_inline(state: StateInline, silent: bool) -> bool:
    """Inline rule of markdown-it: parse a formula within a paragraph."""
    opener = next((mark for mark in _CLOSERS if state.src.startswith(mark, state.pos)), None)
    if opener is None:
        return False
    closer = _CLOSERS[opener]
    start = state.pos + len(opener)
    limit = min(state.posMax, start + CHARACTERS_MAX + len(closer))
    end = state.src.find(closer, start, limit)
    while opener == "$" and end > start and state.src[end - 1] == "\\":
        end = state.src.find(closer, end + 1, limit)
    if end <= start or not _is_formula(state.src, opener, start, end):
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.markup = opener
        token.content = state.src[start:end]
    state.pos = end + len(closer)
    return True


def _is_formula(src: str, opener: str, start: int, end: int) -> bool:
    """True for a formula; False for money, shell variables and escaped brackets."""
    inner = src[start:end]
    if opener == r"\[":
        return _SIGNS.search(inner) is not None
    if opener == r"\(":
        return _SIGNS.search(inner) is not None or len(inner.strip()) <= 3
    before = src[start - len(opener) - 1 : start - len(opener)]
    after = src[end + len(opener) : end + len(opener) + 1]
    if opener == "$$":
        return before != "$" and inner.strip() != ""
    if before.isalnum() or before == "$" or inner[0].isspace() or inner[-1].isspace():
        return False
    if after.isdigit() or (after.isalpha() and inner[-1] in "/:,.;-=&"):
        return False
    return _MONEY.match(inner) is None


def _read_block(state: StateBlock, first: int, end_line: int, silent: bool) -> bool:
    """Block rule of markdown-it: parse a displayed formula that fills its lines."""
    start = state.bMarks[first] + state.tShift[first]
    opener = state.src[start : start + 2]
    if opener not in _DISPLAYED or state.is_code_block(first):
        return False
    start += 2
    closer = _CLOSERS[opener]
    end = state.src.find(closer, start, start + CHARACTERS_MAX)
    last = bisect_left(state.eMarks, end)
    if end < 0 or last >= min(end_line, first + LINES_MAX):
        return False
    if state.src[end + 2 : state.eMarks[last]].strip():
        return False
    if not _is_formula(state.src, opener, start, end):
        return False
    lines = range(first + 1, last + 1)
    if any(state.sCount[n] < state.blkIndent or state.isEmpty(n) for n in lines):
        return False
    if silent:
        return True
    text = state.getLines(first, last + 1, state.blkIndent, False).strip()
    token = state.push("formula", "", 0)
    token.block = True
    token.markup = opener
    token.content = text.removeprefix(opener).removesuffix(closer).strip()
    token.map = [first, last + 1]
    state.line = last + 1
    return True

r"""Formulas: `$…$`, `$$…$$`, `\(…\)` and `\[…\]` in markdown, and LaTeX into MathML.

Browsers draw MathML themselves. What cannot be read, is too large or too deep stays as it was
written. Amounts of money are no formulas.
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

from plaudit.workspace.render.render_budget import RenderBudget
from plaudit.workspace.render.sanitize import TAGS, escaped, is_allowed

CHARACTERS_MAX = 2_000
LINES_MAX = 60
DEPTH_MAX = 60
ELEMENTS_MAX = 4_000
COST_AT_LEAST = 20
"""What a formula takes from the allowance at least, so that there are not too many of them."""

_CLOSERS = {"$$": "$$", "$": "$", r"\(": r"\)", r"\[": r"\]"}
_DISPLAYED = ("$$", r"\[")
_MONEY = re.compile(r"\d[\d.,]*(?:[kKmMbB]|bn)?\s+(?!\\)[^\W\d_]{2,}")
_SIGNS = re.compile(r"[\\^_={}+*/<>|]")
# Reading one side twice, it doubles with each level of nesting.
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
    # The reader checks little: what it stumbles over is as foreign as what it refuses.
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
)


class _NoMacros(dict[str, Any]):
    """Refuses definitions: a few of them, each using the last one twice, fill any memory."""

    def __setitem__(self, name: str, value: Any) -> None:
        raise ValueError("formulas define nothing")


def read_formulas(reader: MarkdownIt) -> None:
    """Teach a markdown reader formulas; its `env` must hold an `Allowance`."""
    reader.inline.ruler.before("escape", "formula", _read_inline)
    ending: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}
    reader.block.ruler.before("fence", "formula", _read_block, ending)
    reader.add_render_rule("formula", _write)


def to_mathml(latex: str, *, is_display: bool = False) -> str | None:
    """Convert to MathML of listed elements alone, without links; None for what is unreadable."""
    if len(latex) > CHARACTERS_MAX or latex.count(_DOUBLING) > _DOUBLING_MAX:
        return None
    converter = Converter(display="block" if is_display else "inline")
    converter.macros = _NoMacros()
    pieces: list[str] = []
    try:
        _write_element(converter.convert_to_element(latex), pieces, DEPTH_MAX)
    except _FAILURES:
        return None
    return "".join(pieces)


def _write_element(element: Element, pieces: list[str], depth: int) -> None:
    """Write an element as HTML. The reader's texts hold references (`&#x0003D;`) and no markup."""
    tag = element.tag
    if tag not in TAGS or depth == 0 or len(pieces) > ELEMENTS_MAX * 3:
        raise ValueError("too deep, too large, or nothing we know")
    attributes = "".join(
        f' {name}="{html.escape(value)}"'
        for name, value in element.attrib.items()
        if is_allowed(tag, name, value)
    )
    pieces.append(f"<{tag}{attributes}>")
    pieces.append(escaped(html.unescape(element.text or "")))
    for child in element:
        _write_element(child, pieces, depth - 1)
    pieces.append(f"</{tag}>")


def _write(
    _renderer: Any, tokens: Sequence[Token], place: int, _options: OptionsDict, env: EnvType
) -> str:
    token = tokens[place]
    allowance: RenderBudget = env["allowance"]
    latex = token.content
    cost = max(len(latex), COST_AT_LEAST)
    is_display = token.markup in _DISPLAYED
    found = None
    if cost <= allowance.formula_characters:
        allowance.formula_characters -= cost
        found = to_mathml(latex, is_display=is_display)
    if found is None:
        source = escaped(token.markup + latex + _CLOSERS[token.markup])
        found = f'<code class="formula-source" dir="ltr">{source}</code>'
    if token.block:
        return f'<div class="formula" tabindex="0">{found}</div>\n'
    return found


def _read_inline(state: StateInline, silent: bool) -> bool:
    """Read a formula inside a paragraph."""
    opener = next((one for one in _CLOSERS if state.src.startswith(one, state.pos)), None)
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
    """Tell formulas from money, shell variables and escaped brackets."""
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
    """Read a formula on lines of its own, which nothing else may begin or end."""
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

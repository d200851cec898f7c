"""Syntax highlighting of source code with Pygments, as spans with its short class names."""

from __future__ import annotations

from functools import cache
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

from plaudit.workspace.render.render_budget import RenderBudget
from plaudit.workspace.render.sanitize import CODE_CLASSES, escape_text

CHARACTERS_MAX = 10_000
LINES_MAX = 400
LINE_CHARACTERS_MAX = 500

_NAMES = """
    bash c c# c++ clojure console cpp csharp css dart diff docker dockerfile elixir erlang fortran
    fsharp go golang graphql haskell html http ini java javascript js json jsx julia kotlin latex
    lisp lua matlab nasm nix objective-c ocaml perl php postgresql powershell ps1 py python python3
    pycon r rb rs ruby rust scala scheme sh shell solidity sql swift tex toml ts tsx typescript
    verilog vim xml yaml yml zig zsh
"""
LANGUAGES = frozenset(_NAMES.split())
"""Highlighted languages: those whose lexers were timed on hostile text."""


def language_of(info: str) -> str:
    """Language of a fence's info string in lower case, "" if it is not in LANGUAGES."""
    name = (info.split() or [""])[0].lower()
    return name if name in LANGUAGES else ""


def highlight(code: str, language: str, budget: RenderBudget) -> str:
    """Code as HTML, highlighted within the budget and limits; `language` "" means plain text."""
    is_small = (
        len(code) <= min(CHARACTERS_MAX, budget.code_characters)
        and code.count("\n") <= LINES_MAX
        and max(map(len, code.split("\n"))) <= LINE_CHARACTERS_MAX
    )
    if not language or not is_small:
        return escape_text(code)
    budget.code_characters -= len(code)
    return _coloured(code, _lexer(language), budget)


def _coloured(code: str, lexer: Lexer, budget: RenderBudget) -> str:
    pieces = []
    end = 0
    for offset, kind, text in lexer.get_tokens_unprocessed(code):
        if budget.code_tokens == 0:
            break
        budget.code_tokens -= 1
        # A lexer may leave a gap, whose text must still be shown.
        pieces.append(escape_text(code[end:offset]))
        end = max(end, offset) + len(text)
        name = _class_of(kind)
        inner = escape_text(text)
        pieces.append(f'<span class="{name}">{inner}</span>' if name and text.strip() else inner)
    return "".join(pieces) + escape_text(code[end:])


@cache
def _lexer(language: str) -> Lexer:
    return get_lexer_by_name(language, stripnl=False, ensurenl=False)


@cache
def _class_of(kind: Any) -> str:
    """CSS class of a token type or its nearest known parent; "" if it has no colour."""
    while kind not in STANDARD_TYPES:
        kind = kind.parent
    name = str(STANDARD_TYPES[kind])
    return name if name in CODE_CLASSES else ""

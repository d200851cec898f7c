"""Program text as coloured HTML: Pygments finds the parts, style sheets know their classes."""

from __future__ import annotations

from functools import cache
from typing import Any

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

from plaudit.workspace.render.render_budget import RenderBudget
from plaudit.workspace.render.sanitize import CODE_CLASSES, escaped

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
"""Languages that are coloured: those whose lexers were timed on hostile text."""


def language_of(info: str) -> str:
    """The language a fence names, in lower case, or "" where it names none that we know."""
    name = (info.split() or [""])[0].lower()
    return name if name in LANGUAGES else ""


def highlighted(code: str, language: str, allowance: RenderBudget) -> str:
    """Return HTML of code, coloured as far as the allowance goes; `language` may be ""."""
    is_small = (
        len(code) <= min(CHARACTERS_MAX, allowance.code_characters)
        and code.count("\n") <= LINES_MAX
        and max(map(len, code.split("\n"))) <= LINE_CHARACTERS_MAX
    )
    if not language or not is_small:
        return escaped(code)
    allowance.code_characters -= len(code)
    return _coloured(code, _lexer(language), allowance)


def _coloured(code: str, lexer: Lexer, allowance: RenderBudget) -> str:
    pieces = []
    end = 0
    for place, kind, text in lexer.get_tokens_unprocessed(code):
        if allowance.code_tokens == 0:
            break
        allowance.code_tokens -= 1
        # A lexer may leave a gap; what was written is shown in any case.
        pieces.append(escaped(code[end:place]))
        end = max(end, place) + len(text)
        name = _class_of(kind)
        inner = escaped(text)
        pieces.append(f'<span class="{name}">{inner}</span>' if name and text.strip() else inner)
    return "".join(pieces) + escaped(code[end:])


@cache
def _lexer(language: str) -> Lexer:
    return get_lexer_by_name(language, stripnl=False, ensurenl=False)


@cache
def _class_of(kind: Any) -> str:
    """The class of a kind of token or of the nearest kind above it; "" if it has no colour."""
    while kind not in STANDARD_TYPES:
        kind = kind.parent
    name = str(STANDARD_TYPES[kind])
    return name if name in CODE_CLASSES else ""

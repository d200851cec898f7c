"""Limits on the costly rendering of one text; code and formulas beyond them stay source text."""

from __future__ import annotations

from dataclasses import dataclass

CODE_CHARACTERS_MAX = 20_000
CODE_TOKENS_MAX = 4_000
FORMULA_CHARACTERS_MAX = 20_000
REFERENCE_CHARACTERS_MAX = 200_000
"""Characters of addresses that links take from definitions; later ones lead nowhere."""


@dataclass(slots=True)
class RenderBudget:
    """Remaining work for one text; lexers and the LaTeX parser are superlinear on hostile input."""

    code_characters: int = CODE_CHARACTERS_MAX
    code_tokens: int = CODE_TOKENS_MAX
    formula_characters: int = FORMULA_CHARACTERS_MAX
    reference_characters: int = REFERENCE_CHARACTERS_MAX

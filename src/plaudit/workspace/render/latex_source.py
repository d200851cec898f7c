"""LaTeX as latex2mathml reads it: environments that it does not know, and what it would lose."""

from __future__ import annotations

import re

from latex2mathml.commands import MATRICES

WRAPPED = r"\begin{{split}}{}\end{{split}}"
"""Format of a formula whose rows have no environment around them."""

# Environments of amsmath that are set on one line, and those that look like them.
_ALIKE = {
    **dict.fromkeys(
        ("aligned", "alignedat", "alignat", "alignat*", "flalign", "flalign*"), "split"
    ),
    **dict.fromkeys(("gather", "gather*", "gathered", "multline", "multline*"), "array}{c"),
    **dict.fromkeys(("eqnarray", "eqnarray*"), "array}{rcl"),
    "dcases": "cases",
}
_ONE_LINE = frozenset({"equation", "equation*", "displaymath", "math"})
_KNOWN = frozenset(name.removeprefix("\\") for name in MATRICES) | _ONE_LINE

_BEGIN = re.compile(r"\\begin\{(\w+\*?)\}(?:(\[[tbc]\])|(\{\d{1,2}\}))?")
_END = re.compile(r"\\end\{(\w+\*?)\}")
_ROW_GAP = re.compile(r"\\\\(?:\*|[ \t]*\[-?[\d.]+ ?[a-z]{2}\])")
# In a formula of one line a percent sign is one, not the start of a comment.
_PERCENT = re.compile(r"(?<!\\)((?:\\\\)*)%")
# Commands with an argument that no element shows.
_UNSEEN = re.compile(r"\\(?:href|class|cssId)(?![a-zA-Z])")


def amenable(latex: str) -> str:
    """Rewrite a formula with environments that the converter knows."""
    latex = _PERCENT.sub(r"\1\\%", latex)
    latex = _ROW_GAP.sub(r"\\\\", latex)
    return _END.sub(_end, _BEGIN.sub(_begin, latex))


def is_complete(latex: str) -> bool:
    """True if the converter shows all of an amenable formula's text."""
    environments = (match[1] for match in _BEGIN.finditer(latex))
    return not _UNSEEN.search(latex) and all(name in _KNOWN for name in environments)


def _begin(match: re.Match[str]) -> str:
    name, place, count = match[1], match[2], match[3]
    alike = _ALIKE.get(name)
    if alike is None:
        return match[0]
    # Columns are counted in the name's own argument for …at alone.
    rest = "" if place or name.rstrip("*").endswith("at") else count or ""
    return rf"\begin{{{alike}}}{rest}"


def _end(match: re.Match[str]) -> str:
    alike = _ALIKE.get(match[1])
    return match[0] if alike is None else rf"\end{{{alike.partition('}')[0]}}}"

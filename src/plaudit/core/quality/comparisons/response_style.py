"""Style of responses: how long they are, and the marks of Markdown that shape them.

Counted as leaderboards with style control do: marks inside fenced code are none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*$(?:.*?)(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.M | re.S)
_HEADER = re.compile(r"^ {0,3}#{1,6}[ \t]+\S", re.M)
_LIST = re.compile(r"^[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S", re.M)
_BOLD = re.compile(r"\*\*(?=\S)[^*\n]{1,1000}\*\*|__(?=\S)[^_\n]{1,1000}__")


class ResponseStyle(NamedTuple):
    """Characters of a response, and how many headers, list items, bold spans and code blocks."""

    length: int
    headers: int
    lists: int
    bold: int
    code: int


STYLES = ResponseStyle._fields


def style_of(text: str) -> ResponseStyle:
    """Style of a response's text."""
    prose, code = _FENCED.subn("\n", text) if "```" in text or "~~~" in text else (text, 0)
    return ResponseStyle(
        length=len(text),
        headers=len(_HEADER.findall(prose)) if "#" in prose else 0,
        lists=len(_LIST.findall(prose)),
        bold=len(_BOLD.findall(prose)) if "**" in prose or "__" in prose else 0,
        code=code,
    )


def relative_differences(
    first: NDArray[np.integer], second: NDArray[np.integer]
) -> NDArray[np.float64]:
    """(a-b)/(a+b) of the counts of two responses, 0 where both are 0."""
    total = first + second
    differences = np.zeros(first.shape)
    np.divide(first - second, total, out=differences, where=total > 0)
    return differences


def columns_of(styles: Sequence[ResponseStyle]) -> NDArray[np.int64]:
    """Styles as rows of an array; columns in the order of STYLES."""
    return np.array(styles, np.int64).reshape(-1, len(STYLES))

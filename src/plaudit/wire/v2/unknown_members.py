"""Members that a request body's struct does not know: ignored, unless one looks like a known one.

Clients of Scale's API send members that we have no use for. One that is a letter or two from a
known member is a slip of the pen, and what it was to say would be lost without a word.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.json_guard import escape

SLIPS_MAX = 2
"""Letters that are added, missing, changed or swapped with the next."""
SHORT_CHARS = 5
"""Names of at most so many letters may have one slip."""
COMPARED_MAX = 50
"""Unknown members that are compared; an object with more was not written by hand."""


def refuse_misspelt(value: Any, kind: type[Struct], pointer: str = "") -> None:
    """Raise InvalidContent, asking "did you mean", for an unknown member near to a known one.

    `value` is decoded JSON for a struct of this kind, and `pointer` leads to it.
    """
    if not isinstance(value, dict):
        return
    known = kind.__struct_encode_fields__
    for name in [name for name in value if name not in known][:COMPARED_MAX]:
        for meant in known:
            if is_slip(name, meant):
                raise InvalidContent(
                    f"there is no member {name!r}; did you mean {meant!r}?",
                    pointer=f"{pointer}/{escape(name)}",
                )


def is_slip(name: str, meant: str) -> bool:
    """True if `name` is at most SLIPS_MAX slips from `meant`, upper and lower case apart."""
    slips_max = 1 if len(meant) <= SHORT_CHARS else SLIPS_MAX
    if abs(len(name) - len(meant)) > slips_max:
        return False
    return _distance(name.lower(), meant.lower(), slips_max) <= slips_max


def _distance(first: str, second: str, most: int) -> int:
    """Optimal string alignment distance: Levenshtein's, with a swap of neighbours as one edit.

    Beyond `most` it is only known to be greater.
    """
    before: list[int] = []
    row = list(range(len(second) + 1))
    for i, letter in enumerate(first, 1):
        if min(row) > most < min(before, default=0):
            return most + 1
        before, last, row = row, before, [i]
        for j, other in enumerate(second, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == second[j - 2] and first[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]

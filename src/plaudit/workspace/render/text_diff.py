"""Word diff of two texts as HTML, with bounded time.

Uses Myers' algorithm (1986) with a step limit: beyond it lines are compared instead of words, and
then the whole texts. The standard library's difflib has no such bound and is cubic at worst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from markupsafe import Markup

from plaudit.workspace.render.sanitize import escape_text, sanitize_html

STEPS_MAX = 1_000_000
CHARACTERS_MAX = 200_000

IDEOGRAPH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Character class of scripts without spaces; each character counts as a word."""

_WORD = re.compile(rf"[{IDEOGRAPH}]|[^\W{IDEOGRAPH}]+|\s+|[^\w\s]")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")

Change = tuple[str, str]
"""Pair of removed and added text; both are equal where nothing changed."""


def render_diff(before: str, after: str) -> Markup:
    """Diff as HTML with `<del>` and `<ins>`, by words, or by lines for large differences."""
    pieces = []
    for removed, added in list_changes(before, after):
        if removed == added:
            pieces.append(escape_text(added))
            continue
        pieces += [f"<del>{escape_text(removed)}</del>"] if removed else []
        pieces += [f"<ins>{escape_text(added)}</ins>"] if added else []
    inner = "".join(pieces)
    return sanitize_html(f'<div class="rendered"><div class="diff" dir="auto">{inner}</div></div>')


def list_changes(before: str, after: str) -> list[Change]:
    """List the changes; their first members joined give `before`, the second ones `after`."""
    if before == after:
        return [(before, after)] if before else []
    if max(len(before), len(after)) <= CHARACTERS_MAX:
        for unit in (_WORD, _LINE):
            diff_changes = _compared(unit.findall(before), unit.findall(after))
            if diff_changes is not None:
                return _readable(diff_changes)
    return [(before, after)]


def _compared(before: Sequence[str], after: Sequence[str]) -> list[Change] | None:
    """Changes between two lists of words, None beyond STEPS_MAX."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    matches = _matches(old, new)
    if matches is None:
        return None
    head, tail = "".join(before[:start]), "".join(before[len(before) - end :])
    return [(head, head), *_between(old, new, matches), (tail, tail)]


def _between(old: Sequence[str], new: Sequence[str], matches: list[int]) -> Iterator[Change]:
    """Yield the changes between matches. `matches[i]` is the index of `old[i]` in new, or -1."""
    i = j = 0
    for at, match in enumerate(matches):
        if match >= 0:
            yield "".join(old[i:at]), "".join(new[j:match])
            yield old[at], new[match]
            i, j = at + 1, match + 1
    yield "".join(old[i:]), "".join(new[j:])


def _matches(old: Sequence[str], new: Sequence[str]) -> list[int] | None:
    """Find a longest common subsequence (Myers 1986, section 4), within `STEPS_MAX`.

    `trace[d][n]` is how far into `old` d removals and additions lead at most, on the diagonal
    i - j = 2 n - d.
    """
    trace: list[list[int]] = []
    steps = 0
    for distance in range(len(old) + len(new) + 1):
        reached = []
        for n in range(distance + 1):
            i = _entry(trace[-1], n)[0] if trace else 0
            j = i - 2 * n + distance
            start = i
            while i < len(old) and j < len(new) and old[i] == new[j]:
                i += 1
                j += 1
            reached.append(i)
            steps += 1 + i - start
            if i >= len(old) and j >= len(new):
                trace.append(reached)
                return _traced(trace, len(old), n)
        if steps > STEPS_MAX:
            return None
        trace.append(reached)
    return None


def _entry(before: Sequence[int], n: int) -> tuple[int, int]:
    """Start of diagonal `n`: index into `old`, and its diagonal in the row before.

    Reached by an addition from above or a removal from below, whichever leads further.
    """
    if n == 0 or (n < len(before) and before[n - 1] < before[n]):
        return before[n], n
    return before[n - 1] + 1, n - 1


def _traced(trace: Sequence[Sequence[int]], i: int, n: int) -> list[int]:
    """Walk back from the end of diagonal `n`; returns the matches as in `_between`."""
    matches = [-1] * i
    for distance in range(len(trace) - 1, -1, -1):
        entry, before = _entry(trace[distance - 1], n) if distance else (0, 0)
        for at in range(entry, i):
            matches[at] = at - 2 * n + distance
        i = entry if before == n else entry - 1
        n = before
    return matches


def _readable(changes: list[Change]) -> list[Change]:
    """Join neighbours of a kind, and changes with only white space between them."""
    joined = _joined(changes)
    for at in range(1, len(joined) - 1):
        removed, added = joined[at]
        if removed == added and removed.isspace():
            joined[at - 1 : at + 2] = [("", ""), _merged(joined[at - 1 : at + 2]), ("", "")]
    return _joined(joined)


def _joined(changes: list[Change]) -> list[Change]:
    """Merge neighbours that both changed or both did not; drop empty ones."""
    present = (change for change in changes if any(change))
    groups = groupby(present, lambda change: change[0] == change[1])
    return [_merged(list(group)) for _, group in groups]


def _merged(changes: Sequence[Change]) -> Change:
    return "".join(removed for removed, _ in changes), "".join(added for _, added in changes)

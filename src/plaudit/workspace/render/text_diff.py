"""What a rewrite changed, word by word.

Myers' algorithm, because it can be stopped: its steps are counted, and when they are used up the
lines are compared instead of the words, and then the whole. The standard library's matcher has no
such bound; it is cubic at worst.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from markupsafe import Markup

from plaudit.workspace.render.sanitize import cleaned, escaped

STEPS_MAX = 1_000_000
CHARACTERS_MAX = 200_000

IDEOGRAPH = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Characters of scripts without spaces, each of which counts as a word."""

_WORD = re.compile(rf"[{IDEOGRAPH}]|[^\W{IDEOGRAPH}]+|\s+|[^\w\s]")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")

Change = tuple[str, str]
"""What was removed and what was added in its place; the same twice where nothing changed."""


def diff(before: str, after: str) -> Markup:
    """Mark what was removed and added, in words where that is feasible, else in lines."""
    pieces = []
    for removed, added in changes(before, after):
        if removed == added:
            pieces.append(escaped(added))
            continue
        pieces += [f"<del>{escaped(removed)}</del>"] if removed else []
        pieces += [f"<ins>{escaped(added)}</ins>"] if added else []
    inner = "".join(pieces)
    return cleaned(f'<div class="rendered"><div class="diff" dir="auto">{inner}</div></div>')


def changes(before: str, after: str) -> list[Change]:
    """Compare two texts; joined, the first parts are `before` and the second ones `after`."""
    if before == after:
        return [(before, after)] if before else []
    if max(len(before), len(after)) <= CHARACTERS_MAX:
        for unit in (_WORD, _LINE):
            found = _compared(unit.findall(before), unit.findall(after))
            if found is not None:
                return _readable(found)
    return [(before, after)]


def _compared(before: Sequence[str], after: Sequence[str]) -> list[Change] | None:
    """The changes between two lists of words, or None if that took too many steps."""
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
    """Walk along both, from match to match. `matches[i]` is where `old[i]` is in new, or -1."""
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
    """Where a diagonal is entered: how far into `old`, and from which diagonal of the row before.

    By an addition from the one above, or by a removal from the one below, whichever leads further.
    """
    if n == 0 or (n < len(before) and before[n - 1] < before[n]):
        return before[n], n
    return before[n - 1] + 1, n - 1


def _traced(trace: Sequence[Sequence[int]], i: int, n: int) -> list[int]:
    """Walk back to the start from the end of diagonal n, and note the matches on the way."""
    found = [-1] * i
    for distance in range(len(trace) - 1, -1, -1):
        entry, before = _entry(trace[distance - 1], n) if distance else (0, 0)
        for at in range(entry, i):
            found[at] = at - 2 * n + distance
        i = entry if before == n else entry - 1
        n = before
    return found


def _readable(found: list[Change]) -> list[Change]:
    """Join what belongs together: neighbours of a kind, and changes with only a space between."""
    joined = _joined(found)
    for at in range(1, len(joined) - 1):
        removed, added = joined[at]
        if removed == added and removed.isspace():
            joined[at - 1 : at + 2] = [("", ""), _added_up(joined[at - 1 : at + 2]), ("", "")]
    return _joined(joined)


def _joined(found: list[Change]) -> list[Change]:
    """Make one of neighbours that both changed, or both did not; drop what is empty."""
    groups = groupby((one for one in found if any(one)), lambda one: one[0] == one[1])
    return [_added_up(list(group)) for _, group in groups]


def _added_up(found: Sequence[Change]) -> Change:
    return "".join(removed for removed, _ in found), "".join(added for _, added in found)

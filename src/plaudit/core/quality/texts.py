"""Free texts, for which there is no α: lengths, empty ones, repetition, and rewrites."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

SHINGLE_WORDS = 3
SIMILARITY_MIN = 0.8
"""Share of common shingles from which two texts are nearly equal (Jaccard; Broder 1997)."""

SKETCH_SIZE = 12
"""Smallest hashes kept of each text: one in common makes a candidate."""

WORDS_MIN = 4
"""Shorter texts, such as "ok", are expected to recur."""

CANDIDATES_MAX = 50
"""Earlier texts of one person that a text is compared with at most."""

EDIT_CHARS_MAX = 20_000
"""Characters of each text, after their common beginning and end, that are compared."""


@dataclass(frozen=True, slots=True)
class TextVote:
    """One person's text on a unit; `original` is the message that it is a rewrite of."""

    unit: int
    person: int
    text: str
    original: str | None = None


@dataclass(frozen=True, slots=True)
class TextStatistics:
    """Texts of one question; `chars` are the quartiles of the lengths of those that are not empty.

    `near_equal` has the number of texts of a person that nearly equal an earlier one of theirs,
    `edit_share` the quartiles of the edit distance of rewrites, as a share of the longer text.
    """

    n: int
    empty: int
    chars: tuple[float, float, float] | None
    near_equal: dict[int, int]
    edit_share: tuple[float, float, float] | None


def text_statistics(votes: Iterable[TextVote]) -> TextStatistics:
    """The statistics of a question's texts, in the order in which they were written."""
    lengths: list[int] = []
    edits: list[float] = []
    of_person: defaultdict[int, list[str]] = defaultdict(list)
    n = 0
    for vote in votes:
        n += 1
        if text := vote.text.strip():
            lengths.append(len(text))
            of_person[vote.person].append(text)
        if vote.original is not None:
            longer = max(len(vote.text), len(vote.original))
            edits.append(edit_distance(vote.original, vote.text) / longer if longer else 0.0)
    repeated = {person: near_equal_count(texts) for person, texts in sorted(of_person.items())}
    return TextStatistics(
        n=n,
        empty=n - len(lengths),
        chars=_quartiles(lengths),
        near_equal={person: count for person, count in repeated.items() if count},
        edit_share=_quartiles(edits),
    )


def near_equal_count(texts: Sequence[str]) -> int:
    """The number of texts that nearly equal an earlier one; case and punctuation do not count."""
    by_hash: defaultdict[int, list[int]] = defaultdict(list)
    kept: list[frozenset[int]] = []
    count = 0
    for text in texts:
        shingles = _shingles(text)
        if not shingles:
            continue
        sketch = sorted(shingles)[:SKETCH_SIZE]
        candidates = {at for one in sketch for at in by_hash[one][-CANDIDATES_MAX:]}
        latest = sorted(candidates, reverse=True)[:CANDIDATES_MAX]
        if any(_jaccard(shingles, kept[at]) >= SIMILARITY_MIN for at in latest):
            count += 1
            continue
        for one in sketch:
            by_hash[one].append(len(kept))
        kept.append(shingles)
    return count


def edit_distance(first: str, second: str) -> int:
    """Levenshtein distance in characters, of EDIT_CHARS_MAX of each, by Myers' bit vectors.

    Myers (1999) as Hyyrö (2003) has it for the whole of both texts; a bit is a character.
    """
    start = 0
    limit = min(len(first), len(second))
    while start < limit and first[start] == second[start]:
        start += 1
    end = 0
    while end < limit - start and first[-1 - end] == second[-1 - end]:
        end += 1
    first = first[start : len(first) - end][:EDIT_CHARS_MAX]
    second = second[start : len(second) - end][:EDIT_CHARS_MAX]
    if not first or not second:
        return len(first) + len(second)
    places: defaultdict[str, int] = defaultdict(int)
    for at, char in enumerate(first):
        places[char] |= 1 << at
    mask, top = (1 << len(first)) - 1, 1 << (len(first) - 1)
    rising, falling, distance = mask, 0, len(first)
    for char in second:
        match = places.get(char, 0)
        vertical = match | falling
        horizontal = (((match & rising) + rising) ^ rising) | match
        rises = falling | ~(horizontal | rising)
        falls = rising & horizontal
        if rises & top:
            distance += 1
        elif falls & top:
            distance -= 1
        rises = (rises << 1) | 1
        falls <<= 1
        rising = (falls | ~(vertical | rises)) & mask
        falling = rises & vertical & mask
    return distance


def _shingles(text: str) -> frozenset[int]:
    """Hashes of each few words in a row; none of a short text."""
    words = re.findall(r"\w+", text.casefold())
    if len(words) < WORDS_MIN:
        return frozenset()
    rows = zip(*(words[at:] for at in range(SHINGLE_WORDS)), strict=False)
    return frozenset(
        int.from_bytes(hashlib.blake2b(" ".join(row).encode(), digest_size=8).digest())
        for row in rows
    )


def _jaccard(first: frozenset[int], second: frozenset[int]) -> float:
    common = len(first & second)
    return common / (len(first) + len(second) - common)


def _quartiles(values: Sequence[float]) -> tuple[float, float, float] | None:
    if not values:
        return None
    low, middle, high = np.percentile(np.asarray(values, dtype=np.float64), (25, 50, 75))
    return float(low), float(middle), float(high)

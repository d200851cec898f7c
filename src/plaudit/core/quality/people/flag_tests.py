"""Tests of people by how they work: speed, runs of one answer, copied texts, and sides.

Each takes columns with a row for an answer, `people` numbered from 0, and answers a test for each
person with enough of them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from plaudit.core.quality.clustered_shares import two_sided
from plaudit.core.quality.people.flags import FlagKind, FlagTest

SPEED_TASKS_MIN = 20
FAST_RATIO = 0.3
"""A task is fast in less than this share of the median time for its length."""
FAST_SHARE_MAX = 0.2
LENGTH_CLASSES = 10

RUN_PROBABILITY = 0.001

COPIED_TEXTS_MIN = 10
COPIED_SHARE_MAX = 0.2
TEXT_CHARS_MIN = 20
"""Shorter texts are equal without being copied."""

SIDED_VOTES_MIN = 20
SIDED_DIFFERENCE_MIN = 0.05


def speeders(
    people: NDArray[np.int32],
    active_ms: NDArray[np.integer],
    lengths: NDArray[np.integer],
) -> list[FlagTest]:
    """Test of each person's tasks: more than 20 % of at least 20 in under 0.3 of the usual time.

    The usual time is the median of the project's tasks of that decile of `lengths`, the size of
    what there was to read.
    """
    if not len(people):
        return []
    edges = np.quantile(lengths, np.arange(1, LENGTH_CLASSES) / LENGTH_CLASSES)
    classes = np.searchsorted(edges, lengths, side="left")
    medians = np.array(
        [
            np.median(active_ms[classes == one]) if np.any(classes == one) else 0.0
            for one in range(LENGTH_CLASSES)
        ]
    )
    is_fast = active_ms < FAST_RATIO * medians[classes]
    tasks, fast = np.bincount(people), np.bincount(people[is_fast], minlength=people.max() + 1)
    return [
        FlagTest(
            person=int(person),
            kind=FlagKind.speeder,
            meets_rule=bool(fast[person] > FAST_SHARE_MAX * tasks[person]),
            p_value=None,
            why=f"{fast[person]} of {tasks[person]} tasks in under {FAST_RATIO} of the median time",
        )
        for person in np.flatnonzero(tasks >= SPEED_TASKS_MIN)
    ]


def run_probability(length: int, n: int, share: float) -> float:
    """Probability of a run of an answer at least this long among n, by chance.

    1-exp(-n(1-p)p^L), where p is the answer's share. The first run needs no other answer before
    it: it is counted too, so that who always gives an answer that nearly all give is not suspect.
    """
    starts = max(n * (1 - share), 1 + (n - length) * (1 - share))
    return -math.expm1(-starts * share**length)


def straight_liners(
    people: NDArray[np.int32],
    values: NDArray[np.int32],
    times: NDArray[np.integer],
    names: Sequence[str],
) -> list[FlagTest]:
    """Test of each person's least likely run of equal answers to a question, in order of time.

    `names` has the categories. A rule is met below 0.001; the p-value allows for a choice among
    the categories that occur.
    """
    if not len(people):
        return []
    order = np.lexsort((times, people))
    people, values = people[order], values[order]
    begins = np.ones(len(people), np.bool_)
    begins[1:] = (people[1:] != people[:-1]) | (values[1:] != values[:-1])
    starts = np.flatnonzero(begins)
    lengths = np.diff(np.append(starts, len(people)))
    longest = np.zeros((int(people.max()) + 1, len(names)), np.int64)
    np.maximum.at(longest, (people[starts], values[starts]), lengths)
    counts = np.bincount(people)
    shares = np.bincount(values, minlength=len(names)) / len(values)
    occurring = int(np.count_nonzero(shares))
    return [
        _run_test(
            int(person), longest[person].tolist(), int(counts[person]), shares, occurring, names
        )
        for person in np.flatnonzero(counts)
    ]


def _run_test(
    person: int,
    longest: list[int],
    n: int,
    shares: NDArray[np.float64],
    occurring: int,
    names: Sequence[str],
) -> FlagTest:
    probability, value = min(
        (run_probability(length, n, float(shares[value])), value)
        for value, length in enumerate(longest)
        if length
    )
    return FlagTest(
        person=person,
        kind=FlagKind.straight_liner,
        meets_rule=probability < RUN_PROBABILITY,
        p_value=min(1.0, probability * occurring),
        why=f"{longest[value]} times “{names[value]}” in a row among {n} answers, "
        f"which the project gives {shares[value]:.0%} of the time",
    )


def text_key(text: str) -> int | None:
    """Number of a text, the same for all that differ in case and white space alone.

    None for texts of less than 20 characters. For `copiers`.
    """
    words = " ".join(text.casefold().split())
    if len(words) < TEXT_CHARS_MIN:
        return None
    digest = hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def copiers(
    people: NDArray[np.int32], text_keys: NDArray[np.int64], times: NDArray[np.integer]
) -> list[FlagTest]:
    """Test of each person's justifications: more than 20 % of at least 10 were written before.

    By anybody, themselves included; who wrote a text first is not counted for that.
    """
    if not len(people):
        return []
    order = np.argsort(times, kind="stable")
    people, text_keys = people[order], text_keys[order]
    is_first = np.zeros(len(people), np.bool_)
    is_first[np.unique(text_keys, return_index=True)[1]] = True
    texts = np.bincount(people)
    copied = np.bincount(people[~is_first], minlength=len(texts))
    return [
        FlagTest(
            person=int(person),
            kind=FlagKind.copier,
            meets_rule=bool(copied[person] > COPIED_SHARE_MAX * texts[person]),
            p_value=None,
            why=f"{copied[person]} of {texts[person]} justifications equal an earlier one",
        )
        for person in np.flatnonzero(texts >= COPIED_TEXTS_MIN)
    ]


def one_sided(
    people: NDArray[np.int32],
    is_first: NDArray[np.bool_],
    tasks: NDArray[np.int32],
    fair: NDArray[np.float64] | float = 0.5,
) -> list[FlagTest]:
    """Test of each person's choices that are no ties: how often is it the first response?

    `fair` is how often it would be: half where places are drawn for each person, what the others
    chose on the same unit where they are as stored (`choices_of_others`); choices of which that
    is NaN are left out. At least 20 choices, and a difference of at least 0.05.
    """
    residuals: NDArray[np.float64] = is_first - np.asarray(fair, np.float64)
    known = ~np.isnan(residuals)
    people, is_first, tasks = people[known], is_first[known], tasks[known]
    residuals = residuals[known]
    tests = []
    for person, rows in _rows_of_people(people):
        n = len(rows)
        if n < SIDED_VOTES_MIN:
            continue
        own: NDArray[np.float64] = residuals[rows]
        _, cluster = np.unique(tasks[rows], return_inverse=True)
        sums = np.bincount(cluster, weights=own)
        error = math.sqrt(max(float(np.sum(own**2)), float(np.sum(sums**2)))) / n
        difference = float(np.mean(own))
        chosen = int(np.count_nonzero(is_first[rows]))
        expected = chosen / n - difference
        tests.append(
            FlagTest(
                person=person,
                kind=FlagKind.one_sided,
                meets_rule=abs(difference) >= SIDED_DIFFERENCE_MIN,
                p_value=two_sided(difference / error) if error else 1.0,
                why=f"the first response in {chosen} of {n} choices ({chosen / n:.0%}), "
                f"where {expected:.0%} is fair",
            )
        )
    return tests


def choices_of_others(units: NDArray[np.int32], is_first: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of the others' choices on the same unit that are the first response.

    NaN where nobody else chose.
    """
    n = np.bincount(units)[units] - 1
    first = np.bincount(units, weights=is_first)[units] - is_first
    shares = np.full(len(units), np.nan)
    np.divide(first, n, out=shares, where=n > 0)
    return shares


def _rows_of_people(people: NDArray[np.int32]) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Each person with the rows of theirs, in order."""
    order = np.argsort(people, kind="stable")
    present, starts = np.unique(people[order], return_index=True)
    if len(present):
        yield from zip(present.tolist(), np.split(order, starts[1:]), strict=True)

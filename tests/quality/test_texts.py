"""Free texts: lengths, empty ones, repetition, and the distance of rewrites."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaudit.core.quality.texts import (
    TextVote,
    edit_distance,
    near_equal_count,
    text_statistics,
)

REASON = "The first response answers the question, and the second one only repeats it at length"


def by_table(first: str, second: str) -> int:
    """Levenshtein distance by the table of Wagner and Fischer."""
    row = list(range(len(second) + 1))
    for number, char in enumerate(first, 1):
        above, row = row, [number]
        for at, other in enumerate(second):
            row.append(min(above[at + 1] + 1, row[at] + 1, above[at] + (char != other)))
    return row[-1]


@given(st.text("abß😀", max_size=12), st.text("abß😀", max_size=12))
def test_the_edit_distance_is_that_of_a_table(first, second):
    assert edit_distance(first, second) == by_table(first, second)


def test_a_long_rewrite_is_compared_at_once():
    original = REASON * 200

    assert edit_distance(original, original.replace("second", "other")) == 200 * 6


def test_texts_that_differ_in_a_word_case_or_signs_are_nearly_equal():
    texts = [REASON, REASON.upper() + "!", REASON.replace("length", "leisure"), "Quite another one"]

    assert near_equal_count(texts) == 2


def test_short_texts_recur_and_other_texts_differ():
    texts = ["ok", "ok", "ok", *(f"Response {n} cites source {n} with page {n}" for n in range(30))]

    assert near_equal_count(texts) == 0


def test_statistics_of_a_question():
    votes = [
        TextVote(0, 0, REASON),
        TextVote(1, 0, f"{REASON}."),
        TextVote(2, 1, REASON),
        TextVote(3, 1, "  "),
        TextVote(4, 1, "colour", original="color"),
    ]

    found = text_statistics(votes)

    assert (found.n, found.empty) == (5, 1)
    assert found.near_equal == {0: 1}
    assert found.chars == (65.25, 85.0, 85.25)
    assert found.edit_share == (pytest.approx(1 / 6),) * 3
    assert text_statistics([]).chars is None

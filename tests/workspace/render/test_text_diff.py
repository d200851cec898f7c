"""What a rewrite changed: both texts can be read back out of it, and the time is bounded."""

from __future__ import annotations

import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaudit.workspace.render.sanitize import sanitize_html
from plaudit.workspace.render.text_diff import list_changes, render_diff
from tests.support.pages.markup import Reading

WORDS = st.lists(st.sampled_from(["a", "b", "the", " ", "\n", ".", "你", "é"]), max_size=60)


@given(WORDS, WORDS)
def test_both_texts_can_be_read_out_of_their_differences(before, after):
    changes = list_changes("".join(before), "".join(after))

    assert "".join(removed for removed, _ in changes) == "".join(before)
    assert "".join(added for _, added in changes) == "".join(after)


@given(st.text(), st.text())
def test_any_two_texts_can_be_compared(before, after):
    html = render_diff(before, after)

    assert Reading(html).faults == []
    assert sanitize_html(html) == html


@given(WORDS, WORDS)
def test_as_many_words_stay_as_can(before, after):
    """Compared with the longest common subsequence, found the slow way."""
    # One token each: words that stand beside each other would be one word.
    old, new = ([f"{word}," if word.isalpha() else word for word in one] for one in (before, after))
    # Spaces that stand beside each other are one token as well.
    tokens = [re.findall(r"\s+|\w+|[^\w\s]", "".join(words)) for words in (old, new)]
    best = [[0] * (len(tokens[1]) + 1) for _ in range(len(tokens[0]) + 1)]
    for i, one in enumerate(tokens[0], 1):
        for j, other in enumerate(tokens[1], 1):
            longer = max(best[i - 1][j], best[i][j - 1])
            best[i][j] = best[i - 1][j - 1] + 1 if one == other else longer

    changes = list_changes("".join(old), "".join(new))

    # Spaces between two changes go with them, so a few may be counted as changed.
    kept = sum(len(one) for one, other in changes if one == other)
    spaces = sum(one.isspace() for one in tokens[0])
    assert kept >= best[-1][-1] - spaces


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("the quick fox", "the slow fox", [("the ", "the "), ("quick", "slow"), (" fox", " fox")]),
        ("a", "a", [("a", "a")]),
        ("", "", []),
        ("", "a", [("", "a")]),
        ("a", "", [("a", "")]),
        ("one two three", "ONE TWO three", [("one two", "ONE TWO"), (" three", " three")]),
        ("你好吗", "你很好吗", [("你", "你"), ("", "很"), ("好吗", "好吗")]),
        (
            "a b c d e",
            "a B c D E",
            [("a ", "a "), ("b", "B"), (" c ", " c "), ("d e", "D E")],
        ),
        ("a.", "a!", [("a", "a"), (".", "!")]),
    ],
)
def test_words_are_compared_and_not_letters(before, after, found):
    assert list_changes(before, after) == found


def test_what_was_removed_stands_before_what_was_added():
    assert "<del>quick</del><ins>slow</ins>" in render_diff("the quick fox", "the slow fox")


def test_markup_in_a_rewrite_is_text():
    reading = Reading(render_diff("<b>", "<script>"))

    assert reading.all("b") == []
    assert reading.text == "<bscript>"


def test_texts_with_too_many_differences_are_compared_by_line():
    before = "".join(f"same {n}\n" if n % 100 == 0 else f"old {n} {'x ' * n}\n" for n in range(400))
    after = "".join(f"same {n}\n" if n % 100 == 0 else f"new y{n} {'z ' * n}\n" for n in range(400))

    changes = list_changes(before, after)

    assert [one for one, other in changes if one == other] == [
        f"same {n}\n" for n in range(0, 400, 100)
    ]


CHANCE = random.Random(7)
PATHOLOGICAL = {
    "repeated": ("x " * 50_000, "x " * 30_000 + "y x " * 10_000),
    "random letters": tuple(" ".join(CHANCE.choices("abcdefgh", k=50_000)) for _ in range(2)),
    "all different": (" ".join(map(str, range(30_000))), " ".join(map(str, range(30_000, 60_000)))),
    "lines": ("a\nb\n" * 40_000, "b\nc\n" * 40_000),
    "huge": ("a b " * 2_500_000, "b a " * 2_500_000),
}  # fmt: skip


@pytest.mark.parametrize("name", PATHOLOGICAL)
def test_hostile_texts_take_bounded_time(name):
    before, after = PATHOLOGICAL[name]
    start = time.process_time()

    changes = list_changes(before, after)

    assert time.process_time() - start < 20
    assert "".join(removed for removed, _ in changes) == before
    assert "".join(added for _, added in changes) == after

"""Moments on pages: lately in words, long ago by the day, and to the minute."""

from __future__ import annotations

import pytest

from plaudit import clock
from plaudit.workspace.http import views

DAY_MS = 24 * 3600 * 1000


@pytest.mark.parametrize(
    ("age_ms", "words"),
    [
        (59_999, "just now"),
        (60_000, "1 minute ago"),
        (3 * 3600 * 1000, "3 hours ago"),
        (2 * DAY_MS, "2 days ago"),
        (30 * DAY_MS, "30 days ago"),
    ],
)
def test_what_was_lately_is_told_in_words(age_ms, words):
    assert views.ago(clock.now_ms() - age_ms) == words


def test_what_is_older_has_its_date():
    moment = clock.parse_moment("2020-02-29T23:59:59Z")

    assert views.ago(moment) == "2020-02-29"
    assert views.minute(moment) == "2020-02-29 23:59 UTC"

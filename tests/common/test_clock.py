"""Times as text: those that we write are read fast, and others as they always were."""

from __future__ import annotations

import pytest

from plaudit import clock

CANONICAL = ("1970-01-01T00:00:00.000Z", "0001-01-01T00:00:00.001Z", "9999-12-31T23:59:59.999Z")


@pytest.mark.parametrize("text", CANONICAL)
def test_a_time_that_we_write_is_read_as_it_was(text):
    assert clock.format_ms(clock.parse_moment(text)) == text
    assert clock.parse_moment(text) == clock.parse_moment(text.replace("Z", "+00:00"))


@pytest.mark.parametrize(
    "text",
    [
        "2025-W01-1T08:31:03.169Z",  # a week, which Python would read
        "2025-01-01T24:00:00.000Z",
        "2025-13-01T08:31:03.169Z",
        "2025-01-01T08:31:03.16\u0661Z",
        "2025-01-01T08.31.03.169Z",
        "2025-01-01x08:31:03.169Z",
    ],
)
def test_text_of_that_length_that_is_no_time_is_refused(text):
    with pytest.raises(ValueError):
        clock.parse_moment(text)


def test_the_logs_time_is_the_clocks():
    before, text, after = clock.now_ms(), clock.format_now(), clock.now_ms()
    assert before <= clock.parse_moment(text) <= after
    assert len(text) == len("2026-01-01T08:00:00.000000Z")

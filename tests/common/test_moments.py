"""Times as texts: those that the server writes itself are read in a shorter way."""

from __future__ import annotations

import pytest

from plaudit import clock

TEXTS = {
    "2025-01-01T08:31:03.169Z": 1_735_720_263_169,
    "0001-01-01T00:00:00.000Z": -62_135_596_800_000,
    "9999-12-31T23:59:59.999Z": 253_402_300_799_999,
    "1969-12-31T23:59:59.999Z": -1,
    "2024-02-29T00:00:00.001Z": 1_709_164_800_001,
}


@pytest.mark.parametrize(("text", "ms"), TEXTS.items())
def test_a_time_as_the_server_writes_it_is_read_as_any_other(text: str, ms: int) -> None:
    other_ways = (text.replace("Z", "+00:00"), text.replace("T", " "), f" {text}")

    assert {clock.parse_moment(way) for way in (text, *other_ways)} == {ms}
    assert clock.format_ms(ms) == text


@pytest.mark.parametrize(
    "text",
    [
        "2025-W01-1T08:31:03.169Z",
        "2025-02-29T08:31:03.169Z",
        "2025-01-01T24:00:00.000Z",
        "2025-01-01T08:31:60.169Z",
        "2025-01-01T08:31:03.1x9Z",
        "２025-01-01T08:31:03.16Z",
    ],
)
def test_what_only_looks_like_such_a_time_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        clock.parse_moment(text)


def test_a_time_of_that_length_in_another_spelling_is_read() -> None:
    assert clock.parse_moment("2025-01-01 08:31:03.1690") == 1_735_720_263_169
    assert clock.parse_moment("2025-01-01T08:31:03+0000") == 1_735_720_263_000

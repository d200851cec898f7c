"""Forecasts: how often the range holds, and where nothing is said."""

from __future__ import annotations

import numpy as np
import pytest

from plaudit.core.labeling.statistics import DAY_MS, CompletionPace
from plaudit.core.managing.forecast import NoForecast, day_range, forecast

NOW = 20_000 * DAY_MS + 5_000_000


def pace(*counts: int, is_cut: bool = False, is_past: bool = False) -> CompletionPace:
    """Completions of the days before today, and 3 of today."""
    today = NOW // DAY_MS
    days = [((today - len(counts) + number) * DAY_MS, count) for number, count in enumerate(counts)]
    return CompletionPace([*days, (today * DAY_MS, 3)], is_cut, is_past)


@pytest.mark.parametrize(("weekend", "swing"), [(1.0, 0.0), (0.2, 0.0), (1.0, 0.5), (0.3, 0.4)])
@pytest.mark.parametrize("left_days", [5, 20, 60])
def test_the_range_holds_in_about_eight_of_ten_simulated_projects(weekend, swing, left_days):
    """Days are Poisson, with weekends and with days that differ for reasons of their own."""
    rng = np.random.default_rng(7)
    cases, past, future = 400, 14, 400
    week = np.where(np.arange(past + future) % 7 >= 5, weekend, 1.0)
    rates = 40 * week * rng.lognormal(-(swing**2) / 2, swing, (cases, past + future))
    done = rng.poisson(rates)
    left = 40 * left_days
    ends = (np.cumsum(done[:, past:], axis=1) < left).sum(axis=1)

    held = 0
    for counts, end in zip(done[:, :past].tolist(), ends.tolist(), strict=True):
        early, late = day_range(counts, left)
        held += int(early) <= end and (late is None or end <= int(late))

    assert 0.74 <= held / cases <= 1


def test_a_steady_project_ends_when_one_would_say():
    told = forecast(pace(*[40] * 20), 400, NOW)

    assert (told.days, told.per_day, told.why) == (14, 40, None)
    today = NOW // DAY_MS * DAY_MS
    assert told.likely_ms == today + 10 * DAY_MS
    assert today + 8 * DAY_MS <= told.early_ms <= told.likely_ms <= told.late_ms
    assert told.late_ms <= today + 12 * DAY_MS


def test_a_week_alone_is_looked_at_where_that_is_asked_for():
    counts = [*[0] * 10, *[50] * 7]

    assert forecast(pace(*counts), 100, NOW, 7).per_day == 50
    assert forecast(pace(*counts), 100, NOW, 14).per_day == 25


@pytest.mark.parametrize(
    ("counts", "left", "flags", "why"),
    [
        ([40] * 14, 0, {}, NoForecast.nothing_left),
        ([40] * 14, 100_000, {}, NoForecast.too_many),
        ([0] * 14, 10, {}, NoForecast.too_little),
        ([0] * 11 + [500, 500, 500], 10, {}, NoForecast.too_little),
        ([1] * 14, 10, {}, NoForecast.too_little),
        ([40] * 14, 10, {"is_past": True}, NoForecast.too_little),
        ([0] * 10 + [40] * 4, 10, {"is_cut": True}, NoForecast.too_little),
    ],
)
def test_nothing_is_said_where_nothing_can_be_known(counts, left, flags, why):
    told = forecast(pace(*counts, **flags), left, NOW)

    assert told.why is why
    assert (told.early_ms, told.likely_ms, told.late_ms) == (None, None, None)


def test_a_pace_that_may_be_none_has_no_late_end():
    told = forecast(pace(*[0] * 10, 1, 2, 90, 1), 500, NOW)

    assert told.why is None
    assert told.early_ms is not None
    assert told.late_ms is None

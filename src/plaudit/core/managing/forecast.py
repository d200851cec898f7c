"""Forecast of when a project's tasks are done, from the completions of its last whole days.

The pace of the days to come is taken to be that of the last ones. Their mean is not known exactly,
and days differ, weekends for one; both widen the range, which is meant to hold in 8 of 10 cases.
New tasks and holidays are not foreseen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import StrEnum

from msgspec import Struct

from plaudit.core.labeling.statistics import COUNTED_MAX, DAY_MS, CompletionPace

DAYS_CHOICES = (7, 14, 28)
"""Whole days that a forecast can look at; today is not one of them."""
DAYS = 14
ACTIVE_DAYS_MIN = 4
COMPLETIONS_MIN = 20
"""Fewer days with completions, or fewer completions, say too little about those to come."""
HORIZON_DAYS = 730
"""An end beyond is not told as a day."""
Z_80 = 1.2816
"""Quantile of the normal distribution: between it and its negative lie 80 %."""


class NoForecast(StrEnum):
    """Reason why nothing is forecast."""

    nothing_left = "nothing_left"
    too_little = "too_little"
    """Too few completions, or on too few days."""
    too_many = "too_many"
    """More tasks are left than are counted."""


class Forecast(Struct, frozen=True, kw_only=True):
    """Days (UTC, as the times at which they begin) on which the last of `left` tasks may be done.

    `days` whole days were looked at, with `per_day` completions on the average. `late_ms` is None
    where no late end can be told; all three are None with a reason in `why`.
    """

    left: int
    days: int
    per_day: float
    early_ms: int | None = None
    likely_ms: int | None = None
    late_ms: int | None = None
    why: NoForecast | None = None


def forecast(pace: CompletionPace, left: int, now_ms: int, days: int = DAYS) -> Forecast:
    """Forecast when `left` tasks are done by the pace of the last `days` whole days."""
    today = now_ms // DAY_MS * DAY_MS
    counts = [count for day, count in pace.days if day < today][-days:]
    if pace.is_cut:  # the first days lack completions
        first = next((at for at, count in enumerate(counts) if count), len(counts)) + 1
        counts = counts[first:]
    per_day = sum(counts) / len(counts) if counts else 0.0
    told = Forecast(left=left, days=len(counts), per_day=per_day)
    why = _why_not(pace, left, counts)
    if why is not None:
        return Forecast(left=left, days=told.days, per_day=per_day, why=why)
    early, late = day_range(counts, left)
    return Forecast(
        left=left,
        days=told.days,
        per_day=per_day,
        early_ms=_day_after(today, early),
        likely_ms=_day_after(today, left / per_day),
        late_ms=None if late is None or late > HORIZON_DAYS else _day_after(today, late),
    )


def day_range(counts: Sequence[int], left: int) -> tuple[float, float | None]:
    """Days until `left` tasks are done: the early and the late end of a range, None for no end.

    After t days some m·t ± z·s·√(t + t²/n) tasks are done, where the n days of `counts` have mean m
    and standard deviation s: t days that differ like these, at a mean that is known from n of them.
    """
    n = len(counts)
    mean = sum(counts) / n
    # Days of a simple count differ by its root at least; fewer differences would be luck.
    variance = max(mean, sum((one - mean) ** 2 for one in counts) / max(1, n - 1))
    spread = Z_80 * math.sqrt(variance)

    def done(days: float, sign: int) -> float:
        return mean * days + sign * spread * math.sqrt(days + days * days / n)

    is_endless = mean <= spread / math.sqrt(n)
    return _when(done, 1, left), None if is_endless else _when(done, -1, left)


def _when(done: Callable[[float, int], float], sign: int, left: int) -> float:
    """Days after which the tasks that are done reach `left`, by bisection."""
    low, high = 0.0, 1.0
    while done(high, sign) < left and high < 1e9:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if done(middle, sign) >= left else (middle, high)
    return high


def _why_not(pace: CompletionPace, left: int, counts: Sequence[int]) -> NoForecast | None:
    if not left:
        return NoForecast.nothing_left
    if left >= COUNTED_MAX:
        return NoForecast.too_many
    active = sum(count > 0 for count in counts)
    if pace.is_past or active < ACTIVE_DAYS_MIN or sum(counts) < COMPLETIONS_MIN:
        return NoForecast.too_little
    return None


def _day_after(today: int, days: float) -> int:
    return today + math.floor(days) * DAY_MS

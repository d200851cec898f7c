"""The geometry of pictures: where the columns and bars of a chart stand. Templates draw them.

Numbers are those of an SVG's own coordinates, which scale with the page; nothing needs a style
attribute, which the policy of our pages forbids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from plaudit import clock
from plaudit.core.labeling.statistics import CompletionPace, ValueCount

WIDTH = 720
HEIGHT = 200
LEFT = 48
RIGHT = 20
BOTTOM = 28
TOP = 12
GAP = 0.25
"""How much of a column's place stays empty."""
LABELS_MAX = 10
ROW_WIDTH = 200
TICKS = 4


class Column(Struct, frozen=True):
    """One column: where it stands, what it counts, and what is written below it, if anything."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    label: str
    caption: str
    count: int


class Tick(Struct, frozen=True):
    """A line across the picture with its number."""

    y: float
    count: int


class Chart(Struct, frozen=True):
    """A picture of columns over a line."""

    width: int
    height: int
    left: int
    base: int
    columns: list[Column]
    ticks: list[Tick]
    total: int


class Share(Struct, frozen=True):
    """A piece of a bar that stands for the whole, in percent of it."""

    name: str
    count: int
    x: float
    width: float


def days_chart(pace: CompletionPace) -> Chart:
    """Completions by day."""
    return bars_chart([ValueCount(clock.format_ms(ms)[:10], count) for ms, count in pace.days])


def bars_chart(bars: Sequence[ValueCount]) -> Chart:
    """A column for each bar; so many captions as there is room for."""
    top, step = _scale(max((one.count for one in bars), default=0))
    base = HEIGHT - BOTTOM
    place = (WIDTH - LEFT - RIGHT) / max(1, len(bars))
    every = -(-len(bars) // LABELS_MAX)
    columns = []
    for number, one in enumerate(bars):
        height = (base - TOP) * one.count / top
        x = LEFT + place * number + place * GAP / 2
        caption = one.label if (len(bars) - 1 - number) % every == 0 else ""
        columns.append(
            Column(
                x=round(x, 2),
                y=round(base - height, 2),
                width=round(place * (1 - GAP), 2),
                height=round(height, 2),
                middle=round(x + place * (1 - GAP) / 2, 2),
                label=one.label,
                caption=_short(caption),
                count=one.count,
            )
        )
    ticks = [
        Tick(round(base - (base - TOP) * count / top, 2), count)
        for count in range(0, top + 1, step)
    ]
    return Chart(WIDTH, HEIGHT, LEFT, base, columns, ticks, sum(one.count for one in bars))


def row_widths(bars: Sequence[ValueCount]) -> list[tuple[ValueCount, float, float]]:
    """Each bar with its length in a row of a table, and its share of all in percent."""
    most = max((one.count for one in bars), default=0) or 1
    total = sum(one.count for one in bars) or 1
    return [
        (one, round(ROW_WIDTH * one.count / most, 2), round(100 * one.count / total, 1))
        for one in bars
    ]


def shares(counts: Mapping[str, int]) -> list[Share]:
    """The pieces of one bar, in this order; nothing where nothing is counted."""
    total = sum(counts.values())
    found, x = [], 0.0
    for name, count in counts.items():
        if count:
            width = 100 * count / total
            found.append(Share(name, count, round(x, 3), round(width, 3)))
            x += width
    return found


def _short(caption: str) -> str:
    """A day without its year; anything else as it is."""
    is_day = len(caption) == 10 and caption[4] == caption[7] == "-"
    return caption[5:] if is_day else caption


def _scale(most: int) -> tuple[int, int]:
    """The upper end of a scale from 0, and the step between its lines, both round numbers."""
    step = 1
    while step * TICKS < most:
        for factor in (2, 5, 10):
            if step * factor * TICKS >= most or factor == 10:
                step *= factor
                break
    return max(step, -(-most // step) * step), step

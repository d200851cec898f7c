"""Geometry of charts: coordinates of their columns and bars, which templates draw as SVG.

Numbers are those of an SVG's own coordinates, which scale with the page; nothing needs a style
attribute, which the policy of our pages forbids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from plaudit import clock
from plaudit.core.labeling.answer_charts import ValueCount
from plaudit.core.labeling.statistics import CompletionPace

WIDTH = 720
HEIGHT = 200
LEFT = 48
RIGHT = 20
BOTTOM = 28
TOP = 12
GAP = 0.25
"""Gap between columns, as a part of a column's slot."""
LABELS_MAX = 10
ROW_WIDTH = 200
TICKS = 4


class Column(Struct, frozen=True):
    """One column: its coordinates, its label and count, and its caption, "" without one."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    label: str
    caption: str
    count: int


class Tick(Struct, frozen=True):
    """A line across the chart with its number."""

    y: float
    count: int


class Chart(Struct, frozen=True):
    """A chart of columns over a base line."""

    width: int
    height: int
    left: int
    base: int
    columns: list[Column]
    ticks: list[Tick]
    total: int


class BarSegment(Struct, frozen=True):
    """A segment of a bar that stands for a total, in percent of it."""

    name: str
    count: int
    x: float
    width: float


def days_chart(pace: CompletionPace) -> Chart:
    """A chart of completions by day."""
    return bars_chart([ValueCount(clock.format_ms(ms)[:10], count) for ms, count in pace.days])


def bars_chart(bars: Sequence[ValueCount]) -> Chart:
    """A chart with a column for each bar, and at most LABELS_MAX captions."""
    top, step = _scale(max((bar.count for bar in bars), default=0))
    base = HEIGHT - BOTTOM
    slot = (WIDTH - LEFT - RIGHT) / max(1, len(bars))
    every = -(-len(bars) // LABELS_MAX)
    columns = []
    for number, bar in enumerate(bars):
        height = (base - TOP) * bar.count / top
        x = LEFT + slot * number + slot * GAP / 2
        caption = bar.label if (len(bars) - 1 - number) % every == 0 else ""
        columns.append(
            Column(
                x=round(x, 2),
                y=round(base - height, 2),
                width=round(slot * (1 - GAP), 2),
                height=round(height, 2),
                middle=round(x + slot * (1 - GAP) / 2, 2),
                label=bar.label,
                caption=_short(caption),
                count=bar.count,
            )
        )
    ticks = [
        Tick(round(base - (base - TOP) * count / top, 2), count)
        for count in range(0, top + 1, step)
    ]
    return Chart(WIDTH, HEIGHT, LEFT, base, columns, ticks, sum(bar.count for bar in bars))


def row_widths(bars: Sequence[ValueCount], answered: int) -> list[tuple[ValueCount, float, float]]:
    """Each bar with its length in a table's row, at most ROW_WIDTH, and its part of the answers.

    The part is in percent of `answered`; where one answer has several values, all are over 100.
    """
    most = max((bar.count for bar in bars), default=0) or 1
    return [
        (bar, round(ROW_WIDTH * bar.count / most, 2), round(100 * bar.count / (answered or 1), 1))
        for bar in bars
    ]


def shares(counts: Mapping[str, int]) -> list[BarSegment]:
    """The segments of one bar, in this order, without those of count 0."""
    total = sum(counts.values())
    segments, x = [], 0.0
    for name, count in counts.items():
        if count:
            width = 100 * count / total
            segments.append(BarSegment(name, count, round(x, 3), round(width, 3)))
            x += width
    return segments


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

"""Plots of estimates with their intervals, as SVG: without script or style, and escaped.

A forest plot has a line for each estimate, from the low end of its interval to the high one, and a
square at its value. Colours are those of the page, by `currentColor` and a few classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import floor, log10

from msgspec import Struct

WIDTH = 720
LABEL_WIDTH = 220
VALUE_WIDTH = 150
ROW_HEIGHT = 24
TOP = 10
BOTTOM = 28
LABEL_CHARS_MAX = 34
TICKS = 6


class PlotRow(Struct, frozen=True):
    """An estimate with its interval, and the words for both; no interval where an end is None."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    words: str = ""


class PlotLine(Struct, frozen=True):
    """A value that others are compared with, and its name."""

    at: float
    name: str


def forest_plot(title: str, rows: Sequence[PlotRow], lines: Sequence[PlotLine] = ()) -> str:
    """Forest plot of estimates in their order; a row without a value has its words alone."""
    known = [one for row in rows for one in (row.value, row.low, row.high) if one is not None]
    ends = [*known, *(line.at for line in lines)]
    low, high = (min(ends), max(ends)) if ends else (0.0, 1.0)
    margin = (high - low) * 0.05 or 0.5
    scale = _Scale(low - margin, high + margin)
    height = TOP + ROW_HEIGHT * len(rows) + BOTTOM
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}"'
        f' xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title>",
        *_axis(scale, height),
        *(_line(scale, line, height) for line in lines),
        *(_row(scale, row, TOP + ROW_HEIGHT * at) for at, row in enumerate(rows)),
        "</svg>",
    ]
    return "\n".join(parts)


class _Scale(Struct, frozen=True):
    low: float
    high: float

    def x(self, value: float) -> float:
        """Place of a value across the plot."""
        share = (value - self.low) / (self.high - self.low)
        return round(LABEL_WIDTH + share * (WIDTH - LABEL_WIDTH - VALUE_WIDTH), 2)

    def ticks(self) -> list[float]:
        """Round values, some six of them."""
        step = 10.0 ** floor(log10((self.high - self.low) / TICKS))
        step *= next(one for one in (1, 2, 5, 10) if (self.high - self.low) / (step * one) <= TICKS)
        first = -floor(-self.low / step)
        return [at * step for at in range(first, floor(self.high / step) + 1)]


def _axis(scale: _Scale, height: int) -> list[str]:
    base = height - BOTTOM + 4
    drawn = [
        f'<line x1="{LABEL_WIDTH}" x2="{WIDTH - VALUE_WIDTH}" y1="{base}" y2="{base}"'
        ' stroke="currentColor" stroke-opacity="0.4"/>'
    ]
    for tick in scale.ticks():
        x = scale.x(tick)
        drawn.append(
            f'<line x1="{x}" x2="{x}" y1="{base}" y2="{base + 4}" stroke="currentColor"/>'
            f'<text x="{x}" y="{base + 17}" text-anchor="middle" font-size="11"'
            f' fill="currentColor">{tick:.6g}</text>'
        )
    return drawn


def _line(scale: _Scale, line: PlotLine, height: int) -> str:
    x = scale.x(line.at)
    return (
        f'<line x1="{x}" x2="{x}" y1="{TOP - 6}" y2="{height - BOTTOM + 4}" stroke="currentColor"'
        f' stroke-opacity="0.35" stroke-dasharray="3 3"><title>{escape(line.name)}</title></line>'
    )


def _row(scale: _Scale, row: PlotRow, top: int) -> str:
    middle = top + ROW_HEIGHT / 2
    label = (
        row.label if len(row.label) <= LABEL_CHARS_MAX else row.label[: LABEL_CHARS_MAX - 1] + "…"
    )
    parts = [
        f'<text x="{LABEL_WIDTH - 10}" y="{middle + 4}" text-anchor="end" font-size="12"'
        f' fill="currentColor">{escape(label)}<title>{escape(row.label)}</title></text>'
    ]
    if row.low is not None and row.high is not None:
        parts.append(
            f'<line x1="{scale.x(row.low)}" x2="{scale.x(row.high)}" y1="{middle}" y2="{middle}"'
            ' stroke="currentColor" stroke-width="1.5"/>'
        )
    if row.value is not None:
        x = scale.x(row.value)
        parts.append(
            f'<rect x="{round(x - 4, 2)}" y="{middle - 4}" width="8" height="8"'
            ' fill="currentColor"/>'
        )
    parts.append(
        f'<text x="{WIDTH - VALUE_WIDTH + 10}" y="{middle + 4}" font-size="12"'
        f' fill="currentColor">{escape(row.words)}</text>'
    )
    return "<g>" + "".join(parts) + "</g>"

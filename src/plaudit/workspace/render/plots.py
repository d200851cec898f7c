"""Plots of estimates with their intervals, as SVG: without script or style, and escaped.

A forest plot has a line for each estimate, from the low end of its interval to the high one, and a
square at its value. Colours are those of the page, by `currentColor` and a few classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import floor, log10

from msgspec import Struct

from plaudit.workspace.language.speech import language

PLOT_WIDTH = 380
LABEL_WIDTH_MAX = 220
VALUE_WIDTH_MAX = 150
CHAR_WIDTH = 7.2
ROW_HEIGHT = 24
TOP = 10
BOTTOM = 28
LABEL_CHARS_MAX = 34
TICKS = 6


class PlotRow(Struct, frozen=True):
    """An estimate with its interval, and the words for both; no interval where an end is None.

    With `is_second` it has a hollow circle for its mark: an estimate beside the one above it.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    words: str = ""
    is_second: bool = False


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
    labels = max((len(row.label) for row in rows), default=0)
    values = max((len(row.words) for row in rows), default=0)
    scale = _Scale(
        low=low - margin,
        high=high + margin,
        left=min(LABEL_WIDTH_MAX, 20 + CHAR_WIDTH * labels),
        value_width=min(VALUE_WIDTH_MAX, 20 + CHAR_WIDTH * values),
    )
    height = TOP + ROW_HEIGHT * len(rows) + BOTTOM
    parts = [
        f'<svg class="plot" viewBox="0 0 {scale.width} {height}" width="{scale.width}"'
        f' height="{height}" role="img" aria-label="{escape(title)}"'
        f' xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title>",
        *_axis(scale, height),
        *(_line(scale, line, height) for line in lines),
        *(_row(scale, row, TOP + ROW_HEIGHT * at) for at, row in enumerate(rows)),
        "</svg>",
    ]
    return "\n".join(parts)


class _Scale(Struct, frozen=True, kw_only=True):
    low: float
    high: float
    left: float
    value_width: float

    @property
    def right(self) -> float:
        """Place of the plot's right end, behind which the words of values stand."""
        return self.left + PLOT_WIDTH

    @property
    def width(self) -> int:
        """Width of the whole picture."""
        return round(self.right + self.value_width)

    def x(self, value: float) -> float:
        """Place of a value across the plot."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.left + share * PLOT_WIDTH, 2)

    def ticks(self) -> list[float]:
        """Round values, some six of them."""
        step = 10.0 ** floor(log10((self.high - self.low) / TICKS))
        step *= next(one for one in (1, 2, 5, 10) if (self.high - self.low) / (step * one) <= TICKS)
        first = -floor(-self.low / step)
        return [at * step for at in range(first, floor(self.high / step) + 1)]


def _axis(scale: _Scale, height: int) -> list[str]:
    base = height - BOTTOM + 4
    drawn = [
        f'<line x1="{scale.left:.2f}" x2="{scale.right:.2f}" y1="{base}" y2="{base}"'
        ' stroke="currentColor" stroke-opacity="0.4"/>'
    ]
    for tick in scale.ticks():
        x = scale.x(tick)
        drawn.append(
            f'<line x1="{x}" x2="{x}" y1="{base}" y2="{base + 4}" stroke="currentColor"/>'
            f'<text x="{x}" y="{base + 17}" text-anchor="middle" font-size="11"'
            f' fill="currentColor">{_tick_words(tick)}</text>'
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
        f'<text x="{scale.left - 10:.2f}" y="{middle + 4}" text-anchor="end" font-size="12"'
        f' fill="currentColor">{escape(label)}<title>{escape(row.label)}</title></text>'
    ]
    if row.low is not None and row.high is not None:
        parts.append(
            f'<line x1="{scale.x(row.low)}" x2="{scale.x(row.high)}" y1="{middle}" y2="{middle}"'
            ' stroke="currentColor" stroke-width="1.5"/>'
        )
    if row.value is not None and row.is_second:
        parts.append(
            f'<circle class="plot-mark" cx="{scale.x(row.value)}" cy="{middle}" r="4"'
            ' fill="none" stroke="currentColor" stroke-width="2"/>'
        )
    elif row.value is not None:
        x = scale.x(row.value)
        parts.append(
            f'<rect class="plot-mark" x="{round(x - 4, 2)}" y="{middle - 4}" width="8" height="8"'
            ' fill="currentColor"/>'
        )
    parts.append(
        f'<text x="{scale.right + 10:.2f}" y="{middle + 4}" font-size="12"'
        f' fill="currentColor">{escape(row.words)}</text>'
    )
    return "<g>" + "".join(parts) + "</g>"


def _tick_words(tick: float) -> str:
    """Number of an axis in the page's language, without zeros at its end."""
    return f"{tick:.6g}".replace("-", "−").replace(".", language().decimal)

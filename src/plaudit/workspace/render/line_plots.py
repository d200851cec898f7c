"""Plots of a figure over a person's tasks, as SVG: without script or style, and escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor

from msgspec import Struct

from plaudit.workspace.language.speech import number, say

WIDTH, HEIGHT = 640, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 130, 14, 40
STEPS = 5
TASK_TICKS = 6


class LinePoint(Struct, frozen=True):
    """A value, 0 … 1, after so many tasks."""

    tasks: int
    value: float


class LineLimits(Struct, frozen=True):
    """Value that a line starts at, and the limits that it seldom leaves by chance."""

    centre: float
    low: float
    high: float


def line_plot(title: str, points: Sequence[LinePoint], limits: LineLimits) -> str:
    """Plot of a line in percent between its limits; points below the lower one are marked."""
    values = [limits.low, limits.high, *(point.value for point in points)]
    step = next(
        one for one in (0.02, 0.05, 0.1, 0.2, 0.25) if (max(values) - min(values)) / one <= STEPS
    )
    low, high = floor(min(values) / step) * step, ceil(max(values) / step) * step
    high = max(high, low + step)
    scale = _Scale(points[-1].tasks if points else 1, low, high)
    line = " ".join(f"{scale.x(one.tasks)},{scale.y(one.value)}" for one in points)
    parts = [
        f'<svg class="plot line-plot" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' height="{HEIGHT}" role="img" aria-label="{escape(title)}"'
        ' xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title>",
        *_axes(scale, low, high, step),
        *_limits(scale, limits),
        f'<polyline class="plot-line" points="{line}" fill="none" stroke="currentColor"'
        ' stroke-width="2" stroke-linejoin="round"/>',
        *(
            f'<circle class="plot-out" cx="{scale.x(one.tasks)}" cy="{scale.y(one.value)}" r="3"'
            ' fill="currentColor"/>'
            for one in points
            if one.value < limits.low
        ),
        "</svg>",
    ]
    return "\n".join(parts)


class _Scale(Struct, frozen=True):
    tasks: int
    low: float
    high: float

    def x(self, tasks: float) -> float:
        """Place across, of so many tasks."""
        share = (tasks - 1) / max(1, self.tasks - 1)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """Place down, of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(TOP + (1 - share) * (HEIGHT - TOP - BOTTOM), 1)


def _axes(scale: _Scale, low: float, high: float, step: float) -> list[str]:
    drawn = []
    for at in range(round((high - low) / step) + 1):
        value = low + at * step
        y = scale.y(value)
        drawn.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="currentColor"'
            f' stroke-opacity="0.15"/><text x="{LEFT - 8}" y="{y + 4}" text-anchor="end"'
            f' font-size="11" fill="currentColor">{100 * value:.0f} %</text>'
        )
    base = HEIGHT - BOTTOM
    count = min(TASK_TICKS, scale.tasks)
    ticks = {round(1 + at * (scale.tasks - 1) / max(1, count - 1)) for at in range(count)}
    for tick in sorted(ticks):
        x = scale.x(tick)
        drawn.append(
            f'<line x1="{x}" x2="{x}" y1="{base}" y2="{base + 4}" stroke="currentColor"/>'
            f'<text x="{x}" y="{base + 17}" text-anchor="middle" font-size="11"'
            f' fill="currentColor">{number(tick)}</text>'
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    drawn.append(
        f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle" font-size="11"'
        f' fill="currentColor">{escape(say("tasks compared, in order of time"))}</text>'
    )
    return drawn


def _limits(scale: _Scale, limits: LineLimits) -> list[str]:
    """The band between the limits, the centre, and their names at places that do not overlap."""
    top, middle, bottom = (scale.y(one) for one in (limits.high, limits.centre, limits.low))
    right = WIDTH - RIGHT
    drawn = [
        f'<rect class="plot-band" x="{LEFT}" y="{top}" width="{right - LEFT}"'
        f' height="{round(bottom - top, 1)}" fill="currentColor" fill-opacity="0.07"/>'
    ]
    for y, dash in ((top, "2 3"), (middle, "6 4"), (bottom, "2 3")):
        drawn.append(
            f'<line x1="{LEFT}" x2="{right}" y1="{y}" y2="{y}" stroke="currentColor"'
            f' stroke-opacity="0.5" stroke-dasharray="{dash}"/>'
        )
    names = (
        (min(top, middle - 14), say("upper limit")),
        (middle, say("all people together")),
        (max(bottom, middle + 14), say("lower limit")),
    )
    drawn += [
        f'<text x="{right + 8}" y="{round(y + 4, 1)}" font-size="11" fill="currentColor">'
        f"{escape(name)}</text>"
        for y, name in names
    ]
    return drawn

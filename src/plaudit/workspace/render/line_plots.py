"""Plots of a figure over a person's tasks, as SVG: without script or style, and escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor

from msgspec import Struct

from plaudit.workspace.language.speech import percent, say
from plaudit.workspace.render.plot_frame import LEFT, WIDTH, PlotFrame

HEIGHT, RIGHT = 260, 130
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
    last = points[-1].tasks if points else 1
    frame = PlotFrame(height=HEIGHT, right=RIGHT, first=1, last=last, low=low, high=high)
    count = min(TASK_TICKS, last)
    ticks = {round(1 + at * (last - 1) / max(1, count - 1)) for at in range(count)}
    caption = say("tasks compared, in order of time")
    line = frame.points((one.tasks, one.value) for one in points)
    drawn = [
        *frame.axes(step, ticks, words=percent, caption=caption),
        *_limits(frame, limits),
        f'<polyline class="plot-line" points="{line}" fill="none" stroke="currentColor"'
        ' stroke-width="2" stroke-linejoin="round"/>',
        *(
            f'<circle class="plot-out" cx="{frame.x(one.tasks)}" cy="{frame.y(one.value)}" r="3"'
            ' fill="currentColor"/>'
            for one in points
            if one.value < limits.low
        ),
    ]
    return frame.picture("line-plot", title, drawn)


def _limits(frame: PlotFrame, limits: LineLimits) -> list[str]:
    """The band between the limits, the centre, and their names at places that do not overlap."""
    top, middle, bottom = (frame.y(one) for one in (limits.high, limits.centre, limits.low))
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

"""Plots of ratings in the course of votes, as SVG: without script or style, and escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor

from msgspec import Struct

from plaudit.workspace.language.speech import number, say
from plaudit.workspace.render.plot_frame import WIDTH, PlotFrame

HEIGHT, RIGHT = 300, 150
STEPS = 6
VOTE_TICKS = 5
LABEL_CHARS_MAX = 18
LABEL_HEIGHT = 14
DASHES = ("", "8 3", "2 3", "8 3 2 3", "14 4", "5 5", "14 3 2 3", "1 5")
"""Patterns that tell lines apart without colour."""


class RatingLine(Struct, frozen=True):
    """Ratings of a model, one for each point in time."""

    name: str
    ratings: Sequence[float]


def rating_plot(title: str, votes: Sequence[int], lines: Sequence[RatingLine]) -> str:
    """Plot of ratings after so many votes, which ascend; each line has its name at its end."""
    values = [value for line in lines for value in line.ratings] or [0.0]
    span = max(max(values) - min(values), 1.0)
    step = next(
        one * 10**power
        for power in range(9)
        for one in (1, 2, 5)
        if span <= one * 10**power * STEPS
    )
    low, high = floor(min(values) / step) * step, ceil(max(values) / step) * step
    last = votes[-1] if votes else 1
    frame = PlotFrame(
        height=HEIGHT, right=RIGHT, first=0, last=last, low=low, high=max(high, low + step)
    )
    ticks = {round(at * last / (VOTE_TICKS - 1)) for at in range(VOTE_TICKS)}
    caption = say("votes, in the order of tasks")
    drawn = [
        *frame.axes(step, ticks, words=number, caption=caption),
        *(
            f'<polyline class="plot-line" points="'
            f'{frame.points(zip(votes, line.ratings, strict=True))}" fill="none"'
            f' stroke="currentColor" stroke-width="2" stroke-linejoin="round"'
            f' stroke-dasharray="{DASHES[at % len(DASHES)]}"/>'
            for at, line in enumerate(lines)
        ),
        *_labels(frame, lines),
    ]
    return frame.picture("rating-plot", title, drawn)


def _labels(frame: PlotFrame, lines: Sequence[RatingLine]) -> list[str]:
    """Names at the ends of lines, from top to bottom, moved down where they would overlap."""
    drawn, below = [], 0.0
    ends = sorted((frame.y(line.ratings[-1]), line.name) for line in lines if line.ratings)
    for y, name in ends:
        place = max(y + 4, below)
        below = place + LABEL_HEIGHT
        shown = name if len(name) <= LABEL_CHARS_MAX else name[: LABEL_CHARS_MAX - 1] + "…"
        drawn.append(
            f'<text x="{WIDTH - RIGHT + 8}" y="{round(place, 1)}" font-size="11"'
            f' fill="currentColor">{escape(shown)}</text>'
        )
    return drawn

"""Plots of ratings in the course of votes, as SVG: without script or style, and escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor

from msgspec import Struct

from plaudit.workspace.language.speech import number, say

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 150, 14, 40
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
    scale = _Scale(votes[-1] if votes else 1, low, max(high, low + step))
    parts = [
        f'<svg class="plot rating-plot" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' height="{HEIGHT}" role="img" aria-label="{escape(title)}"'
        ' xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title>",
        *_axes(scale, step),
        *(
            f'<polyline class="plot-line" points="{_points(scale, votes, line)}" fill="none"'
            f' stroke="currentColor" stroke-width="2" stroke-linejoin="round"'
            f' stroke-dasharray="{DASHES[at % len(DASHES)]}"/>'
            for at, line in enumerate(lines)
        ),
        *_labels(scale, lines),
        "</svg>",
    ]
    return "\n".join(parts)


class _Scale(Struct, frozen=True):
    votes: int
    low: float
    high: float

    def x(self, votes: int) -> float:
        """Place across, after so many votes."""
        return round(LEFT + votes / max(1, self.votes) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, rating: float) -> float:
        """Place down, of a rating."""
        share = (rating - self.low) / (self.high - self.low)
        return round(TOP + (1 - share) * (HEIGHT - TOP - BOTTOM), 1)


def _points(scale: _Scale, votes: Sequence[int], line: RatingLine) -> str:
    pairs = zip(votes, line.ratings, strict=True)
    return " ".join(f"{scale.x(at)},{scale.y(rating)}" for at, rating in pairs)


def _axes(scale: _Scale, step: int) -> list[str]:
    drawn = []
    for at in range(round((scale.high - scale.low) / step) + 1):
        value = scale.low + at * step
        y = scale.y(value)
        drawn.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="currentColor"'
            f' stroke-opacity="0.15"/><text x="{LEFT - 8}" y="{y + 4}" text-anchor="end"'
            f' font-size="11" fill="currentColor">{number(value)}</text>'
        )
    base = HEIGHT - BOTTOM
    ticks = {round(at * scale.votes / (VOTE_TICKS - 1)) for at in range(VOTE_TICKS)}
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
        f' fill="currentColor">{escape(say("votes, in the order of tasks"))}</text>'
    )
    return drawn


def _labels(scale: _Scale, lines: Sequence[RatingLine]) -> list[str]:
    """Names at the ends of lines, from top to bottom, moved down where they would overlap."""
    drawn, below = [], 0.0
    ends = sorted((scale.y(line.ratings[-1]), line.name) for line in lines if line.ratings)
    for y, name in ends:
        place = max(y + 4, below)
        below = place + LABEL_HEIGHT
        shown = name if len(name) <= LABEL_CHARS_MAX else name[: LABEL_CHARS_MAX - 1] + "…"
        drawn.append(
            f'<text x="{WIDTH - RIGHT + 8}" y="{round(place, 1)}" font-size="11"'
            f' fill="currentColor">{escape(shown)}</text>'
        )
    return drawn

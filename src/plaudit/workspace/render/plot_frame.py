"""The frame of a plot of lines: its scale, its axes and the picture around them, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape

from msgspec import Struct

from plaudit.workspace.language.speech import number

WIDTH = 640
LEFT, TOP, BOTTOM = 52, 14, 40


class PlotFrame(Struct, frozen=True, kw_only=True):
    """Area of a plot in pixels, and the counts (across) and values (up) that it shows."""

    height: int
    right: int
    """Pixels beside the area, for names of lines."""
    first: int
    last: int
    low: float
    high: float

    def x(self, count: float) -> float:
        """Place across, of a count."""
        share = (count - self.first) / max(1, self.last - self.first)
        return round(LEFT + share * (WIDTH - LEFT - self.right), 1)

    def y(self, value: float) -> float:
        """Place down, of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(TOP + (1 - share) * (self.height - TOP - BOTTOM), 1)

    def points(self, line: Iterable[tuple[int, float]]) -> str:
        """Points of a polyline through counts and their values."""
        return " ".join(f"{self.x(count)},{self.y(value)}" for count, value in line)

    def picture(self, kind: str, title: str, drawn: Iterable[str]) -> str:
        """The whole SVG, of a class `kind`, with what is drawn in it."""
        parts = [
            f'<svg class="plot {kind}" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}"'
            f' height="{self.height}" role="img" aria-label="{escape(title)}"'
            ' xmlns="http://www.w3.org/2000/svg">',
            f"<title>{escape(title)}</title>",
            *drawn,
            "</svg>",
        ]
        return "\n".join(parts)

    def axes(
        self, step: float, ticks: Iterable[int], *, words: Callable[[float], str], caption: str
    ) -> list[str]:
        """A line for each step of values, in `words`, and a mark for each tick of counts."""
        drawn = []
        for at in range(round((self.high - self.low) / step) + 1):
            value = self.low + at * step
            y = self.y(value)
            drawn.append(
                f'<line x1="{LEFT}" x2="{WIDTH - self.right}" y1="{y}" y2="{y}"'
                ' stroke="currentColor"'
                f' stroke-opacity="0.15"/><text x="{LEFT - 8}" y="{y + 4}" text-anchor="end"'
                f' font-size="11" fill="currentColor">{words(value)}</text>'
            )
        base = self.height - BOTTOM
        for tick in sorted(set(ticks)):
            x = self.x(tick)
            drawn.append(
                f'<line x1="{x}" x2="{x}" y1="{base}" y2="{base + 4}" stroke="currentColor"/>'
                f'<text x="{x}" y="{base + 17}" text-anchor="middle" font-size="11"'
                f' fill="currentColor">{number(tick)}</text>'
            )
        middle = (LEFT + WIDTH - self.right) / 2
        drawn.append(
            f'<text x="{middle}" y="{self.height - 6}" text-anchor="middle" font-size="11"'
            f' fill="currentColor">{escape(caption)}</text>'
        )
        return drawn

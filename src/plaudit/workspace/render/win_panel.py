"""One of several small pictures: a bar for each share from 0 to 1, with a line at one half, as SVG.

Without script or style, and escaped; colours are those of the page, by classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH = 280
LABEL_WIDTH = 110
BAR_WIDTH = 120
ROW_HEIGHT = 22
BAR_HEIGHT = 10
LABEL_CHARS_MAX = 15


def win_panel(title: str, rows: Sequence[tuple[str, float, str]]) -> str:
    """Picture of shares, each with its label and its words."""
    height = ROW_HEIGHT * len(rows)
    half = LABEL_WIDTH + BAR_WIDTH / 2
    parts = [
        f'<svg class="win-panel" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg">',
        f"<title>{escape(title)}</title>",
        *(_row(*row, at * ROW_HEIGHT) for at, row in enumerate(rows)),
        f'<line class="win-half" x1="{half}" x2="{half}" y1="0" y2="{height}"/>',
        "</svg>",
    ]
    return "\n".join(parts)


def _row(label: str, share: float, words: str, top: int) -> str:
    short = label if len(label) <= LABEL_CHARS_MAX else f"{label[: LABEL_CHARS_MAX - 1]}…"
    middle, bar_top = top + ROW_HEIGHT / 2 + 4, top + (ROW_HEIGHT - BAR_HEIGHT) / 2
    width = round(BAR_WIDTH * share, 2)
    tone = "win-more" if share >= 0.5 else "win-less"
    return (
        f'<text class="tick-label" x="{LABEL_WIDTH - 8}" y="{middle}" text-anchor="end">'
        f"{escape(short)}</text>"
        f'<rect class="win-none" x="{LABEL_WIDTH}" y="{bar_top}" width="{BAR_WIDTH}"'
        f' height="{BAR_HEIGHT}"/>'
        f'<rect class="{tone}" x="{LABEL_WIDTH}" y="{bar_top}" width="{width}"'
        f' height="{BAR_HEIGHT}"/>'
        f'<text class="tick-label" x="{LABEL_WIDTH + BAR_WIDTH + 8}" y="{middle}">'
        f"{escape(words)}</text>"
    )

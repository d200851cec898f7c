"""Options of a report, and what they ask of a project's form."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from plaudit.core.quality.agreement.distances import MeasurementLevel
from plaudit.core.quality.comparisons.comparison_report import VoteRule
from plaudit.core.quality.comparisons.leaderboard import TieRule
from plaudit.core.quality.comparisons.response_style import STYLES
from plaudit.errors import InvalidContent

BY_MODEL, BY_BATCH, BY_WEEK = "model", "batch", "week"

NAME_CHARS_MAX = 1000
CATEGORIES_MAX = 1000
ORDER_CHARS_MAX = 8000
"""Characters of all categories: the options stand in a header, whose line clients read to 64 KiB,
where a control character is six bytes.
"""

Orientation = Literal["free", "stored"]


class ReportOptions(Struct, frozen=True, kw_only=True):
    """Options of a report.

    `question` leaves one question, by its key. `by` divides units by model, batch, week, or the
    value of a key of the tasks' metadata. `level` measures otherwise than the type says; `order`
    has the categories, lowest first. `votes` and `ties` are those of the leaderboard, `styles` what
    it holds equal. With `units` the annotator model lists its units.
    """

    question: str | None = None
    by: str | None = None
    level: MeasurementLevel | None = None
    order: tuple[str, ...] | None = None
    orientation: Orientation = "free"
    votes: VoteRule = "all"
    ties: TieRule = "half"
    styles: tuple[str, ...] = ()
    units: bool = False
    without_leaks: bool = False
    """Leave responses that name their model out of the leaderboard."""

    def check(self) -> None:
        """Refuse options that nothing answers to; raises InvalidContent with the option's name."""
        for name in ("question", "by"):
            if len(getattr(self, name) or "") > NAME_CHARS_MAX:
                raise InvalidContent(f"at most {NAME_CHARS_MAX} characters", pointer=name)
        if self.order is not None and len(self.order) > CATEGORIES_MAX:
            raise InvalidContent(f"at most {CATEGORIES_MAX} categories", pointer="order")
        if sum(map(len, self.order or ())) > ORDER_CHARS_MAX:
            message = f"at most {ORDER_CHARS_MAX} characters in all categories together"
            raise InvalidContent(message, pointer="order")
        unknown = [style for style in self.styles if style not in STYLES]
        if unknown:
            raise InvalidContent(
                f"there is no style {unknown[0]!r}; there is {', '.join(STYLES)}", pointer="style"
            )
        if len(set(self.styles)) != len(self.styles):
            raise InvalidContent("a style stands twice", pointer="style")
        if self.by is not None and not self.by.strip():
            raise InvalidContent("name what to divide by", pointer="by")
        if self.order is not None and len(set(self.order)) != len(self.order):
            raise InvalidContent("a category stands twice", pointer="order")

"""Regular expressions from a mapping, which take something out of cells, in bounded time.

Matching goes back and forth where a pattern has several repeats: nested ones may take time that
doubles with each character. Such patterns are refused, and for others the steps are estimated from
the length of a cell before it is searched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from plaudit.errors import InvalidContent

PATTERN_CHARS_MAX = 200
STEPS_MAX = 200_000_000
"""Steps of a search; the regular expressions of Python do some 300 million in a second."""

FACTOR_MAX = 10_000
"""Ways through the alternatives and short repeats of a pattern."""

_SHORT_REPEAT = 8
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_REFUSED = {
    codes.GROUPREF: "a group that is referred to",
    codes.GROUPREF_EXISTS: "a condition",
    codes.ASSERT: "looking ahead or behind",
    codes.ASSERT_NOT: "looking ahead or behind",
}


class Removal:
    """Removal of each match of a pattern; raises InvalidContent for one that may take for ever."""

    def __init__(self, pattern: str) -> None:
        if not 0 < len(pattern) <= PATTERN_CHARS_MAX:
            raise InvalidContent(f"a pattern has 1 to {PATTERN_CHARS_MAX} characters")
        try:
            parsed = parser.parse(pattern)
            self._pattern = re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as exc:
            raise InvalidContent(f"this is no regular expression: {exc}") from exc
        items = list(parsed)
        flags = self._pattern.flags
        self._cost = _Cost()
        self._cost.add(items)
        is_exact = not flags & re.IGNORECASE
        self._first = _first_letter(items) if is_exact else None
        has_start = bool(items) and items[0] == (codes.AT, codes.AT_BEGINNING)
        self._is_at_start = has_start and not flags & re.MULTILINE
        # A repeat at the very end never has to give back what it matched.
        if items and _is_long(items[-1]) and items[-1][1][0] <= 1:
            self._cost.repeats -= 1

    def apply(self, text: str) -> str:
        """Return the text without the matches; raises InvalidContent for one that is too long."""
        starts = len(text) + 1
        if self._is_at_start:
            starts = 1
        elif self._first is not None:
            starts = text.count(self._first) + 1
        if starts * self._cost.factor * len(text) ** self._cost.repeats > STEPS_MAX:
            raise InvalidContent(
                f"the text has {len(text):,} characters, too many for the pattern of 'remove'"
            )
        return self._pattern.sub("", text)


class _Cost:
    """Estimate of the steps that a match takes: `factor` × length of the text ** `repeats`."""

    def __init__(self) -> None:
        self.repeats = 0
        self.factor = 1

    def add(self, items: Iterable[Any], is_repeated: bool = False) -> None:
        """Count the parts of a pattern; raises InvalidContent for those that take for ever."""
        for code, argument in items:
            if code in _REFUSED:
                raise InvalidContent(f"a pattern of 'remove' has no {_REFUSED[code]}")
            if code in _REPEATS:
                self._add_repeat(argument, is_repeated)
            for inner in _groups(code, argument):
                self.add(inner, is_repeated)
            if code is codes.BRANCH:
                self._multiply(len(argument[1]), is_repeated)

    def _add_repeat(self, argument: Any, is_repeated: bool) -> None:
        low, high, inner = argument
        if high > _SHORT_REPEAT:
            self.repeats += 1
            self._multiply(2, is_repeated)
        else:
            self._multiply(high - low + 1, is_repeated)
        self.add(inner, is_repeated or high > 1)

    def _multiply(self, ways: int, is_repeated: bool) -> None:
        if is_repeated and ways > 1:
            raise InvalidContent(
                "repeats and alternatives inside of a repeat may take for ever; write the pattern"
                " of 'remove' without them"
            )
        self.factor *= ways
        if self.factor > FACTOR_MAX:
            raise InvalidContent("the pattern of 'remove' has too many repeats and alternatives")


def _groups(code: Any, argument: Any) -> list[Any]:
    if code is codes.SUBPATTERN:
        return [argument[-1]]
    if code is codes.ATOMIC_GROUP:
        return [argument]
    return list(argument[1]) if code is codes.BRANCH else []


def _is_long(item: Any) -> bool:
    return item[0] in _REPEATS and item[1][1] > _SHORT_REPEAT


def _first_letter(items: list[Any]) -> str | None:
    """Character that every match begins with, if that is known."""
    if items and items[0][0] is codes.LITERAL:
        return chr(items[0][1])
    return None

"""Regular expressions from a mapping, which take something out of cells, in bounded time.

Matching goes back and forth where a pattern has several repeats: nested ones may take time that
doubles with each character. Such patterns are refused. For others the steps are estimated before a
cell is searched: a repeat goes no further than the longest run of the characters that it repeats.
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
"""Steps of a search; the regular expressions of Python do some 300 million in a second, and no
other thread of the process runs meanwhile."""

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
_CATEGORIES = {
    codes.CATEGORY_DIGIT: r"\d",
    codes.CATEGORY_NOT_DIGIT: r"\D",
    codes.CATEGORY_SPACE: r"\s",
    codes.CATEGORY_NOT_SPACE: r"\S",
    codes.CATEGORY_WORD: r"\w",
    codes.CATEGORY_NOT_WORD: r"\W",
}

_Runs = re.Pattern[str] | None
"""Pattern of the longest runs of the characters that a repeat takes; None if it takes any."""


class StepBudget:
    """Steps of one search, and of all together: None for as many as they like."""

    def __init__(self, *, each: int = STEPS_MAX, total: int | None = None) -> None:
        self.each = each
        self._left = total

    def spend(self, steps: int) -> None:
        """Count the steps of a search; raises InvalidContent once none are left."""
        if self._left is not None:
            self._left -= steps
            if self._left < 0:
                raise InvalidContent("the patterns of 'remove' take too long for a preview")


class Removal:
    """Removal of each match of a pattern; raises InvalidContent for one that may take for ever."""

    def __init__(self, pattern: str, budget: StepBudget | None = None) -> None:
        self._budget = budget or StepBudget()
        if not 0 < len(pattern) <= PATTERN_CHARS_MAX:
            raise InvalidContent(f"a pattern has 1 to {PATTERN_CHARS_MAX} characters")
        try:
            items = list(parser.parse(pattern))
            self._pattern = re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as exc:
            raise InvalidContent(f"this is no regular expression: {exc}") from exc
        flags = self._pattern.flags
        cost = _Cost(flags)
        cost.add(items)
        self._factor = cost.factor
        self._repeats = cost.repeats
        # A repeat at the very end never has to give back what it matched.
        if items and items[-1][0] in _REPEATS and _is_long(items[-1][1]) and items[-1][1][0] < 2:
            self._repeats = self._repeats[:-1]
        has_start = bool(items) and items[0] == (codes.AT, codes.AT_BEGINNING)
        self._is_at_start = has_start and not flags & re.MULTILINE
        self._first = _beginning(items, flags)

    def apply(self, text: str) -> str:
        """Return the text without the matches; raises InvalidContent for one that is too long."""
        steps = self._factor * self._starts(text)
        for runs in self._repeats:
            if steps > self._budget.each:
                break
            steps *= 1 + (len(text) if runs is None else _longest(runs, text))
        if steps > self._budget.each:
            raise InvalidContent(
                f"the text has {len(text):,} characters, and the pattern of 'remove' may take too"
                " long in it"
            )
        self._budget.spend(steps)
        return self._pattern.sub("", text)

    def _starts(self, text: str) -> int:
        """Number of places where a match may begin."""
        if self._is_at_start:
            return 1
        if self._first is None:
            return 1 + len(text)
        return 1 + sum(len(run[0]) for run in self._first.finditer(text))


def _longest(runs: re.Pattern[str], text: str) -> int:
    return max((len(run[0]) for run in runs.finditer(text)), default=0)


class _Cost:
    """Estimate of the steps of a match: `factor` ways, and the repeats without a bound."""

    def __init__(self, flags: int) -> None:
        self.repeats: list[_Runs] = []
        self.factor = 1
        self._flags = flags

    def add(
        self, items: Iterable[Any], *, is_repeated: bool = False, has_flags: bool = False
    ) -> None:
        """Count the parts of a pattern; raises InvalidContent for those that take for ever."""
        for code, argument in items:
            if code in _REFUSED:
                raise InvalidContent(f"a pattern of 'remove' has no {_REFUSED[code]}")
            if code in _REPEATS:
                self._add_repeat(argument, is_repeated=is_repeated, has_flags=has_flags)
            own_flags = code is codes.SUBPATTERN and bool(argument[1] or argument[2])
            for inner in _groups(code, argument):
                self.add(inner, is_repeated=is_repeated, has_flags=has_flags or own_flags)
            if code is codes.BRANCH:
                self._multiply(len(argument[1]), is_repeated)

    def _add_repeat(self, argument: Any, *, is_repeated: bool, has_flags: bool) -> None:
        low, high, inner = argument
        if _is_long(argument):
            self.repeats.append(None if has_flags else _runs_of(list(inner), self._flags))
            self._multiply(2, is_repeated)
        else:
            self._multiply(high - low + 1, is_repeated)
        self.add(inner, is_repeated=is_repeated or high > 1, has_flags=has_flags)

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


def _is_long(argument: Any) -> bool:
    return bool(argument[1] > _SHORT_REPEAT)


def _beginning(items: list[Any], flags: int) -> _Runs:
    """Runs of the characters that a match begins with; None if it may begin with any."""
    if not items:
        return None
    code, argument = items[0]
    if code in _REPEATS:
        return _runs_of(list(argument[2]), flags) if argument[0] > 0 else None
    return _runs_of(items[:1], flags)


def _runs_of(items: list[Any], flags: int) -> _Runs:
    """Pattern for runs of a character or a set of them; None for anything else."""
    if len(items) != 1:
        return None
    code, argument = items[0]
    if code is codes.LITERAL:
        source = re.escape(chr(argument))
    elif code is codes.NOT_LITERAL:
        source = f"[^{_set_member((codes.LITERAL, argument))}]"
    elif code is codes.ANY:
        source = "."
    elif code is codes.IN:
        members = [_set_member(member) for member in argument]
        if None in members:
            return None
        source = f"[{''.join(member or '' for member in members)}]"
    else:
        return None
    return re.compile(f"(?:{source})+", flags)


def _set_member(member: tuple[Any, Any]) -> str | None:
    code, argument = member
    if code is codes.NEGATE:
        return "^"
    if code is codes.LITERAL:
        return f"\\U{argument:08x}"
    if code is codes.RANGE:
        return f"\\U{argument[0]:08x}-\\U{argument[1]:08x}"
    return _CATEGORIES.get(argument) if code is codes.CATEGORY else None

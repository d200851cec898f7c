"""Paths of columns, such as `answer` or `result.answers[0].text`, and what they lead to in a row.

A path goes through objects and lists, and where it meets a text it goes on in the JSON that the
text holds. A member of the row that has the whole path as its name comes first, so that a column
named `a.b` needs no quotes; within a path they help: `result."a.b"`. `[-1]` is the last element.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from plaudit import json_guard
from plaudit.errors import InvalidContent
from plaudit.formats.common.row_members import name_of_kind

PATH_CHARS_MAX = 1000
STEPS_MAX = 32
_STEP = re.compile(r'\.?"([^"]*)"|\[(-?\d{1,9})\]|\.?([^.\["]+)')


class Absent(Enum):
    """Kinds of nothing at the end of a path."""

    missing = "missing"
    """An object without the member, or a list without the element."""
    unknown = "unknown"
    """Something on the way is null or blank."""


MISSING: Final = Absent.missing
UNKNOWN: Final = Absent.unknown

Step = str | int


def parse_path(text: str) -> tuple[Step, ...]:
    """Steps of a path: names of members and numbers of elements, negative ones from the end.

    Raises InvalidContent.
    """
    if not 0 < len(text) <= PATH_CHARS_MAX:
        raise InvalidContent(f"a column is named by 1 to {PATH_CHARS_MAX} characters")
    steps: list[Step] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None or (at == 0 and match[0].startswith(".")):
            return (text,)  # no path: a column with an odd name
        quoted, number, plain = match.groups()
        steps.append(int(number) if number is not None else quoted if plain is None else plain)
        at = match.end()
        if at < len(text) and text[at] not in ".[":
            return (text,)
    if len(steps) > STEPS_MAX:
        raise InvalidContent(f"a path has at most {STEPS_MAX} steps")
    return tuple(steps)


def pointer_to(steps: tuple[Step, ...]) -> str:
    """JSON pointer (RFC 6901) of a path."""
    return "".join(f"/{json_guard.escape(str(step))}" for step in steps)


class RowPaths:
    """Values of one row by path; JSON in its cells is read once."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._value = value
        self._decoded: dict[str, Any] = {}

    def get(self, text: str, steps: tuple[Step, ...]) -> tuple[Any, str]:
        """Return the value at a path, or MISSING or UNKNOWN, and its JSON pointer.

        Raises InvalidContent, with a pointer, where the path leads into something that has no
        members: a number, or a text that is no JSON.
        """
        if text in self._value:
            return self._value[text], f"/{json_guard.escape(text)}"
        value: Any = self._value
        way: tuple[Step, ...] = ()
        for step in steps:
            if isinstance(value, str) and value.strip():
                value = self.decode(pointer_to(way), value)
            if value is None or (isinstance(value, str) and not value.strip()):
                return UNKNOWN, pointer_to(way)
            if isinstance(value, list) and isinstance(step, int) and -len(value) <= step < 0:
                step += len(value)
            value = _member(value, step, way)
            way = (*way, step)
            if value is MISSING:
                return MISSING, pointer_to(way)
        return value, pointer_to(way)

    def decode(self, pointer: str, cell: str) -> Any:
        """Return what the JSON in a cell says; raises InvalidContent for a cell without it."""
        if pointer not in self._decoded:
            try:
                self._decoded[pointer] = json_guard.check(cell.encode())
            except (InvalidContent, UnicodeEncodeError) as exc:
                raise InvalidContent(
                    "the mapping asks for something within this cell, but it holds no JSON",
                    pointer=pointer,
                ) from exc
        return self._decoded[pointer]


def _member(value: Any, step: Step, way: tuple[Step, ...]) -> Any:
    if isinstance(value, dict):
        return value.get(str(step), MISSING)
    if isinstance(value, list):
        number = step if isinstance(step, int) else int(step) if _is_number(step) else None
        if number is not None:
            return value[number] if 0 <= number < len(value) else MISSING
    raise InvalidContent(
        f"the path goes on to {str(step)!r}, but here is {name_of_kind(value)}",
        pointer=pointer_to(way),
    )


def _is_number(step: str) -> bool:
    return step.isascii() and step.isdecimal() and len(step) <= 9

"""Plaudit's own archive: a kind and a value on each line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plaudit import json_guard
from plaudit.errors import InvalidContent

Found = tuple[str, Any, str]
"""Kind, value, and the JSON pointer from the line to the value."""

_LEVELS = 1
_LEVELS_OF_DELIVERY = 3
"""How many levels a line puts around a task that may be as deep itself as any document."""

DEPTH_MAX = json_guard.DEPTH_MAX + _LEVELS_OF_DELIVERY


def check_depth(kind: str, depth: int) -> None:
    """Raise InvalidContent for a line of so many levels, if its kind has no place for them."""
    most = json_guard.DEPTH_MAX + (_LEVELS_OF_DELIVERY if kind == "delivery" else _LEVELS)
    if depth > most:
        raise InvalidContent(f"nested deeper than {most} levels")


def read(line: Any) -> Iterator[Found]:
    """The one entry of a line."""
    if not isinstance(line, dict) or not isinstance(line.get("kind"), str) or "value" not in line:
        raise InvalidContent('an archive line is {"kind": "…", "value": {…}}')
    yield line["kind"], line["value"], "/value"

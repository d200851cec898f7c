"""Plaudit's own archive: a kind and a value on each line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plaudit.errors import InvalidContent

Found = tuple[str, Any, str]
"""Kind, value, and the JSON pointer from the line to the value."""


def read(line: Any) -> Iterator[Found]:
    """The one entry of a line."""
    if not isinstance(line, dict) or not isinstance(line.get("kind"), str) or "value" not in line:
        raise InvalidContent('an archive line is {"kind": "…", "value": {…}}')
    yield line["kind"], line["value"], "/value"

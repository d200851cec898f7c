"""Cells of tables that hold a list, written as JSON or as Python shows it."""

from __future__ import annotations

import ast
from typing import Any

import msgspec

from plaudit import json_guard
from plaudit.errors import InvalidContent

CELL_CHARS_MAX = 1_000_000
"""Longest cell that is read as a list written by Python."""


def decode_list(value: Any) -> Any:
    """A list that is written as JSON or by Python in a text; any other value as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    try:
        decoded = json_guard.check(value.encode())
    except (InvalidContent, UnicodeEncodeError):
        decoded = _as_python_list(value)
    return decoded if isinstance(decoded, list) else value


def _as_python_list(text: str) -> Any:
    if len(text) > CELL_CHARS_MAX:
        return None
    try:
        return json_guard.check(msgspec.json.encode(ast.literal_eval(text.strip())))
    except (InvalidContent, ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None

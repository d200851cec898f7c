"""Merge of JSON objects, as in the metadata routes (docs/compatibility.md)."""

from __future__ import annotations

from typing import Any


def merge(stored: dict[str, Any], incoming: dict[str, Any]) -> dict[str, Any]:
    """Merge `incoming` into a copy of `stored`: objects recursively, other values replace.

    Unlike RFC 7396, null is a value like any other and removes nothing.
    """
    result = dict(stored)
    for key, value in incoming.items():
        previous = result.get(key)
        if isinstance(previous, dict) and isinstance(value, dict):
            value = merge(previous, value)
        result[key] = value
    return result

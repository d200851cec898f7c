"""Merge one JSON object into another, as the metadata routes do (contract 3.4)."""

from __future__ import annotations

from typing import Any


def merged(stored: dict[str, Any], incoming: dict[str, Any]) -> dict[str, Any]:
    """Both together, the incoming one winning: objects merge, anything else is replaced.

    Unlike RFC 7396, null is a value like any other and removes nothing.
    """
    found = dict(stored)
    for key, value in incoming.items():
        before = found.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            value = merged(before, value)
        found[key] = value
    return found

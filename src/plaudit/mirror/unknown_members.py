"""Members of another server's tasks and batches that our structs do not have, kept in metadata."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from plaudit.errors import InvalidContent
from plaudit.json_guard import escape
from plaudit.wire.v2 import parse
from plaudit.wire.v2.resources import ArchivedBatch
from plaudit.wire.v2.size_limits import METADATA_BYTES_MAX

KEPT_AS = "unknown_members"
"""Member of the metadata: an object with the JSON pointer of each unknown member and its value."""

_READERS: dict[str, Callable[[Any], Any]] = {
    "task": lambda value: parse.read_task(value).task,
    "batch": lambda value: parse.convert(value, ArchivedBatch),
}


def keep_unknown_members(kind: str, value: Any) -> tuple[Any, int]:
    """Value with its unknown members in its metadata as well, and their number.

    What cannot be read stays as it is: the import refuses it and says why. So do members that
    would make the metadata too long; their number is then negative.
    """
    read = _READERS.get(kind)
    if read is None or not isinstance(value, dict):
        return value, 0
    try:
        known = msgspec.to_builtins(read(value))
    except InvalidContent:
        return value, 0
    unknown: dict[str, Any] = {}
    _collect(value, known, "", unknown)
    if not unknown:
        return value, 0
    metadata = {**(value.get("metadata") or {}), KEPT_AS: unknown}
    if len(msgspec.json.encode(metadata)) > METADATA_BYTES_MAX:
        return value, -len(unknown)
    return {**value, "metadata": metadata}, len(unknown)


def _collect(value: Any, known: Any, pointer: str, unknown: dict[str, Any]) -> None:
    """Add what `value` has and `known` has not, by its pointer; null counts as absent."""
    if isinstance(value, dict) and isinstance(known, dict):
        for name, member in value.items():
            path = f"{pointer}/{escape(name)}"
            if name in known:
                _collect(member, known[name], path, unknown)
            elif member is not None:
                unknown[path] = member
    elif isinstance(value, list) and isinstance(known, list):
        for number, (item, known_item) in enumerate(zip(value, known, strict=False)):
            _collect(item, known_item, f"{pointer}/{number}", unknown)

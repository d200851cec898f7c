"""Shapes of rows: members that all of them have, members without a meaning, and ids."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from plaudit.errors import InvalidContent
from plaudit.formats.common.row_members import name_of_kind, pointer_of
from plaudit.formats.common.rows import Row


def have_members(rows: Sequence[Row], names: Iterable[str]) -> bool:
    """True if there are rows, and each is an object with all these members."""
    wanted = set(names)
    return bool(rows) and all(
        isinstance(row.value, dict) and wanted <= row.value.keys() for row in rows
    )


def other_members(value: dict[str, Any], known: Collection[str]) -> dict[str, Any]:
    """Members that a format gives no meaning, for a task's metadata; those that are not blank."""
    return {
        name: member
        for name, member in value.items()
        if name not in known and member is not None and member != ""
    }


def item_id_of(value: dict[str, Any], name: str) -> str | None:
    """Return a set's own id, a text or an integer; None where it is missing or null."""
    given = value.get(name)
    if given is None or isinstance(given, str):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    raise InvalidContent(
        f"an id is a text or an integer, not {name_of_kind(given)}", pointer=pointer_of(name)
    )

"""Mapping that a project keeps for its imports."""

from __future__ import annotations

from typing import Any

from plaudit.errors import InvalidContent
from plaudit.formats.table.mapping_checks import read_mapping


def check_saved_mapping(decoded: Any) -> None:
    """Raise InvalidContent for the `import_mapping` of a project that cannot be right."""
    try:
        read_mapping(decoded)
    except InvalidContent as exc:
        raise InvalidContent(exc.message, pointer=f"/import_mapping{exc.pointer}") from exc

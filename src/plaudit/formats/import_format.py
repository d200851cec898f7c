"""Declaration of an import format: its name, words for people, bounds and reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from plaudit import json_guard

LINE_BYTES_MAX = 10 * 1024 * 1024
"""A line of a format of others; an archive's lines the server has written itself."""

FormatEntry = tuple[str, Any, str]
"""Kind of a row (`task`, `project`, …), its value in the v2 shape, and the JSON pointer from the
line to the value."""


class ImportFormat(Struct, frozen=True, kw_only=True):
    """A JSONL format that can be imported; a module of this package declares one as `FORMAT`."""

    name: str
    """Word of `--format` and of the import page."""
    title: str
    """A few words for people about what a file holds, such as "OpenAssistant trees"."""
    read: Callable[[Any], Iterator[FormatEntry]]
    """Entries of a decoded line, in order; raises InvalidContent, with a pointer into the line."""
    suffixes: tuple[str, ...] = (".jsonl", ".json", ".ndjson")
    """Usual file suffixes, before that of a compression; files are told by content, not by name."""
    project_refusal: str | None = None
    """Sentence that refuses a project chosen at the import; None where one may be chosen."""
    line_bytes_max: int = LINE_BYTES_MAX
    depth_max: int = json_guard.DEPTH_MAX
    """Levels that a line may have."""
    check_depth: Callable[[str, int], None] | None = None
    """Raises InvalidContent for a kind of row in a line of so many levels, where the bound differs
    from kind to kind; None where `depth_max` is all."""

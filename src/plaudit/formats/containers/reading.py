"""Rows of a file (stand-in: JSON lines alone)."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

from plaudit import json_guard
from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import OnProgress, Row
from plaudit.formats.import_format import LINE_BYTES_MAX, ObjectRows
from plaudit.settings import INFLATED_BYTES_MAX


def read_rows(
    path: Path,
    name: str,
    *,
    on_progress: OnProgress = lambda at: None,
    inflated_max: int | None = INFLATED_BYTES_MAX,
    object_rows: ObjectRows = ObjectRows.by_shape,
    row_bytes_max: int = LINE_BYTES_MAX,
    depth_max: int = json_guard.DEPTH_MAX,
    on_rows: Callable[[int], None] = lambda count: None,
) -> Iterator[Row]:
    """Yield the rows of a file."""
    opened = gzip.open(path, "rb") if path.read_bytes()[:2] == b"\x1f\x8b" else path.open("rb")
    with opened as file:
        for number, line in enumerate(file, 1):
            if line.isspace():
                continue
            try:
                content = line.removeprefix(json_guard.BOM)
                value, depth = json_guard.check_deep(content, depth_max)
                yield Row(file=name, number=number, value=value, size=len(line), depth=depth)
            except InvalidContent as problem:
                yield Row(file=name, number=number, value=None, problem=problem)

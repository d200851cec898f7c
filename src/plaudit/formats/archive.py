"""Plaudit's own archive: a kind and a value on each line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from plaudit import json_guard
from plaudit.core.transfer import row_import
from plaudit.core.transfer.import_summary import KINDS
from plaudit.core.transfer.prepared_tasks import read_line
from plaudit.errors import InvalidContent
from plaudit.formats.common.row_shapes import have_members
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import FormatEntry, ImportFormat, ObjectRows
from plaudit.formats.table.saved_mapping import check_saved_mapping
from plaudit.wire.v2.size_limits import ARCHIVE_LINE_BYTES_MAX
from plaudit.wire.v2.task_lines import LineReader

_MEMBERS = ("kind", "value")
_VALUE = "/value"
_LEVELS = 1
_LEVELS_OF_NESTING = 3
"""Levels that a line puts around a document, which may itself be as deep as any."""

_NESTING = ("delivery", *row_import.KINDS)
"""Kinds whose values hold a document inside a member."""


def check_depth(kind: str, depth: int) -> None:
    """Raise InvalidContent for a line of `depth` levels, if a row of its kind has fewer."""
    most = json_guard.DEPTH_MAX + (_LEVELS_OF_NESTING if kind in _NESTING else _LEVELS)
    if depth > most:
        raise InvalidContent(f"nested deeper than {most} levels")


def read(line: Any) -> Iterator[FormatEntry]:
    """Yield the one entry of a line; raises InvalidContent.

    A line has a kind and a value, and a project's mapping is one that can be read.
    """
    if not isinstance(line, dict) or not isinstance(line.get("kind"), str) or "value" not in line:
        raise InvalidContent('an archive line is {"kind": "…", "value": {…}}')
    kind, value = line["kind"], line["value"]
    if kind == "project" and isinstance(value, dict) and value.get("import_mapping") is not None:
        try:
            check_saved_mapping(value["import_mapping"])
        except InvalidContent as exc:
            raise InvalidContent(exc.message, pointer=f"/value{exc.pointer}") from exc
    yield kind, value, _VALUE


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Return the members that show lines of an archive, None for other rows."""
    are_lines = have_members(rows, _MEMBERS) and all(
        row.value["kind"] in KINDS and isinstance(row.value["value"], dict) for row in rows
    )
    return _MEMBERS if are_lines else None


FORMAT = ImportFormat(
    name="archive",
    title="written by Plaudit",
    read=read,
    task_reader=lambda: partial(read_line, LineReader(is_archive=True)),
    task_pointer=_VALUE,
    task_mark=b'"task"',
    project_refusal="an archive says itself which projects its tasks belong to",
    line_bytes_max=ARCHIVE_LINE_BYTES_MAX,
    depth_max=json_guard.DEPTH_MAX + _LEVELS_OF_NESTING,
    check_depth=check_depth,
    detect=detect,
    specificity=100,
    object_rows=ObjectRows.never,
    suffixes=(".jsonl", ".json", ".ndjson"),
)

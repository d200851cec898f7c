"""Tasks as `GET /v2/tasks` gives them with every option, one a line; tasks of every status.

`plaudit import --format v2` takes the file, also on another server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from plaudit.formats.exporting.export_format import (
    ExportContainer,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Origin,
    Skipped,
)
from plaudit.model.core import PageRow, ProjectRow
from plaudit.wire.v2 import export_lines, render

PIECE_BYTES = 1024 * 1024
"""Bytes of stored tasks from which a piece of lines is joined."""

_encode = msgspec.json.Encoder().encode
_FIRST = ("task_id", "project", "batch", "status", "created_at", "completed_at", "metadata")


def _make(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    value = task.value
    ordered = {name: value[name] for name in _FIRST if name in value}
    ordered |= {name: member for name, member in value.items() if name not in ordered}
    yield ExportRow(ordered, Origin(value["task_id"]))


def join_stored(rows: Sequence[PageRow], project: ProjectRow) -> Iterator[bytes]:
    """Lines that `_make` gives, joined of what the store has of the tasks."""
    project_json = _encode(project.project_id)
    refs = {
        batch_id: render.head_refs(project_json, None if batch_id is None else _encode(batch_id))
        for batch_id in {row[2] for row in rows}
    }
    start = size = 0
    for end, row in enumerate(rows, 1):
        size += row[6]
        if size >= PIECE_BYTES or end == len(rows):
            yield export_lines.join_lines(rows[start:end], refs)
            start, size = end, 0


FORMATS = (
    ExportFormat(
        name="v2",
        title="whole tasks with all annotations and votes",
        purpose="For plaudit import --format v2, and for programs that know Scale's API.",
        columns=(),
        make=_make,
        join_stored=join_stored,
        containers=(ExportContainer.jsonl,),
        is_of_completed=False,
    ),
)

"""Tasks as `GET /v2/tasks` gives them with every option, one a line; tasks of every status.

`plaudit import --format v2` takes the file, also on another server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from plaudit.formats.exporting.containers import escape_separators
from plaudit.formats.exporting.export_format import (
    ExportContainer,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Origin,
    Skipped,
)
from plaudit.formats.exporting.exported_tasks import decode_threads
from plaudit.model.core import ALL_OPTS, PageRow, ProjectRow
from plaudit.wire.v2 import render

PIECE_BYTES = 1024 * 1024
"""Bytes of stored tasks from which a piece of lines is joined."""

_CHUNKS, _REASONING = b'"chunks":[', b'"reasoning":['
_encode = msgspec.json.Encoder().encode
_FIRST = ("task_id", "project", "batch", "status", "created_at", "completed_at", "metadata")


def _make(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    value = task.value
    ordered = {name: value[name] for name in _FIRST if name in value}
    ordered |= {name: member for name, member in value.items() if name not in ordered}
    yield ExportRow(ordered, Origin(value["task_id"]))


def _join_stored(rows: Sequence[PageRow], project: ProjectRow) -> Iterator[bytes]:
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
            yield _joined(rows[start:end], refs)
            start, size = end, 0


def _joined(rows: Sequence[PageRow], refs: dict[str | None, bytes]) -> bytes:
    parts: list[bytes] = []
    render.assemble_lines(rows, refs, ALL_OPTS, parts)
    joined = b"".join(parts)
    if _may_be_reordered(joined, rows):
        parts.clear()
        render.assemble_lines([_ordered(row) for row in rows], refs, ALL_OPTS, parts)
        joined = b"".join(parts)
    return escape_separators(joined)


def _may_be_reordered(joined: bytes, rows: Sequence[PageRow]) -> bool:
    """True if a message may have two of chunks, reasoning and attachments.

    A stored body has these in another order than the values of `_make`.
    """
    has_chunks = _CHUNKS in joined
    has_attachments = any(render.has_attachments(row[5]) for row in rows)
    return (has_chunks and (has_attachments or _REASONING in joined)) or (
        has_attachments and _REASONING in joined
    )


def _ordered(row: PageRow) -> PageRow:
    """A row whose body has the order of `_make`, with every option."""
    seq, completed_ms, batch_id, head, body, patches, size = row
    if body is not None:
        body = _encode(decode_threads(render.body_json(body, patches, ALL_OPTS)))[1:]
    return seq, completed_ms, batch_id, head, body, None, size


FORMATS = (
    ExportFormat(
        name="v2",
        title="whole tasks with all annotations and votes",
        purpose="For plaudit import --format v2, and for programs that know Scale's API.",
        columns=(),
        make=_make,
        join_stored=_join_stored,
        containers=(ExportContainer.jsonl,),
        is_of_completed=False,
    ),
)

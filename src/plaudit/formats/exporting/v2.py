"""Tasks as `GET /v2/tasks` gives them with every option, one a line; tasks of every status.

`plaudit import --format v2` takes the file, also on another server.
"""

from __future__ import annotations

from collections.abc import Iterator

from plaudit.formats.exporting.export_format import (
    ExportContainer,
    ExportedTask,
    ExportFormat,
    ExportOptions,
    ExportRow,
    Origin,
    Skipped,
)

_FIRST = ("task_id", "project", "batch", "status", "created_at", "completed_at", "metadata")


def _make(task: ExportedTask, options: ExportOptions) -> Iterator[ExportRow | Skipped]:
    value = task.value
    ordered = {name: value[name] for name in _FIRST if name in value}
    ordered |= {name: member for name, member in value.items() if name not in ordered}
    yield ExportRow(ordered, Origin(value["task_id"]))


FORMATS = (
    ExportFormat(
        name="v2",
        title="whole tasks with all annotations and votes",
        purpose="For plaudit import --format v2, and for programs that know Scale's API.",
        columns=(),
        make=_make,
        containers=(ExportContainer.jsonl,),
        is_of_completed=False,
    ),
)

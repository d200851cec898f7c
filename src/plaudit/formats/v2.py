"""Scale's GenAI v2 API: Task objects, or saved bodies of `GET /v2/tasks`, one a line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plaudit.errors import InvalidContent
from plaudit.formats.import_format import FormatEntry, ImportFormat, ObjectRows


def read(line: Any) -> Iterator[FormatEntry]:
    """Yield the task, or the tasks of the page, that a line holds; raises InvalidContent."""
    if not isinstance(line, dict):
        raise InvalidContent("a line is a v2 task object, or a saved GET /v2/tasks body")
    if "tasks" not in line:
        yield "task", line, ""
        return
    if not isinstance(line["tasks"], list):
        raise InvalidContent("expected a list of tasks", pointer="/tasks")
    for number, task in enumerate(line["tasks"]):
        yield "task", task, f"/tasks/{number}"


FORMAT = ImportFormat(
    name="v2",
    title="tasks, or saved pages of them",
    read=read,
    object_rows=ObjectRows.never,
    suffixes=(".jsonl", ".json", ".ndjson"),
)

"""Scale's GenAI v2 API: Task objects, or saved bodies of `GET /v2/tasks`, one a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from plaudit.core.transfer.prepared_tasks import read_line
from plaudit.errors import InvalidContent
from plaudit.formats.common.row_shapes import have_members
from plaudit.formats.common.rows import Row
from plaudit.formats.import_format import FormatEntry, ImportFormat, ObjectRows
from plaudit.model.core import TaskStatus
from plaudit.wire.v2.task_lines import LineReader

_TOLD_BY = frozenset(("threads", "content", "project", "batch"))


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


def detect(rows: Sequence[Row]) -> Sequence[str] | None:
    """Return the members that show tasks or pages of them, None for other rows."""
    if have_members(rows, ("tasks",)):
        pages = [row.value["tasks"] for row in rows]
        are_lists = all(isinstance(tasks, list) for tasks in pages)
        tasks = [task for page in pages for task in page] if are_lists else []
        return ("tasks",) if tasks and all(map(_is_task, tasks)) else None
    are_tasks = bool(rows) and all(_is_task(row.value) for row in rows)
    return ("task_id", "status") if are_tasks else None


def _is_task(value: Any) -> bool:
    """True for an object with an id, a status of tasks, and a member that tells of a task of v2.

    In a table of tasks `threads` is their number.
    """
    return (
        isinstance(value, dict)
        and isinstance(value.get("task_id"), str)
        and value.get("status") in list(TaskStatus)
        and not _TOLD_BY.isdisjoint(value)
        and isinstance(value.get("threads"), list | None)
    )


FORMAT = ImportFormat(
    name="v2",
    title="tasks, or saved pages of them",
    read=read,
    task_reader=lambda: partial(read_line, LineReader()),
    detect=detect,
    specificity=95,
    object_rows=ObjectRows.never,
    suffixes=(".jsonl", ".json", ".ndjson"),
)

"""Tasks of a file that are to be created on another server, and the names of where they go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from plaudit.core.transfer.importer import ImportEntry, Reject
from plaudit.errors import InvalidContent
from plaudit.model.core import TaskStatus
from plaudit.wire.v2 import parse
from plaudit.wire.v2.task import ArchivedTask


class PushTarget(Struct, frozen=True):
    """Project and batch of a task by name; of a project perhaps by its id instead."""

    project_name: str | None
    project_id: str | None
    batch_name: str | None


class PushRow(Struct, frozen=True):
    """Pending task of a file with its location, target and unique_id; a Reject if it has none.

    `is_passed_over` marks a task that is not pending, which v2 cannot create.
    """

    file: str
    line: int
    pointer: str
    target: PushTarget
    task: ArchivedTask | None = None
    unique_id: str = ""
    problem: InvalidContent | None = None
    is_passed_over: bool = False

    def reject(self, message: str, pointer: str = "") -> Reject:
        """Rejection of this row."""
        return Reject(self.file, self.line, self.pointer + pointer, message)


def without_task(row: PushRow) -> PushRow:
    """Row as its result needs it: thousands may wait for theirs, and tasks may be long."""
    return msgspec.structs.replace(row, task=None)


_NOWHERE = PushTarget(None, None, None)


def read_push_rows(
    entries: Iterable[ImportEntry],
    file: str,
    *,
    project_name: str | None,
    batch_name: str | None,
) -> Iterator[PushRow]:
    """Rows of a file's entries; `project_name` and `batch_name` win over what the file says.

    Of an archive the names of projects and batches are read, other kinds are not pushed.
    """
    names: dict[tuple[str, str], str] = {}
    for entry in entries:
        where = entry.file or file, entry.line, entry.pointer
        if entry.problem is not None:
            yield PushRow(*where, _NOWHERE, problem=entry.problem)
        elif entry.kind in ("project", "batch"):
            _learn_name(names, entry.kind, entry.value)
        elif entry.kind == "task":
            try:
                task = parse.read_task(entry.value).task
                target = PushTarget(
                    project_name or _name_of(names, "project", task.project),
                    None if project_name else _id_of(task.project),
                    batch_name or _name_of(names, "batch", task.batch) or _id_of(task.batch),
                )
                is_passed_over = task.status is not TaskStatus.pending
                if not is_passed_over:
                    _check(task, target)
                yield PushRow(
                    *where,
                    target,
                    task,
                    task.unique_id or task.task_id,
                    is_passed_over=is_passed_over,
                )
            except InvalidContent as problem:
                yield PushRow(*where, _NOWHERE, problem=problem)


def _check(task: ArchivedTask, target: PushTarget) -> None:
    if not task.content:
        raise InvalidContent("the task has no conversation to work on", pointer="/content")
    if target.project_name is None and target.project_id is None:
        raise InvalidContent(
            "the task names no project; name one with --project-name", pointer="/project"
        )


def _learn_name(names: dict[tuple[str, str], str], kind: str, value: Any) -> None:
    if isinstance(value, dict):
        own_id, name = value.get("id"), value.get("name")
        if isinstance(own_id, str) and isinstance(name, str):
            names[kind, own_id] = name


def _name_of(names: dict[tuple[str, str], str], kind: str, reference: Any) -> str | None:
    name = getattr(reference, "name", None)
    return name if isinstance(name, str) else names.get((kind, _id_of(reference) or ""))


def _id_of(reference: Any) -> str | None:
    return reference if isinstance(reference, str) else getattr(reference, "id", None)

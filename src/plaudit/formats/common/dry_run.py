"""Dry run of an import: everything is read and checked, and nothing is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from plaudit.core.transfer import prepared_tasks
from plaudit.core.transfer.import_summary import KINDS
from plaudit.core.transfer.importer import Reject
from plaudit.errors import InvalidContent
from plaudit.formats.common.file_import import FileImport

TASKS_SHOWN = 3


class DryRun(Struct):
    """Result of a dry run: rows taken and refused by kind, and the first tasks as values."""

    taken: dict[str, int]
    rejected: int = 0
    tasks: list[dict[str, Any]] = []

    def __str__(self) -> str:
        taken = (f"{_counted(kind, count)} would be imported" for kind, count in self.taken.items())
        return "; ".join([*taken, f"{_counted('row', self.rejected)} would be refused"])


def _counted(noun: str, count: int) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def try_import(
    prepared: FileImport,
    on_reject: Callable[[Reject], None],
    *,
    rows_max: int | None = None,
) -> DryRun:
    """Read the files of a prepared import and check its tasks, `rows_max` of them at most.

    What depends on the store is not looked at: ids that are taken, closed batches. Raises
    InvalidContent for a file that cannot be read.
    """
    result, seen = DryRun({}), 0
    for source in prepared.sources():
        for entry in source.entries():
            seen += 1
            if rows_max is not None and seen > rows_max:
                return result
            try:
                if entry.problem is not None:
                    raise entry.problem
                if entry.kind == "task":
                    prepared_tasks.read(entry.value)
                    if len(result.tasks) < TASKS_SHOWN:
                        result.tasks.append(entry.value)
            except InvalidContent as problem:
                result.rejected += 1
                file = entry.file or source.path.name
                pointer = entry.pointer + problem.pointer
                on_reject(Reject(file, entry.line, pointer, problem.message))
                continue
            kind = entry.kind if entry.kind in KINDS else "row"
            result.taken[kind] = result.taken.get(kind, 0) + 1
    return result

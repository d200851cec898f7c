"""Rows for readers of foreign formats, read without a store, and files of published sets."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import ImportedTask
from plaudit.formats.common.rows import ImportNotes, Row, RowProblem
from plaudit.formats.containers.reading import read_rows
from plaudit.formats.import_format import ImportFormat, ImportOptions, ObjectRows
from plaudit.wire.v2 import parse
from tests.support.harness import SHARED_DATA


class Outcome(Struct):
    """What a reader made of rows: tasks, remarks, and refusals as (row number, pointer, reason)."""

    tasks: list[ImportedTask]
    notes: ImportNotes
    refused: list[tuple[int, str, str]]


def rows_of(values: Iterable[Any], *, file: str = "rows.jsonl") -> list[Row]:
    """Rows of a file, numbered from 1."""
    return [Row(file=file, number=number, value=value) for number, value in enumerate(values, 1)]


def read_rows_by(chosen: ImportFormat, rows: Sequence[Row], *, is_strict: bool = False) -> Outcome:
    """Read rows as an import does; every task is checked by the rules of what may be stored."""
    assert chosen.reader is not None
    outcome = Outcome([], ImportNotes(), [])
    reader = chosen.reader(ImportOptions(is_strict=is_strict), outcome.notes)
    items: dict[Any, list[Row]] = {}
    for number, row in enumerate(rows):
        try:
            key = reader.item_key(row) if reader.groups_rows else None
            items.setdefault(number if key is None else key, []).append(row)
            reader.observe(row)
        except InvalidContent as problem:
            outcome.refused.append((row.number, problem.pointer, problem.message))
    for item in items.values():
        try:
            for task in reader.read(item):
                parse.read_task(
                    {
                        "task_id": "t",
                        "status": "completed",
                        "threads": copy.deepcopy(task.threads),
                        "metadata": task.metadata,
                    }
                )
                outcome.tasks.append(task)
        except RowProblem as refused:
            problem = refused.problem
            outcome.refused.append((refused.row.number, problem.pointer, problem.message))
        except InvalidContent as problem:
            outcome.refused.append((item[0].number, problem.pointer, problem.message))
    return outcome


def read_values(chosen: ImportFormat, *values: Any, is_strict: bool = False) -> Outcome:
    """Read values as the rows of one file."""
    return read_rows_by(chosen, rows_of(values), is_strict=is_strict)


def read_one(chosen: ImportFormat, value: Any, *, is_strict: bool = False) -> ImportedTask:
    """Return the one task of a row."""
    outcome = read_values(chosen, value, is_strict=is_strict)
    assert outcome.refused == []
    [task] = outcome.tasks
    return task


def annotation_of(part: Any, key: str) -> Any:
    """The annotation of a key; None without one."""
    return next((one for one in part["annotations"] if one["key"] == key), None)


def value_of(part: Any, key: str) -> Any:
    """The value of the annotation of a key; None without one."""
    return (annotation_of(part, key) or {}).get("value")


def responses_of(turn: Any) -> list[Any]:
    """The assistant's messages of a turn."""
    return [message for message in turn["messages"] if message["role"] == "assistant"]


def turns_of(task: ImportedTask) -> list[Any]:
    """The turns of all threads."""
    return [turn for thread in task.threads for turn in thread["turns"]]


def published_path(name: str) -> Path:
    """A file of the published sets; skips the test where they are not beside the checkout."""
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip("the folder with real data sets is not beside this checkout")
    return path


def expected_counts(name: str) -> Any:
    """Counts of a published set."""
    return json.loads(published_path("expected.json").read_text())[name]


def published_rows(name: str, chosen: ImportFormat | None = None) -> list[Row]:
    """Rows of a published file."""
    return rows_in(published_path(name), chosen)


def rows_in(path: Path, chosen: ImportFormat | None = None) -> list[Row]:
    """Rows of a file, as an import in this format reads them; as detection does for None."""
    object_rows = ObjectRows.by_shape if chosen is None else chosen.object_rows
    return list(read_rows(path, path.name, on_progress=lambda at: None, object_rows=object_rows))

"""Rows of sets with several judges, read without a store, perhaps with a configuration."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import Struct

from plaudit.core.tasks.form_checks import check_form
from plaudit.core.tasks.forms import Form
from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import ImportedTask
from plaudit.formats.common.rows import ImportNotes, Row, RowProblem
from plaudit.formats.import_format import ImportFormat, ImportOptions
from plaudit.wire.v2.parse import read_task
from tests.support.harness import SHARED_DATA

HOSTILE: tuple[Any, ...] = (
    None, "", " ", 0, -1, 7, 2.5, True, "x" * 5000, [], [None], [[]], [{}], {}, {"a": [None]},
    [1, 2], ["a", "b"], {"value": "a", "user_id": 3}, [{"role": "wizard", "content": "Hi"}],
    [{"role": "user", "content": [{"type": "image", "image": "data:x"}]}], "[1, ", "['a']",
)  # fmt: skip
"""Values that nobody expects; each is put in the place of each part of a good row."""


class Outcome(Struct):
    """Tasks, form, remarks, and refusals as (row number, pointer, reason)."""

    tasks: list[ImportedTask]
    form: Form | None
    notes: ImportNotes
    refused: list[tuple[int, str, str]]

    @property
    def task(self) -> ImportedTask:
        """The one task."""
        assert self.refused == []
        [task] = self.tasks
        return task

    @property
    def last_turn(self) -> Any:
        """The last turn of the first thread of the one task."""
        return self.task.threads[0]["turns"][-1]


def rows_of(values: list[Any], file: str = "rows.json") -> list[Row]:
    """Rows of a file, numbered from 1."""
    return [Row(file=file, number=number, value=value) for number, value in enumerate(values, 1)]


def read(
    chosen: ImportFormat, *values: Any, config: str | None = None, is_strict: bool = False
) -> Outcome:
    """Read rows as an import does; each task and the form are checked as they are for the store.

    Raises InvalidContent for an import that is refused as a whole.
    """
    assert chosen.reader is not None
    notes, refused, tasks = ImportNotes(), [], []
    reader = chosen.reader(ImportOptions(is_strict=is_strict, config=config), notes)
    items: dict[Any, list[Row]] = {}
    for row in rows_of([copy.deepcopy(value) for value in values]):
        key = reader.item_key(row) if reader.groups_rows else None
        items.setdefault(row.number if key is None else key, []).append(row)
        if reader.needs_first_pass:
            reader.observe(row)
    form = reader.form()
    if form is not None:
        check_form(form)
    for item in items.values():
        try:
            for task in reader.read(item):
                check_task(task)
                tasks.append(task)
        except RowProblem as of_row:
            problem = of_row.problem
            refused.append((of_row.row.number, problem.pointer, problem.message))
        except InvalidContent as problem:
            refused.append((item[0].number, problem.pointer, problem.message))
    return Outcome(tasks, form, notes, refused)


def check_task(task: ImportedTask) -> None:
    """Check that a task can be stored, and that no source tells which response won."""
    threads = "threads" if task.is_judged else "content"
    status = "completed" if task.is_judged else "pending"
    made = {"task_id": "made", "status": status, "metadata": task.metadata, threads: task.threads}
    read_task(json.loads(json.dumps(made)))
    for message in messages_of(task):
        assert "chosen" not in message["source_id"].casefold()
        assert "rejected" not in message["source_id"].casefold()


def messages_of(task: ImportedTask) -> list[Any]:
    """Every message, in order."""
    return [
        message
        for thread in task.threads
        for turn in thread["turns"]
        for message in turn["messages"]
    ]


def annotation_of(part: Any, key: str) -> Any:
    """The annotation of a key; None without one."""
    return next((one for one in part["annotations"] if one["key"] == key), None)


def value_of(part: Any, key: str) -> Any:
    """The value of the annotation of a key; None without one."""
    return (annotation_of(part, key) or {}).get("value")


def votes_of(part: Any, key: str) -> dict[str, Any]:
    """Votes of the annotation of a key, by person."""
    votes = (annotation_of(part, key) or {}).get("votes", ())
    return {vote["contributor_id"]: vote["value"] for vote in votes}


def sweep(chosen: ImportFormat, sample: Any, config: str | None = None) -> int:
    """Read every spoiled copy of a row, every other one strictly; return how many were refused.

    Anything but a refusal fails, and so does a task that cannot be stored.
    """
    count = 0
    for number, spoiled in enumerate(_spoiled(sample)):
        is_strict = number % 2 == 1
        try:
            count += len(read(chosen, spoiled, config=config, is_strict=is_strict).refused)
        except InvalidContent:
            count += 1
        if chosen.detect is not None:
            chosen.detect(rows_of([spoiled]))
    return count


def published(name: str) -> str:
    """Text of a file of the published sets; skips the test where they are absent."""
    path = SHARED_DATA / name
    if not path.exists():
        pytest.skip("the folder with real data sets is not beside this checkout")
    return path.read_text("utf-8")


def _spoiled(value: Any) -> Iterator[Any]:
    for path in _paths(value, ()):
        for hostile in HOSTILE:
            if not path:
                yield hostile
                continue
            spoiled = copy.deepcopy(value)
            inner = spoiled
            for name in path[:-1]:
                inner = inner[name]
            inner[path[-1]] = copy.deepcopy(hostile)
            yield spoiled


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield path
    members: Any = value.items() if isinstance(value, dict) else ()
    for name, member in enumerate(value) if isinstance(value, list) else members:
        yield from _paths(member, (*path, name))

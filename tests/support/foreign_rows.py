"""Rows of foreign formats, read without a store: tasks, remarks, refusals and what is detected."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from plaudit.core.tasks.form_checks import check_form
from plaudit.core.tasks.forms import Form
from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import ImportedTask
from plaudit.formats.common.rows import ImportNotes, Row, RowProblem
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.registry import FORMATS
from plaudit.wire.v2.parse import read_task
from tests.support.harness import SHARED_DATA

HOSTILE: tuple[Any, ...] = (
    None, "", " ", 0, 7, -1, 2.5, True, [], [None], [[]], [1, 2], {}, {"role": "user"}, [{}],
    "[{", '[{"role": "user", "content": "Hi"}]', [{"role": "user", "content": None}],
    [{"role": "wizard", "content": "Hi"}], [{"role": 7, "content": "Hi"}],
    [{"role": "user", "content": [{"type": "hologram", "data": 1}]}],
    [{"role": "user", "content": [{"type": None, "text": "Hi"}, "Hi", 7]}],
    [{"role": "assistant", "content": []}], [{"from": "gpt", "value": "Hi"}],
    [{"role": "tool", "content": "4"}], [{"role": "assistant", "content": "Hi"}] * 3,
    {"a": {"b": [None]}}, "x" * 5000,
)  # fmt: skip
"""Values that nobody expects; each is put in the place of each part of a good row."""


class Read(Struct, kw_only=True):
    """Everything that a reader made of rows."""

    tasks: list[ImportedTask]
    remarks: list[str]
    form: Form | None

    @property
    def task(self) -> ImportedTask:
        """The task, if there is exactly one."""
        (task,) = self.tasks
        return task

    @property
    def turns(self) -> list[dict[str, Any]]:
        """The turns of the one task."""
        turns: list[dict[str, Any]] = self.task.threads[0]["turns"]
        return turns

    @property
    def responses(self) -> dict[str, Any]:
        """The assistant's messages of the last turn of the one task, by `source_id`."""
        return {
            message["source_id"]: message
            for message in self.turns[-1]["messages"]
            if message["role"] == "assistant"
        }

    def verdict(self, key: str) -> Any:
        """Value of an annotation of the last turn; None without one."""
        return value_of(self.turns[-1], key)

    @property
    def selected(self) -> Any:
        """Text of the response that the verdict names."""
        return self.responses[self.verdict("selected_model_id")]["content"].get("text")


def value_of(part: dict[str, Any], key: str) -> Any:
    """Value of an annotation of a turn or message; None without one."""
    return next((one["value"] for one in part["annotations"] if one["key"] == key), None)


def rows_of(values: Sequence[Any], file: str = "made.jsonl") -> list[Row]:
    """Return the rows of a file of these values."""
    return [Row(file=file, number=number, value=one) for number, one in enumerate(values, 1)]


def read_rows(format_name: str, *values: Any, strict: bool = False) -> Read:
    """Read rows as an import does, and check that each task and the form can be stored.

    Raises InvalidContent or RowProblem for the first row that is refused.
    """
    reader_of = FORMATS[format_name].reader
    assert reader_of is not None
    notes = ImportNotes()
    reader = reader_of(ImportOptions(is_strict=strict), notes)
    items: dict[Any, list[Row]] = {}
    for row in rows_of([copy.deepcopy(value) for value in values]):
        key = reader.item_key(row) if reader.groups_rows else None
        items.setdefault(("row", row.number) if key is None else key, []).append(row)
        reader.observe(row)
    form = reader.form()
    if form is not None:
        check_form(form)
    tasks = [task for rows in items.values() for task in reader.read(rows)]
    for task in tasks:
        check_task(task)
    return Read(tasks=tasks, remarks=notes.list_sentences(), form=form)


def check_task(task: ImportedTask) -> None:
    """Check that a task can be imported, and that no source tells which response won."""
    status = "completed" if task.is_judged else "pending"
    threads = "threads" if task.is_judged else "content"
    read_task(
        {
            "task_id": "made",
            "status": status,
            "metadata": task.metadata,
            threads: copy.deepcopy(task.threads),
        }
    )
    for thread in task.threads:
        for turn in thread["turns"]:
            for message in turn["messages"]:
                name = message["source_id"].casefold()
                assert "chosen" not in name
                assert "rejected" not in name


def refusal_of(format_name: str, *values: Any, strict: bool = False) -> InvalidContent:
    """Return the refusal of these rows."""
    try:
        read_rows(format_name, *values, strict=strict)
    except RowProblem as refused:
        return refused.problem
    except InvalidContent as problem:
        return problem
    raise AssertionError("the rows were taken")


def detected(*values: Any) -> str | None:
    """Name of the format that a file of these rows is detected as; None for none."""
    rows = rows_of(values)
    found = [one for one in FORMATS.values() if one.detect is not None and one.detect(rows)]
    return max(found, key=lambda one: one.specificity).name if found else None


def spoiled(value: Any) -> Iterator[Any]:
    """Yield copies of a row, each with one hostile value in the place of a part, or without it."""
    for path in _paths(value, ()):
        for hostile in HOSTILE:
            yield _with(value, path, hostile)
        if path and isinstance(path[-1], str):
            yield _without(value, path)


def sweep(format_name: str, sample: Any) -> int:
    """Read every spoiled copy of a row, strictly and not; returns how many were refused.

    Anything but a refusal fails, and so does a task that cannot be stored.
    """
    refused = 0
    for one in spoiled(sample):
        for strict in (False, True):
            try:
                read_rows(format_name, one, strict=strict)
            except (InvalidContent, RowProblem):
                refused += 1
        detected(one)
    return refused


def _paths(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield path
    members = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        members = enumerate(value)
    for name, member in members:
        yield from _paths(member, (*path, name))


def _with(value: Any, path: tuple[Any, ...], hostile: Any) -> Any:
    if not path:
        return copy.deepcopy(hostile)
    copied = copy.deepcopy(value)
    inner = copied
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = copy.deepcopy(hostile)
    return copied


def _without(value: Any, path: tuple[Any, ...]) -> Any:
    copied = copy.deepcopy(value)
    inner = copied
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return copied


def published(name: str) -> list[Any]:
    """Rows of a published file in `llama-factory-demos`; skips the test where it is absent."""
    path = SHARED_DATA / "llama-factory-demos" / name
    skip_without(path)
    data = path.read_bytes()
    if path.suffix == ".gz":
        rows: list[Any] = json.loads(gzip.decompress(data))
        return rows
    return [json.loads(line) for line in data.decode().split("\n") if line]


def expected(name: str) -> dict[str, Any]:
    """Counts of a published set; skips the test where they are absent."""
    path = SHARED_DATA / "expected.json"
    skip_without(path)
    counts: dict[str, Any] = json.loads(path.read_text("utf-8"))[name]
    return counts


def skip_without(path: Path) -> None:
    """Skip the test if a file of the real data sets is not there."""
    if not path.exists():
        pytest.skip("the folder with real data sets is not beside this checkout")

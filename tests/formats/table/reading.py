"""Tables read by a mapping, without a store."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import Sequence
from io import StringIO
from typing import Any

from plaudit.core.tasks.form_checks import check_form
from plaudit.core.tasks.forms import Form
from plaudit.errors import InvalidContent
from plaudit.formats.common.imported_task import ImportedTask
from plaudit.formats.common.rows import ImportNotes, Row, RowProblem
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.table import FORMAT
from plaudit.wire.v2 import parse
from tests.formats.reading import published_path, rows_of

PAIR = """
prompt = "q"
[[responses]]
text = "a"
[[responses]]
text = "b"
"""
"""Two responses to a prompt, to which tests add a preference."""


class TableRead:
    """Tasks, remarks, refusals (row number, pointer, reason) and form of a table."""

    def __init__(self, mapping: str | dict[str, Any], rows: Sequence[Row], strict: bool) -> None:
        decoded = tomllib.loads(mapping) if isinstance(mapping, str) else mapping
        self.tasks: list[ImportedTask] = []
        self.notes = ImportNotes()
        self.refused: list[tuple[int, str, str]] = []
        assert FORMAT.reader is not None
        reader = FORMAT.reader(ImportOptions(is_strict=strict, mapping=decoded), self.notes)
        reader.check_columns(rows[:50])
        items: dict[Any, list[Row]] = {}
        expanded = [inner for row in rows for inner in reader.expand(row)]
        for number, row in enumerate(expanded):
            try:
                if row.problem is not None:
                    raise row.problem
                key = reader.item_key(row) if reader.groups_rows else None
                items.setdefault(number if key is None else key, []).append(row)
                reader.observe(row)
            except InvalidContent as problem:
                self.refused.append((row.number, problem.pointer, problem.message))
        self.notes.restart()
        self.form: Form | None = reader.form()
        if self.form is not None:
            check_form(self.form)
        for item in items.values():
            try:
                self.tasks += reader.read(item)
            except RowProblem as refused:
                problem = refused.problem
                self.refused.append((refused.row.number, problem.pointer, problem.message))
        for task in self.tasks:
            check_stored(task)

    @property
    def task(self) -> ImportedTask:
        """The only task."""
        assert self.refused == []
        [task] = self.tasks
        return task

    @property
    def turn(self) -> Any:
        """The last turn of the only task."""
        return self.task.threads[0]["turns"][-1]

    @property
    def reasons(self) -> str:
        """Reasons of the refusals."""
        return "; ".join(reason for _, _, reason in self.refused)

    def field(self, key: str) -> Any:
        """The form's field of a key; None without one."""
        fields = self.form.fields if self.form is not None else []
        return next((field for field in fields if field.key == key), None)

    def remarks(self, text: str) -> int:
        """Number of the remarks with a text in them."""
        return sum(
            int(sentence.split(" × ")[0].replace(",", ""))
            for sentence in self.notes.list_sentences()
            if text in sentence
        )


def read_table(mapping: str | dict[str, Any], *values: Any, strict: bool = False) -> TableRead:
    """Read values as the rows of one file."""
    return TableRead(mapping, rows_of(values), strict)


def read_table_rows(mapping: str, rows: Sequence[Row]) -> TableRead:
    """Read rows as they are given."""
    return TableRead(mapping, rows, strict=False)


def check_stored(task: ImportedTask) -> None:
    """Check a task by the rules of what may be stored."""
    parse.read_task(
        {
            "task_id": "t",
            "status": "completed",
            "threads": json.loads(json.dumps(task.threads)),
            "metadata": json.loads(json.dumps(task.metadata)),
        }
    )


def published_table(name: str) -> list[Row]:
    """Rows of a published CSV or TSV file."""
    path = published_path(name)
    text = StringIO(path.read_bytes().decode("utf-8"), newline="")
    is_tabbed = path.suffix == ".tsv"
    rows = (
        csv.DictReader(text, delimiter="\t", quoting=csv.QUOTE_NONE)
        if is_tabbed
        else csv.DictReader(text)
    )
    return [Row(file=path.name, number=number, value=row) for number, row in enumerate(rows, 2)]

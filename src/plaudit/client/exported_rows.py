"""Tasks of a server as training rows and tables, by the rules of `plaudit export`.

They follow the project's form where the server shows it, as Plaudit does under /manage/v1. Of
another server only annotations are known, and `form_of_annotations` says what is made of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict, overload

import msgspec
from msgspec import UNSET, Struct

from plaudit.client.own_libraries import own_library
from plaudit.core.tasks.forms import Field, Form, Level, form_of
from plaudit.formats.exporting import containers
from plaudit.formats.exporting.compare import TaskFacts, compare_task
from plaudit.formats.exporting.comparison import Skip
from plaudit.formats.exporting.export_format import (
    ExportColumn,
    ExportedTask,
    ExportFormat,
    ExportParameters,
    Skipped,
)
from plaudit.formats.exporting.registry import EXPORT_FORMATS
from plaudit.model.core import TaskStatus
from plaudit.wire.v2.resources import ProjectDetail
from plaudit.wire.v2.task import Task, Thread


class RowKeywords(TypedDict, total=False):
    """Options of `plaudit export`, by the same names (docs/export.md)."""

    prefer: str
    min_difference: float
    pairs: str
    judges: str
    ties: str
    rewrites: bool
    only_rewrites: bool
    references: bool
    reasoning: bool
    last_turn_only: bool


class ProjectFacts(Struct, frozen=True):
    """Name of a project, and its form; None where the server does not show it."""

    name: str
    form: Form | None = None


def project_facts(project_id: str, seen: Any, managed: Any) -> ProjectFacts:
    """Facts of the answers of `/v2/project` and `/manage/v1/projects/{id}`; None for a refusal."""
    name = seen.get("name") if isinstance(seen, dict) else None
    form = None
    if isinstance(managed, dict) and managed.get("id") == project_id:
        names = ProjectDetail.__struct_fields__
        known = {key: value for key, value in managed.items() if key in names}
        form = form_of(msgspec.convert(known, ProjectDetail))
    return ProjectFacts(name if isinstance(name, str) else project_id, form)


def form_of_annotations(threads: Sequence[Thread]) -> Form:
    """Form of a task of which only v2 is known: the scales of its messages' integer annotations.

    A `likert_value` of a turn needs no field: it is a preference, low is the first response.
    """
    fields: dict[str, Field] = {}
    for thread in threads:
        for turn in thread.turns:
            for message in turn.messages:
                for given in message.annotations:
                    if given.type == "integer" and given.possible_values:
                        fields[given.key] = Field(
                            key=given.key,
                            level=Level.message,
                            type="integer",
                            possible_values=given.possible_values,
                        )
    return Form(fields=list(fields.values()))


class ExportedRows(Sequence[dict[str, Any]]):
    """Rows of an export format. `skipped` counts by reason what gave no row."""

    def __init__(
        self,
        columns: Sequence[ExportColumn],
        rows: Sequence[dict[str, Any]],
        skipped: Mapping[str, int],
    ) -> None:
        self.skipped = dict(skipped)
        self._columns = columns
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[dict[str, Any]]: ...
    def __getitem__(self, place: int | slice) -> dict[str, Any] | Sequence[dict[str, Any]]:
        return self._rows[place]

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self._rows)

    def __repr__(self) -> str:
        return f"<{len(self)} rows, skipped {self.skipped}>"

    def to_arrow(self) -> Any:
        """`pyarrow.Table`, as Parquet files of the export are read; needs pyarrow."""
        return containers.arrow_table(self._rows, self._columns)

    def to_pandas(self) -> Any:
        """`pandas.DataFrame` of the Arrow table; needs pandas."""
        own_library("pandas", "to_pandas")
        return self.to_arrow().to_pandas()

    def to_dataset(self) -> Any:
        """`datasets.Dataset` of the Arrow table; needs datasets."""
        return own_library("datasets", "to_dataset").Dataset(self.to_arrow())

    def write(self, path: str | Path) -> None:
        """Write a file as `plaudit export` does, its container by the suffix of its name."""
        place = Path(path)
        container = containers.container_of(place)
        with containers.writing_rows(place, container, self._columns) as write:
            for row in self._rows:
                write(row)


def is_of_store(name: str) -> bool:
    """True for a format whose rows only the server can make: of votes, v2 shows a part."""
    return name in EXPORT_FORMATS and EXPORT_FORMATS[name].reads_votes


def export_parameters(options: RowKeywords) -> ExportParameters:
    """Options of an export; raises TypeError for an unknown one."""
    unknown = sorted(set(options) - set(ExportParameters.__struct_fields__))
    if unknown:
        raise TypeError(f"{unknown[0]!r} is no option of an export")
    return msgspec.convert(options, ExportParameters)


def rows_of_lines(name: str, content: bytes) -> ExportedRows:
    """Rows of a format that the server has made; raises msgspec.DecodeError, UnicodeDecodeError."""
    rows = [msgspec.json.decode(line, type=dict[str, Any]) for line in content.splitlines()]
    return ExportedRows(EXPORT_FORMATS[name].columns, rows, {})


class RowMaker:
    """Rows of a format, made of one task after the other."""

    def __init__(self, name: str, options: RowKeywords, form: Mapping[str, Any] | None) -> None:
        if name not in EXPORT_FORMATS:
            raise ValueError(f"{name!r} is none of {', '.join(EXPORT_FORMATS)}")
        self._format: ExportFormat = EXPORT_FORMATS[name]
        self._options = export_parameters(options).options
        self._form = None if form is None else msgspec.convert(form, Form)
        self._projects: dict[str, ProjectFacts] = {}
        self._rows: list[dict[str, Any]] = []
        self._skipped: Counter[str] = Counter()
        self._absent: set[str] = set()

    def unknown_project(self, task: Task) -> str | None:
        """Id of a task's project if its facts are still to be asked for."""
        project_id = _project_id(task)
        return None if project_id in self._projects else project_id

    def learn(self, project_id: str, facts: ProjectFacts) -> None:
        """Keep the facts of a project."""
        self._projects[project_id] = facts

    def add(self, task: Task) -> None:
        """Make the rows of a task, whose project is known."""
        made = None
        if self._format.is_of_completed and task.status is not TaskStatus.completed:
            self._skipped[str(Skip.not_completed)] += 1
            return
        for made in self._format.make(self._exported(task), self._options):
            if isinstance(made, Skipped):
                self._skipped[str(made)] += 1
                continue
            self._rows.append(made.values)
            self._absent.update(
                column.name
                for column in self._format.columns
                if column.is_optional and made.values.get(column.name) is None
            )
        if made is None and self._format.is_of_completed:
            self._skipped[str(Skip.nothing_to_write)] += 1

    def done(self) -> ExportedRows:
        """All rows; a column that may be left out is there if every row has a value of it."""
        columns = [one for one in self._format.columns if one.name not in self._absent]
        if self._absent:
            for row in self._rows:
                for name in self._absent:
                    row.pop(name, None)
        return ExportedRows(columns, self._rows, dict(sorted(self._skipped.items())))

    def _exported(self, task: Task) -> ExportedTask:
        project_id = _project_id(task)
        facts = self._projects[project_id]
        threads = [] if task.threads is UNSET else task.threads
        batch = task.batch if task.batch is None or isinstance(task.batch, str) else task.batch.id
        form = self._form or facts.form or form_of_annotations(threads)
        value: dict[str, Any] = msgspec.to_builtins(task)
        value |= {"project": project_id, "threads": value.get("threads", [])}
        if batch is not None:
            value["batch"] = batch
        compared = TaskFacts(
            task_id=task.task_id,
            project=facts.name,
            batch=batch,
            completed_at=task.completed_at,
            metadata=task.metadata or {},
        )
        comparisons = list(compare_task(compared, threads, form, self._options.verdict))
        return ExportedTask(value=value, threads=threads, form=form, comparisons=comparisons)


def _project_id(task: Task) -> str:
    return task.project if isinstance(task.project, str) else task.project.id

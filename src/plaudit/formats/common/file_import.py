"""Import of files in one format: from rows to the entries that the importer stores.

With a reader, every row is read before the first task is made where rows of an item may lie apart
or the form depends on their values. The rows are then kept on disk, so memory stays flat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from msgspec import Struct

from plaudit.core.tasks.forms import Form
from plaudit.core.transfer.importer import ImportEntry, Source
from plaudit.core.transfer.prepared_tasks import PreparedTask
from plaudit.errors import InvalidContent
from plaudit.formats.common.import_pool import BYTES_MIN, ImportPool
from plaudit.formats.common.imported_task import FLAGS, ImportedTask
from plaudit.formats.common.row_store import RowStore, digest
from plaudit.formats.common.rows import ImportNotes, Row, RowProblem
from plaudit.formats.common.task_ids import TaskIds
from plaudit.formats.containers.reading import read_rows
from plaudit.formats.import_format import (
    FormatEntry,
    FormatReader,
    ImportFormat,
    ImportOptions,
    TaskReader,
)
from plaudit.settings import INFLATED_BYTES_MAX

ROWS_CHECKED = 50
"""Rows of each file that are looked at for the columns that a reader needs."""

ITEM_ID = "item_id"
"""Member of a task's metadata with the set's own id of it."""

_JUDGED = ("annotations", "rubric_evaluations", "submissions")


class InputFile(Struct, frozen=True):
    """A regular file to read, its size in bytes, and its name in messages."""

    path: Path
    name: str
    size: int


class TaskUse(Struct, frozen=True, kw_only=True):
    """Use of the tasks that a set of others brings.

    With `is_pending` they come as open work; `keeps_judgments` then leaves what was judged in the
    conversation, as suggestions.
    """

    is_pending: bool = False
    keeps_judgments: bool = False


class FileImport:
    """One import of files. `prepare`, then `sources`, which may be asked for again; then `close`.

    `rows` are taken instead of those of the files, if given: the first ones, for a preview.
    `on_progress` is told the number of bytes read of all files, in each of `passes`. Large files
    of lines that are tasks are read by `process_count` processes; with `is_background` these give
    way to other programs.
    """

    def __init__(
        self,
        files: Sequence[InputFile],
        chosen: ImportFormat,
        options: ImportOptions,
        *,
        project_name: str | None = None,
        use: TaskUse | None = None,
        rows: Sequence[Row] | None = None,
        inflated_max: int | None = INFLATED_BYTES_MAX,
        on_progress: Callable[[int], None] = lambda at: None,
        on_rows: Callable[[int], None] = lambda count: None,
        process_count: int = 0,
        is_background: bool = False,
    ) -> None:
        self.notes = ImportNotes()
        self.format = chosen
        self.form: Form | None = None
        self._files = files
        self._given_rows = rows
        self._use = use or TaskUse()
        self._project_name = project_name or ""
        self._inflated_max = inflated_max
        self._on_progress = on_progress
        self._on_rows = on_rows
        self._left_out: list[str] = []
        """Remarks on what no row shows, such as further sheets; made once for each file."""
        self._prepares = False
        self._process_count = process_count
        self._is_background = is_background
        self.pool: ImportPool | None = None
        """Processes that read lines; there once the first line was asked for, if at all."""
        self._read_bytes = 0
        self._store: RowStore | None = None
        self._reader: FormatReader | None = None
        if chosen.reader is not None:
            self._reader = chosen.reader(options, self.notes)

    @property
    def passes(self) -> int:
        """Number of times that the files are read."""
        reader = self._reader
        is_twice = reader is not None and reader.needs_first_pass and not reader.groups_rows
        return 2 if is_twice else 1

    def prepare(self) -> None:
        """Read every row, if the reader needs to before it makes the first task; set `form`.

        Raises InvalidContent for a file that cannot be read, or whose columns are not those asked
        for.
        """
        reader = self._reader
        if reader is None:
            self.form = self.format.form
            return
        for rows in self._first_rows():
            reader.check_columns(rows)
        if reader.groups_rows:
            self._store = RowStore()
        if reader.groups_rows or reader.needs_first_pass:
            for row in self._rows():
                self._observe(reader, row)
        self.form = reader.form()

    def _observe(self, reader: FormatReader, row: Row) -> None:
        try:
            if row.problem is not None:
                raise row.problem
            if self._store is not None:
                key = reader.item_key(row)
                self._store.add(None if key is None else digest(key), row)
        except InvalidContent as problem:
            if self._store is not None:
                self._store.add_problem(row, problem)
            return
        reader.observe(row)

    def sources(self, *, prepares: bool = False) -> list[Source]:
        """Return the sources of a run of the importer; remarks are counted from the start.

        With `prepares` the values of tasks may be prepared ones.
        """
        self._prepares = prepares
        self._close_pool()
        self.notes.restart()
        for remark in self._left_out:
            self.notes.add(remark)
        first = self._files[0].name if self._files else ""
        return [Source(Path(first), self._entries)]

    def close(self) -> None:
        """Delete what was kept on disk, and end processes."""
        self._close_pool()
        if self._store is not None:
            self._store.close()
            self._store = None

    def _first_rows(self) -> Iterator[Sequence[Row]]:
        """First rows of each file, as they stand there."""
        if self._given_rows is not None:
            yield self._given_rows[:ROWS_CHECKED]
            return
        for file in self._files:
            rows = read_rows(
                file.path,
                file.name,
                on_progress=lambda at: None,
                inflated_max=self._inflated_max,
                object_rows=self.format.object_rows,
                row_bytes_max=self.format.line_bytes_max,
                depth_max=self.format.depth_max,
                is_json=self._reader is None,
            )
            yield list(islice(rows, ROWS_CHECKED))

    def _rows(self) -> Iterator[Row]:
        """Rows of the files, and of a reader's format those that they stand for."""
        for row in self._rows_of_files():
            if self._reader is None or row.problem is not None:
                yield row
            else:
                yield from self._reader.expand(row)

    def _rows_of_files(self) -> Iterator[Row]:
        if self._given_rows is not None:
            yield from self._given_rows
            return
        before = 0
        for file in self._files:
            yield from self._rows_of(file, before)
            before += file.size

    def _rows_of(self, file: InputFile, before: int) -> Iterator[Row]:
        def tell(at: int) -> None:
            self._read_bytes = before + at
            self._on_progress(before + at)

        return read_rows(
            file.path,
            file.name,
            on_progress=tell,
            inflated_max=self._inflated_max,
            object_rows=self.format.object_rows,
            row_bytes_max=self.format.line_bytes_max,
            depth_max=self.format.depth_max,
            is_json=self._reader is None,
            read_task=self._task_reader(),
            pool=self._opened_pool(),
            on_rows=self._on_rows,
            on_remark=lambda remark: self._note_left_out(f"{remark} ({Path(file.name).name})"),
        )

    def _task_reader(self) -> TaskReader | None:
        """Reader of rows that are tasks, if they are to be prepared and the format has one."""
        make = self.format.task_reader
        return make() if self._prepares and make is not None else None

    def _opened_pool(self) -> ImportPool | None:
        """Processes that read the lines of a large import, if the format has tasks in lines."""
        if self.pool is None and self._prepares and self._process_count:
            is_large = sum(file.size for file in self._files) >= BYTES_MIN
            if is_large and self.format.task_reader is not None:
                self.pool = ImportPool(
                    self.format,
                    self._process_count,
                    on_loss=self.notes.add,
                    on_wait=lambda: self._on_progress(self._read_bytes),
                    is_background=self._is_background,
                )
        return self.pool

    def _close_pool(self) -> None:
        if self.pool is not None:
            self.pool.close()
            self.pool = None

    def _note_left_out(self, remark: str) -> None:
        if remark not in self._left_out:
            self._left_out.append(remark)
            self.notes.add(remark)

    def _entries(self) -> Iterator[ImportEntry]:
        if self._reader is not None:
            return self._tasks(self._reader)
        assert self.format.read is not None
        return self._values(self.format.read)

    def _values(self, read: Callable[[Any], Iterator[FormatEntry]]) -> Iterator[ImportEntry]:
        """Entries of a format that carries v2 values itself."""
        check_depth = self.format.check_depth
        for row in self._rows():
            if isinstance(row.value, PreparedTask):
                pointer, size = row.pointer or self.format.task_pointer, row.size
                yield ImportEntry(
                    "task", row.value, row.number, pointer, size=size, file=_name_of(row)
                )
                continue
            try:
                if row.problem is not None:
                    raise row.problem
                for kind, value, pointer in read(row.value):
                    if check_depth is not None:
                        check_depth(kind, row.depth)
                    yield ImportEntry(
                        kind, value, row.number, pointer, size=row.size, file=_name_of(row)
                    )
            except InvalidContent as problem:
                yield _refusal(row, problem)

    def _tasks(self, reader: FormatReader) -> Iterator[ImportEntry]:
        """Entries of a format whose rows become tasks."""
        task_ids = TaskIds(self.format.name, self._project_name, self.notes)
        try:
            for row in self._store.problems() if self._store is not None else ():
                yield from self._tasks_of(reader, task_ids, [row])
            for rows in self._items():
                yield from self._tasks_of(reader, task_ids, rows)
        finally:
            task_ids.close()

    def _items(self) -> Iterable[Sequence[Row]]:
        if self._store is not None:
            return self._store.items()
        return ([row] for row in self._rows())

    def _tasks_of(
        self, reader: FormatReader, task_ids: TaskIds, rows: Sequence[Row]
    ) -> Iterator[ImportEntry]:
        first = rows[0]
        if first.problem is not None:
            yield _refusal(first, first.problem)
            return
        try:
            item_key = reader.item_key(first) if self._store is not None else None
            for task in reader.read(rows):
                value = self._task_value(task, task_ids.task_id(task, first, item_key))
                size = sum(row.size for row in rows)
                yield ImportEntry("task", value, first.number, size=size, file=_name_of(first))
        except RowProblem as refused:
            yield _refusal(refused.row, refused.problem)
        except InvalidContent as problem:
            yield _refusal(first, problem)

    def _task_value(self, task: ImportedTask, task_id: str) -> dict[str, Any]:
        """Return the task as imports carry it, finished or as open work."""
        metadata = dict(task.metadata)
        if task.item_id is not None:
            metadata.setdefault(ITEM_ID, task.item_id)
        if task.flags:
            metadata[FLAGS] = task.flags
        value: dict[str, Any] = {"task_id": task_id, "status": "completed"}
        if metadata:
            value["metadata"] = metadata
        if task.created_at is not None:
            value["created_at"] = task.created_at
        if task.is_judged and not self._use.is_pending:
            value["threads"] = task.threads
            if task.completed_at is not None:
                value["completed_at"] = task.completed_at
            return value
        value["status"] = "pending"
        keeps = task.is_judged and self._use.keeps_judgments
        value["content"] = [_conversation(thread, keeps=keeps) for thread in task.threads]
        return value


def _refusal(row: Row, problem: InvalidContent) -> ImportEntry:
    return ImportEntry("row", None, row.number, problem=problem, file=_name_of(row))


def _name_of(row: Row) -> str:
    return _file_name(row.file)


@lru_cache(maxsize=16)
def _file_name(file: str) -> str:
    return Path(file).name


def _conversation(part: Any, *, keeps: bool) -> Any:
    """Return a thread or a part of one without judgments; with `keeps` annotations stay."""
    if isinstance(part, list):
        return [_conversation(inner, keeps=keeps) for inner in part]
    if not isinstance(part, dict):
        return part
    kept = {}
    for name, member in part.items():
        if name not in _JUDGED:
            kept[name] = _conversation(member, keeps=keeps)
        elif name == "annotations":
            kept[name] = [_suggestion(annotation) for annotation in member] if keeps else []
    return kept


def _suggestion(annotation: dict[str, Any]) -> dict[str, Any]:
    return {name: member for name, member in annotation.items() if name != "votes"}

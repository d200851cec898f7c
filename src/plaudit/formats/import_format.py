"""Declaration of an import format: its name, words for people, bounds, reader and detection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct

from plaudit import json_guard
from plaudit.core.tasks.forms import Form
from plaudit.core.transfer.prepared_tasks import PreparedTask
from plaudit.formats.common.imported_task import ImportedTask
from plaudit.formats.common.rows import ImportNotes, Row

LINE_BYTES_MAX = 10 * 1024 * 1024
"""A line, an element or a record of a format of others; an archive's lines the server has written
itself."""

FormatEntry = tuple[str, Any, str]
"""Kind of a row (`task`, `project`, …), its value in the v2 shape, and the JSON pointer from the
line to the value."""


class ObjectRows(StrEnum):
    """Reading of a file that is one JSON object."""

    never = "never"
    """The object is the one row."""
    by_shape = "by_shape"
    """Its members are rows where all of them are objects of one shape."""
    always = "always"
    """Its members are rows, whatever they are."""


TaskReader = Callable[[bytes], PreparedTask | None]
"""Reads a row's bytes at once; None for a row to be read with care, or without a task."""


class ImportOptions(Struct, frozen=True, kw_only=True):
    """Choices of whoever imports, as far as a reader needs them.

    `mapping` is a decoded mapping of columns (format `table`); `config` the text of a labelling
    configuration. A strict import refuses what a lenient one takes with a remark.
    `search_steps_max` are the steps of one search by a pattern of the mapping, where others wait
    for it, and `pattern_steps_max` those of all together, for a preview.
    """

    is_strict: bool = False
    mapping: Mapping[str, Any] | None = None
    config: str | None = None
    search_steps_max: int | None = None
    pattern_steps_max: int | None = None


class FormatReader(ABC):
    """Reader of one import: rows become items, and the rows of an item become a task.

    Before the first task is made every row is shown to `observe`, if `needs_first_pass`. If
    `groups_rows`, rows with an equal `item_key` become one task, wherever they stand; they are
    collected on disk. Otherwise `read` gets one row at a time.
    """

    groups_rows = False
    needs_first_pass = False

    def __init__(self, options: ImportOptions, notes: ImportNotes) -> None:
        self.options = options
        self.notes = notes

    def expand(self, row: Row) -> Iterator[Row]:
        """Yield the rows that a row of the file stands for, such as those of a nested object.

        Everything else is asked about these. A row that cannot be read carries its problem.
        """
        yield row

    def check_columns(self, rows: Sequence[Row]) -> None:  # noqa: B027  (most formats need none)
        """Raise InvalidContent where a file lacks columns; `rows` are its first, not expanded."""

    def observe(self, row: Row) -> None:  # noqa: B027  (most formats learn nothing)
        """Learn from a row before tasks are made: possible values, say. Raises nothing."""

    def item_key(self, row: Row) -> str | None:
        """Key of the item that a row belongs to; None for an item of its own.

        Raises InvalidContent, with a pointer into the row.
        """
        return None

    @abstractmethod
    def read(self, rows: Sequence[Row]) -> Iterator[ImportedTask]:
        """Yield the tasks of an item's rows, usually one.

        Raises InvalidContent with a pointer into the first row, or RowProblem for another one.
        """

    def form(self) -> Form | None:
        """Form for a project without one: the questions that the tasks' annotations answer.

        Asked once after the first pass, before the first task is made.
        """
        return None


class ImportFormat(Struct, frozen=True, kw_only=True):
    """A format that can be imported; a module of this package declares one as `FORMAT`.

    Either `read` or `reader` is given. `read` is for formats that carry whole v2 values themselves,
    with ids and projects; `reader` for sets of others, whose rows become tasks of one project.
    """

    name: str
    """Word of `--format` and of the import page."""
    title: str
    """A few words for people about what a file holds, such as "OpenAssistant trees"."""
    read: Callable[[Any], Iterator[FormatEntry]] | None = None
    """Entries of a decoded row, in order; raises InvalidContent, with a pointer into the row."""
    task_reader: Callable[[], TaskReader] | None = None
    """Makes the reader of one import for rows that hold one task, which `read` reads with care."""
    task_pointer: str = ""
    """JSON pointer from a row to such a task."""
    task_mark: bytes = b""
    """Text near the beginning of every row with a task; rows without it are read elsewhere."""
    reader: Callable[[ImportOptions, ImportNotes], FormatReader] | None = None
    form: Form | None = None
    """Form for a project without one, of a format with `read`; a reader has its own."""
    detect: Callable[[Sequence[Row]], Sequence[str] | None] | None = None
    """Columns that show that the first rows of a file (up to 50, without problems) are of this
    format; None if they are not."""
    specificity: int = 0
    """Rank in detection: formats with a greater number are asked first."""
    object_rows: ObjectRows = ObjectRows.by_shape
    suffixes: tuple[str, ...] = (".jsonl", ".json", ".ndjson", ".csv", ".tsv", ".xlsx", ".parquet")
    """Usual file suffixes, before that of a compression; files are told by content, not by name."""
    project_refusal: str | None = None
    """Sentence that refuses a project chosen at the import; None where one may be chosen."""
    line_bytes_max: int = LINE_BYTES_MAX
    depth_max: int = json_guard.DEPTH_MAX
    """Levels that a row may have."""
    check_depth: Callable[[str, int], None] | None = None
    """Raises InvalidContent for a kind of row in a line of so many levels, where the bound differs
    from kind to kind; None where `depth_max` is all."""

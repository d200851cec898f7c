"""Lines of whole tasks from page files: runs of records with their fixes, as `join_stored` gives.

Places are listed in short transactions, as tasks are. Those tasks alone that have no place are read
from the tables, in the same transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import groupby
from typing import Any, TypeVar

from msgspec import Struct

from plaudit.errors import Unavailable
from plaudit.formats.exporting import selection
from plaudit.formats.exporting.export_format import ExportFormat
from plaudit.formats.exporting.run import ExportRequest, Tasks
from plaudit.formats.exporting.selection import (
    ChosenTask,
    JoinedLines,
    TaskChoice,
    choose_tasks,
    first_and_last,
    fitting,
)
from plaudit.model.core import BatchRow, PageRow, ProjectRow
from plaudit.store.engine.engine import Database, Transaction
from plaudit.store.page_files.file_runs import FileRun, OpenFile
from plaudit.store.page_files.places import PageFiles, TaskPlace
from plaudit.store.tasks import task_heads
from plaudit.store.tasks.tasks import TaskCursor
from plaudit.wire.v2 import export_lines

PLACES_PER_READ = 500
BYTES_PER_READ = 1024 * 1024
"""Bytes of records that are read and joined at once, unless one is longer."""

_COMMA, _LINE_FEED = b",\n"

P = TypeVar("P", bound="tuple[Any, ...]")

Place = tuple[int, int, int, int]
"""Start and length of a record, and of its fixes."""


def tasks_of(
    db: Database,
    files: PageFiles | None,
    request: ExportRequest,
    project: ProjectRow,
    batch: BatchRow | None,
    choice: TaskChoice,
) -> Tasks:
    """Tasks of an export, from page files if there are any and they can give its lines."""
    if files is not None and may_come_from_files(
        request.format, choice, is_split=bool(request.splits)
    ):
        placed = PlacedTasks(db, files, project, batch, choice)
        return _choose_lines(placed, with_ids=request.has_manifest)
    return choose_tasks(db, project, batch, choice, with_displays=request.format.shows_places)


def may_come_from_files(export_format: ExportFormat, choice: TaskChoice, *, is_split: bool) -> bool:
    """True if places tell the tasks of an export: no bodies or heads decide on them."""
    is_range_by_time = choice.until is not None and (
        choice.completed_after is not None or choice.completed_before is not None
    )
    is_chosen_by_keys = choice.delivery is None and not choice.metadata and not is_range_by_time
    return export_format.join_stored is not None and is_chosen_by_keys and not is_split


class Neighbours(Struct):
    """Neighbours in a listing: their places in one file, or without a file their rows."""

    file: OpenFile | None
    places: Sequence[TaskPlace] = ()
    rows: list[PageRow] = []

    def runs(self) -> Iterator[Sequence[TaskPlace]]:
        """Places that lie one behind the other, up to BYTES_PER_READ."""
        return split_runs(self.places, 3)


def split_runs(places: Sequence[P], column: int) -> Iterator[Sequence[P]]:
    """Split places where the next one does not lie behind the one before, or at BYTES_PER_READ.

    The start of a record stands in this column, its length behind that.
    """
    begin, first, end = 0, 0, -1
    for number, place in enumerate(places):
        start, length = place[column], place[column + 1]
        if start != end or start + length - first > BYTES_PER_READ:
            if number:
                yield places[begin:number]
            begin, first = number, start
        end = start + length
    yield places[begin:]


class PlacedTasks:
    """Tasks of a choice in the order of `choose_tasks`, some at a time."""

    def __init__(
        self,
        db: Database,
        files: PageFiles,
        project: ProjectRow,
        batch: BatchRow | None,
        choice: TaskChoice,
    ) -> None:
        self.has_more = True
        self._db = db
        self._files = files
        self._project = project
        self._choice = choice
        self._where = choice.filter_of(project, batch)
        self._cursor: TaskCursor | None = None
        self._bound = 0
        self._row_limit = selection.TASKS_PER_READ

    async def read(self) -> list[Neighbours]:
        """The next tasks; sets `has_more`."""
        if self._cursor is None:
            self._cursor, self._bound = await first_and_last(
                self._db, self._project, self._where, self._choice
            )
        async with self._db.read() as tx:
            places, self.has_more = await self._files.list_places(
                tx, self._where, after=self._cursor, bound=self._bound, limit=PLACES_PER_READ
            )
            found = await self._neighbours(tx, places)
        if found:
            self._cursor = _cursor_after((found[-1].places or found[-1].rows)[-1])
        return found

    def go_back_to(self, row: TaskPlace | PageRow | None) -> None:
        """Read on behind this one of the tasks that were read, from the first one if None."""
        self.has_more = True
        self._cursor = None if row is None else _cursor_after(row)

    async def _neighbours(self, tx: Transaction, places: Sequence[TaskPlace]) -> list[Neighbours]:
        """The tasks of these places; they end after some of the first ones without a file."""
        found = []
        for number, group in groupby(places, lambda place: max(place[2], 0)):
            listed = list(group)
            file = await self._files.find_file(tx, number) if number else None
            if file is not None:
                found.append(Neighbours(file, listed))
                continue
            seqs = [place[0] for place in listed[: self._row_limit]]
            rows, is_cut = await task_heads.list_tasks_at(tx, self._where, seqs)
            found.append(Neighbours(None, rows=rows))
            self._row_limit = fitting(rows, selection.TASKS_PER_READ)
            if is_cut or len(seqs) < len(listed):
                self.has_more = True
                break
        return found


def _cursor_after(row: TaskPlace | PageRow) -> TaskCursor:
    return TaskCursor(row[1] or 0, row[0])


async def _choose_lines(
    tasks: PlacedTasks, *, with_ids: bool
) -> AsyncIterator[JoinedLines | list[ChosenTask]]:
    """Lines of tasks that are in files, and rows of others, in their order.

    Raises Unavailable where a place has none of its bytes though it stands.
    """
    last: TaskPlace | PageRow | None = None
    failed: list[TaskPlace | PageRow | None] = []
    buffer = bytearray(BYTES_PER_READ)
    while tasks.has_more:
        for found in await tasks.read():
            if found.file is None:
                yield [ChosenTask(row) for row in found.rows]
                last = found.rows[-1]
                continue
            try:
                for run in found.runs():
                    places = [place[3:] for place in run]
                    lines, ids = join_run(found.file, places, buffer, with_ids=with_ids)
                    yield JoinedLines(lines, len(run), ids)
                    last = run[-1]
            except Unavailable:  # these tasks have other places now, or none
                if failed == [last]:
                    raise
                failed = [last]
                tasks.go_back_to(last)
                break


def join_run(
    file: OpenFile, run: Sequence[Place], buffer: bytearray, *, with_ids: bool = False
) -> tuple[bytes, list[bytes]]:
    """Lines of records that lie one behind the other, and their members `task_id` if asked for.

    The buffer is written over where the records have room in it. Raises Unavailable where the file
    has been cut short, and where a record has been overwritten since its place was found.
    """
    first, last = run[0][0], run[-1]
    size = last[0] + last[1] - first
    records = buffer if size <= len(buffer) else bytearray(size)
    # Fixes are read first, and overwritten last: where the record is there, they were too.
    view, fixes = memoryview(records)[:size], _Fixes(file, run)
    FileRun(file, first, size).read_into(view)
    parts: list[bytes | memoryview] = []
    ids, at = [], 1
    for start, _, fixes_start, fixes_length in run:
        begin = start - first
        if records[begin] != _COMMA:
            raise Unavailable("the store is being read anew", detail="a record was overwritten")
        records[begin] = _LINE_FEED
        if with_ids:
            ids.append(export_lines.id_member(records, begin))
        if fixes_length:
            for place, cut, put in export_lines.unpacked(fixes.read(fixes_start, fixes_length)):
                parts += view[at : begin + place], put
                at = begin + place + cut
    return b"".join((*parts, view[at:], b"\n")), ids


class _Fixes:
    """Fixes of a run of records, read at once; most lie in one piece. Raises Unavailable."""

    def __init__(self, file: OpenFile, run: Sequence[Place]) -> None:
        ranges = [place[2:] for place in run if place[3]]
        self._start = ranges[0][0] if ranges else 0
        end = ranges[-1][0] + ranges[-1][1] if ranges else 0
        is_together = 0 <= end - self._start == sum(length for _, length in ranges)
        self._bytes = FileRun(file, self._start, end - self._start).read() if is_together else b""
        apart = () if is_together else ranges
        self._apart = {one[0]: FileRun(file, *one).read() for one in apart}

    def read(self, start: int, length: int) -> bytes:
        """Fixes of one record."""
        if self._apart:
            return self._apart[start]
        return self._bytes[start - self._start : start - self._start + length]

"""Lines of whole tasks from page files: runs of records with their fixes, as `join_stored` gives.

Places are listed in short transactions, as tasks are. Those tasks alone that have no place are read
from the tables, in the same transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import groupby
from typing import Any

from msgspec import Struct

from plaudit.errors import Unavailable
from plaudit.formats.exporting import selection
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
from plaudit.store.tasks.tasks import TaskCursor, TaskFilter
from plaudit.wire.v2 import export_lines

PLACES_PER_READ = 500
BYTES_PER_READ = 1024 * 1024
"""Bytes of records that are read and joined at once, unless one is longer."""

_LINE_FEED = 10


def tasks_of(
    db: Database,
    files: PageFiles | None,
    request: ExportRequest,
    project: ProjectRow,
    batch: BatchRow | None,
    choice: TaskChoice,
) -> Tasks:
    """Tasks of an export, from page files if there are any and they can give its lines."""
    is_joined = request.format.join_stored is not None and not request.splits
    if files is not None and is_joined and _may_choose(choice):
        return _choose_lines(db, files, project, batch, choice, with_ids=request.has_manifest)
    return choose_tasks(db, project, batch, choice, with_displays=request.format.shows_places)


def _may_choose(choice: TaskChoice) -> bool:
    """True if the tasks of a choice are told by their places: no bodies or heads decide on it."""
    is_range_by_time = choice.until is not None and (
        choice.completed_after is not None or choice.completed_before is not None
    )
    return choice.delivery is None and not choice.metadata and not is_range_by_time


async def _choose_lines(
    db: Database,
    files: PageFiles,
    project: ProjectRow,
    batch: BatchRow | None,
    choice: TaskChoice,
    *,
    with_ids: bool,
) -> AsyncIterator[JoinedLines | list[ChosenTask]]:
    """Yield the tasks of a choice in pieces, in the order of `choose_tasks`.

    A piece has lines, or rows of tasks that have no place.
    """
    where = choice.filter_of(project, batch)
    cursor, bound = await first_and_last(db, project, where, choice)
    has_more, limit = True, selection.TASKS_PER_READ
    while has_more:
        async with db.read() as tx:
            places, has_more = await files.list_places(
                tx, where, after=cursor, bound=bound, limit=PLACES_PER_READ
            )
            steps, is_cut = await _steps(tx, files, where, places, limit)
        has_more = has_more or is_cut
        for step in steps:
            if step.file is None:
                limit = fitting(step.rows, selection.TASKS_PER_READ)
                yield [ChosenTask(row) for row in step.rows]
                cursor = _cursor_after(step.rows[-1])
                continue
            try:
                for done, lines in _lines(step.file, step.places, with_ids=with_ids):
                    yield lines
                    cursor = _cursor_after(done)
            except Unavailable:  # the file was cut short; its tasks are read from the tables then
                has_more = True
                break


class _Step(Struct):
    """Neighbours in a listing whose records are in one file, or without it their rows."""

    file: OpenFile | None
    places: Sequence[TaskPlace] = ()
    rows: list[PageRow] = []


async def _steps(
    tx: Transaction, files: PageFiles, where: TaskFilter, places: Sequence[TaskPlace], limit: int
) -> tuple[list[_Step], bool]:
    """The tasks of these places, of those without a file up to `limit` rows; True if that is short.

    Then the steps end with the rows.
    """
    steps = []
    for number, group in groupby(places, lambda place: max(place[2], 0)):
        found = list(group)
        file = await files.find_file(tx, number) if number else None
        if file is not None:
            steps.append(_Step(file, found))
            continue
        rows, is_cut = await task_heads.list_tasks_at(
            tx, where, [place[0] for place in found[:limit]]
        )
        steps.append(_Step(None, rows=rows))
        if is_cut or len(found) > limit:
            return steps, True
    return steps, False


def _cursor_after(row: Sequence[Any]) -> TaskCursor:
    return TaskCursor(row[1] or 0, row[0])


def _lines(
    file: OpenFile, places: Sequence[TaskPlace], *, with_ids: bool
) -> Iterator[tuple[TaskPlace, JoinedLines]]:
    """Lines of tasks in one file, and the last of their places; raises Unavailable."""
    start = 0
    while start < len(places):
        end = _end_of_run(places, start)
        run = places[start:end]
        yield run[-1], _joined(file, run, with_ids=with_ids)
        start = end


def _end_of_run(places: Sequence[TaskPlace], start: int) -> int:
    """End of the places from `start` on that lie one behind the other, up to BYTES_PER_READ."""
    first = places[start][3]
    at = first
    for number in range(start, len(places)):
        place, length = places[number][3:5]
        if place != at or (at > first and at + length - first > BYTES_PER_READ):
            return number
        at += length
    return len(places)


def _joined(file: OpenFile, run: Sequence[TaskPlace], *, with_ids: bool) -> JoinedLines:
    """Lines of records that lie one behind the other."""
    first, last = run[0][3], run[-1]
    records = bytearray(FileRun(file, first, last[3] + last[4] - first).read())
    view, fixes = memoryview(records), _Fixes(file, run)
    parts: list[bytes | memoryview] = []
    ids, at = [], 1
    for _, _, _, place, _, fixes_start, fixes_length in run:
        begin = place - first
        records[begin] = _LINE_FEED  # in place of the comma
        if with_ids:
            ids.append(export_lines.id_member(records, begin))
        if fixes_length:
            for start, cut, put in export_lines.unpacked(fixes.read(fixes_start, fixes_length)):
                parts += view[at : begin + start], put
                at = begin + start + cut
    return JoinedLines(b"".join((*parts, view[at:], b"\n")), len(run), ids)


class _Fixes:
    """Fixes of a run of records; those of neighbours lie one behind the other, in most cases."""

    def __init__(self, file: OpenFile, run: Sequence[TaskPlace]) -> None:
        self._file = file
        ranges = [place[5:] for place in run if place[6]]
        self._start = ranges[0][0] if ranges else 0
        end = ranges[-1][0] + ranges[-1][1] if ranges else 0
        is_together = 0 <= end - self._start == sum(length for _, length in ranges)
        self._bytes = FileRun(file, self._start, end - self._start).read() if is_together else b""

    def read(self, start: int, length: int) -> bytes:
        """Fixes of one record; raises Unavailable."""
        if self._bytes:
            return self._bytes[start - self._start : start - self._start + length]
        return FileRun(self._file, start, length).read()

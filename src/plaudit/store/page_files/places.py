"""Pages of tasks as runs of page files: where the records of a page lie, one after another.

A place is believed as it stands, because whatever changes its task takes it away in the same
statement (migrations/0019). A page with a task that has no place is read from the tables instead.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import cast

from msgspec import Struct

from plaudit.model.codings import Coding
from plaudit.model.core import TaskStatus
from plaudit.settings import Settings
from plaudit.store.common import pages
from plaudit.store.engine import value_lists
from plaudit.store.engine.engine import Row, Transaction
from plaudit.store.page_files import file_runs
from plaudit.store.page_files.file_runs import FileRun, OpenFile
from plaudit.store.tasks.tasks import TaskCursor, TaskFilter, key_args, keys_sql

RECORD_MARK_BYTES = 1
"""Bytes of the comma that a record begins with; the first one of a page goes without."""


TaskPlace = tuple[int, int | None, int, int, int, int, int]
"""Place of a task: seq, completed_ms, file, start, length, and start and length of its fixes.

It has none if `file` is 0 or less; then those behind it may be None.
"""


_START, _PACKED_START = 3, 5
"""Columns of the rows of a page in which the start of a record stands; its length stands behind."""

_FIXES = ", p.fixes_start, p.fixes_length"
_PACKED = {
    None: "",
    Coding.zstd: ", p.zstd_start, p.zstd_length",
    Coding.gzip: ", p.gzip_start, p.gzip_length, p.crc_before, p.crc_after",
}


class RecordSum(Struct, frozen=True):
    """Checksums of what comes before and behind a run of records, and the bytes of these.

    They are without the comma that the first one begins with.
    """

    before: int
    after: int
    length: int


class PlacedPage(Struct, frozen=True):
    """A page of tasks whose records have places: the records in order, separated by commas.

    In a coding, runs are of packed records, the first one begins with its packed comma, and for
    gzip there is a sum for each run.
    """

    runs: list[FileRun]
    coding: Coding | None
    sums: list[RecordSum]
    count: int
    last: tuple[int, int | None]
    """`seq` of the last task and, in order of completion, its `completed_ms`."""
    has_more: bool


class PageFiles:
    """The page files of one store that this process has open for reading."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[int, OpenFile] = {}

    async def find_page(
        self,
        tx: Transaction,
        where: TaskFilter,
        *,
        after: TaskCursor,
        bound: int,
        limit: int,
        coding: Coding | None = None,
    ) -> PlacedPage | None:
        """A page of tasks, with the arguments of `task_pages.list_tasks`.

        None if it has no task, or one without a place. It is bounded in bytes as that one is, and
        comes in the coding if all of it can.
        """
        if where.status is TaskStatus.deleted:
            return None
        args = key_args(where, after, bound, limit + 1)
        in_batch, one_status = where.batch_id is not None, where.status is not None
        sql = _places_sql(in_batch, one_status, where.is_by_completion, _PACKED[coding])
        rows = await tx.all(sql, args)
        has_more = len(rows) > limit
        if has_more:
            rows.pop()
        if not rows or min([row[2] for row in rows]) <= 0:
            return None
        if sum([row[4] for row in rows]) > pages.PAGE_BYTES_MAX:
            found = len(rows)
            rows = rows[: await _count_fitting(tx, where.project_key, [row[0] for row in rows])]
            has_more = has_more or len(rows) < found
        is_packed = coding is not None and min([row[6] for row in rows]) > 0
        runs = await self._runs(tx, rows, _PACKED_START if is_packed else _START)
        if runs is None:
            return None
        if not is_packed:
            coding = None
            runs[0].start += RECORD_MARK_BYTES
            runs[0].length -= RECORD_MARK_BYTES
        sums = _sums(rows) if coding is Coding.gzip else []
        return PlacedPage(runs, coding, sums, len(rows), (rows[-1][0], rows[-1][1]), has_more)

    async def list_places(
        self, tx: Transaction, where: TaskFilter, *, after: TaskCursor, bound: int, limit: int
    ) -> tuple[list[TaskPlace], bool]:
        """Places of up to `limit` tasks of a listing, and if more follow.

        The arguments are those of `tasks.list_tasks`; nothing is bounded in bytes.
        """
        if where.status is TaskStatus.deleted:
            return [], False
        args = key_args(where, after, bound, limit + 1)
        in_batch, one_status = where.batch_id is not None, where.status is not None
        sql = _places_sql(in_batch, one_status, where.is_by_completion, _FIXES)
        rows = await tx.all(sql, args)
        return cast("list[TaskPlace]", rows[:limit]), len(rows) > limit

    async def find_file(self, tx: Transaction, number: int) -> OpenFile | None:
        """A page file, open; None if it is lost."""
        file = self._open.get(number)
        if file is None or file.is_short:
            file = await self._opened(tx, number)
        return file

    async def _runs(self, tx: Transaction, rows: list[Row], column: int) -> list[FileRun] | None:
        """Join the places of records that lie one behind the other; None for a file that is lost.

        The start of a record stands in this column, its length behind that.
        """
        runs: list[FileRun] = []
        number = start = end = 0
        for row in rows:
            file, place, length = row[2], row[column], row[column + 1]
            if place == end and file == number:
                end += length
                continue
            if number and not await self._add(tx, runs, number, start, end):
                return None
            number, start, end = file, place, place + length
        if not await self._add(tx, runs, number, start, end):
            return None
        return runs

    async def _add(
        self, tx: Transaction, runs: list[FileRun], number: int, start: int, end: int
    ) -> bool:
        file = await self.find_file(tx, number)
        if file is None:
            return False
        runs.append(FileRun(file, start, end - start))
        return True

    async def _opened(self, tx: Transaction, number: int) -> OpenFile | None:
        """The file, opened now; None unless it is there and whole."""
        self._open.pop(number, None)
        row = await tx.one(
            "SELECT file_id, size FROM page_file WHERE number = :number AND epoch = :epoch",
            {"number": number, "epoch": tx.epoch},
        )
        if row is None:
            return None
        file = file_runs.open_whole(self.folder, number, *row)
        if file is not None:
            self._open[number] = file
        return file

    def close_others(self, numbers: set[int]) -> None:
        """Forget open files other than these, and those that are short."""
        for number, file in list(self._open.items()):
            if file.is_short or number not in numbers:
                del self._open[number]


def page_files_of(settings: Settings) -> PageFiles | None:
    """Page files of the store, for one thread that reads; None where it has none."""
    has_files = settings.page_files and settings.database is None
    return PageFiles(settings.pages_folder) if has_files else None


async def _count_fitting(tx: Transaction, project_key: int, seqs: list[int]) -> int:
    """Number of leading tasks that have a place in one page of the tables; at least 1."""
    listed, args = value_lists.in_list("seq", seqs)
    rows = await tx.all(
        "SELECT LENGTH(t.head) + COALESCE(LENGTH(b.body), 0), t.seq FROM task AS t"
        " LEFT JOIN task_body AS b ON b.project_key = t.project_key AND b.seq = t.seq"
        f" WHERE t.project_key = :project_key AND t.seq IN {listed}",
        args | {"project_key": project_key},
    )
    sizes = {seq: size for size, seq in rows}
    return pages.count_fitting([sizes.get(seq, 0) for seq in seqs], pages.PAGE_BYTES_MAX)


def _sums(rows: list[Row]) -> list[RecordSum]:
    """Sums of the runs of packed records, of rows with the columns of gzip."""
    sums: list[RecordSum] = []
    number = end = before = after = length = 0
    for _, _, file, _, size, start, packed_size, crc_before, crc_after in rows:
        if file != number or start != end:
            if number:
                sums.append(RecordSum(before, after, length))
            number, before, length = file, crc_before, -RECORD_MARK_BYTES
        after, length, end = crc_after, length + size, start + packed_size
    sums.append(RecordSum(before, after, length))
    return sums


@lru_cache(maxsize=64)
def _places_sql(in_batch: bool, one_status: bool, by_completion: bool, columns: str) -> str:
    if in_batch or one_status or by_completion:
        keys = keys_sql(in_batch, one_status, "completed_ms" if by_completion else None)
    else:
        keys = (
            "SELECT seq FROM task WHERE project_key = :project_key"
            " AND seq > :after_seq AND seq <= :bound ORDER BY seq LIMIT :row_limit"
        )
    time = "k.completed_ms" if by_completion else "NULL"
    order = "k.completed_ms, k.seq" if by_completion else "k.seq"
    return (
        f"SELECT k.seq, {time}, COALESCE(p.file, 0), p.start, p.length{columns}"
        f" FROM ({keys}) AS k"
        " LEFT JOIN task_place AS p ON p.project_key = :project_key AND p.seq = k.seq"
        f" ORDER BY {order}"
    )

"""Spool of an export's lines: where they lie in page files, and those that lie nowhere.

It is a temporary file of some bytes a task. One thread adds to it; others read the lines
meanwhile or later, as often as they like, and get the same bytes each time: what a place names does
not change while an answer can be sending it.
"""

from __future__ import annotations

import os
import struct
import tempfile
from array import array
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

from plaudit.formats.exporting import v2
from plaudit.formats.exporting.whole_tasks import placed_lines
from plaudit.formats.exporting.whole_tasks.placed_lines import (
    BYTES_PER_READ,
    Neighbours,
    Place,
    PlacedTasks,
    join_run,
    split_runs,
)
from plaudit.model.core import ProjectRow
from plaudit.store.page_files.file_runs import OpenFile

_HEAD = struct.Struct("<iIQ")
"""Number of an open file, below 0 for lines themselves; bytes of what follows; bytes of records."""
_LINES = -1
LONG_BYTES = 2 * BYTES_PER_READ
RUNS_PER_READ = 200
"""Runs of records that are read and joined at once, up to BYTES_PER_READ of them."""

_PLACE_NUMBERS = 4


class LineSpool:
    """Lines of an export in their order."""

    def __init__(self, folder: Path) -> None:
        descriptor, path = tempfile.mkstemp(dir=folder, prefix="lines-")
        Path(path).unlink()
        self._spool = OpenFile(0, descriptor)
        self._files: list[OpenFile] = []
        self._end = 0
        self.records_size = 0
        """Bytes of the records and of the other lines so far: about the size of all lines."""

    def add_places(self, found: Neighbours) -> None:
        """Add neighbours that are in one file; raises OSError."""
        assert found.file is not None
        if not self._files or self._files[-1] is not found.file:
            self._files.append(found.file)
        places, size, count = array("q"), 0, 0
        for run in found.runs():
            more = run[-1][3] + run[-1][4] - run[0][3]
            if count == RUNS_PER_READ or (count and size + more > placed_lines.BYTES_PER_READ):
                self._add(len(self._files) - 1, places.tobytes(), size)
                places, size, count = array("q"), 0, 0
            places.extend([number for place in run for number in place[3:]])
            size, count = size + more, count + 1
        self._add(len(self._files) - 1, places.tobytes(), size)

    def add_lines(self, lines: bytes) -> None:
        """Add lines that are in no file; raises OSError."""
        self._add(_LINES, lines, len(lines))

    def _add(self, number: int, content: bytes, records_size: int) -> None:
        packed = b"".join((_HEAD.pack(number, len(content), records_size), content))
        written = 0
        while written < len(packed):
            place = self._end + written
            written += os.pwrite(self._spool.fd, memoryview(packed)[written:], place)
        self._end += written  # others may read it from now on
        self.records_size += records_size

    def size_at(self, at: int) -> int:
        """Bytes of the records that `read` takes at a place; 0 where the spool ends now."""
        if at >= self._end:
            return 0
        size: int = _HEAD.unpack(os.pread(self._spool.fd, _HEAD.size, at))[2]
        return size

    def read(self, at: int, buffer: bytearray) -> tuple[bytes, int]:
        """Lines from a place in the spool on, and the place behind them; none where it ends now.

        The first place is 0. The buffer is written over meanwhile. Raises Unavailable where a page
        file has been cut short, and OSError.
        """
        if at >= self._end:
            return b"", at
        number, size, _ = _HEAD.unpack(os.pread(self._spool.fd, _HEAD.size, at))
        content = os.pread(self._spool.fd, size, at + _HEAD.size)
        if number != _LINES:
            file, runs = self._files[number], split_runs(_places(content), 0)
            content = b"".join([join_run(file, run, buffer)[0] for run in runs])
        return content, at + _HEAD.size + size

    def all_lines(self) -> Iterator[bytes]:
        """Lines from the first one on, as far as there are any; raises what `read` raises."""
        buffer = bytearray(BYTES_PER_READ)
        lines, at = self.read(0, buffer)
        while lines:
            yield lines
            lines, at = self.read(at, buffer)


class SpooledLines:
    """Lines of a spool as a file that grows, read from its beginning."""

    def __init__(self, spool: LineSpool) -> None:
        self._spool = spool
        self._at = 0
        self._buffer = bytearray(BYTES_PER_READ)
        self._rest = memoryview(b"")

    @property
    def takes_long(self) -> bool:
        """True if the next read has a task that is joined better where nobody waits for it."""
        return not self._rest and self._spool.size_at(self._at) > LONG_BYTES

    def read(self, size: int) -> bytes:
        """The next lines, about a megabyte of them; none where the spool ends now.

        A line that is much longer comes in parts of so many bytes.
        """
        if not self._rest:
            lines, self._at = self._spool.read(self._at, self._buffer)
            if len(lines) <= LONG_BYTES:
                return lines
            self._rest = memoryview(lines)
        part, self._rest = bytes(self._rest[:size]), self._rest[size:]
        return part

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """About the size so far; the place stays the beginning."""
        return self._spool.records_size

    def close(self) -> None:
        """Do nothing: the spool is closed when nobody refers to it."""


async def spooled(tasks: PlacedTasks, spool: LineSpool, project: ProjectRow) -> AsyncIterator[int]:
    """Add the lines of all tasks to a spool, and tell the number of tasks each time."""
    join = v2.join_stored
    while tasks.has_more:
        for found in await tasks.read():
            if found.file is not None:
                spool.add_places(found)
            for lines in join(found.rows, project):
                spool.add_lines(lines)
            yield len(found.places) + len(found.rows)


def _places(content: bytes) -> Sequence[Place]:
    numbers = array("q", content)
    return list(zip(*(iter(numbers),) * _PLACE_NUMBERS, strict=True))

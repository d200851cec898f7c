"""Blocks of lines and the tasks of their lines, wherever these are read: here or in a process."""

from __future__ import annotations

from msgspec import Struct

from plaudit import json_guard
from plaudit.core.transfer import prepared_tasks
from plaudit.core.transfer.prepared_tasks import PreparedTask
from plaudit.errors import InvalidContent
from plaudit.formats.import_format import ImportFormat

MARK_BYTES = 64
"""Beginning of a line in which a format's `task_mark` stands, if it has a task."""


class ReadLine(Struct, array_like=True, frozen=True, gc=False):
    """Line of a block, by its number and its first and last byte, with a task.

    `pointer` leads from the line to the task, which is None for a line to be read with care. A line
    with several tasks comes several times.
    """

    number: int
    start: int
    end: int
    pointer: str
    task: PreparedTask | None


class BlockReader:
    """Reader of blocks of lines of one import. What it cannot read it leaves, without a word."""

    def __init__(self, chosen: ImportFormat) -> None:
        assert chosen.task_reader is not None
        self._format = chosen
        self._read_task = chosen.task_reader()

    def read(self, number: int, block: bytes) -> list[ReadLine]:
        """Lines of a block, the first of which has this number; blank ones are left out."""
        found: list[ReadLine] = []
        pointer, most, end = self._format.task_pointer, self._format.line_bytes_max, -1
        for line_number, line in enumerate(block.split(b"\n"), number):
            start = end + 1
            end = start + len(line)
            if not line or line.isspace():
                continue
            task = self._read_task(line) if len(line) <= most else None
            if task is not None:
                found.append(ReadLine(line_number, start, end, pointer, task))
                continue
            tasks = self._with_care(line) or [(pointer, None)]
            found += [ReadLine(line_number, start, end, at, one) for at, one in tasks]
        return found

    def _with_care(self, line: bytes) -> list[tuple[str, PreparedTask | None]]:
        """The tasks of a line and the pointers to them; none if there is anything else in it."""
        chosen = self._format
        if len(line) > chosen.line_bytes_max or chosen.task_mark not in line[:MARK_BYTES]:
            return []
        assert chosen.read is not None
        tasks: list[tuple[str, PreparedTask | None]] = []
        try:
            value, depth = json_guard.check_deep(line, chosen.depth_max)
            for kind, entry, pointer in chosen.read(value):
                if kind != "task":
                    return []
                if chosen.check_depth is not None:
                    chosen.check_depth(kind, depth)
                tasks.append((pointer, prepared_tasks.read(entry)))
        except InvalidContent:  # who reads the line with care says why
            return []
        return tasks

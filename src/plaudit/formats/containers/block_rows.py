"""Rows of JSON lines that are read block by block, by processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from plaudit.formats.common.import_pool import ImportPool
from plaudit.formats.common.rows import Row
from plaudit.formats.containers.content import Content
from plaudit.formats.containers.json_rows import JsonLimits, row_of_line, rows_of_lines


def rows_of_blocks(
    content: Content,
    limits: JsonLimits,
    on_lines: Callable[[int], None],
    *,
    number: int,
    pool: ImportPool,
) -> Iterator[Row]:
    """Rows of JSON lines as `rows_of_lines` yields them, but for tasks, which are prepared."""
    cutter = _Cutter(content, limits.row_bytes_max, on_lines, number)
    for block, lines in pool.read(cutter.blocks()):
        for line in lines:
            if line.task is None:
                yield row_of_line(content.called, line.number, block[line.start : line.end], limits)
            else:
                yield Row(
                    file=content.called,
                    number=line.number,
                    value=line.task,
                    pointer=line.pointer,
                    size=line.end - line.start,
                )
    if cutter.is_cut_short:
        yield from rows_of_lines(content, limits, on_lines, number=cutter.number)


class _Cutter:
    """Cuts content into blocks of whole lines."""

    def __init__(
        self, content: Content, most: int, on_lines: Callable[[int], None], number: int
    ) -> None:
        self.number = number
        """Number of the line that comes next."""
        self.is_cut_short = False
        """True if a line follows that is longer than any may be; it and the rest are left."""
        self._content = content
        self._most = most
        self._on_lines = on_lines

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """Blocks, each with the number of its first line."""
        held: list[bytes] = []
        size = 0
        for block in self._content.blocks():
            end = block.rfind(b"\n") + 1
            if not end:
                held.append(block)
                size += len(block)
                if size > self._most:
                    self._content.put_back(b"".join(held))
                    self.is_cut_short = True
                    return
                continue
            whole = b"".join((*held, block[: end - 1]))
            held, size = [block[end:]], len(block) - end
            yield self.number, whole
            self.number += whole.count(b"\n") + 1
            self._on_lines(self.number - 1)
        if size:
            yield self.number, b"".join(held)

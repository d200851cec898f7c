"""CSV, TSV and CSV with semicolons: cells as texts by the names of the header."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from io import BytesIO, StringIO
from itertools import chain
from typing import Any, Literal

from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import Row
from plaudit.formats.containers.content import Content
from plaudit.formats.containers.detection import Detected

COLUMNS_MAX = 16_384
"""Columns of a table: as many as a spreadsheet has."""

_UNREADABLE = re.compile("[\x00\ud800-\udfff]")

# The bound of the module is for all readers of the process; rows are bounded here.
csv.field_size_limit(2**31 - 1)


def rows_of_delimited(
    content: Content,
    detected: Detected,
    row_bytes_max: int,
    on_rows: Callable[[int], None],
    *,
    has_quotes: bool = True,
) -> Iterator[Row]:
    """Rows of a table, whose header is the first row that is not blank.

    A row with more cells than the header is refused, one with fewer lacks the last columns. Raises
    InvalidContent for a header that cannot be used.
    """
    records = _Records(content, detected, row_bytes_max, on_rows, has_quotes)
    called = content.called
    listed = iter(records)
    header = next(listed, None)
    if header is None:
        return
    names, blanks = _columns_of(header, called, row_bytes_max)
    width = len(names)
    for cells in listed:
        # In this order and so terse, since it runs a million times.
        if type(cells) is list and len(cells) <= width:
            size = len("".join(cells))
            if size <= row_bytes_max:
                value = dict(zip(names, cells, strict=False))
                if blanks:
                    _leave_out_empty(value, blanks)
                yield Row(file=called, number=records.number, value=value, size=size)
                continue
            cells = InvalidContent(f"the row is longer than {row_bytes_max} bytes")
        elif type(cells) is list:
            cells = InvalidContent(f"the row has {len(cells)} cells, the header {width}")
        assert isinstance(cells, InvalidContent)
        yield Row(file=called, number=records.number, value=None, problem=cells)


def _columns_of(
    header: list[str] | InvalidContent, called: str, row_bytes_max: int
) -> tuple[list[str], list[str]]:
    if isinstance(header, InvalidContent):
        raise InvalidContent(f"the header of {called} cannot be read: {header.message}")
    if len("".join(header)) > row_bytes_max:
        raise InvalidContent(f"the header of {called} is longer than {row_bytes_max} bytes")
    return names_of_columns(header, called)


def _leave_out_empty(value: dict[str, str], blanks: list[str]) -> None:
    """Leave out the cells of columns without a name that are empty."""
    for blank in blanks:
        if value.get(blank) == "":
            del value[blank]


def count_of_faultless(
    content: Content, detected: Detected, row_bytes_max: int, *, has_quotes: bool
) -> int | None:
    """Number of rows of a table, None if one cannot be read or has not the cells of the header.

    Without quotes, a header in quotes is a fault, too: somebody wrote those on purpose.
    """
    width, count = 0, 0
    for cells in _Records(content, detected, row_bytes_max, lambda number: None, has_quotes):
        if isinstance(cells, InvalidContent) or (width and len(cells) != width):
            return None
        if not width and not has_quotes and any(cell.startswith('"') for cell in cells):
            return None
        width, count = len(cells), count + 1
    return count


def has_quoted_cells(content: Content, detected: Detected) -> bool:
    """True if a cell begins with a quote."""
    before = b"\n"
    mark = f'{detected.delimiter}"'.encode()
    for block in content.blocks():
        block = before + block
        if mark in block or b'\n"' in block or b'\r"' in block:
            return True
        before = block[-1:]
    return False


def names_of_columns(cells: list[str], called: str) -> tuple[list[str], list[str]]:
    """Names of the columns of a header, and those that were given to columns without one.

    Raises InvalidContent for too many columns, or a name that stands twice.
    """
    if len(cells) > COLUMNS_MAX:
        raise InvalidContent(f"{called} has {len(cells):,} columns, more than {COLUMNS_MAX:,}")
    names: dict[str, int] = {}
    for number, cell in enumerate(cells, 1):
        if cell.strip() and cell in names:
            raise InvalidContent(
                f"the header of {called} names {cell[:60]!r} twice, for the columns {names[cell]}"
                f" and {number}"
            )
        if cell.strip():
            names[cell] = number
    listed, blanks = [], []
    for number, cell in enumerate(cells, 1):
        if not cell.strip():
            cell = f"column_{number}"
            while cell in names:
                cell += "_"
            blanks.append(cell)
        listed.append(cell)
    return listed, blanks


class _TooLong(Exception):
    """A record is longer than one may be; what it is made of is passed over next."""


class _Records:
    """Records of delimited text in order: cells, or the problem of a record; blank ones are none.

    The module `csv` is given the lines of a block in one list, which costs least. Raises what the
    content raises.
    """

    def __init__(
        self,
        content: Content,
        detected: Detected,
        record_bytes_max: int,
        on_rows: Callable[[int], None],
        has_quotes: bool,
    ) -> None:
        self.number = detected.line - 1
        """Number of the last record."""
        self.is_within = False
        """True while a record goes on in the next block; set when that is asked for."""
        self.is_suspicious = False
        """True once a block had NUL or was not UTF-8."""
        self._delimiter = detected.delimiter
        self._quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if has_quotes else csv.QUOTE_NONE
        self._most = record_bytes_max
        self._on_rows = on_rows
        blocks = content.blocks()
        self._blocks = (
            (block.replace(b"\r", b"\n") for block in blocks) if detected.is_cr else blocks
        )
        self._quote = b'"' if has_quotes else b""
        self._reader: Any = None
        self._record_line = 0
        """Lines that the reader had read when the last record ended."""
        self._again = b""
        """Block that is read once more, from where a record is passed over."""
        self._held = BytesIO()
        """Beginning of a line that goes on in the next block."""
        self._given: list[str] = []
        self._pending_bytes = 0
        """Bytes of the record that goes on, without those of `_given`."""
        self._number_before = self.number
        self._is_skipping = False
        self._is_in_quotes = False

    def __iter__(self) -> Iterator[list[str] | InvalidContent]:
        lines = chain.from_iterable(_LineLists(self))
        while True:
            self._reader = reader = csv.reader(
                lines, delimiter=self._delimiter, quoting=self._quoting, strict=True
            )
            self._record_line = 0
            try:
                for cells in reader:
                    self.number += 1
                    self._record_line = reader.line_num
                    if self.is_suspicious and (problem := _problem_of(cells)):
                        yield problem
                    elif cells:
                        yield cells
                return
            except csv.Error as exc:
                self.number += 1
                yield _problem_of_quotes(str(exc), reader.line_num - self._record_line)
            except _TooLong:
                self.number += 1
                yield InvalidContent(f"the row is longer than {self._most} bytes")
                lines = chain.from_iterable(_LineLists(self))

    def next_lines(self) -> list[str]:
        """Whole lines of the next block, [] at the end; raises _TooLong for a record."""
        self._count_pending()
        while block := self._again or next(self._blocks, b""):
            self._again = b""
            self._on_rows(max(self.number, 0))
            if self._is_skipping:
                block = self._skipped(block)
            if not self.is_within and not self._held.tell() and _is_blank(block):
                self.number += block.count(b"\n")
                continue
            end = block.rfind(b"\n") + 1
            self._held.write(block[:end] or block)
            if self._pending_bytes + self._held.tell() > self._most + len(block):
                self._begin_skipping(block[end:])
            if end:
                whole, self._held = self._held.getvalue(), BytesIO()
                self._held.write(block[end:])
                return self._decoded(whole)
        whole, self._held = self._held.getvalue(), BytesIO()
        return self._decoded(whole)

    def _count_pending(self) -> None:
        """Learn from the reader how many bytes of the lines it got are of a record that goes on."""
        pending = self._reader.line_num - self._record_line
        self.is_within = pending > 0
        if not pending:
            self._pending_bytes = 0
        elif self.number == self._number_before:
            self._pending_bytes += sum(map(len, self._given))
        else:
            self._pending_bytes = sum(map(len, self._given[-pending:]))
        self._number_before = self.number

    def _begin_skipping(self, rest: bytes) -> None:
        """Pass over the record from here on, and raise _TooLong."""
        held = self._held.getvalue() + rest
        self._held, self._given, self._pending_bytes = BytesIO(), [], 0
        self._is_skipping, self._is_in_quotes = True, self.is_within
        self.is_within = False
        self._again = held
        raise _TooLong

    def _skipped(self, block: bytes) -> bytes:
        """Block without what belongs to the record that is passed over."""
        at = 0
        while at < len(block):
            end = block.find(b"\n", at) + 1
            if self._quote and block.count(self._quote, at, end or len(block)) % 2:
                self._is_in_quotes = not self._is_in_quotes
            if not end:
                return b""
            at = end
            if not self._is_in_quotes:
                self._is_skipping = False
                return block[at:]
        return b""

    def _decoded(self, data: bytes) -> list[str]:
        if b"\0" in data:
            self.is_suspicious = True
        try:
            text = data.decode()
        except UnicodeDecodeError:
            self.is_suspicious = True
            text = data.decode(errors="surrogateescape")
        self._given = StringIO(text, newline="\n").readlines()
        return self._given


class _LineLists:
    """Lists of lines for the reader; unlike a generator it goes on after an exception."""

    def __init__(self, records: _Records) -> None:
        self._records = records

    def __iter__(self) -> Iterator[list[str]]:
        return self

    def __next__(self) -> list[str]:
        lines = self._records.next_lines()
        if not lines:
            raise StopIteration
        return lines


def _is_blank(block: bytes) -> bool:
    """True for empty lines alone."""
    return block[-1:] == b"\n" and not block.replace(b"\r\n", b"\n").strip(b"\n")


def _problem_of(cells: list[str]) -> InvalidContent | None:
    for cell in cells:
        if found := _UNREADABLE.search(cell):
            if found[0] == "\0":
                return InvalidContent("text holds a NUL character")
            return InvalidContent("text is not valid UTF-8")
    return None


def _problem_of_quotes(message: str, lines: int) -> InvalidContent:
    if "new-line" in message:
        return InvalidContent("a carriage return stands in a cell without quotes")
    if lines > 1:
        return InvalidContent(f"the quotes of the row do not pair; {lines} lines belong to it")
    return InvalidContent("the quotes of the row do not pair")

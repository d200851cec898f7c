"""XLSX: the cells of a workbook's first sheet as texts by the names of the header."""

from __future__ import annotations

import re
import tempfile
import zipfile
import zlib
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from plaudit.errors import InvalidContent
from plaudit.formats.common.rows import Row
from plaudit.formats.containers.delimited import COLUMNS_MAX, names_of_columns
from plaudit.formats.containers.xlsx_package import (
    LEVELS_MAX,
    Attributes,
    Package,
    Sheet,
    new_parser,
    parse,
    refuse_depth,
)

SHARED_TEXTS_MAX = 20_000_000
_MEMORY_BYTES = 16 * 1024 * 1024
"""Bytes of shared texts beyond which they are kept on disk."""

_UNREADABLE = re.compile("[\x00\ud800-\udfff]")
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_INTEGER = re.compile(r"-?[0-9]{1,15}")
_REFERENCE = re.compile(r"([A-Z]{1,7})([0-9]{0,7})")

Cells = dict[int, "str | InvalidContent"]
"""Texts of a row's cells by column, from 0."""


def rows_of_xlsx(
    path: Path,
    called: str,
    row_bytes_max: int,
    on_progress: Callable[[int], None],
    inflated_max: int | None,
    on_remark: Callable[[str], None] = lambda remark: None,
) -> Iterator[Row]:
    """Rows of the first sheet; the first one with a cell is the header, blank ones are left out.

    Numbers are written without needless digits, dates as ISO 8601, truth values as TRUE and FALSE;
    of a formula its saved value counts. `on_remark` is told of further sheets. Raises
    InvalidContent for a file that is damaged, a bomb or no workbook.
    """
    with ExitStack() as stack:
        raw = stack.enter_context(path.open("rb"))
        package = Package(raw, path, called, on_progress, inflated_max)
        sheet = package.sheet()
        if sheet.others:
            on_remark(
                f"only the sheet {sheet.name!r} of the workbook is read, of"
                f" {1 + len(sheet.others)} sheets"
            )
        texts = stack.enter_context(_SharedTexts(row_bytes_max))
        number = 0
        names: list[str] = []
        blanks: set[str] = set()
        try:
            texts.fill(package)
            for number, cells in _SheetReader(package, sheet, texts, row_bytes_max).rows():
                if names:
                    yield _row(called, number, cells, names, blanks, row_bytes_max)
                else:
                    header = _header(cells, called)
                    names, listed = names_of_columns(header, called)
                    blanks = set(listed)
        except (zlib.error, zipfile.BadZipFile, EOFError) as exc:
            raise InvalidContent(f"{called} is damaged after row {number}: {exc}") from exc


def _header(cells: Cells, called: str) -> list[str]:
    header = [cells.get(column, "") for column in range(max(cells) + 1)]
    for cell in header:
        if isinstance(cell, InvalidContent):
            raise InvalidContent(f"the header of {called} cannot be read: {cell.message}")
    return [str(cell) for cell in header]


def _row(
    called: str,
    number: int,
    cells: Cells,
    names: list[str],
    blanks: set[str],
    row_bytes_max: int,
) -> Row:
    value: dict[str, str] = {}
    size = 0
    try:
        width = max(cells) + 1
        if width > len(names):
            raise InvalidContent(f"the row has {width} cells, the header {len(names)}")
        for column, name in enumerate(names):
            cell = cells.get(column, "")
            if isinstance(cell, InvalidContent):
                raise cell
            if found := _UNREADABLE.search(cell):
                raise InvalidContent(
                    "text holds a NUL character"
                    if found[0] == "\0"
                    else "text holds an unpaired surrogate"
                )
            size += len(cell)
            if cell or name not in blanks:
                value[name] = cell
        if size > row_bytes_max:
            raise InvalidContent(f"the row is longer than {row_bytes_max} bytes")
    except InvalidContent as problem:
        return Row(file=called, number=number, value=None, problem=problem)
    return Row(file=called, number=number, value=value, size=size)


class _SharedTexts:
    """Shared texts of a workbook by number, on disk where they are many."""

    def __init__(self, text_bytes_max: int) -> None:
        self._most = text_bytes_max
        self._file = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115
        self._ends = array("Q", [0])
        self.get = lru_cache(maxsize=4096)(self._get)

    def __enter__(self) -> _SharedTexts:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def fill(self, package: Package) -> None:
        """Read them from the package; raises InvalidContent for more than SHARED_TEXTS_MAX."""
        part = "xl/sharedStrings.xml"
        if not package.has(part):
            return
        reader = _SharedTextReader(self._most, self._add, package.called)
        parser = new_parser(package.called)
        parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
        parser.CharacterDataHandler = reader.characters
        for piece in package.pieces(part):
            parse(parser, piece, package.called)
        parse(parser, b"", package.called, is_last=True)

    def _add(self, text: str) -> None:
        data = unescaped(text).encode(errors="surrogatepass")
        self._file.write(data)
        self._ends.append(self._ends[-1] + len(data))

    def _get(self, text: str) -> str | InvalidContent:
        if not text.isdecimal() or (number := int(text[:12])) >= len(self._ends) - 1:
            return InvalidContent("a cell names a shared text that the workbook does not have")
        begin, end = self._ends[number], self._ends[number + 1]
        self._file.seek(begin)
        return self._file.read(end - begin).decode(errors="surrogatepass")


class _SharedTextReader:
    """Reader of the part with the shared texts; of a text too long for a row it keeps too much."""

    def __init__(self, text_bytes_max: int, add: Callable[[str], None], called: str) -> None:
        self._left = self._most = text_bytes_max + 1
        self._add = add
        self._called = called
        self._count = self._depth = 0
        self._parts: list[str] = []
        self._is_text = self._is_phonetic = False

    def start(self, name: str, attributes: Attributes) -> None:
        """Follow the beginning of an element."""
        self._depth += 1
        if name == "t":
            self._is_text = not self._is_phonetic
        elif name == "rPh":
            self._is_phonetic = True
        if self._depth > LEVELS_MAX:
            refuse_depth(self._depth, self._called)

    def end(self, name: str) -> None:
        """Follow the end of an element; raises InvalidContent for too many texts."""
        self._depth -= 1
        if name == "t":
            self._is_text = False
        elif name == "si":
            self._count += 1
            if self._count > SHARED_TEXTS_MAX:
                raise InvalidContent(
                    f"{self._called} has more than {SHARED_TEXTS_MAX:,} shared texts"
                )
            self._add("".join(self._parts))
            self._parts.clear()
            self._left = self._most
        elif name == "rPh":
            self._is_phonetic = False

    def characters(self, data: str) -> None:
        """Keep a piece of text."""
        if self._is_text and self._left:
            self._parts.append(data[: self._left])
            self._left -= min(self._left, len(data))


def unescaped(text: str) -> str:
    """Text with the characters that `_xHHHH_` stands for."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


class _SheetReader:
    """Reader of a sheet's rows, piece by piece."""

    def __init__(
        self, package: Package, sheet: Sheet, texts: _SharedTexts, row_bytes_max: int
    ) -> None:
        self._package = package
        self._sheet = sheet
        self._texts = texts
        self._most = row_bytes_max
        self._ready: list[tuple[int, Cells]] = []
        self._number = 0
        self._cells: Cells = {}
        self._column = -1
        self._depth = 0
        self._kind = ""
        self._style = ""
        self._text: list[str] = []
        self._size = 0
        self._is_text = False
        self._is_phonetic = False
        self._has_formula = False
        self._has_value = False

    def rows(self) -> Iterator[tuple[int, Cells]]:
        """Yield the numbers and cells of the rows that have any."""
        parser = new_parser(self._package.called)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        for piece in self._package.pieces(self._sheet.part):
            parse(parser, piece, self._package.called)
            yield from self._ready
            self._ready.clear()
        parse(parser, b"", self._package.called, is_last=True)
        yield from self._ready

    def _start(self, name: str, attributes: Attributes) -> None:
        self._depth += 1
        if self._depth > LEVELS_MAX:
            refuse_depth(self._depth, self._package.called)
        if name == "c":
            self._column = self._column_of(attributes.get("r", ""))
            self._kind = attributes.get("t", "n")
            self._style = attributes.get("s", "0")
            self._text.clear()
            self._has_formula = self._has_value = False
        elif name in ("v", "t"):
            self._is_text = not self._is_phonetic
            self._has_value = True
        elif name == "row":
            number = attributes.get("r", "")
            self._number = max(self._number + 1, int(number[:9]) if number.isdecimal() else 0)
            self._cells, self._column, self._size = {}, -1, 0
        elif name == "f":
            self._has_formula = True
        elif name == "rPh":
            self._is_phonetic = True

    def _end(self, name: str) -> None:
        self._depth -= 1
        if name in ("v", "t"):
            self._is_text = False
        elif name == "c":
            value = self._value("".join(self._text))
            if value != "":
                self._cells[self._column] = value
                self._size += len(value) if isinstance(value, str) else 0
                if self._size > self._most:
                    problem = InvalidContent(f"the row is longer than {self._most} bytes")
                    self._cells = {self._column: problem, 0: problem}
        elif name == "row":
            if self._cells:
                self._ready.append((self._number, self._cells))
            self._cells = {}
        elif name == "rPh":
            self._is_phonetic = False

    def _characters(self, data: str) -> None:
        if self._is_text:
            left = max(0, self._most + 1 - self._size)
            self._text.append(data[:left])
            self._size += len(data)

    def _column_of(self, reference: str) -> int:
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            column = self._column + 1
        else:
            column = 0
            for letter in found[1]:
                column = column * 26 + ord(letter) - 64
            column -= 1
        if column >= COLUMNS_MAX:
            raise InvalidContent(f"{self._package.called} has more than {COLUMNS_MAX:,} columns")
        return column

    def _value(self, text: str) -> str | InvalidContent:
        if self._has_formula and not text and (self._kind == "n" or not self._has_value):
            return InvalidContent("a formula has no saved value; open the file and save it")
        match self._kind:
            case "s":
                return self._texts.get(text)
            case "inlineStr" | "str":
                return unescaped(text)
            case "b":
                return "TRUE" if text in ("1", "true") else "FALSE" if text else ""
            case "n":
                return self._number_text(text)
            case _:
                return text

    def _number_text(self, text: str) -> str | InvalidContent:
        style = int(self._style[:9]) if self._style.isdecimal() else 0
        is_date = style in self._sheet.date_styles
        if not is_date and _INTEGER.fullmatch(text):
            return text
        if not text:
            return ""
        try:
            value = float(text)
            return date_of(value, is_1904=self._sheet.is_1904) if is_date else number_of(value)
        except (ValueError, OverflowError):
            return InvalidContent(f"a cell has the number {text[:40]!r}")


def number_of(value: float) -> str:
    """Shortest text of a number; raises OverflowError for one that is not finite."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if value - value != 0:
        raise OverflowError
    return repr(value)


def date_of(serial: float, *, is_1904: bool) -> str:
    """ISO 8601 text of a date or time that a workbook counts in days; raises OverflowError.

    In the count from 1900 there is a 29 February 1900 (day 60), which never was.
    """
    seconds = round(serial * 86_400)
    days, rest = divmod(seconds, 86_400)
    if serial < 1 and not is_1904:
        return (datetime.min + timedelta(seconds=rest)).time().isoformat()
    epoch = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30 if days > 60 else 31)
    moment = epoch + timedelta(days=days, seconds=rest)
    return moment.isoformat() if rest else moment.date().isoformat()

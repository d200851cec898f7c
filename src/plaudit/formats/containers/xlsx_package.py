"""Package of an XLSX workbook: its ZIP archive and the parts of it, each bounded.

The standard library reads it, in bounded memory: calamine holds a whole sheet, with a cell for each
place between the first and the last, and openpyxl every shared text, and neither has bounds.
"""

from __future__ import annotations

import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from msgspec import Struct

from plaudit.errors import InvalidContent
from plaudit.formats.containers.content import INFLATION_MAX, READ_BYTES

INFLATED_BYTES_FREE = 8 * 1024 * 1024
"""Bytes that a part may hold in any case; more than that only up to INFLATION_MAX times those that
it takes in the archive."""
DIRECTORY_BYTES_MAX = 1024 * 1024
SMALL_PART_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of the parts that are held in memory: the list of sheets and the number formats."""

_END_OF_DIRECTORY = b"PK\x05\x06"
_RELATIONS = "xl/_rels/workbook.xml.rels"
_DATE_FORMATS = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
"""Numbers of built-in formats of dates and times (ECMA-376 part 1, 18.8.30)."""
_QUOTED = re.compile(r'"[^"]*"|\\.|\[(?!h+\]|m+\]|s+\])[^\]]*\]|_.|\*.', re.IGNORECASE)

Attributes = dict[str, str]


class Sheet(Struct, frozen=True):
    """Part of the sheet that is read, the styles of dates, the epoch and the other sheets."""

    part: str
    name: str
    others: list[str]
    date_styles: frozenset[int]
    is_1904: bool


class Package:
    """An open XLSX file."""

    def __init__(
        self,
        raw: BinaryIO,
        path: Path,
        called: str,
        on_progress: Callable[[int], None],
        inflated_max: int | None,
    ) -> None:
        self.called = called
        self._raw = raw
        self._size = path.stat().st_size
        self._on_progress = on_progress
        self._inflated_max = inflated_max
        _check_directory(raw, self._size, called)
        try:
            self._zip = zipfile.ZipFile(raw)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as exc:
            raise InvalidContent(f"{called} is a damaged ZIP archive or workbook: {exc}") from exc
        if "xl/workbook.xml" not in self._zip.namelist():
            raise InvalidContent(f"{called} is a ZIP archive; unpack it first")

    def has(self, part: str) -> bool:
        """True if the package has such a part."""
        return part in self._zip.NameToInfo

    def pieces(self, part: str) -> Iterator[bytes]:
        """Content of a part; raises InvalidContent for a bomb, or what is encrypted."""
        info = self._zip.getinfo(part)
        most = max(INFLATED_BYTES_FREE, INFLATION_MAX * min(info.compress_size, self._size))
        if self._inflated_max is not None:
            if info.file_size > most:
                raise InvalidContent(
                    f"{self.called} holds more than {INFLATION_MAX} times the bytes it has, which"
                    " rows do not"
                )
            if info.file_size > self._inflated_max:
                raise InvalidContent(
                    f"{self.called} holds more than {self._inflated_max:,} bytes, which"
                    " PLAUDIT_INFLATED_BYTES_MAX permits"
                )
        if info.flag_bits & 1:
            raise InvalidContent(f"{self.called} is encrypted; save it without a password")
        try:
            stream = self._zip.open(info)
        except NotImplementedError as exc:
            raise InvalidContent(f"{self.called} is compressed in an unusual way: {exc}") from exc
        with stream:
            while piece := stream.read(READ_BYTES):
                yield piece
                self._on_progress(min(self._raw.tell(), self._size))

    def sheet(self) -> Sheet:
        """The first sheet of the workbook; raises InvalidContent where there is none."""
        sheets: list[tuple[str, str]] = []
        is_1904 = False

        def on_workbook(name: str, attributes: Attributes) -> None:
            nonlocal is_1904
            if name == "sheet":
                relation = next((attributes[key] for key in attributes if key.endswith(":id")), "")
                sheets.append((attributes.get("name", ""), relation))
            elif name == "workbookPr":
                is_1904 = attributes.get("date1904", "0") in ("1", "true")

        targets: dict[str, str] = {}

        def on_relations(name: str, attributes: Attributes) -> None:
            if name == "Relationship":
                targets[attributes.get("Id", "")] = attributes.get("Target", "")

        self._walk("xl/workbook.xml", on_workbook)
        if self.has(_RELATIONS):
            self._walk(_RELATIONS, on_relations)
        for at, (name, relation) in enumerate(sheets):
            target = targets.get(relation, f"worksheets/sheet{at + 1}.xml")
            part = target[1:] if target.startswith("/") else f"xl/{target}"
            if self.has(part) and "chartsheet" not in part:
                others = [other for other, _ in sheets if other != name]
                return Sheet(part, name, others, self._date_styles(), is_1904)
        raise InvalidContent(f"{self.called} is a workbook without a sheet of cells")

    def _date_styles(self) -> frozenset[int]:
        """Numbers of the styles whose cells are dates or times."""
        formats: dict[str, str] = {}
        styles: list[str] = []
        is_within = False

        def on_styles(name: str, attributes: Attributes) -> None:
            nonlocal is_within
            if name == "numFmt":
                formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
            elif name in ("cellXfs", "cellStyleXfs"):
                is_within = name == "cellXfs"
            elif name == "xf" and is_within:
                styles.append(attributes.get("numFmtId", ""))

        if self.has("xl/styles.xml"):
            self._walk("xl/styles.xml", on_styles)
        return frozenset(
            number
            for number, code in enumerate(styles)
            if (code in formats and is_date_format(formats[code]))
            or (code.isdecimal() and int(code) in _DATE_FORMATS and code not in formats)
        )

    def _walk(self, part: str, on_element: Callable[[str, Attributes], None]) -> None:
        depth = 0

        def start(name: str, attributes: Attributes) -> None:
            nonlocal depth
            depth += 1
            refuse_depth(depth, self.called)
            on_element(name.rpartition(":")[2], attributes)

        def end(name: str) -> None:
            nonlocal depth
            depth -= 1

        parser = new_parser(self.called)
        parser.StartElementHandler, parser.EndElementHandler = start, end
        size = 0
        for piece in self.pieces(part):
            size += len(piece)
            if size > SMALL_PART_BYTES_MAX:
                raise InvalidContent(f"{self.called} has an unusually large part {part}")
            parse(parser, piece, self.called)
        parse(parser, b"", self.called, is_last=True)


LEVELS_MAX = 64
"""Elements of a part that are open at once; a workbook has some ten."""


def refuse_depth(depth: int, called: str) -> None:
    """Raise InvalidContent for more than LEVELS_MAX elements within one another."""
    if depth > LEVELS_MAX:
        raise InvalidContent(f"{called} is nested deeper than {LEVELS_MAX} levels")


def new_parser(called: str) -> expat.XMLParserType:
    """Parser of a part; it refuses a document type, which could define entities without end."""
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise InvalidContent(f"{called} has a document type, which a workbook has not")

    parser.StartDoctypeDeclHandler = refuse
    parser.buffer_text = True
    return parser


def parse(parser: expat.XMLParserType, piece: bytes, called: str, *, is_last: bool = False) -> None:
    """Parse a piece; raises InvalidContent for what is no XML."""
    try:
        parser.Parse(piece, is_last)
    except expat.ExpatError as exc:
        raise InvalidContent(f"{called} is damaged: {exc}") from exc


def is_date_format(code: str) -> bool:
    """True for a number format that shows a date or a time."""
    bare = _QUOTED.sub("", code.partition(";")[0]).lower()
    return "general" not in bare and any(mark in bare for mark in "ymdhs")


def _check_directory(raw: BinaryIO, size: int, called: str) -> None:
    """Raise InvalidContent for a list of parts that would take much memory."""
    raw.seek(max(0, size - 66_000))
    tail = raw.read()
    at = tail.rfind(_END_OF_DIRECTORY)
    raw.seek(0)
    if at < 0 or len(tail) < at + 22:
        raise InvalidContent(f"{called} is a damaged or cut ZIP archive or workbook")
    directory_size = struct.unpack_from("<I", tail, at + 12)[0]
    if directory_size > DIRECTORY_BYTES_MAX:
        raise InvalidContent(f"{called} is a ZIP archive of too many files for a workbook")

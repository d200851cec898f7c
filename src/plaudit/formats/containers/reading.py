"""Reading of a file of rows, whatever it is: container and compression are told by its content."""

from __future__ import annotations

import gzip
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct

from plaudit import json_guard
from plaudit.errors import InvalidContent, Misconfigured
from plaudit.formats.common.import_pool import ImportPool
from plaudit.formats.common.rows import OnProgress, Row
from plaudit.formats.containers.block_rows import rows_of_blocks
from plaudit.formats.containers.content import Content, FileMeter, zstd
from plaudit.formats.containers.delimited import (
    count_of_faultless,
    has_quoted_cells,
    rows_of_delimited,
)
from plaudit.formats.containers.detection import (
    Container,
    Detected,
    detect,
    packed_kind,
    refuse_other_content,
)
from plaudit.formats.containers.json_rows import (
    JsonLimits,
    rows_of_array,
    rows_of_lines,
    rows_of_object,
)
from plaudit.formats.containers.parquet import rows_of_parquet
from plaudit.formats.containers.xlsx import rows_of_xlsx
from plaudit.formats.import_format import LINE_BYTES_MAX, ObjectRows, TaskReader
from plaudit.settings import INFLATED_BYTES_MAX

ROWS_TOLD = 256
"""Rows after which their number is told, in containers whose rows are not cut by a block."""

_DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile)
_NONE = Row(file="", number=0, value=None)
"""Row before the first one."""


def read_rows(
    path: Path,
    name: str,
    *,
    on_progress: OnProgress = lambda at: None,
    inflated_max: int | None = INFLATED_BYTES_MAX,
    object_rows: ObjectRows = ObjectRows.by_shape,
    row_bytes_max: int = LINE_BYTES_MAX,
    depth_max: int = json_guard.DEPTH_MAX,
    is_json: bool = False,
    read_task: TaskReader | None = None,
    pool: ImportPool | None = None,
    on_rows: Callable[[int], None] = lambda count: None,
    on_remark: Callable[[str], None] = lambda remark: None,
) -> Iterator[Row]:
    """Rows of a file in order; one that cannot be read has a problem.

    `name` is the file's in messages. `on_progress` is told the position in the file, in bytes, and
    `on_rows` the number of a row not long ago, for JSON lines at least once in READ_BYTES.
    `on_remark` is told what is left out, such as further sheets of a workbook. A compressed file
    may hold `inflated_max` bytes, None for as many as it likes, however small it is. If `is_json`,
    content that is no JSON is refused. Values of rows of JSON that `read_task` reads are its
    tasks; of JSON lines, `pool` reads them. Raises InvalidContent for a file that holds more, is
    damaged or holds no rows, and Misconfigured for one that cannot be read.
    """
    reading = _Reading(
        path, name, on_progress, inflated_max, row_bytes_max, is_json, on_rows, on_remark, pool
    )
    limits, row = JsonLimits(row_bytes_max, depth_max, read_task), _NONE
    try:
        with ExitStack() as stack:
            for row in reading.rows(stack, limits, object_rows):
                yield row
    except (*_DAMAGE, zstd.ZstdError) as exc:
        unit, number = reading.unit, row.number
        raise InvalidContent(
            f"{name} is damaged after {unit} {number}, or its window is larger than 32 MiB: {exc}"
            if isinstance(exc, zstd.ZstdError) and not number
            else f"{name} is damaged after {unit} {number}: {exc}"
        ) from exc
    except OSError as exc:
        raise Misconfigured(f"{name} cannot be read: {exc.strerror}") from exc


def detect_container(
    path: Path,
    name: str,
    *,
    inflated_max: int | None = INFLATED_BYTES_MAX,
    row_bytes_max: int = LINE_BYTES_MAX,
) -> Container:
    """Tell what a file of rows is, whatever its suffix; raises as `read_rows` does.

    An empty file counts as JSON lines.
    """
    reading = _Reading(path, name, inflated_max=inflated_max, row_bytes_max=row_bytes_max)
    try:
        with ExitStack() as stack:
            content = reading.open(stack)
            packed = packed_kind(content)
            return packed if packed is not None else reading.detect(content).container
    except (*_DAMAGE, zstd.ZstdError) as exc:
        raise InvalidContent(f"{name} is damaged: {exc}") from exc
    except OSError as exc:
        raise Misconfigured(f"{name} cannot be read: {exc.strerror}") from exc


class _Reading(Struct):
    """One reading of one file."""

    path: Path
    name: str
    on_progress: OnProgress = lambda at: None
    inflated_max: int | None = INFLATED_BYTES_MAX
    row_bytes_max: int = LINE_BYTES_MAX
    is_json: bool = False
    on_rows: Callable[[int], None] = lambda count: None
    on_remark: Callable[[str], None] = lambda remark: None
    pool: ImportPool | None = None
    unit: str = "line"
    """Unit in which places are counted."""

    def open(self, stack: ExitStack, *, is_looked_at: bool = False) -> Content:
        """Content of the file from its beginning; no progress is told where it is looked at."""
        raw = stack.enter_context(self.path.open("rb"))
        tell = (lambda at: self.on_progress(0)) if is_looked_at else self.on_progress
        return Content(FileMeter(raw, self.name, tell, self.inflated_max))

    def begin(self, content: Content) -> int:
        """Pass over a mark and blank lines; returns the number of the line that follows."""
        content.skip_mark()
        refuse_other_content(content)
        return 1 + content.skip_blank_lines(self.on_rows)

    def detect(self, content: Content) -> Detected:
        """Begin, and tell the container."""
        line = self.begin(content)
        return detect(content, self.row_bytes_max, line=line, is_json=self.is_json)

    def rows(self, stack: ExitStack, limits: JsonLimits, object_rows: ObjectRows) -> Iterator[Row]:
        """Rows of the file; raises what its container raises."""
        content = self.open(stack)
        packed = packed_kind(content)
        if packed is not None:
            return self._rows_of_package(packed, _spooled(content, self.path, stack))
        detected = self.detect(content)
        match detected.container:
            case Container.json_lines if self.pool is not None:
                at = detected.line
                return rows_of_blocks(content, limits, self.on_rows, number=at, pool=self.pool)
            case Container.json_lines:
                return rows_of_lines(content, limits, self.on_rows, number=detected.line)
            case Container.json_array:
                self.unit = "row"
                return self._counted(rows_of_array(content, limits))
            case Container.json_object:
                self.unit = "row"
                rows = rows_of_object(content, limits, object_rows, number=detected.line)
                return self._counted(rows)
            case _:
                self.unit = "row"
                return self._rows_of_table(content, detected)

    def _rows_of_package(self, packed: Container, whole: Path) -> Iterator[Row]:
        self.unit = "row"
        if self.is_json:
            raise InvalidContent(
                f"{self.name} is {packed}, and this format is read from JSON alone"
            )
        read = rows_of_xlsx if packed is Container.xlsx else rows_of_parquet
        tell = self.on_progress
        if whole != self.path:  # the file itself has been read to its end
            size = self.path.stat().st_size
            tell = lambda at: self.on_progress(size)  # noqa: E731
        rows = read(whole, self.name, self.row_bytes_max, tell, self.inflated_max, self.on_remark)
        return self._counted(rows)

    def _counted(self, rows: Iterator[Row]) -> Iterator[Row]:
        for count, row in enumerate(rows):
            if count % ROWS_TOLD == 0:
                self.on_rows(row.number)
            yield row

    def _rows_of_table(self, content: Content, detected: Detected) -> Iterator[Row]:
        has_quotes = detected.container is not Container.tsv or self._has_quotes(detected)
        if not has_quotes:
            self.on_remark("quotes do not pair in the table and are read as text")
        return rows_of_delimited(
            content, detected, self.row_bytes_max, self.on_rows, has_quotes=has_quotes
        )

    def _has_quotes(self, detected: Detected) -> bool:
        """True if cells of a table may stand in quotes; False where these are text.

        Whether they pair shows only at the end, so the table is read before. They are text if every
        line has the cells of the header, while with them rows are unreadable or several lines long.
        """

        def opened(stack: ExitStack) -> Content:
            content = self.open(stack, is_looked_at=True)
            self.begin(content)
            return content

        most = self.row_bytes_max
        with ExitStack() as stack:
            if not has_quoted_cells(opened(stack), detected):
                return True
            lines = count_of_faultless(opened(stack), detected, most, has_quotes=False)
            if lines is None:
                return True
            return count_of_faultless(opened(stack), detected, most, has_quotes=True) == lines


def _spooled(content: Content, path: Path, stack: ExitStack) -> Path:
    """The file itself, or a decompressed copy of a compressed one."""
    if not content.is_compressed:
        return path
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="plaudit-import-"))
    copy = Path(folder) / "copy"
    with copy.open("wb") as file:
        file.writelines(content.blocks())
    return copy

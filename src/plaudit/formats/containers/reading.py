"""Reading of a file of rows, whatever it is: container and compression are told by its content."""

from __future__ import annotations

import gzip
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from plaudit import json_guard
from plaudit.errors import InvalidContent, Misconfigured
from plaudit.formats.common.rows import OnProgress, Row
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
from plaudit.formats.import_format import LINE_BYTES_MAX, ObjectRows
from plaudit.settings import INFLATED_BYTES_MAX

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
    on_rows: Callable[[int], None] = lambda count: None,
    on_remark: Callable[[str], None] = lambda remark: None,
) -> Iterator[Row]:
    """Rows of a file in order; one that cannot be read has a problem.

    `name` is the file's in messages. `on_progress` is told the position in the file, in bytes, and
    `on_rows` the number of the last row that was read, at least once in READ_BYTES of content.
    `on_remark` is told what is left out, such as further sheets of a workbook. A compressed file
    may hold `inflated_max` bytes, None for as many as it likes, however small it is. If `is_json`,
    content that is no JSON is refused. Raises InvalidContent for a file that holds more, is damaged
    or holds no rows, and Misconfigured for one that cannot be read.
    """
    unit, number = "line", 0
    try:
        with ExitStack() as stack:
            content = _opened(path, name, on_progress, inflated_max, stack)
            packed = packed_kind(content)
            unit = "line" if packed is None else "row"
            if packed is not None and is_json:
                raise InvalidContent(f"{name} is {packed}, and this format is read from JSON alone")
            if packed is not None:
                whole = _spooled(content, path, stack)
                if packed is Container.xlsx:
                    rows = rows_of_xlsx(
                        whole, name, row_bytes_max, on_progress, inflated_max, on_remark
                    )
                else:
                    rows = rows_of_parquet(whole, name, row_bytes_max, on_progress, inflated_max)
            else:
                line = _begin(content, on_rows)
                detected = detect(content, row_bytes_max, line=line, is_json=is_json)
                unit = "line" if detected.container is Container.json_lines else "row"
                limits = JsonLimits(row_bytes_max, depth_max)
                has_quotes = detected.container is not Container.tsv or _has_quotes(
                    path, name, on_progress, inflated_max, detected, row_bytes_max
                )
                if not has_quotes:
                    on_remark("quotes do not pair in the table and are read as text")
                rows = _rows_of_text(
                    content, detected, limits, object_rows, on_rows, has_quotes=has_quotes
                )
            for row in rows:
                yield row
    except zstd.ZstdError as exc:
        number = row.number
        window = "" if number else ", or its window is larger than 32 MiB"
        raise InvalidContent(f"{name} is damaged after {unit} {number}{window}: {exc}") from exc
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as exc:
        raise InvalidContent(f"{name} is damaged after {unit} {row.number}: {exc}") from exc
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
    try:
        with ExitStack() as stack:
            content = _opened(path, name, lambda at: None, inflated_max, stack)
            packed = packed_kind(content)
            if packed is not None:
                return packed
            line = _begin(content, lambda count: None)
            return detect(content, row_bytes_max, line=line, is_json=False).container
    except (EOFError, zlib.error, gzip.BadGzipFile, zstd.ZstdError) as exc:
        raise InvalidContent(f"{name} is damaged: {exc}") from exc
    except OSError as exc:
        raise Misconfigured(f"{name} cannot be read: {exc.strerror}") from exc


def _opened(
    path: Path, name: str, on_progress: OnProgress, inflated_max: int | None, stack: ExitStack
) -> Content:
    raw = stack.enter_context(path.open("rb"))
    return Content(FileMeter(raw, name, on_progress, inflated_max))


def _begin(content: Content, on_rows: Callable[[int], None]) -> int:
    """Pass over a mark and blank lines; returns the number of the line that follows."""
    content.skip_mark()
    refuse_other_content(content)
    return 1 + content.skip_blank_lines(on_rows)


def _rows_of_text(
    content: Content,
    detected: Detected,
    limits: JsonLimits,
    object_rows: ObjectRows,
    on_rows: Callable[[int], None],
    *,
    has_quotes: bool,
) -> Iterator[Row]:
    match detected.container:
        case Container.json_lines:
            return rows_of_lines(content, limits, on_rows, number=detected.line)
        case Container.json_array:
            return rows_of_array(content, limits)
        case Container.json_object:
            return rows_of_object(content, limits, object_rows, number=detected.line)
        case _:
            return rows_of_delimited(
                content, detected, limits.row_bytes_max, on_rows, has_quotes=has_quotes
            )


def _has_quotes(
    path: Path,
    name: str,
    on_progress: OnProgress,
    inflated_max: int | None,
    detected: Detected,
    row_bytes_max: int,
) -> bool:
    """True if cells of a table may stand in quotes; False where these are text.

    Whether they pair shows only at the end, so the table is read before. They are text if every
    line has the cells of the header, while with them rows are unreadable or several lines long.
    """

    def opened(stack: ExitStack) -> Content:
        content = _opened(path, name, lambda at: on_progress(0), inflated_max, stack)
        _begin(content, lambda count: None)
        return content

    with ExitStack() as stack:
        if not has_quoted_cells(opened(stack), detected):
            return True
        lines = count_of_faultless(opened(stack), detected, row_bytes_max, has_quotes=False)
        if lines is None:
            return True
        rows = count_of_faultless(opened(stack), detected, row_bytes_max, has_quotes=True)
        return rows == lines


def _spooled(content: Content, path: Path, stack: ExitStack) -> Path:
    """The file itself, or a decompressed copy of a compressed one."""
    if not content.is_compressed:
        return path
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="plaudit-import-"))
    copy = Path(folder) / "copy"
    with copy.open("wb") as file:
        file.writelines(content.blocks())
    return copy

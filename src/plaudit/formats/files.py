"""JSONL files, plain or compressed: lines cut and bounded, one of them in memory at a time."""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

from plaudit import json_guard, private_files
from plaudit.core.transfer.importer import ImportEntry
from plaudit.errors import InvalidContent, Misconfigured
from plaudit.formats.import_format import ImportFormat
from plaudit.formats.registry import FORMATS
from plaudit.settings import INFLATED_BYTES_MAX

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

READ_BYTES = 256 * 1024
INFLATION_MAX = 100
INFLATED_BYTES_FREE = 64 * 1024 * 1024
"""Bytes that a compressed file may hold in any case; more than that only up to INFLATION_MAX times
those that were read of it."""
WINDOW_BITS_MAX = 25
"""Base-2 logarithm of the window in bytes (32 MiB) that the reader of a zstd file may have to keep.
Levels up to 20 need no larger one."""

COMPRESSION_SUFFIXES = (".gz", ".zst")
"""Suffixes of the compressions that are read and written."""

OTHER_CONTENT = (
    (rb"PK\x03\x04|PK\x05\x06", "a ZIP archive; unpack it first"),
    (rb"BZh[1-9]", "compressed with bzip2; plain text, gzip and zstd are read"),
    (rb"\xfd7zXZ\x00", "compressed with xz; plain text, gzip and zstd are read"),
    (rb".{257}ustar", "a tar archive; unpack it first"),
    (rb"\x1f\x8b|\x28\xb5\x2f\xfd", "compressed twice; decompress it once"),
    (rb"PAR1", "a Parquet file; write its rows as JSON, one on a line"),
    (rb"SQLite format 3\x00", "an SQLite database, which 'plaudit db restore' may take"),
    (rb"\xff\xfe|\xfe\xff|[\[{]\x00|\x00[\[{]|\x00{3}[\[{]", "not UTF-8 but UTF-16 or UTF-32"),
    (rb"\s*\[\s*(\{|\Z)", "one JSON array; write each of its items on a line (jq -c '.[]')"),
    (rb"\s*\{([^\n]*[{\[,])?[^\S\n]*\n\s*\"", "JSON over several lines; write it on one (jq -c .)"),
)
"""(beginning, description) of files that are often taken for JSON lines and are none."""

_BLANK = re.compile(rb"\s+")
_SPACES = b" \t\n\r\f\v"


def entries(
    path: Path,
    format_name: str,
    on_progress: Callable[[int], None],
    *,
    called: str | None = None,
    inflated_max: int | None = INFLATED_BYTES_MAX,
    on_lines: Callable[[int], None] = lambda count: None,
) -> Iterator[ImportEntry]:
    """Entries of a file in a registered format, in order; an unreadable line becomes a problem.

    `on_progress` is told the position in the file, in bytes, and `on_lines` the number of lines
    that were read, blank ones included, at least once in READ_BYTES. `called` is the file's name in
    messages, its path if None. A compressed file may hold `inflated_max` bytes, None for as many as
    it likes, however small it is. Raises InvalidContent for one that holds more, that is damaged or
    is no JSON lines, and Misconfigured for one that cannot be read.
    """
    file_format = FORMATS[format_name]
    most = file_format.line_bytes_max
    number, name = 0, called or str(path)
    try:
        with path.open("rb") as raw:
            meter = _Meter(raw, name, on_progress, inflated_max)
            for number, line in _lines(meter, most, on_lines):
                if line is None:
                    problem = InvalidContent(f"the line is longer than {most} bytes")
                    yield ImportEntry("row", None, number, problem=problem)
                elif line and not line.isspace():
                    yield from _of_line(file_format, number, line)
    except zstd.ZstdError as exc:
        window = "" if number else ", or its window is larger than 32 MiB"
        raise InvalidContent(f"{name} is damaged after line {number}{window}: {exc}") from exc
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise InvalidContent(f"{name} is damaged after line {number}: {exc}") from exc
    except OSError as exc:
        raise Misconfigured(f"{name} cannot be read: {exc.strerror}") from exc


def _of_line(file_format: ImportFormat, number: int, line: bytes) -> Iterator[ImportEntry]:
    try:
        content, depth = json_guard.check_deep(line, file_format.depth_max)
        for kind, value, pointer in file_format.read(content):
            if file_format.check_depth is not None:
                file_format.check_depth(kind, depth)
            yield ImportEntry(kind, value, number, pointer, size=len(line))
    except InvalidContent as problem:
        yield ImportEntry("row", None, number, problem=problem)


class _Meter:
    """File that is read, perhaps by a decompressor; tells how far it has come, and refuses bombs.

    A file of empty gzip members holds nothing, so progress is also told where no content comes.
    """

    def __init__(
        self,
        raw: BinaryIO,
        called: str,
        on_progress: Callable[[int], None],
        inflated_max: int | None,
    ) -> None:
        self.called = called
        self.seek = raw.seek
        self._raw = raw
        self._on_progress = on_progress
        self._inflated_max = inflated_max

    def read(self, size: int = -1) -> bytes:
        """Read as a file does; raises what `on_progress` raises."""
        self._on_progress(self._raw.tell())
        return self._raw.read(size)

    def blocks(self) -> Iterator[bytes]:
        """Decompressed content; raises InvalidContent once there is more of it than may be."""
        stream, inflated = self._decompressed(), 0
        while block := stream.read(READ_BYTES):
            inflated += len(block)
            if stream is not self:
                self._check(inflated)
            yield block
            self._on_progress(self._raw.tell())

    def _decompressed(self) -> Any:
        """Stream of the content; gzip and zstd are told by their first bytes."""
        magic = self._raw.read(4)
        self.seek(0)
        if magic[:2] == b"\x1f\x8b":
            return gzip.GzipFile(fileobj=cast(BinaryIO, self))
        if magic == b"\x28\xb5\x2f\xfd":
            options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_BITS_MAX}
            return zstd.ZstdFile(cast(BinaryIO, self), options=options)
        return self

    def _check(self, inflated: int) -> None:
        most = self._inflated_max
        if most is None:
            return
        if inflated > max(INFLATED_BYTES_FREE, INFLATION_MAX * self._raw.tell()):
            raise InvalidContent(
                f"{self.called} holds more than {INFLATION_MAX} times the bytes it has, which rows "
                "do not"
            )
        if inflated > most:
            raise InvalidContent(
                f"{self.called} holds more than {most:,} bytes, which PLAUDIT_INFLATED_BYTES_MAX "
                "permits"
            )


def _lines(
    meter: _Meter, most: int, on_lines: Callable[[int], None]
) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers from 1; None for a line over `most` bytes, which is never held.

    Most blank lines are only counted: a small file can hold billions of them.
    """
    number, held, is_skipping, is_first = 1, BytesIO(), False, True
    for block in meter.blocks():
        if is_first:
            block = block.removeprefix(json_guard.BOM)
            _refuse_other_content(block, meter.called)
            is_first = False
        at = 0
        while at < len(block):
            if not held.tell() and not is_skipping and block[at] in _SPACES:
                end_of_blank = cast(re.Match[bytes], _BLANK.match(block, at)).end()
                number += block.count(b"\n", at, end_of_blank)
                at = max(at, block.rfind(b"\n", at, end_of_blank) + 1)
            end = block.find(b"\n", at)
            piece = block[at : len(block) if end < 0 else end]
            at += len(piece) + 1
            is_skipping = is_skipping or held.tell() + len(piece) > most
            if is_skipping or (end >= 0 and not held.tell()):
                line, held = piece, BytesIO()
            else:
                held.write(piece)
                line = b""
            if end >= 0:
                if held.tell():
                    line, held = held.getvalue(), BytesIO()
                yield number, None if is_skipping else line
                number, is_skipping = number + 1, False
        on_lines(number - 1)
    if held.tell() or is_skipping:
        yield number, None if is_skipping else held.getvalue()


def _refuse_other_content(head: bytes, called: str) -> None:
    """Raise InvalidContent for a file whose first bytes show that it is no JSON lines."""
    for beginning, description in OTHER_CONTENT:
        if re.match(beginning, head, re.DOTALL):
            raise InvalidContent(f"{called} is {description}")


@contextmanager
def writing(path: Path) -> Iterator[Callable[[bytes], object]]:
    """Yield a writer of a file, compressed as its suffix says, that appears only when it is whole.

    Nothing is left of it if the block raises. Raises Misconfigured where it cannot be written.
    """
    draft = path.with_name(f".{path.name}.part")
    try:
        if path.exists() and not path.is_file():
            raise Misconfigured(f"{path} is not a regular file")
        draft.unlink(missing_ok=True)
        with private_files.open_new(draft) as raw:
            if path.suffix == ".gz":
                stream: Any = gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0)
            elif path.suffix == ".zst":
                stream = zstd.ZstdFile(raw, mode="wb")
            else:
                stream = raw
            yield stream.write
            if stream is not raw:
                stream.close()
        draft.replace(path)
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be written: {exc.strerror}") from exc
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)

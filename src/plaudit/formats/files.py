"""JSONL files, plain or compressed: lines cut and bounded, one of them in memory at a time."""

from __future__ import annotations

import gzip
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from plaudit import json_guard, private_files
from plaudit.core.transfer.importer import ImportEntry
from plaudit.errors import InvalidContent, Misconfigured
from plaudit.formats.import_format import ImportFormat
from plaudit.formats.registry import FORMATS

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

READ_BYTES = 256 * 1024

COMPRESSION_SUFFIXES = (".gz", ".zst")
"""Suffixes of the compressions that are read and written."""

OTHER_CONTENT = (
    (rb"PK\x03\x04|PK\x05\x06", "a ZIP archive; unpack it first"),
    (rb"BZh[1-9]", "compressed with bzip2; plain text, gzip and zstd are read"),
    (rb"\xfd7zXZ\x00", "compressed with xz; plain text, gzip and zstd are read"),
    (rb".{257}ustar", "a tar archive; unpack it first"),
    (rb"PAR1", "a Parquet file; write its rows as JSON, one on a line"),
    (rb"SQLite format 3\x00", "an SQLite database, which 'plaudit db restore' may take"),
    (rb"\xff\xfe|\xfe\xff|[\[{]\x00|\x00[\[{]|\x00{3}[\[{]", "not UTF-8 but UTF-16 or UTF-32"),
    (rb"\s*\[\s*(\{|\Z)", "one JSON array; write each of its items on a line (jq -c '.[]')"),
    (rb"\s*\{([^\n]*[{\[,])?[^\S\n]*\n\s*\"", "JSON over several lines; write it on one (jq -c .)"),
)
"""(beginning, description) of files that are often taken for JSON lines and are none."""


def entries(
    path: Path, format_name: str, on_progress: Callable[[int], None], *, called: str | None = None
) -> Iterator[ImportEntry]:
    """Entries of a file in a registered format, in order; an unreadable line becomes a problem.

    `on_progress` is told the position in the file, in bytes, now and then. `called` is the file's
    name in messages, its path if None. Raises InvalidContent for a damaged compressed file and for
    one that is no JSON lines, and Misconfigured for one that cannot be read.
    """
    file_format = FORMATS[format_name]
    most = file_format.line_bytes_max
    number = 0
    try:
        for number, line in _lines(path, most, on_progress, called or str(path)):
            if line is None:
                problem = InvalidContent(f"the line is longer than {most} bytes")
                yield ImportEntry("row", None, number, problem=problem)
            elif line.strip():
                yield from _of_line(file_format, number, line)
    except (EOFError, zlib.error, zstd.ZstdError, gzip.BadGzipFile) as exc:
        raise InvalidContent(f"{called or path} is damaged after line {number}: {exc}") from exc
    except OSError as exc:
        raise Misconfigured(f"{called or path} cannot be read: {exc.strerror}") from exc


def _of_line(file_format: ImportFormat, number: int, line: bytes) -> Iterator[ImportEntry]:
    try:
        content, depth = json_guard.check_deep(line, file_format.depth_max)
        for kind, value, pointer in file_format.read(content):
            if file_format.check_depth is not None:
                file_format.check_depth(kind, depth)
            yield ImportEntry(kind, value, number, pointer, size=len(line))
    except InvalidContent as problem:
        yield ImportEntry("row", None, number, problem=problem)


def _lines(
    path: Path, most: int, on_progress: Callable[[int], None], called: str
) -> Iterator[tuple[int, bytes | None]]:
    """Lines with their numbers from 1; None for a line over `most` bytes, which is never held."""
    with path.open("rb") as raw:
        stream = _decompressed(raw)
        number, held, is_skipping, is_first = 1, bytearray(), False, True
        while block := stream.read(READ_BYTES):
            if is_first:
                block = block.removeprefix(json_guard.BOM)
                _refuse_other_content(block, called)
                is_first = False
            *whole, rest = block.split(b"\n")
            for piece in whole:
                line = bytes(held) + piece
                held.clear()
                is_long = is_skipping or len(line) > most
                yield number, None if is_long else line
                number, is_skipping = number + 1, False
            if len(held) + len(rest) > most:
                held.clear()
                is_skipping = True
            elif not is_skipping:
                held += rest
            on_progress(raw.tell())
        if held or is_skipping:
            yield number, None if is_skipping else bytes(held)


def _refuse_other_content(head: bytes, called: str) -> None:
    """Raise InvalidContent for a file whose first bytes show that it is no JSON lines."""
    for beginning, description in OTHER_CONTENT:
        if re.match(beginning, head, re.DOTALL):
            raise InvalidContent(f"{called} is {description}")


def _decompressed(raw: BinaryIO) -> BinaryIO:
    """Stream of the decompressed content; gzip and zstd are told by their first bytes."""
    magic = raw.read(4)
    raw.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if magic == b"\x28\xb5\x2f\xfd":
        return cast(BinaryIO, zstd.ZstdFile(raw))
    return raw


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

"""Read and write JSONL files, plain or compressed, without holding more than a line of them."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, cast

from plaudit import json_guard
from plaudit.core.transfer.importer import ImportEntry
from plaudit.errors import InvalidContent, Misconfigured
from plaudit.formats import archive, oasst, v2
from plaudit.wire.v2.size_limits import ARCHIVE_LINE_BYTES_MAX

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINE_BYTES_MAX = 10 * 1024 * 1024
"""A line of any format but the archive, whose lines the server has written itself."""

READ_BYTES = 256 * 1024
BOM = b"\xef\xbb\xbf"

READERS: dict[str, Callable[[Any], Iterator[archive.Found]]] = {
    "archive": archive.read,
    "v2": v2.read,
    "oasst": oasst.read,
}


def entries(
    path: Path, format_name: str, on_progress: Callable[[int], None], *, called: str | None = None
) -> Iterator[ImportEntry]:
    """The entries of a file, in order; a line that cannot be read becomes a problem.

    `on_progress` is told the position in the file, in bytes, now and then. `called` is what the
    file is called where that is not its path.
    """
    most = ARCHIVE_LINE_BYTES_MAX if format_name == "archive" else LINE_BYTES_MAX
    number = 0
    try:
        for number, line in _lines(path, most, on_progress):
            if line is None:
                problem = InvalidContent(f"the line is longer than {most} bytes")
                yield ImportEntry("row", None, number, problem=problem)
            elif line.strip():
                yield from _of_line(format_name, number, line)
    except (EOFError, zlib.error, zstd.ZstdError, gzip.BadGzipFile) as exc:
        raise InvalidContent(f"{called or path} is damaged after line {number}: {exc}") from exc
    except OSError as exc:
        raise Misconfigured(f"{called or path} cannot be read: {exc.strerror}") from exc


def _of_line(format_name: str, number: int, line: bytes) -> Iterator[ImportEntry]:
    is_archive = format_name == "archive"
    try:
        content, depth = json_guard.check_deep(
            line, archive.DEPTH_MAX if is_archive else json_guard.DEPTH_MAX
        )
        for kind, value, pointer in READERS[format_name](content):
            if is_archive:
                archive.check_depth(kind, depth)
            yield ImportEntry(kind, value, number, pointer, size=len(line))
    except InvalidContent as problem:
        yield ImportEntry("row", None, number, problem=problem)


def _lines(
    path: Path, most: int, on_progress: Callable[[int], None]
) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines; None for one of over `most` bytes, which is skipped without being held."""
    with path.open("rb") as raw:
        stream = _decompressed(raw)
        number, held, is_skipping = 1, bytearray(), False
        while block := stream.read(READ_BYTES):
            if number == 1 and not held and block.startswith(BOM):
                block = block[len(BOM) :]
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


def _decompressed(raw: BinaryIO) -> BinaryIO:
    """The content of a file by its first bytes: gzip, zstd, or as it is."""
    magic = raw.read(4)
    raw.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if magic == b"\x28\xb5\x2f\xfd":
        return cast(BinaryIO, zstd.ZstdFile(raw))
    return raw


@contextmanager
def writing(path: Path) -> Iterator[Callable[[bytes], object]]:
    """Write a file, compressed as its suffix says, that appears only when it is whole."""
    draft = path.with_name(f".{path.name}.part")
    try:
        if path.exists() and not path.is_file():
            raise Misconfigured(f"{path} is not a regular file")
        with draft.open("wb") as raw:
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

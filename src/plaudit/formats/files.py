"""Files of rows in a format of v2 values as entries of an import, and files that are written."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from plaudit import private_files
from plaudit.core.transfer.importer import ImportEntry
from plaudit.errors import Misconfigured
from plaudit.formats.common.file_import import FileImport, InputFile
from plaudit.formats.containers.content import zstd
from plaudit.formats.import_format import ImportOptions
from plaudit.formats.registry import FORMATS
from plaudit.settings import INFLATED_BYTES_MAX

COMPRESSION_SUFFIXES = (".gz", ".zst")
"""Suffixes of the compressions that are read and written."""


def entries(
    path: Path,
    format_name: str,
    on_progress: Callable[[int], None],
    *,
    called: str | None = None,
    inflated_max: int | None = INFLATED_BYTES_MAX,
    on_lines: Callable[[int], None] = lambda count: None,
) -> Iterator[ImportEntry]:
    """Entries of a file in a registered format, in order; an unreadable row becomes a problem.

    For formats that read whole v2 values; their files are JSON lines, or an array or object of
    rows. `on_progress` is told the position in the file, in bytes, and `on_lines` the number of
    lines that were read, blank ones included, at least once in READ_BYTES. `called` is the file's
    name in messages, its path if None. A compressed file may hold `inflated_max` bytes, None for as
    many as it likes, however small it is. Raises InvalidContent for one that holds more, that is
    damaged or is no JSON, and Misconfigured for one that cannot be read.
    """
    with closing(
        FileImport(
            [InputFile(path, called or str(path), path.stat().st_size if path.is_file() else 0)],
            FORMATS[format_name],
            ImportOptions(),
            inflated_max=inflated_max,
            on_progress=on_progress,
            on_rows=on_lines,
        )
    ) as prepared:
        for source in prepared.sources():
            yield from source.entries()


@contextmanager
def writing(path: Path, *, is_durable: bool = True) -> Iterator[Callable[[bytes], object]]:
    """Yield a writer of a file, compressed as its suffix says, that appears only when it is whole.

    If `is_durable` it is on disk then, so that what it was made of may be deleted. Nothing is left
    of it if the block raises. Raises Misconfigured where it cannot be written.
    """
    draft = _draft(path)
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
            raw.flush()
            if is_durable:
                os.fsync(raw.fileno())
        draft.replace(path)
        if is_durable:
            private_files.sync_folder(path.parent)
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be written: {exc.strerror}") from exc
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def open_growing(path: Path) -> BinaryIO | None:
    """Open the file that `staged` and `writing` make of `path` while it grows, None before.

    What was written so far can be read of it, and the rest later on, also once it has its place.
    """
    with suppress(FileNotFoundError):
        return _draft(_staging_folder(path) / path.name).open("rb")
    return None


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _staging_folder(path: Path) -> Path:
    return path.with_name(f".{path.name}.parts")


@contextmanager
def staged(path: Path, last: str) -> Iterator[Path]:
    """Yield a path of this name in a folder of its own, for several files that belong together.

    When the block ends, all files of the folder take their places beside `path`, the one whose name
    ends in `last` after the others; nothing of them is left if it raises. Raises Misconfigured
    where they cannot be written.
    """
    folder = _staging_folder(path)
    try:
        with _writing_to(path):
            shutil.rmtree(folder, ignore_errors=True)  # of a command that was killed
            folder.mkdir(mode=0o700)
        yield folder / path.name
        made = sorted(folder.iterdir(), key=lambda one: (one.name.endswith(last), one.name))
        for one in made:
            place = path.with_name(one.name)
            if place.exists() and not place.is_file():
                raise Misconfigured(f"{place} is not a regular file")
        with _writing_to(path):
            for one in made:
                one.replace(path.with_name(one.name))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _writing_to(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise Misconfigured(f"{path} cannot be written: {exc.strerror}") from exc

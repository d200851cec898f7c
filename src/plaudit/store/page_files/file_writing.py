"""Page files as their writer sees them: made or gone on with, appended to, overwritten, removed.

A file has one writer at a time, which holds a lock on it. What lies beyond the size that the store
knows was written by somebody who was killed, or under a newer copy of the database. It is cut off,
and the file gets another id before, so that such a copy does not believe what comes in its place.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from plaudit import private_files
from plaudit.store.page_files import file_runs
from plaudit.store.page_files.building import StoredPageFile

_ZEROS = bytes(1024 * 1024)
_sync = getattr(os, "fdatasync", os.fsync)  # not every system has it


class FileWriter:
    """A page file that this process alone appends to; close it at the end."""

    def __init__(self, number: int, fd: int, size: int) -> None:
        self.number = number
        self.size = size
        """Bytes that were synced; records go behind them."""
        self._fd = fd

    @property
    def has_rest(self) -> bool:
        """True if there are bytes beyond the size, to be cut off before anything is appended."""
        return os.fstat(self._fd).st_size > self.size

    def cut_rest(self, head: bytes) -> None:
        """Cut off what lies beyond the size, under a new id; raises OSError."""
        os.pwrite(self._fd, head, 0)
        _sync(self._fd)
        os.ftruncate(self._fd, self.size)

    def append(self, pieces: Iterable[bytes]) -> None:
        """Write bytes behind the file's size, and bring them to disk; raises OSError.

        They are not part of the size before the caller says so. A failure leaves the file as it
        was.
        """
        at = self.size
        try:
            for piece in pieces:
                written = 0
                while written < len(piece):
                    written += os.pwrite(self._fd, memoryview(piece)[written:], at + written)
                at += written
            _sync(self._fd)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self.size)
            raise

    def close(self) -> None:
        """Let another one write the file."""
        os.close(self._fd)


def make(folder: Path, number: int, head: bytes) -> FileWriter:
    """Make a page file of this number in place of any other; raises OSError."""
    private_files.make_folder(folder)
    path = file_runs.path_of(folder, number)
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        _lock(fd)
        os.pwrite(fd, head, 0)
        os.fsync(fd)
        private_files.sync_folder(folder)
    except OSError:
        os.close(fd)
        raise
    return FileWriter(number, fd, len(head))


def go_on(folder: Path, stored: StoredPageFile) -> FileWriter | None:
    """The writer of a file that is there; None if it has one, or is not whole.

    If it `has_rest`, the caller gives it another id and cuts that off.
    """
    try:
        fd = os.open(file_runs.path_of(folder, stored.number), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if _lock(fd) and file_runs.is_whole(fd, stored.file_id, stored.size):
            return FileWriter(stored.number, fd, stored.size)
    except OSError:
        pass
    os.close(fd)
    return None


def overwrite(
    folder: Path, number: int, ranges: Iterable[tuple[int, int]], head: bytes, old_id: bytes
) -> bool:
    """Overwrite ranges (start, length) of a file with zeros, under a new id; raises OSError.

    The id comes first, and is on disk before: who has the old one must not believe the file. False,
    and nothing is overwritten, if the file does not have the old id.
    """
    fd = os.open(file_runs.path_of(folder, number), os.O_RDWR | os.O_CLOEXEC)
    try:
        if not file_runs.is_whole(fd, old_id, 0):
            return False
        os.pwrite(fd, head, 0)
        _sync(fd)
        size = os.fstat(fd).st_size
        for start, length in ranges:
            end = min(start + length, size)
            while start < end:
                start += os.pwrite(fd, _ZEROS[: end - start], start)
        _sync(fd)
        return True
    finally:
        os.close(fd)


def remove(folder: Path, number: int) -> None:
    """Delete a page file if it is there."""
    with suppress(OSError):
        file_runs.path_of(folder, number).unlink(missing_ok=True)


def remove_all(folder: Path) -> int:
    """Delete the page files of a folder, and return their number."""
    numbers = numbers_in(folder)
    for number in numbers:
        remove(folder, number)
    return len(numbers)


def is_there(folder: Path, stored: StoredPageFile) -> bool:
    """True if a file is there, is this one, and is whole."""
    return file_runs.open_whole(folder, stored.number, stored.file_id, stored.size) is not None


def numbers_in(folder: Path) -> set[int]:
    """Numbers of the page files in a folder."""
    try:
        names = [path.stem for path in folder.glob("*.dat")]
    except OSError:
        return set()
    return {int(name) for name in names if name.isascii() and name.isdigit()}


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
